"""The cases of sigstore-conformance, offline: ``test/assets/bundle-verify`` of a copy outside this project.

They go through the command line, each by the path of its artifact and by its digest. ``PYCOSIGN_CONFORMANCE``
names the checkout. A folder whose name ends in ``_fail`` must be refused. No flag is given but those that name the
signer and, where a folder has one, its trusted root.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from pycosign.cli.main import pycosign, run

_GIVEN = os.environ.get("PYCOSIGN_CONFORMANCE", "")
if not _GIVEN:
    pytest.skip(
        "PYCOSIGN_CONFORMANCE does not name a checkout of sigstore/sigstore-conformance",
        allow_module_level=True,
    )
_FOLDER = Path(_GIVEN) / "test" / "assets" / "bundle-verify"
# The suite's defaults (test/conftest.py of sigstore-conformance).
_BEACON = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
_IDENTITY = f"{_BEACON}/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
_ISSUER = "https://token.actions.githubusercontent.com"

# What cannot be verified with what is given (exit code 2), and so is refused without a verdict.
_UNUSABLE = {
    # The key is no base64: the last of its symbols stands for bits that are not there.
    ("managed-key-wrong-key_fail", "path"),
    ("managed-key-wrong-key_fail", "digest"),
    # The trusted root does not say since when a log is trusted, which it has to.
    ("trust-root-tlog-missing-validity-start_fail", "path"),
    ("trust-root-tlog-missing-validity-start_fail", "digest"),
}

CASES = sorted(folder.name for folder in _FOLDER.iterdir() if folder.is_dir())


def _text(path: Path, default: str) -> str:
    return path.read_text().strip() if path.exists() else default


def _command(bundle: Path) -> list[str]:
    """As the suite's clients choose it: by what the bundle holds. One that is no JSON holds no attestation."""
    try:
        attestation = "dsseEnvelope" in json.loads(bundle.read_bytes())
    except ValueError:
        attestation = False
    return ["verify-blob-attestation", "--type", "any"] if attestation else ["verify-blob"]


def _signer(folder: Path) -> list[str]:
    key = folder / "key.pub"
    if key.exists():
        return ["--key", str(key)]
    return [
        "--certificate-identity",
        _text(folder / "identity", _IDENTITY),
        "--certificate-oidc-issuer",
        _text(folder / "issuer", _ISSUER),
    ]


@pytest.mark.parametrize("by", ["path", "digest"])
@pytest.mark.parametrize("name", CASES)
def test_case(name: str, by: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _FOLDER / name
    own, root, bundle = folder / "artifact", folder / "trusted_root.json", folder / "bundle.sigstore.json"
    artifact = own if own.exists() else _FOLDER / "a.txt"
    named = str(artifact) if by == "path" else f"sha256:{hashlib.sha256(artifact.read_bytes()).hexdigest()}"
    trust = ["--trusted-root", str(root)] if root.exists() else []
    code = run(pycosign, [*_command(bundle), "--bundle", str(bundle), *_signer(folder), *trust, named])
    told = capsys.readouterr()
    if name.endswith("_fail"):
        assert code == (2 if (name, by) in _UNUSABLE else 1), told.out + told.err
        assert "Traceback" not in told.err
    else:
        assert code == 0, told.out + told.err


def test_all_cases_are_there() -> None:
    assert len(CASES) >= 70
    assert sum((_FOLDER / name / "key.pub").exists() for name in CASES) == 3
