"""Every import contract of pyproject.toml, seen to fail.

Each test copies the packages, plants one forbidden import and expects import-linter to report that contract
and no other.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.tools import ROOT

PACKAGES = ("verifier", "providers", "pycosign")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract["name"] for contract in SETTINGS["contracts"]}

# contract, module that may not, and the import it may not make
PLANTED = [
    ("packages", "providers/policy.py", "import verifier.verdict"),
    ("packages", "providers/trust.py", "import pycosign"),
    ("packages", "verifier/core.py", "import pycosign"),
    ("verifier-layers", "verifier/verdict.py", "import verifier.store"),
    ("verifier-layers", "verifier/formats/bundle.py", "import verifier.explain"),
    ("verifier-layers", "verifier/core.py", "import verifier.config"),
    ("concrete-classes", "verifier/core.py", "import verifier.oci.registry"),
    ("concrete-classes", "verifier/server/rpc.py", "import verifier.engines.sigstore"),
    ("door-sigstore", "verifier/oci/registry.py", "import sigstore.models"),
    ("door-sigstore", "verifier/core.py", "import rfc3161_client"),
    ("door-sigstore", "providers/trust.py", "import sigstore_models"),
    ("door-grpc", "verifier/core.py", "import grpc"),
    ("door-grpc", "verifier/app.py", "import google.protobuf.message"),
    ("door-http", "verifier/server/rpc.py", "import urllib3"),
    ("door-http", "verifier/core.py", "import requests"),
    ("door-cel", "providers/conditions_slsa.py", "import cel_expr_python"),
    ("door-grpc", "providers/guarded.py", "import grpc"),
    ("door-clouds", "providers/keys.py", "import boto3"),
    ("door-clouds", "providers/kms/vault.py", "import azure.identity"),
    ("door-configuration", "verifier/verdict.py", "import pydantic"),
    ("door-configuration", "verifier/config.py", "import yaml"),
    ("processes", "verifier/core.py", "import subprocess"),
    ("processes", "providers/policy.py", "import multiprocessing.pool"),
    ("bytes-and-values", "verifier/engines/sigstore/__init__.py", "import socket"),
    ("bytes-and-values", "verifier/formats/bundle.py", "import time"),
    ("threads", "verifier/core.py", "import threading"),
    ("threads", "providers/static.py", "import concurrent.futures"),
    ("threads", "verifier/formats/bundle.py", "import asyncio"),
    ("lab", "pycosign/lab/ca.py", "import sigstore.sign"),
    ("lab", "pycosign/lab/ca.py", "import verifier.verdict"),
    ("no-cycles", "providers/reasons.py", "import providers.errors"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their contracts, free to be spoilt."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _broken(tree: Path) -> set[str]:
    """The names of the contracts that ``tree`` breaks."""
    run = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", run.stdout, flags=re.MULTILINE))
    assert set(verdicts) == set(CONTRACTS.values()), f"import-linter did not run:\n{run.stdout}{run.stderr}"
    broken = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert bool(broken) == bool(run.returncode)
    return broken


def test_the_tree_keeps_every_contract(copy: Path) -> None:
    assert _broken(copy) == set()


def test_every_contract_has_a_planted_import() -> None:
    assert {contract for contract, _, _ in PLANTED} == set(CONTRACTS)


@pytest.mark.parametrize(("contract", "module", "statement"), PLANTED)
def test_a_planted_import_breaks_its_contract(copy: Path, contract: str, module: str, statement: str) -> None:
    assert (copy / module).is_file()
    with (copy / module).open("a") as source:
        source.write(f"\n{statement}\n")
    assert _broken(copy) == {CONTRACTS[contract]}
