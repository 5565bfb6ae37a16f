"""Writes ``tests/vectors/bundles``: a folder for each vulnerability and oddity that we know of in bundles, and for
each class of the public conformance suite.

    .venv/bin/python -m tests.vectors.record_bundles

A folder holds ``bundle.sigstore.json`` and ``answer`` (``ok`` or a reason code), ``key.pub`` when a signature by
that key is asked for, and ``trusted_root.json`` when the one beside the folders is not meant; the artifact is
beside them as well. The name of a folder ends in ``_fail`` when the bundle must be denied, and starts with
``attestation-`` when an attestation is asked for.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pycosign.lab import Lab
from tests.unit.engines.world import ARTIFACT
from tests.vectors.conformance_bundles import conformance_bundles
from tests.vectors.known_attacks import attacks
from tests.vectors.vector import Vector

FOLDER = Path(__file__).parent / "bundles"


def main() -> None:
    """Write everything anew."""
    lab, stranger = Lab(name="vectors"), Lab(name="stranger")
    vectors = {name: Vector(*found) for name, found in attacks(lab, stranger).items()}
    of_suite = conformance_bundles(lab, stranger)
    if vectors.keys() & of_suite.keys():
        raise ValueError(f"named twice: {vectors.keys() & of_suite.keys()}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    (FOLDER / "trusted_root.json").write_bytes(lab.trusted_root())
    (FOLDER / "artifact").write_bytes(ARTIFACT)
    for name, vector in (vectors | of_suite).items():
        folder = FOLDER / name
        folder.mkdir()
        (folder / "bundle.sigstore.json").write_bytes(vector.bundle)
        (folder / "answer").write_text(vector.answer + "\n", "utf-8")
        for file, content in (("trusted_root.json", vector.trusted_root), ("key.pub", vector.key)):
            if content:
                (folder / file).write_bytes(content)


if __name__ == "__main__":
    main()
