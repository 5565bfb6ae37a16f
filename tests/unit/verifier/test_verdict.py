"""The three-valued verdict against its definition, and the documents against the code."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.reasons import ReasonCode
from verifier.explain import REMEDIES
from verifier.verdict import Outcome, all_of, any_of, at_least, outcome_of, progress

ROOT = Path(__file__).parents[3]
A, R, C = Outcome.ALLOWED, Outcome.REFUSED, Outcome.COULD_NOT_CHECK

outcomes = st.lists(st.sampled_from(Outcome), max_size=7)


def definition(threshold: int, given_outcomes: list[Outcome]) -> Outcome:
    """The rule itself: what would the verdict be, however the open questions turned out?"""
    open_questions = given_outcomes.count(C)
    known = given_outcomes.count(A)
    ends = {known + sum(answers) >= threshold for answers in itertools.product((0, 1), repeat=open_questions)}
    if len(ends) == 2:
        return C
    return A if ends.pop() else R


@given(st.integers(1, 8), outcomes)
def test_at_least_is_what_no_open_question_can_change(threshold: int, listed: list[Outcome]) -> None:
    assert at_least(threshold, listed) is definition(threshold, listed)


@given(outcomes)
def test_any_and_all_are_thresholds(listed: list[Outcome]) -> None:
    assert any_of(listed) is definition(1, listed)
    assert all_of(listed) is (definition(len(listed), listed) if listed else R)


@given(st.integers(1, 8), outcomes, st.randoms())
def test_order_plays_no_part(threshold: int, listed: list[Outcome], random: object) -> None:
    shuffled = list(listed)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis' Random
    assert at_least(threshold, shuffled) is at_least(threshold, listed)


@given(st.integers(1, 8), outcomes)
def test_learning_more_never_turns_an_answer_round(threshold: int, listed: list[Outcome]) -> None:
    before = at_least(threshold, listed)
    if C in listed:
        for answer in (A, R):
            after = list(listed)
            after[after.index(C)] = answer
            assert before in (C, at_least(threshold, after))


def test_nothing_is_never_success() -> None:
    assert any_of([]) is R
    assert all_of([]) is R
    for threshold in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            at_least(threshold, [A])


def test_the_documented_truth_table_is_the_code() -> None:
    """docs/verdicts.md, row by row."""
    words = {"allowed": A, "refused": R, "could not check": C}
    text = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| ([a-z ]+) \| ([a-z ]+) \| ([a-z ]+) \|$", text, re.MULTILINE)
    rows = [row for row in rows if row[0] in words]
    assert {(words[a], words[b]) for a, b, _, _ in rows} == set(itertools.product(Outcome, repeat=2))
    for first, second, either, both in rows:
        assert any_of([words[first], words[second]]) is words[either]
        assert all_of([words[first], words[second]]) is words[both]


def test_every_reason_says_what_to_do_and_is_documented() -> None:
    assert set(REMEDIES) == set(ReasonCode)
    text = (ROOT / "docs" / "reason-codes.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| ([a-z ]+) \| (.+) \|$", text, re.MULTILINE)
    assert documented == [
        (str(code), str(int(code)), str(outcome_of(code)).replace("_", " "), REMEDIES[code])
        for code in sorted(ReasonCode)
    ]


def test_what_is_of_the_other_kind_held_all_the_same() -> None:
    """It got further than what an engine refused, and not as far as what is of another type."""
    ordered = [
        ReasonCode.MALFORMED,
        ReasonCode.SCT_UNTRUSTED,
        ReasonCode.NO_SIGNATURE,
        ReasonCode.NO_ATTESTATION,
        ReasonCode.PREDICATE_TYPE_MISMATCH,
        ReasonCode.IDENTITY_MISMATCH,
    ]
    assert all(progress(one) < progress(two) for one, two in itertools.pairwise(ordered))
    assert len({progress(reason) for reason in ReasonCode}) == len(ReasonCode)
