"""Every folder of ``tests/vectors/bundles`` gets its answer; names ending in ``_fail`` are denied."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.errors import VerificationError
from tests.unit.engines.world import question
from verifier.engines.sigstore import SigstoreEngine
from verifier.facts import SignatureFacts

FOLDER = Path(__file__).parents[2] / "vectors" / "bundles"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/answer"))


def _judge(facts: SignatureFacts) -> str:
    """The default policy without identities."""
    if not facts.scts:
        return "sct-untrusted"
    if not facts.log_entries:
        return "no-log-entry"
    return "ok" if facts.timestamps else "no-timestamp"


@pytest.mark.parametrize("name", NAMES)
def test_answer(engine: SigstoreEngine, name: str) -> None:
    bundle = (FOLDER / name / "bundle.sigstore.json").read_bytes()
    root, artifact = (FOLDER / "trusted_root.json").read_bytes(), (FOLDER / "artifact").read_bytes()
    try:
        answer = _judge(engine.verify(question(bundle, root, artifact)))
    except VerificationError as error:
        answer = str(error.reason)
    assert answer == (FOLDER / name / "answer").read_text().strip()
    assert (answer == "ok") is not name.endswith("_fail")


def test_there_are_vectors() -> None:
    assert len(NAMES) >= 25
