"""Writes what the self-test of the sigstore engine verifies: run it again when the formats change.

    .venv/bin/python -m tests.vectors.record_selftest

The keys of the lab are thrown away with the process; the bundles stay verifiable for ever, because their times
come from the log and the timestamp authority.
"""

from __future__ import annotations

from pathlib import Path

from pycosign.lab import Lab
from verifier.engines.sigstore.selftest import ARTIFACT, ARTIFACT_DIGEST

FOLDER = Path(__file__).parents[2] / "verifier" / "engines" / "sigstore" / "recorded"


def main() -> None:
    """Sign the artifact twice and write both bundles with their trusted root."""
    lab = Lab(name="self-test")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "trusted_root.json").write_bytes(lab.trusted_root())
    (FOLDER / "dsse-rekor1.json").write_bytes(
        lab.sign_image(ARTIFACT_DIGEST, annotations={"for": "self-test"})
    )
    (FOLDER / "message-rekor2.json").write_bytes(lab.sign_blob(ARTIFACT, log="rekor2"))


if __name__ == "__main__":
    main()
