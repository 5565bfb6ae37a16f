"""One run of the executable: a fresh folder, an environment with nothing of ours, an end that is certain.

1. The folder and the files in it are readable by their owner alone, and gone afterwards.
2. Nothing is inherited: no environment, no descriptors, no input, no terminal.
3. At the deadline, or when more is written than anybody reads, the whole process group is killed.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from ...budget import Budget

_PIECE = 64 << 10
# Nothing listens on port 0, and nothing can: whatever asks for the network is told at once that there is none.
_NO_NETWORK = "http://127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended. ``status`` is the exit status, negative for a signal."""

    status: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Program:
    """The executable at ``path``, which is absolute."""

    path: str

    @classmethod
    def named(cls, name: str, folders: str) -> Self | None:
        """The one at the path ``name``, or of that name in the first of ``folders`` (as PATH lists them) that has
        one; None when there is none.
        """
        found = shutil.which(name, path=folders)
        return None if found is None else cls(str(Path(found).absolute()))

    def run(
        self, arguments: Sequence[str], files: Mapping[str, bytes], *, limit: int, budget: Budget
    ) -> Finished:
        """Run it with ``arguments`` in a folder that holds ``files`` by their relative names.

        It is told to give up when ``budget`` ends, and killed if it does not.

        Raises:
            UnavailableError: ``deadline-exceeded``; ``engine-unavailable``: it could not be started, or wrote more
                than ``limit`` bytes.
        """
        command = [self.path, arguments[0], f"--timeout={budget.seconds_left():.3f}s", *arguments[1:]]
        try:
            with tempfile.TemporaryDirectory(prefix="pycosign-") as folder:  # 1
                for name, content in files.items():
                    _write(Path(folder, name), content)
                with _started(command, folder) as process:
                    stdout, stderr = _read(process, limit, budget)
                return Finished(process.wait(), stdout, stderr)
        except (OSError, ValueError) as error:  # ValueError: an argument that no program can be given
            raise UnavailableError(
                ReasonCode.ENGINE_UNAVAILABLE, f"cosign cannot be run: {type(error).__name__}: {error}"
            ) from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


@contextmanager
def _started(command: list[str], folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own. All of it is gone afterwards, whatever happened.

    A process that ends by itself has its exit status before its pipes close; the kill comes too late to change it,
    and before the wait, so that its number cannot have become another's.
    """
    home = dict.fromkeys(("HOME", "TMPDIR", "TUF_ROOT", "DOCKER_CONFIG", "XDG_CACHE_HOME"), folder)
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _NO_NETWORK)
    with subprocess.Popen(  # noqa: S603  (a fixed path; every value that came with a signature follows its flag)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**home, **proxies},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _read(process: subprocess.Popen[bytes], limit: int, budget: Budget) -> tuple[bytes, bytes]:
    """What it writes until both pipes are closed."""
    written: dict[int, bytearray] = {}
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                written[pipe.fileno()] = bytearray()
                selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for ready, _ in selector.select(budget.seconds_left()):
                piece = os.read(ready.fd, _PIECE)
                if not piece:
                    selector.unregister(ready.fileobj)
                written[ready.fd] += piece
                if sum(map(len, written.values())) > limit:
                    raise UnavailableError(
                        ReasonCode.ENGINE_UNAVAILABLE, f"cosign writes more than {limit} bytes"
                    )
    stdout, stderr = map(bytes, written.values())
    return stdout, stderr
