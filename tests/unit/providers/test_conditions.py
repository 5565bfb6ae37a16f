"""Every condition: never raises, and never holds on what it cannot know. Requirement: deny unless proven."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.conditions_cel import CelCondition
from providers.conditions_fields import Fields, UnreadableError, answer, quoted, some
from providers.conditions_sbom import SbomCondition
from providers.conditions_scanners import Severity
from providers.conditions_slsa import SlsaCondition
from providers.conditions_vulnerabilities import VulnerabilityCondition
from providers.identity import StringMatch
from providers.requirement import Condition
from tests.tools import ROOT

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANYTHING = (StringMatch(regexp="(?s).+"),)

CONDITIONS: tuple[Condition, ...] = (
    CelCondition("predicate.answer == 42"),
    CelCondition("predicate.entries.all(e, e.good)"),
    SbomCondition(),
    SlsaCondition(ANYTHING, ANYTHING, ANYTHING),
    VulnerabilityCondition(timedelta(days=3), Severity.CRITICAL),
)
TYPES = (
    "https://spdx.dev/Document",
    "https://cyclonedx.org/bom",
    "https://slsa.dev/provenance/v1",
    "https://slsa.dev/provenance/v0.2",
    "https://cosign.sigstore.dev/attestation/vuln/v1",
    "",
)
WORDS = [
    "answer", "entries", "good", "packages", "name", "spdxVersion", "SPDX-2.3", "components", "bomFormat",
    "CycloneDX", "builder", "id", "buildType", "scanner", "result", "metadata", "scanFinishedOn",
    "2026-11-20T11:00:00Z", "SchemaVersion", "Results", "descriptor", "grype", "matches", "@graph", "@context",
]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS) | st.text(), inner),
    max_leaves=30,
)
PREDICATES = st.dictionaries(st.sampled_from(WORDS) | st.text(), VALUES)

GOOD: tuple[tuple[Condition, str, dict[str, Any]], ...] = (
    (CONDITIONS[0], "", {"answer": 42}),
    (CONDITIONS[1], "", {"entries": [{"good": True}]}),
    (CONDITIONS[2], TYPES[0], {"spdxVersion": "SPDX-2.3", "packages": [{"name": "musl"}]}),
    (
        CONDITIONS[3],
        TYPES[2],
        {
            "buildDefinition": {
                "buildType": "b",
                "externalParameters": {"source": "https://git.example/org/app"},
            },
            "runDetails": {"builder": {"id": "c"}},
        },
    ),
    (
        CONDITIONS[4],
        TYPES[4],
        {
            "scanner": {"result": {"matches": [], "descriptor": {"name": "grype"}}},
            "metadata": {"scanFinishedOn": "2026-11-20T11:00:00Z"},
        },
    ),
)


def _leaves(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in ``value``."""
    found = [path] if path else []
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        found += _leaves(inner, (*path, key))
    return found


def _with(
    document: dict[str, Any], path: tuple[Any, ...], change: Callable[[Any, Any], None]
) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    change(place, path[-1])
    return changed


@pytest.mark.parametrize(
    ("condition", "kind", "predicate"), GOOD, ids=lambda value: getattr(value, "name", None)
)
def test_holds_on_what_it_asks_for_and_not_when_any_part_is_gone_or_garbage(
    condition: Condition, kind: str, predicate: dict[str, Any]
) -> None:
    assert condition.problem(predicate, kind, NOW) == ""

    def remove(place: Any, key: Any) -> None:
        del place[key]

    def spoil(place: Any, key: Any) -> None:
        place[key] = {"garbage": ["\0", 1.5, None]}

    for path in _leaves(predicate):
        if path != ("entries", 0):  # of no entries all are good
            assert condition.problem(_with(predicate, path, remove), kind, NOW), f"without {path}"
        assert condition.problem(_with(predicate, path, spoil), kind, NOW), f"with garbage at {path}"


@given(PREDICATES, st.sampled_from(TYPES) | st.text())
def test_never_raises_and_never_holds_by_accident(predicate: dict[str, Any], kind: str) -> None:
    for condition in CONDITIONS:
        problem = condition.problem(predicate, kind, NOW)
        if not problem:
            assert _means_it(condition, predicate)
        assert problem.isprintable()
        assert len(problem) < 1500


def _means_it(condition: Condition, predicate: dict[str, Any]) -> bool:
    """What a generated predicate at least contains when it rightly passes."""
    match condition:
        case CelCondition(expression="predicate.answer == 42"):
            return predicate["answer"] == 42
        case CelCondition():
            entries = predicate["entries"]
            return (
                all(entry["good"] is True for entry in entries) if isinstance(entries, list) else not entries
            )
        case SbomCondition():
            return bool(predicate.get("packages") or predicate.get("components") or predicate.get("@graph"))
        case VulnerabilityCondition():
            return "scanner" in predicate and "scanFinishedOn" in predicate["metadata"]
        case _:
            return "builder" in predicate


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
@pytest.mark.parametrize("predicate", [None, "text", 7, [], [{}], b"{}", {}, {1: 2}, {"a": object()}])
def test_what_is_no_predicate_is_a_problem(condition: Condition, predicate: Any) -> None:
    for kind in TYPES:
        assert condition.problem(predicate, kind, NOW)


class _Hostile(Mapping[str, Any]):
    """A mapping that fails in ways no condition foresees."""

    def __getitem__(self, key: str) -> Any:
        raise ArithmeticError(key)

    def __iter__(self) -> Any:
        raise ArithmeticError("no")

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_an_unforeseen_failure_is_a_problem(condition: Condition) -> None:
    for kind in TYPES:
        assert condition.problem(_Hostile(), kind, NOW)


def test_an_error_without_words_is_a_problem_all_the_same() -> None:
    def look() -> str:
        raise UnreadableError

    assert answer(look)


def test_fields_are_what_a_reader_that_folds_case_would_take() -> None:
    with pytest.raises(UnreadableError, match="case only"):
        Fields.of({"a": 1, "A": 2}, "it")
    with pytest.raises(UnreadableError, match="another spelling"):
        Fields.of({"results": []}, "it").objects("Results")
    assert Fields.of({"a": None}, "it").objects("a") == []


def test_strangers_words_are_one_short_line() -> None:
    assert quoted("a\n\x1b[2J" + "b" * 500).isprintable()
    assert len(quoted("b" * 500)) < 210
    assert some("abcde", ", ") == "a, b, c, 2 others"


def test_cel_is_loaded_only_for_an_expression() -> None:
    modules = "conditions_cel, conditions_sbom, conditions_slsa, conditions_vulnerabilities"
    program = (
        f"from providers import {modules}; import sys; print('cel_expr_python' in str(list(sys.modules)))"
    )
    with_one = program.replace("; import sys", "; conditions_cel.CelCondition('predicate.a'); import sys")
    for code, loaded in ((program, "False\n"), (with_one, "True\n")):
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert run.stdout == loaded
