"""Counting of authorities against the definition itself: every way in which signers could stand for authorities,
and everything that what could not be checked could have been.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.matching import matched
from tests.unit.verifier.world import A, C, R
from verifier.tally import count, enough
from verifier.verdict import Outcome

AUTHORITIES = ("ci", "security", "release", "audit")
SIGNERS = ("alice", "bob", "carol", "dave")
signed = st.dictionaries(
    st.sampled_from(AUTHORITIES), st.sets(st.sampled_from(SIGNERS)), min_size=1, max_size=4
)


def holds(signers: Mapping[str, set[str]], threshold: int) -> bool:
    """Some ``threshold`` authorities have signed, each by somebody else: tried one after another."""
    return any(
        all(signer in signers[name] for name, signer in zip(names, each, strict=True))
        for names in itertools.combinations(signers, threshold)
        for each in itertools.permutations(sorted({*SIGNERS, *itertools.chain(*signers.values())}), threshold)
    )


def definition(signers: Mapping[str, set[str]], threshold: int, unknown: int) -> Outcome:
    """Allowed where it holds, could not check where it would if those unknown were whoever helps most."""
    if holds(signers, threshold):
        return A
    anybody = {f"somebody {number}" for number in range(unknown)}
    return C if holds({name: found | anybody for name, found in signers.items()}, threshold) else R


@given(signed, st.integers(1, 4), st.integers(0, 4))
def test_the_count_is_the_definition(signers: dict[str, set[str]], threshold: int, unknown: int) -> None:
    needed = min(threshold, len(signers))
    counted = count(signers, needed, unknown)
    assert counted.outcome is definition(signers, needed, unknown)
    assert count(signers, needed, None).outcome is definition(signers, needed, len(signers))
    named = counted.authorities
    assert holds({name: signers[name] for name in named}, len(named))
    assert not any(holds(signers, more) for more in range(len(named) + 1, len(signers) + 1))


@given(signed, st.randoms())
def test_the_order_of_what_is_counted_plays_no_part_in_how_many(
    signers: dict[str, set[str]], shuffled: object
) -> None:
    again = dict(sorted(signers.items(), reverse=True))
    assert len(matched(signers)) == len(matched(again))


@pytest.mark.parametrize(
    ("signers", "threshold", "unknown", "outcome"),
    [
        # One signer whom both take stands for one of them.
        ({"ci": {"alice"}, "security": {"alice"}}, 2, 0, R),
        ({"ci": {"alice"}, "security": {"alice"}}, 1, 0, A),
        ({"ci": {"alice"}, "security": {"alice", "bob"}}, 2, 0, A),
        # The first choice has to move on: a count that takes the first who fits finds one only.
        ({"ci": {"alice", "bob"}, "security": {"alice"}}, 2, 0, A),
        ({"ci": {"alice", "bob"}, "security": {"alice", "carol"}, "release": {"alice"}}, 3, 0, A),
        # Many signatures by one authority are those of one.
        ({"ci": {"alice", "bob", "carol"}, "security": set()}, 2, 0, R),
        # What is unknown counts in whatever way changes the answer.
        ({"ci": {"alice"}, "security": set()}, 2, 1, C),
        ({"ci": set(), "security": set()}, 2, 1, R),
        ({"ci": set(), "security": set()}, 2, 2, C),
        ({"ci": set(), "security": set()}, 2, None, C),
        ({"ci": {"alice"}, "security": {"alice"}}, 2, 1, C),
        ({"ci": {"alice"}, "security": {"bob"}}, 2, None, A),
    ],
)
def test_one_signer_is_one(
    signers: dict[str, set[str]], threshold: int, unknown: int | None, outcome: Outcome
) -> None:
    assert count(signers, threshold, unknown).outcome is outcome
    assert count(dict(reversed(signers.items())), threshold, unknown).outcome is outcome


@pytest.mark.parametrize(
    ("found", "needed", "unknown", "outcome"),
    [
        (0, 1, 0, R),
        (0, 1, 1, C),
        (1, 1, 0, A),
        (5, 2, 0, A),
        (1, 3, 1, R),
        (1, 3, 2, C),
        (1, 3, None, C),
        (3, 3, None, A),
    ],
)
def test_how_many_different_ones(found: int, needed: int, unknown: int | None, outcome: Outcome) -> None:
    assert enough(found, needed, unknown) is outcome
