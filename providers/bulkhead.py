"""Calls into code or programs that are not ours, a few at a time.

What hangs there takes at most ``limit`` of our threads with it, each for ``seconds``; while it hangs nobody else
is sent after them. So it costs those who need it their answer, and nobody else anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from .errors import ConfigurationError, UnavailableError
from .reasons import ReasonCode

T = TypeVar("T")

# Half of the threads that decide (ServerSpec.max_workers): the other half is left for everybody else.
DEFAULT_LIMIT = 8
# Gatekeeper waits three seconds for a whole answer, unless told otherwise.
DEFAULT_SECONDS = 1.0
# After nobody answered in time. Not so long that a restart would be noticed twice.
_PAUSE = 5.0
# For a place to become free, as a part of ``seconds``.
_PATIENCE = 0.25


class Bulkhead:
    """At most ``limit`` calls to ``what`` at a time; safe to share between threads.

    ``reason`` is what an `UnavailableError` says. With ``ends_by_itself``, every call comes back within
    ``seconds`` and says when that was too long (`hung`); otherwise each is made in a thread of its own, which is
    left behind where it does not come back.
    """

    def __init__(
        self,
        what: str,
        reason: ReasonCode,
        *,
        limit: int = DEFAULT_LIMIT,
        seconds: float = DEFAULT_SECONDS,
        pause: float = _PAUSE,
        ends_by_itself: bool = False,
    ) -> None:
        """Raises ``ConfigurationError`` where nothing could ever be called."""
        if limit < 1 or seconds <= 0:
            raise ConfigurationError(
                f"{what}: it could never be called", remedy="Allow a call, and some time."
            )
        self.seconds = seconds
        self._what = what
        self._reason = reason
        self._limit = limit
        self._pause = pause
        self._ends_by_itself = ends_by_itself
        self._places = threading.BoundedSemaphore(limit)
        self._hung_until = 0.0

    def run(self, call: Callable[[], T]) -> T:
        """What ``call`` returns or raises.

        Raises:
            UnavailableError: it does not come back in time, and keeps its place until it does; or there is no
            place.
        """
        if time.monotonic() < self._hung_until:
            raise self.unavailable("it did not answer in time a moment ago, and is left alone")
        if not self._places.acquire(timeout=self.seconds * _PATIENCE):
            raise self.unavailable(f"all of its {self._limit} places are taken")
        if self._ends_by_itself:
            try:
                return call()
            finally:
                self._places.release()
        return self._apart(call)

    def _apart(self, call: Callable[[], T]) -> T:
        """In a thread of its own, which gives the place back."""
        outcome: _Outcome[T] = _Outcome()

        def work() -> None:
            try:
                outcome.value = (call(),)
            except BaseException as error:  # noqa: BLE001  (raised where it is waited for)
                outcome.error = error
            finally:
                self._places.release()
                outcome.done.set()

        try:
            # A daemon: what never comes back does not keep the program from ending.
            threading.Thread(target=work, name="pycosign-bulkhead", daemon=True).start()
        except RuntimeError as error:
            self._places.release()
            raise self.unavailable(f"there is no thread for it: {error}") from error
        if not outcome.done.wait(self.seconds):
            raise self.hung()
        if isinstance(outcome.error, Exception):
            raise outcome.error
        if outcome.error is not None:
            raise self.unavailable(f"it ended with {type(outcome.error).__name__}")  # it may not end us
        return outcome.value[0]

    def hung(self) -> UnavailableError:
        """Take note that a call did not come back in time, and say so."""
        self._hung_until = time.monotonic() + self._pause
        return self.unavailable(f"it did not answer within {self.seconds:g} s")

    def unavailable(self, why: str) -> UnavailableError:
        """There is no answer."""
        return UnavailableError(self._reason, f"{self._what}: {why}")


class _Outcome(Generic[T]):
    """What became of a call, once ``done``: ``value`` holds one, or ``error`` is there."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.value: tuple[T, ...] = ()
        self.error: BaseException | None = None
