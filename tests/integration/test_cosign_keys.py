"""What cosign signs with keys verifies here, also where its own verification gives up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pycosign.lab import LabServer
from tests.tools import require_tool
from tests.unit.engines.keyed import key_of, trusted, trusted_key
from tests.unit.engines.world import question
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import Compiled, RootProver
from verifier.facts import SignatureFacts
from verifier.formats.signature_file import SignatureFile, SignatureForm, parse_signature_file

ARTIFACT = b"some data"
CUSTOM = "https://cosign.sigstore.dev/attestation/v1"
KINDS = ["p256", "p384", "p521", "rsa-2048", "ed25519"]
OFFLINE = ["--use-signing-config=false", "--tlog-upload=false"]
# Before bundles, with cosign's names of the files.
OLDER = ["--new-bundle-format=false", "--output-signature", "signature"]


@dataclass
class Desk:
    """A lab, a folder, cosign, and keys that it imported."""

    server: LabServer
    folder: Path
    engine: KeyEngine

    def cosign(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        home = str(self.folder)
        return subprocess.run(
            [require_tool("cosign"), *arguments],
            check=False,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": home, "TUF_ROOT": home, "COSIGN_PASSWORD": ""},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def sign(self, command: str, kind: str, *options: str) -> str:
        """The error, empty when there is a signature."""
        (self.folder / "signature").unlink(missing_ok=True)
        what = ["--type", "custom", "--predicate", "predicate"] if command == "attest-blob" else []
        done = self.cosign(command, "--key", f"{kind}.key", "--yes", *what, *options, "blob")
        return done.stderr if done.returncode else ""

    def verify(self, form: SignatureForm, kind: str, *, root: bool = False) -> SignatureFacts:
        given = SignatureFile(form, (self.folder / "signature").read_bytes())
        material = trusted(trusted_key(key_of(kind)), root=self.server.lab.trusted_root() if root else b"")
        return self.engine.verify(question(parse_signature_file(given), material, ARTIFACT))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    require_tool("cosign")
    folder, compiled = tmp_path_factory.mktemp("desk"), Compiled()
    with LabServer() as server:
        made = Desk(server, folder, KeyEngine(lambda: RootProver(compiled)))
        files = {
            "root": server.lab.trusted_root(),
            "v1": server.signing_config(timestamp=False),
            "v2": server.signing_config(rekor=2),
            "blob": ARTIFACT,
            "predicate": b'{"a":1}',
        }
        for kind in KINDS:
            files[f"{kind}.pem"] = key_of(kind).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
        for name, data in files.items():
            (folder / name).write_bytes(data)
        for kind in KINDS:
            done = made.cosign("import-key-pair", "--key", f"{kind}.pem", "-o", kind)
            assert done.returncode == 0, done.stderr
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_alone(desk: Desk, kind: str) -> None:
    """cosign verifies neither its bundles nor its attestations by Ed25519, and P-384 and P-521 only when told."""
    assert desk.sign("sign-blob", kind, *OFFLINE, "--bundle", "signature") == ""
    assert desk.verify(SignatureForm.BUNDLE, kind).predicate_type == ""
    assert desk.sign("attest-blob", kind, *OFFLINE, "--bundle", "signature") == ""
    assert desk.verify(SignatureForm.BUNDLE, kind).predicate_type == CUSTOM
    assert desk.sign("sign-blob", kind, *OFFLINE, *OLDER) == ""
    assert desk.verify(SignatureForm.SIGNATURE, kind).predicate_type == ""
    assert desk.sign("attest-blob", kind, *OFFLINE, *OLDER) == ""
    assert desk.verify(SignatureForm.ENVELOPE, kind).predicate_type == CUSTOM


@pytest.mark.parametrize("config", ["v1", "v2"])
@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa-2048"])
def test_a_key_and_a_log(desk: Desk, kind: str, config: str) -> None:
    logged = ["--signing-config", config, "--trusted-root", "root", "--bundle", "signature"]
    assert desk.sign("sign-blob", kind, *logged) == ""
    facts = desk.verify(SignatureForm.BUNDLE, kind, root=True)
    assert (len(facts.log_entries), len(facts.timestamps)) == (1, 1)


@pytest.mark.parametrize("config", ["v1", "v2"])
@pytest.mark.parametrize("kind", ["p256", "rsa-2048"])
def test_an_attestation_and_a_log(desk: Desk, kind: str, config: str) -> None:
    """With other keys cosign 3.1.1 cannot log one."""
    logged = ["--signing-config", config, "--trusted-root", "root", "--bundle", "signature"]
    assert desk.sign("attest-blob", kind, *logged) == ""
    facts = desk.verify(SignatureForm.BUNDLE, kind, root=True)
    assert (len(facts.log_entries), len(facts.timestamps)) == (1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_an_older_bundle_with_a_promise(desk: Desk, kind: str) -> None:
    """For a log cosign signs with Ed25519ph, which a hash is enough to check."""
    promised = ["--use-signing-config=false", "--rekor-url", desk.server.url, "--new-bundle-format=false"]
    assert desk.sign("sign-blob", kind, *promised, "--bundle", "signature", "--output-signature", "s") == ""
    facts = desk.verify(SignatureForm.BUNDLE, kind, root=True)
    assert (len(facts.log_entries), len(facts.timestamps)) == (1, 1)
