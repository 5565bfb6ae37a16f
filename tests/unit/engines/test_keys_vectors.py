"""What cosign signed with keys, in every form it stores, against the answers that ``cases.json`` requires."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import VerificationError
from providers.policy import Policy
from providers.predicates import predicate_type_of
from providers.reasons import ReasonCode
from providers.requirement import AttestationRequirement
from providers.scope import Scope
from providers.trust import TrustedKey, TrustedMaterial
from providers.verifier_config import VerifierConfig
from tests.single import demand_of
from tests.tools import shared_vectors
from tests.unit.engines.world import question
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import SigstoreEngine
from verifier.formats.entity import SignedEntity
from verifier.formats.layer import SIGNATURE_MEDIA_TYPES, parse_layer
from verifier.formats.signature_file import SignatureFile, SignatureForm, parse_signature_file
from verifier.judge import judge

FOLDER = shared_vectors()
NOW = datetime.now(UTC)
# What says where signatures are looked for; that is not an engine's business.
OF_DISCOVERY = {
    "oci/attach-sbom/signature-wanted",
    "oci/attach-sbom/attestation-wanted",
    "oci/sign-oci11-experimental-key/default-mode",
    "oci/sign-bundle-referrersapi-key/legacy-tag-only",
}
# A class of the answer that fits as well, where several checks fail at once or ours fails earlier.
ALSO = {
    "signature-invalid": {"subject-digest-mismatch"},
    "subject-digest-mismatch": {"signature-invalid"},
    "no-attestation": {"no-signature"},
}


def _cases() -> list[Any]:
    listed = json.loads((FOLDER / "cases.json").read_text())
    return [
        pytest.param(case, id=case["case"])
        for case in listed
        if "--key " in case["command"] and case["case"] not in OF_DISCOVERY
    ]


class Command:
    """A command of ``cases.json``, taken apart."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.words = shlex.split(case["command"])
        self.case = case

    def value(self, flag: str) -> str:
        return self.words[self.words.index(flag) + 1] if flag in self.words else ""

    def path(self, flag: str) -> bytes:
        return (FOLDER / self.value(flag)).read_bytes() if self.value(flag) else b""

    @property
    def material(self) -> TrustedMaterial:
        root = self.path("--trusted-root")
        if not root and "--insecure-ignore-tlog" not in self.words:
            # The log's key comes from the environment: take the root that holds it, or one that does not.
            foreign = "foreign" in self.case["case"]
            root = (FOLDER / "keyless" / ("size1-tree" if foreign else "") / "trusted_root.json").read_bytes()
        algorithm = self.value("--signature-digest-algorithm")
        key = TrustedKey("the key", self.path("--key"), algorithm)
        return TrustedMaterial.of("vectors", root, NOW, (key,))

    @property
    def policy(self) -> Policy:
        ignored = "--insecure-ignore-tlog" in self.words
        wanted = None
        if "attestation" in self.words[1]:
            wanted = AttestationRequirement((predicate_type_of(self.value("--type")),))
        pairs = [
            word.partition("=")
            for flag, word in zip(self.words, self.words[1:], strict=False)
            if flag == "-a"
        ]
        return Policy.single(
            "test",
            (Scope.parse("*"),),
            keys=("the key",),
            verifier_config=VerifierConfig.for_keys(
                unsafe_ignore_tlog=ignored,
                require_signed_timestamps="--use-signed-timestamps" in self.words,
            ),
            annotations=tuple((name, value) for name, _, value in pairs),
            attestation=wanted,
        )


def _signatures(command: Command) -> list[SignedEntity]:
    if command.case["case"].startswith("oci/"):
        return _stored(FOLDER / "oci" / command.case["case"].split("/")[1])
    bundle, signature = command.path("--bundle"), command.path("--signature")
    if bundle:
        return [parse_signature_file(SignatureFile(SignatureForm.BUNDLE, bundle))]
    envelope = signature.startswith(b"{")
    form = SignatureForm.ENVELOPE if envelope else SignatureForm.SIGNATURE
    return [parse_signature_file(SignatureFile(form, signature))]


def _stored(fixture: Path) -> list[SignedEntity]:
    """Every signature in the registry of a fixture."""
    found = []
    for manifest in sorted((fixture / "manifests").iterdir()):
        for layer in json.loads(manifest.read_bytes()).get("layers", ()):
            if layer["mediaType"] not in SIGNATURE_MEDIA_TYPES:
                continue
            described = Descriptor.parse(
                media_type=layer["mediaType"],
                digest=layer["digest"],
                size=layer["size"],
                annotations=layer.get("annotations", {}),
            )
            data = (fixture / "blobs" / layer["digest"].replace(":", "-")).read_bytes()
            assert digest_of(data) == layer["digest"]
            found.append(parse_layer(described, data))
    return found


def _artifact(case: dict[str, Any]) -> bytes:
    if case["case"].startswith("oci/"):
        name = case["subject"].replace(":", "-")
        return (FOLDER / case["fixture"] / "manifests" / f"{name}.json").read_bytes()
    if not case["artifact"].startswith("sha256:"):
        return (FOLDER / case["artifact"]).read_bytes()
    content = (FOLDER / "blob" / "f.txt").read_bytes()
    assert digest_of(content) == case["artifact"]
    return content


def _answer(entity: SignedEntity, command: Command, engines: tuple[Any, ...]) -> ReasonCode:
    asked = question(entity, command.material, _artifact(command.case))
    engine = next(engine for engine in engines if engine.takes(entity, asked.trusted_material))
    try:
        return judge(engine.verify(asked), demand_of(command.policy), NOW).reason
    except VerificationError as error:
        return error.reason


@pytest.mark.parametrize("case", _cases())
def test_the_required_answer(engine: SigstoreEngine, keys: KeyEngine, case: dict[str, Any]) -> None:
    command = Command(case)
    try:
        answers = [_answer(entity, command, (engine, keys)) for entity in _signatures(command)]
    except VerificationError as error:
        answers = [error.reason]
    answer = "ok" if ReasonCode.OK in answers else str(max(answers))
    assert (answer == "ok") == (case["expect"] == "accept"), answers
    assert answer in {case["reason"], *ALSO.get(case["reason"], ())}


def test_there_are_cases() -> None:
    assert len(_cases()) >= 80
