"""What was last known of several sources of keys, read together by one thread, and replaced as a whole."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .errors import ConfigurationError, PycosignError, UnavailableError
from .key_sources import KeySource
from .reasons import ReasonCode
from .refresh import Accept, Clock, Pace, Refresher, require_accepted
from .trust import MAX_KEYS, TrustedKey, TrustedMaterial

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyState:
    """What was last known of one source: the good key of each place, since when, and when all of it was last read
    without a problem.
    """

    keys: Mapping[str, TrustedKey] = field(default_factory=dict)
    loaded_at: datetime | None = None
    confirmed_at: datetime | None = None


KeyStates = tuple[KeyState, ...]


class KeyReadings:
    """Sources that are read together, and what was last known of them."""

    def __init__(self, what: str, sources: tuple[KeySource, ...], pace: Pace, clock: Clock) -> None:
        self.sources = sources
        self.states: KeyStates = tuple(KeyState() for _ in sources)
        self.refresher = Refresher(what, self._read, pace, clock)
        self._clock = clock
        self._accept: Accept | None = None
        self._others: KeyReadings | None = None

    def prepare(self, accept: Accept, others: KeyReadings) -> None:
        """``others`` are the sources that count towards the limit too."""
        if self._accept is not None:
            raise RuntimeError("these keys are read already")
        self._accept, self._others = accept, others

    def forget(self) -> None:
        """As before it was prepared."""
        self._accept = None
        self.states = tuple(KeyState() for _ in self.sources)

    def missing(self) -> str:
        """Which source has never been read, if one has not."""
        for source, state in zip(self.sources, self.states, strict=True):
            if state.confirmed_at is None:
                why = self.refresher.history.failure or "it is being read"
                return f"{source.origin} has not been read yet: {why}"
        return ""

    def stale(self, limit: timedelta) -> str:
        """Which source has not been confirmed for longer than ``limit``, if one has not."""
        now = self._clock()
        for source, state in zip(self.sources, self.states, strict=True):
            if state.confirmed_at is not None and now - state.confirmed_at > limit:
                why = self.refresher.history.failure or "no reading was tried"
                return (
                    f"{source.origin}: nothing confirms it since {state.confirmed_at:%Y-%m-%dT%H:%M:%SZ}; it is"
                    f" used for {limit} without: {why}"
                )
        return ""

    def _read(self) -> None:
        """One refresh: what the `Refresher` attempts. What is good counts, also where something else is not."""
        states: list[KeyState] = []
        problems: list[PycosignError] = []
        for source, before in zip(self.sources, self.states, strict=True):
            state, found = self._read_source(source, before)
            states.append(state)
            problems += found
        others = self._others.states if self._others else ()
        count = sum(len(state.keys) for state in (*states, *others))
        if count > MAX_KEYS:
            raise ConfigurationError(f"{count} keys; at most {MAX_KEYS} are tried")
        self.states = tuple(states)
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise ConfigurationError("; ".join(str(problem) for problem in problems))

    def _read_source(self, source: KeySource, before: KeyState) -> tuple[KeyState, list[PycosignError]]:
        try:
            places = source.read()
        except PycosignError as error:
            return before, [error]
        keys: dict[str, TrustedKey] = {}
        problems: list[PycosignError] = []
        for place, found in places.items():
            known = before.keys.get(place)
            try:
                keys[place] = self._accepted(source, found, known)
            except PycosignError as error:
                problems.append(error)
                if known is not None:
                    keys[place] = known
        now = self._clock()
        confirmed_at = before.confirmed_at if problems else now
        if keys == before.keys and before.loaded_at is not None:
            return replace(before, confirmed_at=confirmed_at), problems
        named = ", ".join(sorted({key.name for key in keys.values()})) or "none"
        logger.info("%s: the trusted keys are %s", source.origin, named)
        return KeyState(keys, now, confirmed_at), problems

    def _accepted(
        self, source: KeySource, found: TrustedKey | PycosignError, known: TrustedKey | None
    ) -> TrustedKey:
        if isinstance(found, PycosignError):
            raise found
        if found != known:
            if self._accept is None:
                raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, "the keys are not read yet")
            require_accepted(self._accept, TrustedMaterial.of(source.origin, b"", self._clock(), (found,)))
        return found
