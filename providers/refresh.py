"""Keeping what is trusted fresh: one thread for each source, its pace, and what it says of itself.

Nothing here is on the way of a request. A provider keeps one immutable value, which the thread replaces; requests
read it and never wait.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import SystemRandom

from .errors import ConfigurationError, PycosignError, UnavailableError
from .reasons import ReasonCode
from .trust import TrustedMaterial

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
# Raises ConfigurationError for material that engines cannot use.
Accept = Callable[[TrustedMaterial], None]

# The public-good root is 7 kB; a root with hundreds of instances stays below this. No engine takes more.
MAX_TRUSTED_ROOT = 4 << 20

# 2 ** 20 times the first pause is longer than any interval; the power has to end somewhere.
_MAX_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Pace:
    """How often: every ``interval``; after a failure first after ``retry``, then twice that, up to ``interval``.

    Each pause is made up to ``jitter`` (a fraction) shorter or longer, so that replicas that started together do
    not ask together.

    Raises:
        ConfigurationError: a pause would be no pause.
    """

    interval: timedelta
    retry: timedelta = timedelta(seconds=30)
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if self.interval <= timedelta(0) or self.retry <= timedelta(0):
            raise ConfigurationError("the pause between two refreshes must be longer than nothing")
        if not 0 <= self.jitter <= 0.5:
            raise ConfigurationError(
                "the jitter of a refresh must be between 0 and 0.5", remedy="0.1 is usual."
            )

    def pause(self, failures: int, chance: float) -> float:
        """Seconds until the next attempt, after ``failures`` in a row. ``chance`` is between 0 and 1."""
        pause = self.interval
        if failures:
            pause = min(self.retry * 2 ** min(failures - 1, _MAX_DOUBLINGS), self.interval)
        return pause.total_seconds() * (1 + self.jitter * (2 * chance - 1))


@dataclass(frozen=True, slots=True)
class History:
    """What became of the attempts. ``failure`` is why the last failed one did, also after later successes;
    ``failures`` is how many have failed since the last success.
    """

    last_success: datetime | None = None
    last_failure: datetime | None = None
    failure: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class TrustStatus:
    """What a provider answers with at the moment, and how it came by it.

    ``last_success`` is when the source last confirmed it, absent when it never did. ``age`` is the time since
    then, or since it was loaded. ``expires`` is when the source's own promise ends, where it makes one.
    ``usable`` is whether a request would get the material now.
    """

    source: str
    revision: str
    last_success: datetime | None
    last_failure: datetime | None
    failure: str
    failures: int
    age: timedelta
    expires: datetime | None
    usable: bool


def require_accepted(accept: Accept, material: TrustedMaterial) -> None:
    """Ask ``accept`` about ``material``.

    Raises:
        ConfigurationError: it refuses, in whatever way.
    """
    try:
        accept(material)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"{material.source}: it cannot be used: {type(error).__name__}: {error}"
        ) from error


class Refresher:
    """Makes ``attempt`` again and again, on a thread of its own, and never two at once.

    ``attempt`` raises when it fails. ``interrupt`` makes a running one end soon, and is called by `stop`. ``what``
    names the source in the log.
    """

    def __init__(
        self,
        what: str,
        attempt: Callable[[], None],
        pace: Pace,
        clock: Clock,
        interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        self._what = what
        self._attempt = attempt
        self._pace = pace
        self._clock = clock
        self._interrupt = interrupt
        self._history = History()  # replaced as a whole: read without a lock
        self._stopped = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def history(self) -> History:
        """What became of the attempts so far."""
        return self._history

    def start(self, *, at_once: bool) -> None:
        """Begin; ``at_once`` makes the first attempt without a pause.

        Raises:
            RuntimeError: it was started or stopped before.
        """
        if self._thread is not None or self._stopped.is_set():
            raise RuntimeError(f"the refresh of {self._what} was started or stopped before")
        # A daemon: a name look-up that hangs does not keep the program from ending.
        self._thread = threading.Thread(
            target=self._run, args=(at_once,), name="pycosign-refresh", daemon=True
        )
        self._thread.start()

    def stop(self, timeout: timedelta) -> bool:
        """End the thread, and say whether it ended within ``timeout``. Without one there is nothing to do."""
        self._stopped.set()
        self._interrupt()
        if self._thread is None:
            return True
        self._thread.join(timeout.total_seconds())
        ended = not self._thread.is_alive()
        if not ended:
            logger.warning("the refresh of %s does not end; it is left behind", self._what)
        return ended

    def attempt_now(self) -> None:
        """Make one attempt in this thread, after the one that is running, if one is.

        Raises:
            PycosignError: it failed; `history` says so too.
        """
        with self._one_at_a_time:
            try:
                self._attempt()
            except PycosignError as error:
                self._failed(str(error))
                raise
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                logger.exception("the refresh of %s failed in a way nobody expected", self._what)
                self._failed(reason)
                raise UnavailableError(ReasonCode.INTERNAL_ERROR, reason) from error
            if self._history.failures:
                logger.info("the refresh of %s succeeds again", self._what)
            self._history = replace(self._history, last_success=self._clock(), failures=0)

    def _run(self, at_once: bool) -> None:  # noqa: FBT001  (Thread passes by position)
        chance = SystemRandom().random
        pause = 0.0 if at_once else self._pace.pause(0, chance())
        while not self._stopped.wait(pause):
            with suppress(PycosignError):  # recorded and logged
                self.attempt_now()
            pause = self._pace.pause(self._history.failures, chance())

    def _failed(self, reason: str) -> None:
        if self._stopped.is_set():
            return  # interrupted: that is no failure of the source
        if not self._history.failures or reason != self._history.failure:
            logger.warning("the refresh of %s failed: %s", self._what, reason)
        self._history = replace(
            self._history,
            last_failure=self._clock(),
            failure=reason,
            failures=self._history.failures + 1,
        )
