"""Modules hold one idea each, and say which."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import ROOT

PACKAGES = ("verifier", "providers", "pycosign")
MAX_LINES = 400  # past this it is two ideas (CONTRIBUTING.md)
NO_NAMES = frozenset({"utils", "util", "common", "helpers", "helper", "base", "misc"})


def _modules(root: Path) -> list[Path]:
    """Every module that people write."""
    return [
        path
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
        if "_pb2" not in path.name
    ]


def _too_long(root: Path) -> list[str]:
    lengths = {path: len(path.read_text().splitlines()) for path in _modules(root)}
    return [f"{path.relative_to(root)}: {lines}" for path, lines in lengths.items() if lines > MAX_LINES]


def _unnamed(root: Path) -> list[str]:
    return [
        str(path.relative_to(root))
        for path in _modules(root)
        if not NO_NAMES.isdisjoint(part.strip("_") for part in path.relative_to(root).with_suffix("").parts)
    ]


def test_modules_are_short() -> None:
    assert _modules(ROOT)
    assert _too_long(ROOT) == []


def test_modules_are_named_after_what_they_hold() -> None:
    assert _unnamed(ROOT) == []


def test_a_long_module_is_noticed(tmp_path: Path) -> None:
    _write(tmp_path / "verifier/engine.py", "x = 1\n" * (MAX_LINES + 1))
    _write(tmp_path / "verifier/store.py", "x = 1\n" * MAX_LINES)
    assert _too_long(tmp_path) == ["verifier/engine.py: 401"]


@pytest.mark.parametrize("name", ["verifier/utils.py", "pycosign/common/keys.py", "providers/_base.py"])
def test_a_module_without_a_name_is_noticed(tmp_path: Path, name: str) -> None:
    _write(tmp_path / name, "")
    assert _unnamed(tmp_path) == [name]


def test_proto_is_no_python_package() -> None:
    """The name belongs to proto-plus."""
    assert list((ROOT / "proto").rglob("*.py")) == []


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
