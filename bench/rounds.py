"""Timing in interleaved rounds, so that what disturbs the machine disturbs every subject alike.

A round measures every subject in turn, each round starting with another one, and gives the median of a few calls
of each. Times are the medians of the rounds. A ratio is the median of the ratios *within* each round, with the
quartiles of these to show how steady it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

Subject = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The middle of the ratios of all rounds, and their quartiles."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rounds:
    """Seconds by subject, one for each round."""

    seconds: Mapping[str, tuple[float, ...]]

    def joined(self, subject: str, seconds: Sequence[float]) -> Rounds:
        """With one more subject, timed by somebody else in the same rounds."""
        return Rounds({**self.seconds, subject: tuple(seconds)})

    def median(self, subject: str) -> float:
        """Seconds, the median of the rounds."""
        return median(self.seconds[subject])

    def ratio(self, subject: str, baseline: str) -> Ratio:
        """How much longer ``subject`` takes than ``baseline``."""
        pairs = zip(self.seconds[subject], self.seconds[baseline], strict=True)
        ratios = [ours / theirs for ours, theirs in pairs]
        low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        return Ratio(median(ratios), low, high)


def interleaved(subjects: Mapping[str, Subject], *, rounds: int, calls: int) -> Rounds:
    """Measure ``subjects``, after one call of each that does not count."""
    for subject in subjects.values():
        subject()
    names = list(subjects)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(median(_timed(subjects[name]) for _ in range(calls)))
    return Rounds({name: tuple(values) for name, values in seconds.items()})


def _timed(subject: Subject) -> float:
    started = time.perf_counter()
    subject()
    return time.perf_counter() - started
