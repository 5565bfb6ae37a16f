"""Conditions in CEL. Requirement: only true holds, whatever the library makes of errors and of strange text."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.conditions_cel import CelCondition
from providers.conditions_cel_text import combines, makes_lists, unknown_patterns
from providers.errors import ConfigurationError
from tests.tools import ROOT

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PREDICATE = {
    "yes": True,
    "no": False,
    "one": 1,
    "text": "x",
    "none": None,
    "list": [1, 2, 3],
    "built": "2026-11-19T12:00:00Z",
    "inner": {"a": "b"},
}


def _problem(expression: str, predicate: dict[str, Any] = PREDICATE, kind: str = "https://type") -> str:
    return CelCondition(expression).problem(predicate, kind, NOW)


@pytest.mark.parametrize(
    "expression",
    [
        "predicate.yes",
        "predicate.one == 1 && predicate.one < 1.5",
        "predicate.inner['a'] == 'b'",
        "has(predicate.inner.a) && !has(predicate.inner.c)",
        "predicate.list.exists(x, x == 3)",
        "predicate.none == null",
        "predicateType == 'https://type' && predicate.text.matches('^x+$')",
        "now - timestamp(predicate.built) <= duration('24h')",
        "now == timestamp('2026-11-20T12:00:00Z') && predicate.yes",
        "predicate.missing || predicate.yes",
    ],
)
def test_true_holds(expression: str) -> None:
    assert _problem(expression) == ""


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("predicate.no", "false: predicate.no"),
        ("predicate.one == 2", "false"),
        ("predicate.one", "neither true nor false but INT"),
        ("predicate.text", "neither true nor false but STRING"),
        ("predicate.list", "neither true nor false but LIST"),
        ("predicate.none", "neither true nor false but NULL"),
        ("predicate.inner", "neither true nor false but MAP"),
        ("predicate.missing", "cannot be evaluated: NOT_FOUND"),
        ("predicate.missing == 1", "cannot be evaluated: NOT_FOUND"),
        ("!(predicate.missing == 1)", "cannot be evaluated: NOT_FOUND"),
        ("predicate.missing || predicate.no", "cannot be evaluated"),
        ("predicate.text > 1", "cannot be evaluated"),
        ("!(predicate.text > 1)", "cannot be evaluated"),
        ("timestamp(predicate.text) < now", "cannot be evaluated"),
        ("predicate.one / 0 == 1", "cannot be evaluated"),
        ("predicate.list[7] == 1", "cannot be evaluated"),
        ("has(predicate.text.a)", "cannot be evaluated"),
    ],
)
def test_anything_else_is_a_problem_that_says_so(expression: str, words: str) -> None:
    problem = _problem(expression)
    assert words in problem
    assert expression in problem


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "1 to 4096 characters"),
        (" \n", "1 to 4096 characters"),
        ("predicate.yes || " * 300 + "true", "1 to 4096 characters"),
        ("predicate.", "line 1, column 11: Syntax error"),
        ("predicate.yes &&\n ?", "line 2, column 2: Syntax error"),
        ("predicat.yes", "line 1, column 9: undeclared reference to 'predicat.yes'"),
        ("predicate.yes && 1", "line 1, column 15: found no matching overload"),
        ("size(predicate.list)", "INT, not true or false"),
        ("'yes' + predicateType", "STRING, not true or false"),
        ("[predicate.yes]", "not true or false"),
        ("1 == 1", "asks nothing of the attestation"),
        ("'predicate' != 'x'  // predicate", "asks nothing of the attestation"),
        ("now > timestamp('2020-01-01T00:00:00Z')", "asks nothing of the attestation"),
        ("predicate.text.matches(predicate.pattern)", "not one literal"),
        ("matches(predicate.text, predicate.pattern)", "not one literal"),
        ("predicate.text.matches('a' + predicate.pattern)", "not one literal"),
        ("true\0 && predicate.no", "does not print"),
        ("predicate.yes\ud800", "does not print"),
        ("(" * 300 + "predicate.yes" + ")" * 300, "recursion"),
    ],
)
def test_a_bad_expression_is_refused_when_it_is_read(expression: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        CelCondition(expression)
    assert words in str(refused.value)


def test_names() -> None:
    assert CelCondition("predicate.yes\n  && true").name == "predicate.yes && true"
    assert CelCondition("predicate.yes", name="licensed").name == "licensed"
    assert len(CelCondition("predicate.yes && " * 50 + "true").name) == 100
    for name in ("a" * 101, "a\nb"):
        with pytest.raises(ConfigurationError):
            CelCondition("predicate.yes", name=name)


def test_equal_when_they_ask_the_same() -> None:
    assert CelCondition("predicate.yes") == CelCondition("predicate.yes")
    assert len({CelCondition("predicate.yes"), CelCondition("predicate.yes")}) == 1


@pytest.mark.parametrize(
    "predicate",
    [
        {"id": "trusted\0evil"},
        {"id\0evil": "trusted"},
        {"id": "trusted", "other": [{"deep": ["\0"]}]},
        {"id": "trusted", "other": {"\0": 1}},
    ],
)
def test_text_that_cel_would_cut_off_is_refused(predicate: dict[str, Any]) -> None:
    assert "NUL" in _problem("predicate.id == 'trusted'", predicate)


def test_a_type_that_cel_would_cut_off_is_refused() -> None:
    assert "NUL" in _problem("predicateType == 'https://type'", kind="https://type\0/evil")


@pytest.mark.parametrize("strange", [1 << 70, -(1 << 70), "\ud800", {1, 2}, object()])
def test_what_cel_has_no_value_for_is_a_problem(strange: object) -> None:
    assert _problem("predicate.yes", {"yes": True, "strange": strange})


def test_deep_and_endless_predicates_are_refused() -> None:
    deep: dict[str, Any] = {"yes": True}
    for _ in range(10_000):
        deep = {"yes": True, "a": deep}
    assert "too deep" in _problem("predicate.yes", deep)
    endless: dict[str, Any] = {"yes": True}
    endless["a"] = [endless, endless]
    assert "too large" in _problem("predicate.yes", endless)


def test_loops_end_with_the_budget() -> None:
    predicate = {"list": list(range(300))}
    assert _problem("predicate.list.all(x, x >= 0)", predicate) == ""
    assert "rounds of its loops" in _problem(
        "predicate.list.all(x, predicate.list.all(y, predicate.list.all(z, x + y + z >= 0)))", predicate
    )
    assert "rounds of its loops" in _problem("predicate.list.all(x, x >= 0)", {"list": [1] * 10_001})


def test_costly_conditions_are_bounded_by_the_size_of_the_predicate() -> None:
    small = {"list": [1, 2], "other": [1, 2, 3], "text": "abc"}
    many = {"list": list(range(5000)), "other": list(range(5000)), "text": ""}
    long = {"list": list(range(1000)), "other": list(range(1000)), "text": "a" * 1_000_000}
    for expression in (
        "predicate.list.all(x, x in predicate.other)",
        "predicate.list.all(x, predicate.text != '')",
    ):
        assert _problem(expression, small) == ""
        for large in (many, long):
            assert "too large for a condition whose loops" in _problem(expression, large)
    assert _problem("predicate.list.all(x, x >= 0)", many) == ""
    assert _problem("predicate.other == predicate.list", many) == ""
    assert "map and filter" in _problem("size(predicate.list.map(x, x + 1)) > 1", many)
    assert _problem("size(predicate.list.map(x, x + 1)) > 1", long) == ""


@pytest.mark.parametrize(
    ("expression", "does"),
    [
        ("predicate.a.all(x, x.b == 1)", False),
        ("predicate.a.all(x, x.b.exists(y, y == 1)) && predicate.c == 1", False),
        ("size(predicate.a) > 0 && predicate.a.all(x, x.b in ['c', 'd'])", False),
        ("predicate.a.all(x, 'predicate' == x)  // predicate", False),
        ("predicate.a.all(x, r'\\d' == x) && predicate.b", False),
        ("predicate.a.all(x, '''it's, predicate''' == x)", False),
        ("predicate.a.filter(x, x.b == 1).all(y, y.c)", False),
        ("predicate.matches.all(m, m.severity != 'High')", False),
        ("predicate.a.all(x, x in predicate.b)", True),
        ("predicate.a.all(x, x.b.exists(y, y == x.c))", True),
        ("[predicate].all(p, p.a.all(x, x in p.b))", True),
        ("predicate.a.all(x, .predicate.b == x)", True),
        ("predicate.a.map(x, x.b, predicate.c) == []", True),
        ("predicate.a.all(x, '\\'' == x || x in predicate.b)", True),
        ("predicate.a . all /**/ ( x , x in predicate.b )".replace("/**/", "// )\n"), True),
        ("predicate.a.exists_one(x, {'k': [predicate.b]} == x)", True),
    ],
)
def test_loops_that_combine_are_told_from_those_that_do_not(expression: str, does: bool) -> None:
    CelCondition(expression)  # it is CEL
    assert combines(expression) is does


def test_loops_that_make_lists() -> None:
    assert makes_lists("predicate.a.map(x, x) == []")
    assert makes_lists("predicate.a.filter (x, true) == []")
    assert not makes_lists("predicate.a.all(x, x == 'map')")


def test_patterns() -> None:
    assert not unknown_patterns("predicate.matches.all(m, m.id.matches('a'))")
    assert not unknown_patterns('predicate.a.matches(r"\\d+")')
    assert unknown_patterns("predicate.a.matches // (\n (predicate.b)")
    assert unknown_patterns("predicate.a.matches(('a'))")


def test_many_threads_ask_one_condition() -> None:
    condition = CelCondition("predicate.list.exists(x, x == predicate.wanted)")

    def ask(number: int) -> bool:
        predicate = {"list": list(range(0, 100, 2)), "wanted": number % 100}
        return condition.problem(predicate, "t", NOW) == ""

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(400))) == [number % 2 == 0 for number in range(400)]


_VULN = {"scanner": {"db": {"version": "2"}}, "metadata": {"scanFinishedOn": "2026-11-20T11:00:00Z"}}
_HERMETIC = {"https://mobyproject.org/buildkit@v1#hermetic": True}


@pytest.mark.parametrize(
    ("number", "kind", "good", "bad"),
    [
        (
            0,
            "",
            *(
                {"buildDefinition": {"externalParameters": {"workflow": {"ref": ref}}}}
                for ref in ("refs/tags/v1", "x")
            ),
        ),
        (1, "", {"metadata": _HERMETIC}, {"metadata": {}}),
        (
            2,
            "",
            {"packages": [{}, {"licenseConcluded": "MIT"}]},
            {"packages": [{"licenseConcluded": "AGPL-3.0"}]},
        ),
        (
            3,
            "",
            {"statements": [{"status": "fixed"}]},
            {"statements": [{"status": "fixed"}, {"status": "affected"}]},
        ),
        (4, "", _VULN, {**_VULN, "metadata": {"scanFinishedOn": "2026-11-19T11:00:00Z"}}),
        (5, "https://acme.example/review/v1", {"reviewers": ["a", "b"]}, {"reviewers": ["a"]}),
    ],
)
def test_the_examples_of_the_documentation(
    number: int, kind: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    page = (ROOT / "docs" / "conditions.md").read_text()
    examples = page.partition("```\n// SLSA 1")[2].partition("```")[0].split("\n\n")
    assert len(examples) == 6
    example = examples[number] if number else "// SLSA 1" + examples[0]
    assert _problem(example, good, kind) == ""
    assert _problem(example, bad, kind)
