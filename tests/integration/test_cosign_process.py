"""How cosign is run: what it finds around it, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from providers.errors import ConfigurationError, PycosignError, UnavailableError
from providers.reasons import ReasonCode
from pycosign.lab import Lab
from tests.tools import require_tool
from tests.unit.engines.world import question
from verifier.budget import Budget
from verifier.engines.cosign import CosignEngine
from verifier.engines.cosign.process import Program

COSIGN = require_tool("cosign")


def program(folder: Path, *lines: str) -> Program:
    path = folder / "cosign"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o700)
    return Program(str(path))


def engine_of(folder: Path, *lines: str) -> CosignEngine:
    return CosignEngine.found({"PYCOSIGN_COSIGN": program(folder, *lines).path})


VERSION = """[ "$1" != version ] || { echo '{"gitVersion":"v9.9.9"}'; exit 0; }"""


@contextmanager
def typed(words: bytes) -> Iterator[None]:
    """Standard input that holds ``words``."""
    ours, (reading, writing) = os.dup(0), os.pipe()
    os.write(writing, words)
    os.close(writing)
    os.dup2(reading, 0)
    try:
        yield
    finally:
        os.dup2(ours, 0)
        os.close(ours)
        os.close(reading)


def test_it_finds_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of ours")
    monkeypatch.setenv("COSIGN_EXPERIMENTAL", "1")
    seen = tmp_path / "seen"
    seen.mkdir()
    cosign = program(
        tmp_path,
        f"/usr/bin/env > {seen}/environment",
        f"/bin/cat > {seen}/input",
        f"/bin/pwd > {seen}/folder",
        f"/usr/bin/stat -c %a . a a/b a/b/c > {seen}/modes",
        f"/bin/ls /proc/self/fd > {seen}/descriptors",
        f"/usr/bin/cut -d' ' -f5,6,7 /proc/$$/stat > {seen}/session; echo $$ >> {seen}/session",
        'echo "$@"; echo problem >&2; exit 3',
    )
    with typed(b"by somebody"):
        run = cosign.run(["verb", "--flag=x"], {"a/b/c": b"content"}, limit=1000, budget=Budget(60))
    assert (run.status, run.stderr) == (3, b"problem\n")
    verb, timeout, flag = run.stdout.decode().split()
    assert (verb, flag) == ("verb", "--flag=x")
    assert timeout.startswith("--timeout=")
    assert timeout.endswith("s")
    folder = (seen / "folder").read_text().strip()
    environment = dict(line.split("=", 1) for line in (seen / "environment").read_text().splitlines())
    own = {"HOME", "TMPDIR", "TUF_ROOT", "DOCKER_CONFIG", "XDG_CACHE_HOME"}
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
    assert environment.keys() - {"PWD", "OLDPWD", "SHLVL", "_"} == own | proxies  # those four are the shell's
    assert {environment[name] for name in own} == {folder}
    assert {environment[name] for name in proxies} == {"http://127.0.0.1:0"}
    assert (seen / "input").read_text() == ""
    modes = (seen / "modes").read_text().split()
    assert (modes[0], modes[-1]) == ("700", "600")
    assert {*(seen / "descriptors").read_text().split()} <= {"0", "1", "2", "3"}
    (group, session, terminal), (own_id,) = (
        line.split() for line in (seen / "session").read_text().splitlines()
    )
    assert (group, session, terminal) == (own_id, own_id, "0")
    assert not Path(folder).exists()


def _ended(reader: int) -> bool:
    """Whether nobody holds the other end of the pipe any more, long before those who do end by themselves."""
    try:
        return select.select([reader], [], [], 50) == ([reader], [], []) and os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_all_of_it_ends_at_the_deadline(tmp_path: Path) -> None:
    """The pipe ends when the last process that holds it is gone."""
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    folder = tmp_path / "folder"
    run = program(
        tmp_path,
        "trap '' TERM INT HUP",
        f"/bin/pwd > {folder}",
        f"exec 9> {pipe}",
        "/bin/sleep 100 &",
        "/bin/sleep 100",
    )
    with pytest.raises(UnavailableError) as raised:
        run.run(["verb"], {"a": b""}, limit=1000, budget=Budget(0.5))
    assert raised.value.reason is ReasonCode.DEADLINE_EXCEEDED
    assert _ended(reader)
    assert not Path(folder.read_text().strip()).exists()


def test_what_it_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    run = program(tmp_path, f"exec 9> {pipe}", "/bin/sleep 100 > /dev/null 2>&1 < /dev/null &", "echo done")
    assert run.run(["verb"], {}, limit=1000, budget=Budget(60)).stdout == b"done\n"
    assert _ended(reader)


@pytest.mark.parametrize("where", ["", " >&2"])
def test_what_it_writes_is_bounded(tmp_path: Path, where: str) -> None:
    run = program(tmp_path, f"while :; do echo 0123456789012345678901234567890123456789{where}; done")
    with pytest.raises(UnavailableError, match="writes more than 100000 bytes") as raised:
        run.run(["verb"], {}, limit=100_000, budget=Budget(60))
    assert raised.value.reason is ReasonCode.ENGINE_UNAVAILABLE


def test_it_is_not_started_when_the_time_is_over(tmp_path: Path) -> None:
    started = tmp_path / "started"
    budget = Budget(60)
    budget.end()
    with pytest.raises(UnavailableError) as raised:
        program(tmp_path, f"echo > {started}").run(["verb"], {}, limit=1000, budget=budget)
    assert raised.value.reason is ReasonCode.DEADLINE_EXCEEDED
    assert not started.exists()


@pytest.mark.parametrize("argument", ["--type=a\0b", "--type=\ud800", "x" * (1 << 21)])
def test_an_argument_that_no_program_takes_leaves_the_question_open(tmp_path: Path, argument: str) -> None:
    with pytest.raises(UnavailableError) as raised:
        program(tmp_path, "exit 0").run(["verb", argument], {}, limit=1000, budget=Budget(60))
    assert raised.value.reason is ReasonCode.ENGINE_UNAVAILABLE


def test_a_program_that_is_gone_leaves_the_question_open(tmp_path: Path) -> None:
    lab = Lab(name="gone")
    engine = engine_of(tmp_path, VERSION)
    (tmp_path / "cosign").unlink()
    with pytest.raises(UnavailableError) as raised:
        engine.verify(question(lab.sign_blob(b"an artifact\n"), lab.trusted_root()))
    assert raised.value.reason is ReasonCode.ENGINE_UNAVAILABLE


def test_no_network_is_used_for_trust(tmp_path: Path) -> None:
    """Asked without a trusted root, cosign would fetch one: it finds no way out."""
    bundle = tmp_path / "bundle"
    bundle.write_bytes(Lab(name="net").sign_blob(b"x"))
    who = ("--certificate-identity=x", "--certificate-oidc-issuer=y")
    arguments = ["verify-blob", f"--bundle={bundle}", *who, str(bundle)]
    run = Program(COSIGN).run(arguments, {}, limit=100_000, budget=Budget(60))
    assert run.status == 1
    assert b"connection refused" in run.stderr


# At start-up.


def test_the_real_one_is_found_and_tests_itself() -> None:
    engine = CosignEngine.found({"PATH": str(Path(COSIGN).parent)})
    assert engine.name.startswith("cosign ")
    engine.self_test()


@pytest.mark.parametrize(
    "environment", [{"PATH": "/nowhere"}, {"PATH": "/nowhere", "PYCOSIGN_COSIGN": "/nowhere/cosign"}]
)
def test_where_there_is_none_it_is_said_what_to_do(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        CosignEngine.found(environment)
    assert "PYCOSIGN_COSIGN" in raised.value.remedy


@pytest.mark.parametrize(
    "lines",
    [
        ["exit 1"],
        ["echo"],
        ["echo '{}'"],
        ["echo '[]'"],
        ["""echo '{"gitVersion":7}'"""],
        ["""echo '{"gitVersion":"3.1.1\\u001b"}'"""],
        ["""echo '{"gitVersion":""}'"""],
        ["""echo '{"gitVersion":"3"}'; exit 1"""],
        ["while :; do echo 01234567890123456789012345678901234567890; done"],
    ],
)
def test_what_is_not_cosign_is_refused_at_start_up(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        engine_of(tmp_path, *lines)
    assert "PYCOSIGN_COSIGN" in raised.value.remedy


def test_a_version_is_told_without_its_letter(tmp_path: Path) -> None:
    assert engine_of(tmp_path, VERSION).name == "cosign 9.9.9"


REAL = f'exec {COSIGN} "$@"'
NOT_SIGNED = "accepted signatures do not match threshold, Found: 0, Expected 1"
ACCEPTS = "echo Verified OK >&2; exit 0"
# What a program does wrong, and what its self-test says of it.
LIES = {
    "says yes to everything": ([ACCEPTS], "by another key was accepted"),
    "says no to everything": ([f'echo "error during command execution: {NOT_SIGNED}" >&2; exit 1'], "."),
    "says something else": (["echo all is well"], "."),
    "believes every key": ([f'case "$*" in *--key=*) {ACCEPTS};; esac', REAL], "by another key was accepted"),
    "takes no trusted root for a bundle": (
        [
            'case "$*" in *--key=*--bundle=*)',
            f"  exec {COSIGN} verify-blob --key=key.pub --insecure-ignore-tlog --bundle=bundle.json artifact",
            ";; esac",
            REAL,
        ],
        "a key in a bundle was believed",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_program_that_answers_wrongly_fails_its_self_test(tmp_path: Path, lie: str) -> None:
    lines, said = LIES[lie]
    with pytest.raises(PycosignError, match=said):
        engine_of(tmp_path, VERSION, *lines).self_test()


def test_the_self_test_passes_through_a_script(tmp_path: Path) -> None:
    """So what the tests above see fail is the lie, and not the script."""
    engine_of(tmp_path, VERSION, REAL).self_test()


def test_json_of_the_version_is_what_cosign_writes() -> None:
    run = Program(COSIGN).run(["version", "--json"], {}, limit=100_000, budget=Budget(60))
    assert json.loads(run.stdout)["gitVersion"]
