"""How many different authorities have signed: pure counting, three-valued.

A signature counts for every authority whose demand it meets, but one signer counts once: of two authorities that
both take it, it stands for one. So authorities are matched with signers, each with one, and what is counted is the
largest matching. What could not be checked could have been anybody's signature, and what could not be listed could
have been everybody's; the requirement is refused only if that would not have been enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .verdict import Outcome, all_of

# Stands for a signer that nobody knows.
_Signer = str


@dataclass(frozen=True, slots=True)
class Count:
    """Who has signed: the names of the authorities in the largest matching, and the outcome."""

    outcome: Outcome
    authorities: tuple[str, ...]


def count(
    authorities: Iterable[str],
    signers: Mapping[str, frozenset[_Signer]],
    threshold: int,
    *,
    unknown: int,
    unlisted: bool,
) -> Count:
    """Whether ``threshold`` of ``authorities`` have signed. ``signers`` are those whose signatures count for an
    authority; ``unknown`` signatures could not be checked, and with ``unlisted`` there may be any number more.
    """
    names = tuple(authorities)
    proven = _matched(names, signers)
    if len(proven) >= threshold:
        return Count(Outcome.ALLOWED, proven)
    anybody = frozenset(
        f"\0{number}" for number in range(len(names) if unlisted else min(unknown, len(names)))
    )
    possible = _matched(names, {name: signers.get(name, frozenset()) | anybody for name in names})
    outcome = Outcome.COULD_NOT_CHECK if len(possible) >= threshold else Outcome.REFUSED
    return Count(outcome, proven)


def enough(found: int, needed: int, *, unknown: int, unlisted: bool) -> Outcome:
    """Whether there are ``needed`` different ones of something."""
    if found >= needed:
        return Outcome.ALLOWED
    return Outcome.COULD_NOT_CHECK if unlisted or found + unknown >= needed else Outcome.REFUSED


def both(first: Outcome, second: Outcome) -> Outcome:
    """Both must be allowed."""
    return all_of((first, second))


def _matched(names: tuple[str, ...], signers: Mapping[str, frozenset[_Signer]]) -> tuple[str, ...]:
    """The authorities of a largest matching with different signers (augmenting paths; both sides are short)."""
    taken: dict[_Signer, str] = {}

    def place(name: str, tried: set[_Signer]) -> bool:
        for signer in sorted(signers.get(name, frozenset())):
            if signer in tried:
                continue
            tried.add(signer)
            if signer not in taken or place(taken[signer], tried):
                taken[signer] = name
                return True
        return False

    return tuple(name for name in names if place(name, set()))
