"""Trusted material from a TUF repository: there from the start, refreshed in the background.

1. At the start, what was proved last is taken up: from the cache, then from a mounted repository, each proved
   again from the anchor's root, the second on top of the first. If there is neither, the anchor's own trusted
   root is used; if it has none, the mirror is asked once.
2. From then on a thread of its own updates from the mirror (or, without one, from the mounted repository). What
   cannot be proved, or what engines refuse, changes nothing: the last known good stays, and `status` says why.
3. A request gets the present snapshot, whatever the thread is doing; or, when nothing confirmed it for longer than
   the maximum staleness, the answer that this could not be checked.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .descriptor import Descriptor
from .errors import ConfigurationError, PycosignError, UnavailableError
from .reasons import ReasonCode
from .refresh import Accept, Clock, Pace, Refresher, TrustStatus, require_accepted
from .subject import Subject
from .trust import TrustedMaterial
from .tuf_anchor import Anchor
from .tuf_cache import LastKnownGood
from .tuf_client import Client, Proved, Source, last_valid
from .tuf_repository import RepositorySource

logger = logging.getLogger(__name__)

TRUSTED_ROOT_TARGET = "trusted_root.json"
# The public-good instance signs its timestamp anew every day; an emergency rotation should not wait for a day.
_PACE = Pace(timedelta(hours=6), retry=timedelta(minutes=1))
# Timestamps of Sigstore's instances expire after seven days (x-tuf-on-ci-expiry-period in their root metadata): by
# then a client that has to be online would have stopped.
_MAX_STALENESS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What is answered with. ``confirmed_at`` is when it was proved, or taken up where nothing proves it."""

    material: TrustedMaterial
    confirmed_at: datetime
    expires: datetime | None


class TufProvider:
    """One target of a TUF repository. Call `start` before anything else, and `stop` at the end."""

    def __init__(
        self,
        anchor: Anchor,
        *,
        mirror: Source | None = None,
        repository: Path | None = None,
        cache: LastKnownGood | None = None,
        target: str = TRUSTED_ROOT_TARGET,
        pace: Pace = _PACE,
        max_staleness: timedelta = _MAX_STALENESS,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is read or connected yet.

        Args:
            anchor: what everything is believed because of.
            mirror: where updates come from.
            repository: a folder or a tar archive that holds the repository, or what a TUF client kept of it;
                used at the start, and for updates when there is no ``mirror``.
            cache: where the last state that was proved outlives the process.
            target: which file of the repository is the trusted root.
            pace: how often it is updated.
            max_staleness: for how long material is used that nothing confirms.
            clock: the time.

        Raises:
            ConfigurationError: there is nothing to update from, or a value is malformed.
        """
        if mirror is None and repository is None:
            raise ConfigurationError(
                "a TUF repository needs a mirror or a folder or archive that holds it",
                remedy="A trusted root that never changes is a file of its own.",
            )
        if max_staleness <= timedelta(0):
            raise ConfigurationError("the maximum staleness must be longer than nothing")
        self._name = f"tuf:{mirror.metadata_url if mirror else repository}"
        if target != TRUSTED_ROOT_TARGET:
            self._name += f"#{target}"
        self._anchor = anchor
        self._mirror = mirror
        self._repository = repository
        self._cache = cache
        self._cache_failure = ""
        self._target = target
        self._max_staleness = max_staleness
        self._clock = clock
        self._client = Client(anchor.root, target, cache.folder if cache else None)
        self._accept: Accept | None = None
        self._snapshot: _Snapshot | None = None  # replaced as a whole, by one thread
        interrupt = mirror.close if mirror else lambda: None
        self._refresher = Refresher(self._name, self._update, pace, clock, interrupt)

    def start(self, accept: Accept, *, background: bool = True) -> None:
        """Take up the first material; then update it in the background. ``accept`` is asked about each new content
        and raises ``ConfigurationError`` for what engines cannot use.

        The network is used only if there is nothing else to start from, and then once.

        Raises:
            ConfigurationError: there is no material, and why.
            RuntimeError: it was started before.
        """
        if self._accept is not None:
            raise RuntimeError(f"{self._name} was started before")
        self._accept = accept
        problems = self._take_up()
        online_first = self._snapshot is None and self._mirror is not None
        if online_first:
            try:
                self._refresher.attempt_now()
            except PycosignError as error:
                problems.append(str(error))
        if self._snapshot is None:
            self._accept = None
            raise ConfigurationError(
                f"{self._name}: there is no trusted root to start with: {'; '.join(problems)}",
                remedy="Mount the repository or an archive of it, or make sure that the mirror can be reached.",
            )
        for problem in problems:
            logger.warning("%s: not started from: %s", self._name, problem)
        if background:
            self._refresher.start(at_once=not online_first)

    def stop(self, timeout: timedelta = timedelta(seconds=5)) -> bool:
        """End the thread, breaking off what it is doing, and say whether it ended in time. Questions are answered
        as before, until the material is stale.
        """
        return self._refresher.stop(timeout)

    def refresh(self) -> None:
        """Update now, in this thread.

        Raises:
            PycosignError: it failed; what was there before stays.
        """
        self._refresher.attempt_now()

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """The present snapshot; no I/O, and no waiting for an update.

        Raises:
            UnavailableError: nothing has confirmed it for too long.
        """
        del subject, artifact_descriptor, key_hint
        snapshot = self._snapshot
        if snapshot is None:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, f"{self._name} was not started")
        if self._clock() - snapshot.confirmed_at > self._max_staleness:
            failure = self._refresher.history.failure or "no update was tried"
            raise UnavailableError(
                ReasonCode.TRUST_UNAVAILABLE,
                f"{snapshot.material.source}: nothing confirms it since "
                f"{snapshot.confirmed_at:%Y-%m-%dT%H:%M:%SZ}; it is used for {self._max_staleness} without: "
                f"{failure}",
            )
        return snapshot.material

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """The present snapshot, stale or not; nothing before `start`."""
        snapshot = self._snapshot
        return () if snapshot is None else (snapshot.material,)

    def status(self) -> TrustStatus:
        """What it answers with, since when, until when, and what became of the last update; no I/O."""
        snapshot, history, now = self._snapshot, self._refresher.history, self._clock()
        age = now - snapshot.confirmed_at if snapshot else timedelta(0)
        proved_at = snapshot.confirmed_at if snapshot and snapshot.expires else None
        return TrustStatus(
            source=snapshot.material.source if snapshot else self._name,
            revision=snapshot.material.revision if snapshot else "",
            last_success=history.last_success or proved_at,
            last_failure=history.last_failure,
            failure=history.failure,
            failures=history.failures,
            age=age,
            expires=snapshot.expires if snapshot else None,
            usable=snapshot is not None and age <= self._max_staleness,
        )

    def _take_up(self) -> list[str]:
        """Start from the cache, the mounted repository or the anchor. What speaks against each is returned."""
        problems = []
        now = self._clock()
        for attempt in (self._take_up_cache, self._take_up_repository):
            try:
                attempt(now)
            except PycosignError as error:
                problems.append(str(error))
        if self._snapshot is None and self._anchor.trusted_root:
            source = f"{self._name} ({self._anchor.origin}, not yet confirmed)"
            try:
                material = TrustedMaterial.of(source, self._anchor.trusted_root, now)
                self._swap(_Snapshot(material, now, None))
            except ConfigurationError as error:
                problems.append(str(error))
        return problems

    def _take_up_cache(self, now: datetime) -> None:
        kept = self._cache.read() if self._cache else None
        if kept is not None:
            source, at = kept
            self._prove(source, min(at, now))

    def _take_up_repository(self, now: datetime) -> None:
        if self._repository is not None:
            source = RepositorySource.open(self._repository)
            self._prove(source, last_valid(source, now))

    def _update(self) -> None:
        """One refresh: what the `Refresher` attempts."""
        source: Source | None = self._mirror
        if source is None and self._repository is not None:
            source = RepositorySource.open(self._repository)
        if source is None or self._accept is None:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, f"{self._name} was not started")
        self._keep(self._prove(source, self._clock()))

    def _prove(self, source: Source, at: datetime) -> Proved:
        proved = self._client.update(source, at)
        material = TrustedMaterial.of(self._name, proved.target, proved.at)
        self._swap(_Snapshot(material, proved.at, proved.expires))
        return proved

    def _swap(self, snapshot: _Snapshot) -> None:
        """Put ``snapshot`` in the place of the one before, if engines can use it. One assignment: a request has
        the one or the other.
        """
        before = self._snapshot
        if before is not None and before.material.revision == snapshot.material.revision:
            # The same bytes: what was compiled from them is found again at once.
            same = replace(snapshot.material, trusted_root=before.material.trusted_root)
            self._snapshot = replace(snapshot, material=same)
            return
        if self._accept is not None:
            require_accepted(self._accept, snapshot.material)
        self._snapshot = snapshot
        logger.info("%s is trusted", snapshot.material.source, extra={"revision": snapshot.material.revision})

    def _keep(self, proved: Proved) -> None:
        """Let it outlive the process, where that can be."""
        if self._cache is None:
            return
        try:
            self._cache.write(self._target, proved)
        except OSError as error:
            failure = f"{self._cache.folder}: {error.strerror}"
            if failure != self._cache_failure:
                logger.warning("%s is kept in memory only: %s", self._name, failure)
            self._cache_failure = failure
        else:
            self._cache_failure = ""
