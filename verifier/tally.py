"""How many there are of what a requirement asks for: pure counting, three-valued.

A signature counts for every authority whose demand it meets, but one signer counts once: of two authorities that
both take it, it stands for one. So authorities are matched with signers, and the largest matching counts. What
could not be checked could have been the signature of anybody, and so stand for any authority that is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from providers.matching import matched

from .verdict import Outcome, at_least

# How many signatures could not be checked; None: nobody knows how many.
Unknown = int | None


@dataclass(frozen=True, slots=True)
class Count:
    """Who has signed: the names of the authorities in a largest matching, and the outcome."""

    outcome: Outcome
    authorities: tuple[str, ...]


def count(signers: Mapping[str, AbstractSet[str]], threshold: int, unknown: Unknown) -> Count:
    """Whether ``threshold`` authorities have signed, given the ``signers`` whose signatures count for each."""
    proven = matched(signers)
    return Count(enough(len(proven), threshold, unknown), proven)


def enough(found: int, needed: int, unknown: Unknown) -> Outcome:
    """Whether there are ``needed`` different ones of something of which ``found`` are known."""
    open_questions = needed if unknown is None else min(unknown, needed)
    known = [Outcome.ALLOWED] * min(found, needed)
    return at_least(needed, known + [Outcome.COULD_NOT_CHECK] * open_questions)
