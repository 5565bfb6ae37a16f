"""The cases of sigstore-conformance, offline: ``test/assets/bundle-verify`` of a copy outside this project.

``PYCOSIGN_CONFORMANCE`` names the checkout. A folder whose name ends in ``_fail`` must be refused.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from providers.errors import UnavailableError, VerificationError
from tests.unit.engines.world import question, suffices
from verifier.engines.sigstore import SigstoreEngine
from verifier.engines.sigstore.embedded import embedded_root

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

CASES = sorted(folder.name for folder in _FOLDER.iterdir() if folder.is_dir())
# Signed with a key that the verifier is given: another engine's business.
KEYED = {name for name in CASES if (_FOLDER / name / "key.pub").exists()}


def _text(path: Path, default: str) -> str:
    return path.read_text().strip() if path.exists() else default


def _accepts(name: str) -> bool:
    folder = _FOLDER / name
    own = folder / "artifact"
    artifact = (own if own.exists() else _FOLDER / "a.txt").read_bytes()
    root_file = folder / "trusted_root.json"
    root = root_file.read_bytes() if root_file.exists() else embedded_root()[1]
    try:
        options = question((folder / "bundle.sigstore.json").read_bytes(), root, artifact)
        facts = SigstoreEngine().verify(options)
    except (VerificationError, UnavailableError):
        return False
    signer = facts.certificate
    return (
        suffices(facts)
        and signer is not None
        and signer.subject_alternative_name == _text(folder / "identity", _IDENTITY)
        and signer.issuer == _text(folder / "issuer", _ISSUER)
    )


@pytest.mark.parametrize("name", [name for name in CASES if name not in KEYED])
def test_case(name: str) -> None:
    assert _accepts(name) is not name.endswith("_fail")


def test_all_cases_are_there() -> None:
    assert len(CASES) >= 70
    assert len(KEYED) <= 3
