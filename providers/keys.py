"""Public keys from all their sources, kept as they are there.

1. At the start everything on this machine is read, and all of it has to be right. Keys that a cloud keeps are read
   in the background: until each has been read once, the answer is that this could not be checked.
2. From then on, two threads read again and again: one what is on this machine, one what is not, so that a cloud
   that does not answer keeps nobody from taking back a key in a file.
3. Of a place that cannot be read, or holds what engines refuse, the last good key stays. A file that is gone takes
   its key with it, whatever else is wrong.
4. A request gets what the last reading of each of the two left, as it was put together then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from .descriptor import Descriptor
from .errors import ConfigurationError, PycosignError, UnavailableError
from .key_readings import KeyReadings, KeyStates
from .key_sources import KeySource
from .reasons import ReasonCode
from .refresh import Accept, Clock, Pace, TrustStatus
from .subject import Subject
from .trust import TrustedKey, TrustedMaterial

# A kubelet brings a changed ConfigMap within about a minute.
_LOCAL_PACE = Pace(timedelta(seconds=10), retry=timedelta(seconds=10))
# cosign keeps a cloud's public key for five minutes.
_REMOTE_PACE = Pace(timedelta(minutes=5), retry=timedelta(seconds=10))
# As long as a TUF repository is used without being confirmed.
_MAX_STALENESS = timedelta(days=7)
# More names than this do not help a reader.
_SHOWN = 3


class KeysProvider:
    """Trusted keys, and nothing else: merge it with a trusted root, and log entries count.

    Call `start` before anything else, and `stop` at the end.
    """

    def __init__(
        self,
        *,
        local: tuple[KeySource, ...] = (),
        remote: tuple[KeySource, ...] = (),
        local_pace: Pace = _LOCAL_PACE,
        remote_pace: Pace = _REMOTE_PACE,
        max_staleness: timedelta = _MAX_STALENESS,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is read or connected yet.

        Args:
            local: what can be read at once.
            remote: what is asked for over a network.
            local_pace: how often the one is read.
            remote_pace: how often the other is.
            max_staleness: for how long a key from a network is used that is not confirmed.
            clock: the time.

        Raises:
            ConfigurationError: there is no source, or a value is malformed.
        """
        if not local and not remote:
            raise ConfigurationError("no key is named", remedy="Name a file, a folder, a variable or a URI.")
        if max_staleness <= timedelta(0):
            raise ConfigurationError("the maximum staleness must be longer than nothing")
        self._max_staleness = max_staleness
        self._clock = clock
        self._local = KeyReadings("keys on this machine", local, local_pace, clock)
        self._remote = KeyReadings("keys of key management", remote, remote_pace, clock)
        self._name = _named([source.origin for source in (*local, *remote)])
        self._composed: tuple[tuple[Mapping[str, TrustedKey], ...], TrustedMaterial | None] = ((), None)

    def start(self, accept: Accept, *, background: bool = True) -> None:
        """Read what is on this machine; then keep everything fresh in the background. ``accept`` is asked about
        each new key and raises ``ConfigurationError`` for what engines cannot use.

        Without ``background``, everything is read now, once.

        Raises:
            ConfigurationError: a key on this machine cannot be used, or there is none at all.
            UnavailableError: without ``background``: a key elsewhere cannot be had.
            RuntimeError: it was started before.
        """
        for group, other in ((self._local, self._remote), (self._remote, self._local)):
            group.prepare(accept, other)
        try:
            self._local.refresher.attempt_now()
            if not background:
                self._remote.refresher.attempt_now()
            if self._compose() is None and not self._remote.sources:
                raise ConfigurationError(f"{self._name}: there is no key", remedy="Put a public key there.")
        except PycosignError:
            self._local.forget()
            self._remote.forget()
            raise
        if background:
            self._local.refresher.start(at_once=False)
            if self._remote.sources:
                self._remote.refresher.start(at_once=True)

    def stop(self, timeout: timedelta = timedelta(seconds=5)) -> bool:
        """End the threads, and say whether both ended in time. Questions are answered as before."""
        ended = [group.refresher.stop(timeout) for group in (self._local, self._remote)]
        for source in self._remote.sources:
            source.close()
        return all(ended)

    def refresh(self) -> None:
        """Read everything now, in this thread.

        Raises:
            PycosignError: something cannot be read, or not be used; of that, what was there before stays.
        """
        problems: list[PycosignError] = []
        for group in (self._local, self._remote):
            try:
                group.refresher.attempt_now()
            except PycosignError as error:
                problems.append(error)
        if problems:
            raise problems[0]

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """All keys, as they were last read; no I/O.

        Raises:
            UnavailableError: one of them has never been read, or not for too long; or there is none.
        """
        del subject, artifact_descriptor, key_hint
        problem = self._local.missing() or self._remote.missing() or self._remote.stale(self._max_staleness)
        material = self._compose()
        if problem or material is None:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, problem or f"{self._name}: there is no key")
        return material

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """The keys that have been read so far; nothing before there are any."""
        material = self._compose()
        return () if material is None else (material,)

    @property
    def names(self) -> frozenset[str]:
        """Every name that a key of it may go by now, those included that have not been read yet."""
        sources = (*self._local.sources, *self._remote.sources)
        read = {key.name for state in self._states() for key in state.keys.values()}
        return frozenset(read.union(*(source.names for source in sources)))

    def status(self) -> TrustStatus:
        """What it answers with, and what became of the last readings; no I/O."""
        material, now = self._compose(), self._clock()
        histories = [group.refresher.history for group in (self._local, self._remote) if group.sources]
        confirmed = [state.confirmed_at for state in self._states()]
        known = [at for at in confirmed if at is not None]
        oldest = min(known, default=now)
        failures = [history.last_failure for history in histories if history.last_failure]
        return TrustStatus(
            source=material.source if material else self._name,
            revision=material.revision if material else "",
            last_success=oldest if len(known) == len(confirmed) else None,
            last_failure=max(failures, default=None),
            failure="; ".join(history.failure for history in histories if history.failure),
            failures=max(history.failures for history in histories),
            age=now - oldest,
            expires=None,
            usable=material is not None
            and not (
                self._local.missing() or self._remote.missing() or self._remote.stale(self._max_staleness)
            ),
        )

    def _states(self) -> KeyStates:
        return (*self._local.states, *self._remote.states)

    def _compose(self) -> TrustedMaterial | None:
        """The keys of all states as one material, made once for each. It is as old as the last change of it."""
        states = self._states()
        holding = tuple(state.keys for state in states)
        composed_of, material = self._composed
        if len(composed_of) != len(holding) or any(
            a is not b for a, b in zip(composed_of, holding, strict=True)
        ):
            keys = tuple(dict.fromkeys(key for held in holding for key in held.values()))
            loaded = [state.loaded_at for state in states if state.loaded_at]
            material = TrustedMaterial.of(self._name, b"", max(loaded), keys) if keys and loaded else None
            self._composed = (holding, material)
        return material


def _named(origins: list[str]) -> str:
    """The first few by name: this goes into messages."""
    more = [f"{len(origins) - _SHOWN} other keys"] if len(origins) > _SHOWN else []
    return ", ".join(origins[:_SHOWN] + more)
