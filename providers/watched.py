"""A trusted root in a file, replaced while the program runs when the file is.

The content is compared, not its time: a ConfigMap is swapped by turning a symbolic link (``..data``) around, and
what is copied may keep the time it had.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .bounded_file import read_bounded
from .descriptor import Descriptor
from .errors import UnavailableError
from .reasons import ReasonCode
from .refresh import MAX_TRUSTED_ROOT, Accept, Clock, Pace, Refresher, TrustStatus, require_accepted
from .subject import Subject
from .trust import TrustedMaterial

logger = logging.getLogger(__name__)

# A kubelet brings a changed ConfigMap within about a minute; the file is a few kB.
_PACE = Pace(timedelta(seconds=10), retry=timedelta(seconds=10))


class WatchedRootProvider:
    """The trusted root in one file, as it is now. While the file cannot be used, the root before it stays.

    Call `start` before anything else, and `stop` at the end.
    """

    def __init__(self, path: Path, *, pace: Pace = _PACE, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._clock = clock
        self._accept: Accept | None = None
        self._material: TrustedMaterial | None = None
        self._refresher = Refresher(f"the trusted root {path}", self._refresh, pace, clock)

    def start(self, accept: Accept, *, background: bool = True) -> None:
        """Load the file; then look at it again and again in the background. ``accept`` is asked about each new
        content and raises ``ConfigurationError`` for what engines cannot use.

        Raises:
            ConfigurationError: the file cannot be read, is empty, or is not accepted.
            RuntimeError: it was started before.
        """
        if self._accept is not None:
            raise RuntimeError(f"{self._path} is watched already")
        first = self._read()
        require_accepted(accept, first)
        self._accept, self._material = accept, first
        if background:
            self._refresher.start(at_once=False)

    def stop(self, timeout: timedelta = timedelta(seconds=5)) -> bool:
        """End the thread, and say whether it ended in time. Questions are answered as before."""
        return self._refresher.stop(timeout)

    def refresh(self) -> None:
        """Look at the file now, in this thread.

        Raises:
            ConfigurationError: what is there cannot be used; the root before it stays.
        """
        self._refresher.attempt_now()

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """The trusted root last accepted; no I/O."""
        del subject, artifact_descriptor, key_hint
        material = self._material
        if material is None:
            raise UnavailableError(
                ReasonCode.TRUST_UNAVAILABLE, f"the trusted root {self._path} is not loaded"
            )
        return material

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """The trusted root last accepted; nothing before `start`."""
        material = self._material
        return () if material is None else (material,)

    def status(self) -> TrustStatus:
        """What it answers with, and what became of the file since; no I/O."""
        material, history, now = self._material, self._refresher.history, self._clock()
        loaded = material.loaded_at if material else None
        return TrustStatus(
            source=f"trusted-root:{self._path}",
            revision=material.revision if material else "",
            last_success=history.last_success or loaded,
            last_failure=history.last_failure,
            failure=history.failure,
            failures=history.failures,
            age=now - material.loaded_at if material else timedelta(0),
            expires=None,
            usable=material is not None,
        )

    def _read(self) -> TrustedMaterial:
        content = read_bounded(
            self._path,
            MAX_TRUSTED_ROOT,
            remedy="Name a trusted_root.json, for example one made by 'cosign trusted-root create'.",
        )
        return TrustedMaterial.of(f"trusted-root:{self._path}", content, self._clock())

    def _refresh(self) -> None:
        found = self._read()
        if self._material is not None and found.revision == self._material.revision:
            return
        if self._accept is None:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, f"{self._path} is not watched yet")
        require_accepted(self._accept, found)
        self._material = found
        logger.info("the trusted root %s is replaced", self._path, extra={"revision": found.revision})
