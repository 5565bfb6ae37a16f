"""``pycosign demo``, and the server it starts: right verdicts, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from pycosign.client import VerifierClient
from pycosign.demo import pycosign_command, server_process, write_configuration
from pycosign.lab import Lab, MemoryRegistry, push_image

PATIENCE = 120


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    return write_configuration(tmp_path, Lab(), "127.0.0.1:1")


def _children() -> set[int]:
    """Processes that this thread, the main one, started and has not seen end."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def test_the_demonstration(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pycosign.cli", "demo", "--directory", str(tmp_path / "a folder")],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 of 11 verdicts are as required." in done.stdout
    assert "could not check" in done.stdout
    assert "could_not_check" not in done.stdout
    assert (tmp_path / "a folder" / "verifier.yaml").is_file()


def test_an_interrupted_demonstration_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "pycosign.cli", "demo", "--directory", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("configuration"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
    assert (process.returncode, told.splitlines()[-1]) == (130, "pycosign: interrupted")
    assert _running(str(tmp_path)) == []


def _running(word: str) -> list[str]:
    """The command lines of all processes that name this."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            lines.append(path.read_text(errors="replace"))
    return [line for line in lines if word in line]


def test_a_server_ends_with_its_block(configuration: Path) -> None:
    before = _children()
    with server_process(configuration) as address, VerifierClient(address) as client:
        assert client.info(timeout=30).name == "pycosign"
        assert _children() > before
    assert _children() == before


def test_a_server_that_does_not_listen_is_killed(configuration: Path) -> None:
    """A stopped process keeps SIGTERM waiting, as one that hangs does."""
    before = _children()
    with server_process(configuration, grace=0.5):
        (server,) = _children() - before
        os.kill(server, signal.SIGSTOP)
        started = time.monotonic()
    assert time.monotonic() - started < 10
    assert _children() == before


def test_a_server_is_not_left_behind_by_an_error(configuration: Path) -> None:
    before = _children()
    with (
        pytest.raises(grpc.RpcError),
        server_process(configuration) as address,
        VerifierClient(address) as client,
    ):
        client.validate("NOT A NAME", timeout=30)
    assert _children() == before


def test_a_server_that_does_not_start_says_why(configuration: Path) -> None:
    (configuration.parent / "trusted_root.json").write_text("{}")
    before = _children()
    said = r"(?s)did not start.*trusted_root\.json"
    with pytest.raises(RuntimeError, match=said), server_process(configuration):
        pytest.fail("it served")
    assert _children() == before


def test_the_console_script_is_started_where_there_is_one(tmp_path: Path) -> None:
    """It never imports from the folder it is started in; `python -m` does unless it is told not to."""
    python = tmp_path / "python"
    assert pycosign_command(str(python)) == [str(python), "-P", "-m", "pycosign.cli"]
    script = tmp_path / "pycosign"
    script.write_text("#!/bin/sh\n")
    assert pycosign_command(str(python)) == [str(python), "-P", "-m", "pycosign.cli"]  # not a program
    script.chmod(0o755)
    assert pycosign_command(str(python)) == [str(script)]


def test_a_registry_says_what_it_holds() -> None:
    registry = MemoryRegistry()
    assert registry.repositories() == ()
    push_image(registry, "b/c", tag="v1")
    push_image(registry, "a")
    assert registry.repositories() == ("a", "b/c")
