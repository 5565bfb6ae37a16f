"""Credential helpers: programs that know credentials (docker-credential-helpers, ``docker-credential-NAME get``).

1. The program is found once, in the folders of PATH; its name holds no path.
2. It is told the registry on its standard input. It sees a few variables of the environment and no more.
3. At its deadline, or when it writes more than anybody reads, its whole process group is killed.
4. What it says is kept for some minutes, and asked anew when a registry refuses it. Requests do not wait for a
   process each.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from providers.errors import ConfigurationError, UnavailableError, VerificationError

from ..budget import Budget
from ..formats.strict_json import parse_object, text_field
from .credentials import Credential, unreadable
from .deadline import LOOK_AGAIN

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# A cloud's helper asks the cloud: a second or two.
_SECONDS = 10.0
# One JSON object with a token of a few kB.
_MAX_OUTPUT = 64 << 10
# ECR's tokens live for 12 hours, those of other clouds for one; a helper of the desktop is as good as a file.
_KEPT_SECONDS = 300.0
# A helper that hangs is not started anew for everybody who asks.
_FAILED_SECONDS = 5.0
# Registries whose credentials are kept.
_KEPT = 256
# Locks for so many who ask about different registries; two that share one wait for each other in vain, no more.
_LOCKS = 64
# Processes at a time; each stands for a registry that was never asked before.
_PROCESSES = 4
# What helpers commonly need: to find themselves, the user's session and key ring, and the way out.
_PASSED_ON = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "DOCKER_CONFIG", "GNUPGHOME", "PASSWORD_STORE_DIR",
    "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip
# docker-credential-helpers, credentials/error.go: how every helper says that it knows nothing.
_UNKNOWN = b"credentials not found in native keychain"
# The same: a user name that stands for "the secret is an identity token".
_TOKEN_USER = "<token>"  # noqa: S105


class CredentialHelpers:
    """Asks helpers by their names. Safe to use from many threads."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, *, passed_on: tuple[str, ...] = ()
    ) -> None:
        """Helpers are looked for in the PATH of ``environment``, and see of it what ``passed_on`` names beside
        what all of them see: a cloud's own variables, for example.
        """
        names = {*_PASSED_ON, *passed_on}
        self._environment = {name: environment[name] for name in names if name in environment}
        self._processes = threading.BoundedSemaphore(_PROCESSES)
        self._asking = tuple(threading.Lock() for _ in range(_LOCKS))
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], _Kept] = {}

    def find(self, name: str) -> str:
        """The path of the helper ``name``.

        Raises:
            ConfigurationError: there is none.
        """
        if not _NAME.fullmatch(name):
            raise ConfigurationError("a credential helper has a name that cannot be that of a program")
        folders = self._environment.get("PATH", os.defpath)
        found = shutil.which(f"docker-credential-{name}", path=folders)
        if found is None:
            raise ConfigurationError(
                f"the credential helper docker-credential-{name} is not in PATH",
                remedy="Install it, or take it out of the Docker configuration.",
            )
        return str(Path(found).absolute())

    def get(
        self, name: str, server: str, budget: Budget, refused: Credential | None = None
    ) -> Credential | None:
        """What the helper ``name`` knows of ``server``; what it said before unless that was ``refused``.

        Raises:
            UnavailableError: ``registry-unauthorized``: it failed; ``deadline-exceeded``.
        """
        key = (name, server)
        asking = self._asking[hash(key) % _LOCKS]
        _acquire(asking, budget)  # one process for all who ask the same
        try:
            kept = self._known(key)
            if kept is None or (kept.credential is not None and kept.credential == refused):
                kept = self._ask(name, server, budget)
                self._keep(key, kept)
        finally:
            asking.release()
        if kept.failure:
            raise unreadable(server, f"the helper docker-credential-{name} {kept.failure}")
        return kept.credential

    def _known(self, key: tuple[str, str]) -> _Kept | None:
        with self._lock:
            kept = self._kept.get(key)
        return kept if kept is not None and time.monotonic() < kept.until else None

    def _keep(self, key: tuple[str, str], kept: _Kept) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = kept
            while len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]

    def _ask(self, name: str, server: str, budget: Budget) -> _Kept:
        try:
            path = self.find(name)
        except ConfigurationError:
            return _Kept.failed("is not there")
        limit = Budget(_SECONDS, within=budget)
        _acquire(self._processes, limit)
        try:
            status, output = _run(path, server, self._environment, limit)
        except (OSError, ValueError) as error:
            return _Kept.failed(f"cannot be used ({type(error).__name__})")
        except UnavailableError:
            budget.seconds_left()  # the caller's time, or the helper's?
            return _Kept.failed(f"does not answer within {_SECONDS:.0f} s")
        finally:
            self._processes.release()
        if status and output.strip() == _UNKNOWN:
            return _Kept(time.monotonic() + _KEPT_SECONDS)
        if status:
            return _Kept.failed(f"ends with status {status}")
        return _parse(output)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a helper said: a credential, that it knows none, or in what way it failed; and how long that counts."""

    until: float
    credential: Credential | None = None
    failure: str = ""

    @classmethod
    def failed(cls, how: str) -> Self:
        return cls(time.monotonic() + _FAILED_SECONDS, failure=how)


def _acquire(lock: threading.Lock | threading.BoundedSemaphore, budget: Budget) -> None:
    """Wait for ``lock`` no longer than ``budget`` lasts, which may be over early."""
    while not lock.acquire(timeout=min(budget.seconds_left(), LOOK_AGAIN)):
        pass


def _run(path: str, server: str, environment: Mapping[str, str], budget: Budget) -> tuple[int, bytes]:
    """The exit status of one run, and what it wrote."""
    with _started(path, environment) as process:
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), process.stdin:  # it need not read
                process.stdin.write(server.encode() + b"\n")  # fits into a pipe: this waits for nobody
        output = _read(process, budget)
        while not _has_ended(process):  # it closed its output, and lingers
            time.sleep(min(budget.seconds_left(), 0.01))
    return process.returncode, output


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has. It stays a process until it is waited for, so that its number cannot become another's."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@contextmanager
def _started(path: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, all of which is gone afterwards."""
    with subprocess.Popen(  # noqa: S603  (a program that the operator's configuration names, and no arguments of others)
        [path, "get"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # whatever it says there may hold what it knows
        cwd="/",
        env=dict(environment),
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _read(process: subprocess.Popen[bytes], budget: Budget) -> bytes:
    """What it writes until it closes its output.

    Raises:
        UnavailableError: it is too late.
        ValueError: it writes too much.
    """
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        if process.stdout is None:
            return b""
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(min(budget.seconds_left(), LOOK_AGAIN)):
                continue
            piece = os.read(process.stdout.fileno(), _MAX_OUTPUT)
            if not piece:
                return bytes(output)
            output += piece
            if len(output) > _MAX_OUTPUT:
                raise ValueError("too much")


def _parse(output: bytes) -> _Kept:
    try:
        fields = parse_object(output, max_size=_MAX_OUTPUT)
        username, secret = text_field(fields, "Username"), text_field(fields, "Secret")
        if username == _TOKEN_USER:
            found = Credential(identity_token=secret)
        else:
            found = Credential(username=username, password=secret)
    except (VerificationError, ConfigurationError):
        return _Kept.failed("does not answer with a credential")
    return _Kept(time.monotonic() + _KEPT_SECONDS, found)
