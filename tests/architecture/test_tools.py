"""A missing program or vector is never silent."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.tools import require_tool, shared_vectors

NAME = "no-such-program"


@pytest.fixture
def nothing_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No program anywhere, no vectors, and nobody promised any."""
    monkeypatch.setenv("PYCOSIGN_TOOLS", str(tmp_path / "tools"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYCOSIGN_VECTORS", str(tmp_path / "vectors"))
    monkeypatch.delenv("PYCOSIGN_REQUIRE_TOOLS", raising=False)
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def _program(folder: Path) -> str:
    folder.mkdir(parents=True)
    program = folder / NAME
    program.write_text("#!/bin/sh\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def test_a_missing_program_skips_and_says_how_to_get_it(nothing_there: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match=rf"{NAME}.*\.ci/tools installs it"):
        require_tool(NAME)


def test_a_missing_program_fails_where_it_was_promised(
    nothing_there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYCOSIGN_REQUIRE_TOOLS", "1")
    with pytest.raises(pytest.fail.Exception, match=NAME):
        require_tool(NAME)


def test_a_program_is_found_on_path_and_the_installed_one_first(nothing_there: Path) -> None:
    on_path = _program(nothing_there / "path")
    assert require_tool(NAME) == on_path
    installed = _program(nothing_there / "tools" / "bin")
    assert require_tool(NAME) == installed
    assert Path(installed).is_absolute()


def test_missing_vectors_skip_and_say_where_they_belong(nothing_there: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="PYCOSIGN_VECTORS"):
        shared_vectors()


@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("PYCOSIGN_REQUIRE_TOOLS", "1")])
def test_missing_vectors_fail_where_they_were_promised(
    nothing_there: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(pytest.fail.Exception, match=r"cases\.json"):
        shared_vectors()


def test_vectors_are_found(nothing_there: Path) -> None:
    folder = nothing_there / "vectors"
    folder.mkdir()
    (folder / "cases.json").write_text("[]")
    assert shared_vectors() == folder
