"""What cosign and sigstore-python wrote, against the answers that ``cases.json`` requires."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from providers.errors import VerificationError
from tests.tools import shared_vectors
from tests.unit.engines.world import question, suffices
from verifier.engines.sigstore import SigstoreEngine
from verifier.facts import TIMESTAMP_AUTHORITY, SignatureFacts

FOLDER = shared_vectors()
PREDICATES = {
    "custom": "https://cosign.sigstore.dev/attestation/v1",
    "cyclonedx": "https://cyclonedx.org/bom",
}
# A class of the answer that fits as well, where several checks fail at once or ours fails earlier.
ALSO = {
    "signature-invalid": {"subject-digest-mismatch"},
    "subject-digest-mismatch": {"signature-invalid"},
}


def _cases() -> list[Any]:
    """Certificate bundles only; patterns are the core's."""
    found = []
    for case in json.loads((FOLDER / "cases.json").read_text()):
        command = case["command"]
        if case["case"].startswith("keyless/") and "--key" not in command and "-regexp" not in command:
            found.append(pytest.param(case, id=case["case"].removeprefix("keyless/")))
    return found


def _options(command: str) -> dict[str, str]:
    words = shlex.split(command)
    return {
        word: follower
        for word, follower in zip(words, [*words[1:], ""], strict=True)
        if word.startswith("--")
    }


def _judge(facts: SignatureFacts, options: dict[str, str]) -> str:
    """cosign's own policy in seven lines, in the core's order of precedence."""
    signer = facts.certificate
    assert signer is not None
    if not facts.scts:
        return "sct-untrusted"
    if "--type" in options and facts.predicate_type != PREDICATES.get(options["--type"], options["--type"]):
        return "predicate-type-mismatch"
    stamps = [
        s
        for s in facts.timestamps
        if s.type == TIMESTAMP_AUTHORITY or "--use-signed-timestamps" not in options
    ]
    if not stamps:
        return "no-timestamp"
    wanted = (options["--certificate-identity"], options["--certificate-oidc-issuer"])
    repository = options.get("--certificate-github-workflow-repository")
    if (signer.subject_alternative_name, signer.issuer) != wanted:
        return "identity-mismatch"
    if repository and signer.claim("githubWorkflowRepository") != repository:
        return "identity-mismatch"
    return "ok" if suffices(facts) else "too little"


@pytest.mark.parametrize("case", _cases())
def test_the_required_answer(engine: SigstoreEngine, case: dict[str, Any]) -> None:
    options = _options(case["command"])
    bundle = (FOLDER / options["--bundle"]).read_bytes()
    artifact = (FOLDER / case["artifact"]).read_bytes()
    root = (FOLDER / options["--trusted-root"]).read_bytes()
    try:
        answer = _judge(engine.verify(question(bundle, root, artifact)), options)
    except VerificationError as error:
        answer = str(error.reason)
    assert (answer == "ok") == (case["expect"] == "accept"), answer
    assert answer in {case["reason"], *ALSO.get(case["reason"], ())}


def test_there_are_cases() -> None:
    assert len(_cases()) >= 45
    assert isinstance(FOLDER, Path)
