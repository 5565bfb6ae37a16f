"""Processes of ours: how long one runs, how much memory one holds, and the server as one of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 120.0


@dataclass(frozen=True, slots=True)
class ByteCode:
    """Where compiled modules are kept, so that a second start finds them whoever installed the packages how."""

    folder: Path

    def environment(self) -> dict[str, str]:
        """This process's variables, with those that Python reads."""
        known = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        own = {"PYTHONPYCACHEPREFIX": str(self.folder), "PYTHONUNBUFFERED": "1"}
        return known | own


@dataclass(frozen=True, slots=True)
class Server:
    """``pycosign serve`` as it runs; ``seconds`` passed from its start until it took calls."""

    pid: int
    address: str
    seconds: float


def command(*arguments: str) -> list[str]:
    """The command ``pycosign`` of this environment."""
    return [str(Path(sys.executable).parent / "pycosign"), *arguments]


def run(arguments: list[str], byte_code: ByteCode, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, which must be a good one."""
    done = subprocess.run(
        arguments,
        check=False,
        env=byte_code.environment() | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_LONGEST,
    )
    if done.returncode:
        raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    return done


def finish(arguments: list[str], byte_code: ByteCode) -> str:
    """Run a program to its end; returns what it printed."""
    return run(arguments, byte_code).stdout.decode()


@contextmanager
def serve(configuration: Path, byte_code: ByteCode) -> Iterator[Server]:
    """The server of ``configuration``; it is stopped by SIGTERM in the end."""
    started = time.perf_counter()
    with (
        configuration.with_suffix(".log").open("wb") as log,
        subprocess.Popen(
            command("serve", "--config", str(configuration), "--log-level", "error"),
            stdout=subprocess.PIPE,
            stderr=log,
            env=byte_code.environment(),
        ) as process,
    ):
        try:
            line = process.stdout.readline().decode() if process.stdout else ""
            seconds = time.perf_counter() - started
            if not line:
                raise RuntimeError(
                    f"the server did not start: {configuration.with_suffix('.log').read_text()}"
                )
            yield Server(process.pid, line.split()[-1], seconds)
        finally:
            process.terminate()
            process.wait(timeout=_LONGEST)


def resident_mib(pid: int | str = "self") -> float:
    """The resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    kib = next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]
    return int(kib) / 1024
