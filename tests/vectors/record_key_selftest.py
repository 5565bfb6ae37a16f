"""Writes what the self-test of the engine for keys verifies: run it again when a kind of key is added.

    .venv/bin/python -m tests.vectors.record_key_selftest

The keys are thrown away with the process.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pycosign.lab.keys import Scheme, SigningKey, sign, spki_der
from verifier.engines.keys_selftest import ARTIFACT

FILE = Path(__file__).parents[2] / "verifier" / "engines" / "keys_recorded.py"
_HEAD = '''"""Signatures over the artifact of the self-test. Written by tests/vectors/record_key_selftest.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recorded:
    """A signature; ``key`` is the DER of its public key, and both are in base64."""

    what: str
    key: str
    signature: str


'''


def main() -> None:
    """Sign the artifact in every way."""
    recorded = [
        f"    Recorded(\n        {what!r},\n{_quoted(spki_der(key.public_key()))}"
        f"{_quoted(sign(key, ARTIFACT, scheme))}    ),\n"
        for what, key, scheme in _keys()
    ]
    FILE.write_text((_HEAD + "RECORDED = (\n" + "".join(recorded) + ")\n").replace("'", '"'))


def _keys() -> Iterator[tuple[str, SigningKey, Scheme]]:
    curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    for name, curve in curves.items():
        yield f"ECDSA {name}", ec.generate_private_key(curve), "usual"
    big = rsa.generate_private_key(65537, 2048)
    yield "RSA PKCS #1 v1.5", big, "usual"
    yield "RSA PSS", big, "pss"
    small = ed25519.Ed25519PrivateKey.generate()
    yield "Ed25519", small, "usual"
    yield "Ed25519ph", small, "ed25519ph"


def _quoted(data: bytes) -> str:
    lines = textwrap.wrap(base64.b64encode(data).decode("ascii"), 96)
    if len(lines) == 1:
        return f"        {lines[0]!r},\n"
    return "        (\n" + "".join(f"            {line!r}\n" for line in lines) + "        ),\n"


if __name__ == "__main__":
    main()
