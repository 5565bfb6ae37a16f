"""Every runtime dependency has a reason, and is used."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain

from tests.tools import ROOT

PACKAGES = ("verifier", "providers", "pycosign")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _declared() -> set[str]:
    """What is installed with us, and what an extra of ours installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    return {_canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}


def _reasons() -> set[str]:
    record = (ROOT / "docs" / "adr" / "0002-dependencies.md").read_text()
    return {_canonical(name) for name in re.findall(r"^\| ([\w.-]+) \| \S", record, flags=re.MULTILINE)}


def _imported() -> set[str]:
    """Top-level names that our modules import, wherever in the module they do it."""
    names: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names.update(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_every_dependency_has_a_reason_and_every_reason_a_dependency() -> None:
    assert _reasons() == _declared()


def test_every_dependency_is_imported() -> None:
    owners = packages_distributions()
    used = {_canonical(owner) for name in _imported() for owner in owners.get(name, [])}
    assert _declared() - used == set()


def test_every_import_is_declared() -> None:
    """What comes along with a dependency may go with it again."""
    owners = packages_distributions()
    undeclared = {
        name
        for name in _imported()
        if name in owners and not _declared() & {_canonical(owner) for owner in owners[name]}
    }
    assert undeclared - set(PACKAGES) == set()
