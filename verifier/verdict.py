"""The three-valued verdict: allowed, refused, or could not check.

The rule between them: *allowed* when the evidence in hand suffices; *refused* only when nothing that could
not be fetched or checked could change that; otherwise *could not check*. This is Kleene's strong logic of
three values with *allowed* as true, *refused* as false and *could not check* as unknown, with one difference:
an empty list is never success. The truth table is in ``docs/verdicts.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, unique

from providers.reasons import ReasonCode


@unique
class Outcome(IntEnum):
    """The answer to "may this run?". Numbers are those of the wire contract."""

    ALLOWED = 1
    REFUSED = 2
    COULD_NOT_CHECK = 3

    def __str__(self) -> str:
        return self.name.lower()


def outcome_of(reason: ReasonCode) -> Outcome:
    """The outcome a reason code stands for."""
    if reason is ReasonCode.OK:
        return Outcome.ALLOWED
    return Outcome.COULD_NOT_CHECK if reason.could_not_check else Outcome.REFUSED


def at_least(threshold: int, outcomes: Iterable[Outcome]) -> Outcome:
    """Allowed when ``threshold`` are allowed, refused when that can no longer be reached.

    Raises:
        ValueError: ``threshold`` is below one; "none needed" is not a check.
    """
    if threshold < 1:
        raise ValueError(f"a threshold is at least 1, not {threshold}")
    listed = list(outcomes)
    allowed = listed.count(Outcome.ALLOWED)
    if allowed >= threshold:
        return Outcome.ALLOWED
    if allowed + listed.count(Outcome.COULD_NOT_CHECK) >= threshold:
        return Outcome.COULD_NOT_CHECK
    return Outcome.REFUSED


def any_of(outcomes: Iterable[Outcome]) -> Outcome:
    """One must be allowed. Of an empty list none is: refused."""
    return at_least(1, outcomes)


def all_of(outcomes: Iterable[Outcome]) -> Outcome:
    """All must be allowed. An empty list is refused: nothing was asked, so nothing was proven."""
    listed = list(outcomes)
    return at_least(max(1, len(listed)), listed)


# What holds, and is a signature where an attestation is asked for, or the other way round, got further than what
# an engine refused, and not as far as an attestation of another type.
_OTHER_KIND = {
    ReasonCode.NO_SIGNATURE: ReasonCode.PREDICATE_TYPE_MISMATCH - 2,
    ReasonCode.NO_ATTESTATION: ReasonCode.PREDICATE_TYPE_MISMATCH - 1,
}


def progress(reason: ReasonCode) -> int:
    """How far what ended with ``reason`` got: the number of the code, but for what is of the other kind than asked
    for. No two reasons got equally far.
    """
    return _OTHER_KIND.get(reason, int(reason))
