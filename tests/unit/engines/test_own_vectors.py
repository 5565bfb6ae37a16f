"""Every folder of ``tests/vectors/bundles`` gets its answer, on the whole line; names ending in ``_fail`` are
denied. And every class of the public conformance suite has a folder of ours.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.policy import Policy
from providers.reference import Reference
from providers.requirement import AttestationRequirement
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedKey, TrustedMaterial
from providers.verifier_config import VerifierConfig
from tests.unit.engines.world import OneArtifact
from tests.vectors.conformance_classes import CLASSES
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import Compiled, RootProver, SigstoreEngine
from verifier.formats.signature_file import SignatureFile, SignatureForm
from verifier.results import ValidationResult
from verifier.verdict import Outcome

FOLDER = Path(__file__).parents[2] / "vectors" / "bundles"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/answer"))
ARTIFACT = (FOLDER / "artifact").read_bytes()
_COMPILED = Compiled()
_ENGINES = (SigstoreEngine(_COMPILED), KeyEngine(lambda: RootProver(_COMPILED)))


def _policy(name: str, keys: tuple[TrustedKey, ...]) -> Policy:
    """The default policy for keys, or for certificates, whoever they name."""
    return Policy.single(
        name="p",
        scopes=(Scope.parse("*"),),
        keys=tuple(key.name for key in keys),
        unsafe_ignore_identities=not keys,
        verifier_config=VerifierConfig.for_keys() if keys else VerifierConfig(),
        attestation=AttestationRequirement() if name.startswith("attestation-") else None,
    )


def _verdict(name: str) -> ValidationResult:
    """What the verifier says of the artifact, with the bundle of one folder beside it."""
    folder = FOLDER / name
    root = folder / "trusted_root.json"
    key = folder / "key.pub"
    content = (root if root.exists() else FOLDER / "trusted_root.json").read_bytes()
    keys = (TrustedKey("key", key.read_bytes()),) if key.exists() else ()
    verifier = Verifier(
        store=OneArtifact(ARTIFACT),
        engines=_ENGINES,
        trust=StaticTrustedMaterialProvider(TrustedMaterial.of("test", content, datetime.now(UTC), keys)),
        policies=StaticPolicyProvider((_policy(name, keys),)),
        clock=lambda: datetime.now(UTC),
    )
    digest = digest_of(ARTIFACT)
    return verifier.validate_file(
        Subject(Reference.local("artifact", digest=digest)),
        Descriptor("application/octet-stream", digest, len(ARTIFACT)),
        [SignatureFile(SignatureForm.BUNDLE, (folder / "bundle.sigstore.json").read_bytes())],
        Budget(60),
    )


@pytest.mark.parametrize("name", NAMES)
def test_answer(name: str) -> None:
    result = _verdict(name)
    assert str(result.reason) == (FOLDER / name / "answer").read_text("utf-8").strip(), result.message
    assert (result.outcome is Outcome.ALLOWED) is not name.endswith("_fail")


@pytest.mark.parametrize("theirs", CLASSES)
def test_every_class_of_the_conformance_suite_has_a_case_of_our_own(theirs: str) -> None:
    ours = CLASSES[theirs]
    assert ours in NAMES
    assert ours.endswith("_fail") is theirs.endswith("_fail")


def test_no_case_stands_for_two_classes() -> None:
    assert len(CLASSES) == len(set(CLASSES.values())) == 70
