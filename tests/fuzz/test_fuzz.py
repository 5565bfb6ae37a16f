"""The fuzzer itself: every target runs, nothing is found, and what there is to be found would be."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode
from tests.fuzz.campaign import Tally, find_atheris, run_plain, split
from tests.fuzz.target import Finding, Target, UnfitError, attempt
from tests.tools import ROOT

RUNS = 20_000
# A target of its own, handed to the command.
PROGRAM = """
import sys
from tests.fuzz.__main__ import main
from tests.fuzz.target import Target

def run(data):
    if data != b"seed":
        {fault}

sys.exit(main(sys.argv[1:], lambda atheris: (Target("planted", 1, (b"seed",), run, ()),)))
"""


def run(*arguments: str, program: str = "") -> subprocess.CompletedProcess[str]:
    started = ("-c", program) if program else ("-m", "tests.fuzz")
    return subprocess.run(
        [sys.executable, *started, *arguments],
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def inputs(table: str) -> dict[str, int]:
    """The inputs of each line of the table."""
    lines = re.findall(r"^([a-z-]+) +([0-9,]+) +[0-9.]+", table, re.MULTILINE)
    return {name: int(number.replace(",", "")) for name, number in lines}


def test_a_value_or_one_of_our_errors(tmp_path: Path) -> None:
    done = run("--runs", str(RUNS), "--plain", "--seed", "1", "--findings", str(tmp_path))
    assert done.returncode == 0, done.stdout + "".join(path.read_text() for path in tmp_path.glob("*.trace"))
    counted = inputs(done.stdout)
    total = counted.pop("total")
    assert total == sum(counted.values()) >= RUNS
    assert len(counted) >= 30
    assert min(counted.values()) > 0
    assert "plain random changes" in done.stdout


def test_by_coverage(tmp_path: Path) -> None:
    """Where atheris can be had; elsewhere the same command does without, and says so."""
    done = run("--runs", "1000", "--target", "bundle", "--target", "scope", "--findings", str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert set(inputs(done.stdout)) == {"bundle", "scope", "total"}
    assert inputs(done.stdout)["total"] >= 1000
    assert ("by atheris" if find_atheris() else "no atheris here") in done.stdout


@pytest.mark.parametrize("plain", [(), ("--plain",)], ids=["by coverage", "plain"])
@pytest.mark.parametrize("fault", ["raise KeyError(data)", "raise SystemExit(3)", "__import__('os').abort()"])
def test_what_there_is_to_be_found_is_found(tmp_path: Path, fault: str, plain: tuple[str, ...]) -> None:
    done = run("--runs", "50", "--findings", str(tmp_path), *plain, program=PROGRAM.format(fault=fault))
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^planted .* [1-9][0-9]*( |$)", done.stdout, re.MULTILINE)
    kept = [path for path in tmp_path.iterdir() if path.name.startswith("planted.")]
    assert kept
    if "KeyError" in fault:
        (finding,) = (path for path in kept if path.suffix != ".trace")
        assert finding.read_bytes() != b"seed"
        assert "KeyError" in finding.with_name(finding.name + ".trace").read_text()
        again = run("--reproduce", str(finding), "--target", "planted", program=PROGRAM.format(fault=fault))
        assert (again.returncode, "KeyError" in again.stdout) == (1, True)


def test_a_name_that_no_target_has() -> None:
    done = run("--target", "nobody", program=PROGRAM.format(fault="pass"))
    assert (done.returncode, "there are: planted" in done.stdout) == (2, True)


def target(error: BaseException | None = None, *, seeds: tuple[bytes, ...] = (b"seed",)) -> Target:
    def run_it(data: bytes) -> None:
        if error is not None:
            raise error

    return Target("planted", 1, seeds, run_it, (VerificationError, UnavailableError))


def test_what_counts_as_a_finding() -> None:
    class PanicError(BaseException):
        """No Exception, as a panic in Rust."""

    assert attempt(target(), b"") is None
    assert attempt(target(VerificationError(ReasonCode.MALFORMED, "x")), b"") is None
    assert attempt(target(UnavailableError(ReasonCode.TRUST_UNAVAILABLE, "x")), b"") is None
    faults = (ValueError("x"), PanicError("x"), UnavailableError(ReasonCode.INTERNAL_ERROR, "x"))
    for fault in faults:
        finding = attempt(target(fault), b"data")
        assert isinstance(finding, Finding)
        assert (finding.kind, finding.data) == (type(fault).__name__, b"data")
    with pytest.raises(UnfitError):
        attempt(target(UnfitError()), b"")


def test_one_place_is_one_finding(tmp_path: Path) -> None:
    tally = Tally()
    run_plain(target(KeyError("x")), 40, 1, tally, tmp_path)
    assert (tally.inputs, tally.findings, len(list(tmp_path.iterdir()))) == (40, 1, 2)


def test_inputs_are_split_by_share_and_none_is_lost() -> None:
    targets = [target(seeds=(b"x",)) for _ in range(7)]
    for runs in (1, 7, 100, 1_000_003):
        assert sum(number for _, number in split(targets, runs)) >= runs


def functions(path: Path) -> set[str]:
    """The parsers that a module offers."""
    found = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return {name for name in found if name.startswith("parse_")}


def test_every_parser_is_a_target() -> None:
    offered = {name for path in (ROOT / "verifier" / "formats").glob("*.py") for name in functions(path)}
    tree = ast.parse((ROOT / "tests" / "fuzz" / "parsers.py").read_text())
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert len(offered) > 8
    assert offered <= called
