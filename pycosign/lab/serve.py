"""What `pycosign lab serve DIR` does: a lab and a registry on this machine until it is interrupted."""

from __future__ import annotations

import base64
import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TextIO

from .errors import LabError
from .identity import Identity
from .instance import Lab
from .names import DEFAULT_IDENTITY, DEFAULT_ISSUER, GITHUB_ISSUER, WARNING
from .push import push_image
from .registry import MemoryRegistry
from .server import LabServer
from .wire import parse_object, text

# Long enough for an afternoon at the keyboard; the keys behind it end with the process.
_TOKEN_LIFETIME = timedelta(hours=24)
_DEMO = "demo/app"
# What is read from the answer of the token service: the text between the quotes.
_ANSWERED = r's/.*"id_token": *"([^"]+)".*/\1/'


@dataclass(frozen=True, slots=True)
class Served:
    """A lab that is served, the image pushed to its registry, and who signs."""

    directory: Path
    server: LabServer
    image: str
    signer: Identity
    workflow: Identity

    def path(self, name: str) -> str:
        """A file of the directory, from wherever it is asked for."""
        return str(self.directory.absolute() / name)


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

    1. Check who is to sign, start a lab and a registry; push an unsigned image to try things on.
    2. Write the trust, the signing configurations, identity tokens (readable by the owner only), the TUF root
       and the command lines into the directory, which is made if need be. Files of the same names are replaced.
    3. Print the warning and the command lines to paste, then wait.

    Raises LabError when a port is taken, when the directory cannot be written and for an identity that cannot
    stand in a certificate. Signals are caught in the main thread only.
    """
    stopped = stop or threading.Event()
    lab = Lab()
    signer = _signer(lab, identity, issuer)  # 1
    registry = MemoryRegistry(referrers_api=referrers_api)
    with (
        _until_signalled(stopped),
        _listening(lab, registry, port, registry_port) as server,
    ):
        image = f"{server.registry_address}/{_DEMO}@{push_image(registry, _DEMO, tag='v1').digest}"
        workflow, _ = lab.oidc.verify(lab.oidc.github_token())
        served = Served(directory, server, image, signer, workflow)
        told = introduction(served)
        write_directory(served, told)  # 2
        out.write(f"{told}Interrupt to stop.\n")  # 3
        out.flush()
        stopped.wait()


def _signer(lab: Lab, identity: str, issuer: str) -> Identity:
    """Who the token will speak for. Raises LabError where the lab's Fulcio would certify nobody."""
    if not identity or not issuer:
        raise LabError("--identity and --issuer must not be empty: a certificate names both")
    if issuer == GITHUB_ISSUER:
        raise LabError(
            f"--issuer {issuer}: a token of GitHub needs more claims than an identity\n"
            "  Leave --issuer out: the file token.github holds such a token, every claim included."
        )
    signer, _ = lab.oidc.verify(lab.token(identity, issuer=issuer))
    try:
        signer.alternative_name()
    except LabError as error:
        raise LabError(f"--identity: {error}") from error
    return signer


@contextmanager
def _listening(lab: Lab, registry: MemoryRegistry, port: int, registry_port: int) -> Iterator[LabServer]:
    """A server while entered. Raises LabError when a port cannot be had."""
    server = LabServer(lab, registry=registry, port=port, registry_port=registry_port)
    with ExitStack() as running:
        try:
            running.enter_context(server)
        except OSError as error:
            # The lab's own port comes first: once it is had, the server knows its URL.
            option, wanted = ("--registry-port", registry_port) if server.url else ("--port", port)
            raise LabError(
                f"cannot listen on 127.0.0.1:{wanted} ({option}): {error.strerror}\n"
                "  Choose another port, or leave the option out and get a free one."
            ) from error
        yield server


def write_directory(served: Served, told: str) -> None:
    """Writes the files a client needs, and what is told about them. Raises LabError."""
    server = served.server
    files = {
        "trusted_root.json": server.lab.trusted_root(),
        "signing_config.json": server.signing_config(),
        "signing_config.rekor2.json": server.signing_config(rekor=2),
        "signing_config.no-tsa.json": server.signing_config(timestamp=False),
        "client_trust_config.json": server.client_trust_config(),
        "root.json": server.tuf.root,
        "WARNING": WARNING.encode() + b"\n",
        "commands.txt": os.fsencode(told),
        **server.lab.pem_files(),
    }
    signer = served.signer
    try:
        served.directory.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (served.directory / name).write_bytes(data)
        token = server.lab.token(signer.name, issuer=signer.issuer, lifetime=_TOKEN_LIFETIME)
        _write_private(served.directory / "token", token.encode())
        _write_private(served.directory / "token.github", _workflow_token(server.lab).encode())
    except OSError as error:
        place = error.filename or served.directory
        raise LabError(
            f"{place}: cannot be written: {error.strerror}\n  Name a folder that you may write."
        ) from error


def _workflow_token(lab: Lab) -> str:
    """A token with the claims of GitHub Actions that lasts as long as the other."""
    payload = lab.oidc.github_token().split(".")[1]
    claims = parse_object(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    kept = {name: value for name, value in claims.items() if name not in {"iat", "nbf", "exp"}}
    return lab.oidc.token(text(claims, "sub"), issuer=GITHUB_ISSUER, lifetime=_TOKEN_LIFETIME, claims=kept)


def introduction(served: Served) -> str:
    """The warning, where things are, and command lines that work as they stand, whatever the folder."""
    server = served.server
    places = {
        "Sigstore": server.url,
        "TUF": server.tuf_url,
        "registry": server.registry_address,
        "files": served.path(""),
        "image": served.image,
    }
    lines = [WARNING, "", *(f"{name + ':':<10} {place}" for name, place in places.items()), ""]
    for title, commands in _commands(served).items():
        lines += [f"# {title}", *commands, ""]
    return "\n".join([*lines, ""])


def _commands(served: Served) -> dict[str, list[str]]:
    """Command lines under what they are for."""
    initialising = ["--mirror", served.server.tuf_url, "--root", served.path("root.json")]
    return {
        "Sign the image, and see it verified.": [
            _signing(served, "token"),
            shlex.join(["cosign", "verify", *_verifying(served, served.signer)]),
            shlex.join(["pycosign", "verify", *_verifying(served, served.signer)]),
        ],
        "The same as a workflow of GitHub Actions, every claim included.": [
            _signing(served, "token.github"),
            shlex.join(["pycosign", "verify", *_verifying(served, served.workflow)]),
        ],
        "A token for anybody, in place of the file token (it lasts 10 minutes): a URI, an e-mail address.": [
            _minting(served, "https://ci.lab.test/another-workflow@refs/heads/main"),
            _minting(served, "someone@lab.test"),
        ],
        "The trusted root by TUF.": [
            f"TUF_ROOT={shlex.quote(served.path('tuf-cache'))} "
            + shlex.join(["cosign", "initialize", *initialising])
        ],
    }


def _signing(served: Served, token: str) -> str:
    where = ["--signing-config", served.path("signing_config.json")]
    trust = ["--trusted-root", served.path("trusted_root.json")]
    return shlex.join(
        ["cosign", "sign", *where, *trust, "--identity-token", served.path(token), "-y", served.image]
    )


def _verifying(served: Served, signer: Identity) -> list[str]:
    who = ["--certificate-identity", signer.name, "--certificate-oidc-issuer", signer.issuer]
    return ["--trusted-root", served.path("trusted_root.json"), *who, served.image]


def _minting(served: Served, subject: str) -> str:
    fields = [f"subject={subject}", f"issuer={served.signer.issuer}"]
    asking = ["curl", "-sSf", *(word for field in fields for word in ("--data-urlencode", field))]
    taking = shlex.join(["sed", "-E", _ANSWERED])
    keeping = shlex.quote(served.path("token"))
    return f"{shlex.join([*asking, f'{served.server.url}/oidc/token'])} | {taking} > {keeping}"


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
