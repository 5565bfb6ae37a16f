"""One folder under ``bundles``, and the trusted root it may bring."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pycosign.lab import Lab


@dataclass(frozen=True, slots=True)
class Vector:
    """One folder. Empty: the common trusted root, and no key."""

    answer: str
    bundle: bytes
    trusted_root: bytes = b""
    key: bytes = b""


Vectors = dict[str, Vector]


def root_with(lab: Lab, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The lab's trusted root with its JSON changed."""
    document = json.loads(lab.trusted_root())
    change(document)
    return json.dumps(document, indent=1).encode()


def der(certificate: x509.Certificate) -> bytes:
    """The certificate in DER."""
    return certificate.public_bytes(Encoding.DER)
