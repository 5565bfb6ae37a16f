"""Registries on this machine, what signs into them with keys, and our verifier beside it."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from providers.policy import Policy
from providers.requirement import AttestationRequirement
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedKey
from providers.verifier_config import VerifierConfig
from tests.tools import require_tool
from verifier.app import LayoutStore, RegistryStore, assemble
from verifier.budget import Budget
from verifier.discovery import Discovery
from verifier.results import ValidationResult

_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "{address}"}}
"""
# How cosign is told to store what it signs.
FORMS = {
    "bundle": [],
    "legacy": ["--new-bundle-format=false"],
    "oci11": ["--new-bundle-format=false", "--registry-referrers-mode=oci-1-1"],
}
ANY_ATTESTATION = AttestationRequirement()


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Yields the address of Debian's docker-registry (distribution 2.8), which has no Referrers API."""
    program = require_tool("docker-registry")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
    (folder / "config.yml").write_text(_CONFIG.format(root=folder / "data", address=f"{host}:{port}"))
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log) as process,
    ):
        try:
            _wait_for(host, port, process, folder / "log")
            yield f"{host}:{port}"
        finally:
            process.terminate()


def _wait_for(host: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


@dataclass
class Desk:
    """A registry, and a folder with two key pairs, ``ours`` and ``other``."""

    registry: str
    folder: Path
    _serial: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def prepare(cls, registry: str, folder: Path) -> Desk:
        """Make the keys."""
        desk = cls(registry, folder)
        for name in ("ours", "other"):
            desk.run("cosign", "generate-key-pair", "--output-key-prefix", name)
        (folder / "predicate.json").write_text('{"a":1}')
        return desk

    def run(self, program: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
        """What ``program`` prints."""
        home = str(self.folder)
        own = {"PATH": os.environ["PATH"], "HOME": home, "DOCKER_CONFIG": home, "TUF_ROOT": f"{home}/tuf"}
        done = subprocess.run(
            [require_tool(program), *arguments],
            check=False,
            cwd=self.folder,
            env={**own, "COSIGN_PASSWORD": "", "COSIGN_EXPERIMENTAL": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def image(self, repository: str = "") -> str:
        """Push an image that was never there; the reference of its digest."""
        number = next(self._serial)
        layer = self.folder / "layer.tar"
        content = f"{time.monotonic_ns()} {number}".encode()
        with tarfile.open(layer, "w") as tar:
            member = tarfile.TarInfo("hello")
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
        name = f"{self.registry}/{repository or f'demo/image-{number}'}"
        self.run("crane", "append", "--new_layer", str(layer), "--new_tag", f"{name}:v1")
        return f"{name}@{self.run('crane', 'digest', f'{name}:v1').strip()}"

    def sign(
        self,
        reference: str,
        form: str,
        *more: str,
        key: str = "ours",
        environment: dict[str, str] | None = None,
    ) -> None:
        """Sign with cosign and ``key``, without a log."""
        flags = ["--key", f"{key}.key", "--use-signing-config=false", "--tlog-upload=false", "-y"]
        self.run("cosign", "sign", *flags, *FORMS[form], *more, reference, environment=environment)

    def attest(
        self, reference: str, form: str, *, key: str = "ours", environment: dict[str, str] | None = None
    ) -> None:
        """The same for an attestation."""
        flags = ["--key", f"{key}.key", "--use-signing-config=false", "--tlog-upload=false", "-y"]
        about = ["--type", "custom", "--predicate", "predicate.json"]
        self.run("cosign", "attest", *flags, *FORMS[form], *about, reference, environment=environment)

    def validate(
        self,
        reference: str | Subject,
        *,
        store: RegistryStore | LayoutStore | None = None,
        key: str = "ours",
        attestation: AttestationRequirement | None = None,
        discovery: Discovery | None = None,
        budget: Budget | None = None,
    ) -> ValidationResult:
        """Our verdict: signed with ``key``, no log asked for."""
        subject = Subject.parse(reference) if isinstance(reference, str) else reference
        trusted = TrustedKey(key, (self.folder / f"{key}.pub").read_bytes())
        policy = Policy.single(
            name="release",
            scopes=(Scope.parse("*"),),
            keys=(key,),
            attestation=attestation,
            verifier_config=VerifierConfig.for_keys(unsafe_ignore_tlog=True),
        )
        with assemble(
            trust=StaticTrustedMaterialProvider.from_files(None, (trusted,)),
            policies=StaticPolicyProvider((policy,)),
            store=store or RegistryStore(plain_http=frozenset({subject.reference.registry})),
            discovery=discovery,
        ) as verifier:
            return verifier.validate(subject, budget or Budget(60))
