"""The guards in .ci/ that ``make check`` runs, each seen to fail."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the guards look at, free to be spoilt, with this environment's programs."""
    for folder in (".ci", "docs", "proto", "providers", "verifier"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def _run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120, check=False)


def test_generated_code_is_what_proto_gives(checkout: Path) -> None:
    run = _run(checkout, ".ci/proto", "--check")
    assert run.returncode == 0, run.stdout + run.stderr


def test_an_edited_generated_file_is_noticed(checkout: Path) -> None:
    with (checkout / "verifier/v1/verifier_pb2.py").open("a") as generated:
        generated.write("# edited\n")
    run = _run(checkout, ".ci/proto", "--check")
    assert run.returncode == 1
    assert "run make proto" in run.stderr


def test_a_changed_proto_is_noticed(checkout: Path) -> None:
    with (checkout / "proto/verifier/v1/verifier.proto").open("a") as proto:
        proto.write("message Added {}\n")
    assert _run(checkout, ".ci/proto", "--check").returncode == 1


def test_generated_code_without_a_proto_is_noticed(checkout: Path) -> None:
    (checkout / "verifier/v1/left_over_pb2.py").touch()
    assert _run(checkout, ".ci/proto", "--check").returncode == 1


def test_a_changed_configuration_is_noticed(checkout: Path) -> None:
    assert _run(checkout, ".ci/schema").returncode == 0
    assert _run(checkout, ".ci/schema", "--check").returncode == 0
    config = checkout / "verifier" / "config.py"
    config.write_text(config.read_text().replace("max_workers", "most_workers"))
    run = _run(checkout, ".ci/schema", "--check")
    assert run.returncode == 1
    assert "run .ci/schema" in run.stderr


@pytest.mark.parametrize("lock", ["requirements.lock", ".ci/bootstrap.lock"])
def test_a_lock_that_names_a_host_is_noticed(checkout: Path, lock: str) -> None:
    with (checkout / lock).open("a") as file:
        file.write("--index-url https://packages.example.test/simple\n")
    run = _run(checkout, ".ci/lock", "--check")
    assert run.returncode == 1
    assert "may not name a host" in run.stderr


@pytest.mark.parametrize("script", ["lock", "proto", "schema"])
def test_an_unknown_option_is_refused(checkout: Path, script: str) -> None:
    assert _run(checkout, f".ci/{script}", "--chekc").returncode == 2


def _unhashed(lock: str) -> list[str]:
    """Pins that the installer could not check."""
    requirements = lock.replace("\\\n", " ").splitlines()
    return [
        line for line in requirements if line and not re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
    ]


@pytest.mark.parametrize("lock", ["requirements.lock", ".ci/bootstrap.lock"])
def test_every_pin_has_its_hashes(lock: str) -> None:
    assert _unhashed((ROOT / lock).read_text("utf-8")) == []
    installs = [
        line
        for line in (ROOT / "Makefile").read_text("utf-8").splitlines()
        if lock in line and "$(BIN)" in line
    ]
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_a_pin_without_a_hash_would_be_noticed() -> None:
    good = "one==1.0 \\\n    --hash=sha256:" + 64 * "0" + "\n"
    assert _unhashed(good) == []
    assert _unhashed(good + "two==2.0\n") == ["two==2.0"]
