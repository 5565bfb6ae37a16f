"""What a command imports: a key needs neither sigstore nor gRPC, and who asks for help needs nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pycosign.lab import Lab, MemoryRegistry, attach_bundle, push_image, serve_registry
from pycosign.lab.keys import spki_pem

KEY = ec.generate_private_key(ec.SECP256R1())
CONTENT = b"a file"
WITH_KEY = ("--key", "key.pub", "--insecure-ignore-tlog")
IDENTITY = ("--certificate-identity", "a", "--certificate-oidc-issuer", "b", "--trusted-root", "root.json")

# A fresh interpreter runs the command and tells what it loaded.
_PROGRAM = """
import json, sys
from pycosign.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as ending:
    loaded = sorted({name.partition(".")[0] for name in sys.modules} | {
        name for name in sys.modules if name.startswith(("google.", "verifier.", "pycosign."))
    })
    print(json.dumps({"code": ending.code, "loaded": loaded}), file=sys.stderr)
"""
HEAVY = {"sigstore", "sigstore_models", "grpc", "google.protobuf", "rfc3161_client", "tuf", "pycosign.lab"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, lab = tmp_path_factory.mktemp("startup"), Lab()
    (folder / "key.pub").write_bytes(spki_pem(KEY.public_key()))
    (folder / "root.json").write_bytes(lab.trusted_root())
    (folder / "file").write_bytes(CONTENT)
    unlogged = lab.sign_blob(CONTENT, key=KEY, keyless=False, log=None, timestamp=False)
    (folder / "bundle").write_bytes(unlogged)
    digest = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    attested = lab.attest(
        digest, predicate_type="https://p", predicate={}, key=KEY, keyless=False, log=None, timestamp=False
    )
    (folder / "attestation").write_bytes(attested)
    return folder


def _loaded(folder: Path, code: int, *arguments: str) -> set[str]:
    """The modules of a command that ended with ``code``."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("SIGSTORE_", "COSIGN_"))
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM, *arguments],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    told = json.loads(done.stderr.splitlines()[-1])
    assert told["code"] == code, done.stdout + done.stderr
    return set(told["loaded"])


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("frobnicate",)])
def test_help_needs_nothing_of_the_verifier(folder: Path, arguments: tuple[str, ...]) -> None:
    loaded = _loaded(folder, 2 if arguments == ("frobnicate",) else 0, *arguments)
    assert loaded & (HEAVY | {"cryptography", "pydantic", "urllib3", "re2", "verifier"}) == set()


def test_a_file_and_a_key(folder: Path) -> None:
    loaded = _loaded(folder, 0, "verify-blob", "file", "--bundle", "bundle", *WITH_KEY)
    assert "verifier.engines.keys" in loaded
    assert loaded & HEAVY == set()


def test_an_attestation_and_a_key(folder: Path) -> None:
    given = ("verify-blob-attestation", "file", "--bundle", "attestation", "--type", "any", *WITH_KEY)
    assert _loaded(folder, 0, *given) & HEAVY == set()


def test_an_image_and_a_key(folder: Path) -> None:
    lab, registry = Lab(), MemoryRegistry()
    image = push_image(registry, "app", tag="v1")
    bundle = lab.sign_image(image.digest, key=KEY, keyless=False, log=None, timestamp=False)
    attach_bundle(registry, "app", image, bundle)
    with serve_registry(registry) as address:
        loaded = _loaded(folder, 0, "verify", f"{address}/app:v1", *WITH_KEY)
    assert loaded & HEAVY == set()


def test_what_would_be_noticed(folder: Path) -> None:
    given = ("verify-blob", "file", "--bundle", "bundle")
    assert "google.protobuf" in _loaded(folder, 0, *given, *WITH_KEY, "-o", "json")
    assert "sigstore" in _loaded(folder, 1, *given, *IDENTITY)
    assert "sigstore" in _loaded(folder, 1, *given, "--key", "key.pub", "--trusted-root", "root.json")
