"""What the documents refer to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tools import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def _broken_links(document: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8"))
    return [target for target in targets if "://" not in target and not (document.parent / target).exists()]


def _threats() -> dict[str, str]:
    """Each threat of the model, with what is said to show that it is stopped."""
    model = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
    return dict(re.findall(r"^\| (T\d+) \|.*\| ([^|]*) \|$", model, flags=re.MULTILINE))


def _unproven(shown_by: str, root: Path = ROOT) -> list[str]:
    """What of ``shown_by`` does not exist. To name nothing is to name something that does not exist."""
    named = re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", shown_by)
    if not named:
        return [shown_by or "nothing is named"]
    return [
        f"{file}::{test}"
        for file, test in named
        if not (root / file).is_file() or (test and f"def {test}(" not in (root / file).read_text("utf-8"))
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    assert _broken_links(document) == []


def test_every_threat_names_a_test_that_exists() -> None:
    threats = _threats()
    assert list(threats) == [f"T{number}" for number in range(1, len(threats) + 1)]
    assert {threat: missing for threat, text in threats.items() if (missing := _unproven(text))} == {}


def test_a_broken_link_would_be_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("[one](a.md) [two](b.md#part) [three](https://example.test/c.md)")
    assert _broken_links(tmp_path / "a.md") == ["b.md"]


@pytest.mark.parametrize(
    "shown_by",
    ["", "by reading", "`tests/none.py`", "`tests/some.py::test_other`", "`tests/some.py`, `tests/none.py`"],
)
def test_a_threat_without_a_test_would_be_noticed(tmp_path: Path, shown_by: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "some.py").write_text("def test_one(x):\n")
    assert _unproven(shown_by, tmp_path)
    assert not _unproven("`tests/some.py::test_one`", tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_placeholder_was_left(document: Path) -> None:
    assert re.findall(r"@[A-Z_]+@", document.read_text("utf-8")) == []
