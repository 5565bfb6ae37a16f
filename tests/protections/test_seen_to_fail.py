"""Every protection is seen to be one: with it removed, the test that guards it fails.

Each case copies the sources, takes one protection out and runs the one test. A test that still passes guards
nothing; a text that is no longer found means that the case has to follow the code.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.protections.removals import REMOVALS

ROOT = Path(__file__).parents[2]
SOURCES = ("providers", "verifier", "pycosign", "tests", "docs", "pyproject.toml")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def _run(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """pytest in the copy: what the copy holds comes first on the path, before what is installed."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test],
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", REMOVALS)
def test_without_its_protection_a_test_fails(copy: Path, name: str) -> None:
    removal = REMOVALS[name]
    path = copy / removal.file
    whole = path.read_text("utf-8")
    assert whole.count(removal.old) == 1, f"{removal.file} holds this {whole.count(removal.old)} times"
    path.write_text(whole.replace(removal.old, removal.new), "utf-8")
    try:
        done = _run(copy, removal.test)
    finally:
        path.write_text(whole, "utf-8")
    assert done.returncode == 1, done.stdout + done.stderr  # 1: tests ran, and some failed
    assert re.search(r"^FAILED ", done.stdout, re.MULTILINE)


def test_with_every_protection_they_pass(copy: Path) -> None:
    for tests in ("tests/unit/test_requirements.py", "tests/unit/requirements"):
        done = _run(copy, tests)
        assert done.returncode == 0, done.stdout
