"""What `pycosign lab serve DIR` does: a lab and a registry on this machine until it is interrupted."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TextIO

from .instance import Lab
from .names import DEFAULT_IDENTITY, DEFAULT_ISSUER, WARNING
from .push import push_image
from .registry import MemoryRegistry
from .server import LabServer

# Long enough for an afternoon at the keyboard; the keys behind it end with the process.
_TOKEN_LIFETIME = timedelta(hours=24)
_DEMO = "demo/app"


def serve_directory(
    directory: Path,
    *,
    out: TextIO,
    port: int = 0,
    registry_port: int = 0,
    referrers_api: bool = True,
    identity: str = DEFAULT_IDENTITY,
    issuer: str = DEFAULT_ISSUER,
    stop: threading.Event | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM, or until `stop` is set; then returns.

    1. Start a lab and a registry; push an unsigned image to try things on.
    2. Write the trust, the signing configurations, an identity token (readable by the owner only) and the TUF
       root into the directory, which is made if need be. Files of the same names are replaced.
    3. Print the warning and command lines to paste, then wait.

    Raises OSError when a port is taken or the directory cannot be written, LabError for an identity that
    cannot stand in a certificate. Signals are caught in the main thread only."""
    stopped = stop or threading.Event()
    registry = MemoryRegistry(referrers_api=referrers_api)
    with (
        _until_signalled(stopped),
        LabServer(Lab(), registry=registry, port=port, registry_port=registry_port) as server,  # 1
    ):
        image = push_image(registry, _DEMO, tag="v1")
        write_directory(directory, server, identity=identity, issuer=issuer)  # 2
        reference = f"{server.registry_address}/{_DEMO}@{image.digest}"
        out.write(introduction(directory, server, reference, identity=identity, issuer=issuer))  # 3
        out.flush()
        stopped.wait()


def write_directory(directory: Path, server: LabServer, *, identity: str, issuer: str) -> None:
    """Writes the files a client needs."""
    directory.mkdir(parents=True, exist_ok=True)
    files = {
        "trusted_root.json": server.lab.trusted_root(),
        "signing_config.json": server.signing_config(),
        "signing_config.rekor2.json": server.signing_config(rekor=2),
        "signing_config.no-tsa.json": server.signing_config(timestamp=False),
        "client_trust_config.json": server.client_trust_config(),
        "root.json": server.tuf.root,
        "WARNING": WARNING.encode() + b"\n",
        **server.lab.pem_files(),
    }
    for name, data in files.items():
        (directory / name).write_bytes(data)
    token = server.lab.token(identity, issuer=issuer, lifetime=_TOKEN_LIFETIME)
    _write_private(directory / "token", token.encode())


def introduction(directory: Path, server: LabServer, reference: str, *, identity: str, issuer: str) -> str:
    """The warning, where things are, and command lines that work as they stand."""
    trust = ["--trusted-root", str(directory / "trusted_root.json")]
    signing = [
        *("--signing-config", str(directory / "signing_config.json"), *trust),
        *("--identity-token", str(directory / "token"), "-y", reference),
    ]
    who = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer]
    verifying = [*trust, *who, reference]
    initialising = ["--mirror", server.tuf_url, "--root", str(directory / "root.json")]
    commands = [
        shlex.join(["cosign", "sign", *signing]),
        shlex.join(["cosign", "verify", *verifying]),
        shlex.join(["pycosign", "verify", *verifying]),
        f"TUF_ROOT={shlex.quote(str(directory / 'tuf-cache'))} "
        + shlex.join(["cosign", "initialize", *initialising]),
    ]
    places = {
        "Sigstore": server.url,
        "TUF": server.tuf_url,
        "registry": server.registry_address,
        "files": str(directory),
        "image": reference,
    }
    lines = [WARNING, "", *(f"{name + ':':<10} {place}" for name, place in places.items()), "", *commands, ""]
    return "\n".join([*lines, "Interrupt to stop.", ""])


def _write_private(path: Path, data: bytes) -> None:
    """Writes a file that only its owner may read, whoever could read the one it replaces."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


@contextmanager
def _until_signalled(stopped: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set the event while this is entered."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
