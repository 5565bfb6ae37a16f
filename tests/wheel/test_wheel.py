"""The built wheel, installed outside the source tree: what a user gets is what was tested.

1. Build the wheel without a network.
2. Make an environment that sees the locked dependencies and nothing of this tree.
3. Install the wheel in it, and use it from an empty folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.tools import ROOT, tools_folder, vectors_folder

PACKAGES = ("verifier", "providers", "pycosign")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and an empty folder to stand in."""

    wheel: Path
    bin: Path
    site: Path
    empty: Path

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Run a program of the environment; it must succeed. Returns what it printed."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment.pop("PYTHONPATH", None)
        run = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=cwd or self.empty,
            env={
                **environment,
                "PYTHONSAFEPATH": "1",
                "PYCOSIGN_TOOLS": str(tools_folder().parent),
                "PYCOSIGN_VECTORS": str(vectors_folder()),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert run.returncode == 0, run.stdout
        return run.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    work = tmp_path_factory.mktemp("wheel")
    # (1)
    _python("-m", "hatchling", "build", "--target", "wheel", "--directory", str(work))
    (wheel,) = work.glob("*.whl")
    # (2) every dependency by a link, this tree's own editable installation left out
    ours = {str(file.parts[0]) for file in distribution("pycosign").files or () if file.parts[0] != ".."}
    dependencies = work / "dependencies"
    dependencies.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name not in ours and entry.suffix != ".pth":
            (dependencies / entry.name).symlink_to(entry)
    venv.create(work / "venv", with_pip=False, symlinks=True)
    site = Path(
        sysconfig.get_path("purelib", "venv", {"base": str(work / "venv"), "platbase": str(work / "venv")})
    )
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    # (3)
    python = work / "venv" / "bin" / "python"
    _python("-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    empty = work / "empty"
    empty.mkdir()
    return Installed(wheel, work / "venv" / "bin", site, empty)


def _python(*arguments: str) -> None:
    run = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _distributions_of(installed: Installed) -> dict[str, list[str]]:
    report = "import importlib.metadata as m, json; print(json.dumps(dict(m.packages_distributions())))"
    owners: dict[str, list[str]] = json.loads(installed.run("python", "-c", report))
    return owners


def test_the_packages_come_from_the_wheel(installed: Installed) -> None:
    report = "import " + ", ".join(PACKAGES) + f"; print(*(p.__file__ for p in ({', '.join(PACKAGES)})))"
    for place in installed.run("python", "-c", report).split():
        assert Path(place).is_relative_to(installed.site)


def test_no_other_distribution_owns_our_packages(installed: Installed) -> None:
    """`verifier` and `providers` are words that another project may use too."""
    owners = _distributions_of(installed)
    assert {package: owners[package] for package in PACKAGES} == {
        package: ["pycosign"] for package in PACKAGES
    }


def test_a_second_owner_would_be_noticed(installed: Installed) -> None:
    other = installed.site / "other-1.0.dist-info"
    other.mkdir()
    try:
        (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
        (other / "RECORD").write_text("providers/__init__.py,,\n")
        assert sorted(_distributions_of(installed)["providers"]) == ["other", "pycosign"]
    finally:
        shutil.rmtree(other)


def test_the_wheel_holds_three_typed_packages_and_the_licence(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = set(wheel.namelist())
    top = {name.partition("/")[0] for name in names}
    (metadata,) = top - set(PACKAGES)
    assert metadata.endswith(".dist-info")
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert f"{metadata}/licenses/LICENSE" in names


def test_everything_in_the_packages_is_in_the_wheel(installed: Installed) -> None:
    """Modules, stubs, fixtures of the self-test, and nothing else."""
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = {name for name in wheel.namelist() if name.partition("/")[0] in PACKAGES}
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == files


def test_the_command_starts(installed: Installed) -> None:
    assert "Usage: pycosign" in installed.run("pycosign", "--help")


def test_the_unit_tests_pass_against_the_wheel(installed: Installed, tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "tests",
        tmp_path / "tests",
        ignore=shutil.ignore_patterns("__pycache__", "wheel", "architecture", "integration"),
    )
    for folder in ("docs", "proto"):  # what some tests hold the code to
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    installed.run("python", "-m", "pytest", "-p", "no:cacheprovider", "tests/unit", cwd=tmp_path)
