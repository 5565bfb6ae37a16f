"""cosign's payload for images before bundles: containers/image "simple signing" (cosign
``specs/SIGNATURE_SPEC.md``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from .statement import MAX_ANNOTATION_BYTES
from .strict_json import object_field, one_spelling, parse_object, text_field

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
COSIGN_TYPE = "cosign container image signature"
# A payload names one image and some annotations; with the annotations that are read it stays far below.
MAX_PAYLOAD = 64 << 10
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SimpleSigning:
    """A signature over ``payload``, the bytes of the layer as they are."""

    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SimplePayload:
    """What a payload says. The docker-reference in it is what the signer typed, and is not kept: only the digest
    binds. ``annotations`` are those whose value is text; cosign writes no others.
    """

    manifest_digest: str
    annotations: tuple[tuple[str, str], ...]


def parse_simple_payload(payload: bytes) -> SimplePayload:
    """Parse a payload whose signature holds.

    Raises:
        VerificationError: ``malformed``; ``unsupported``: it is of another type than cosign's.
    """
    document = one_spelling(parse_object(payload, max_size=MAX_PAYLOAD, fold_case=False))
    critical = one_spelling(object_field(document, "critical"))
    kind = text_field(critical, "type")
    if kind != COSIGN_TYPE:
        raise VerificationError(ReasonCode.UNSUPPORTED, f"a signed payload of type {kind[:100]!r}")
    digest = text_field(one_spelling(object_field(critical, "image")), "docker-manifest-digest")
    if not _DIGEST.fullmatch(digest):
        raise VerificationError(ReasonCode.MALFORMED, f"the payload names no sha256 digest: {digest[:100]!r}")
    optional = object_field(document, "optional") if document.get("optional") is not None else {}
    texts = sorted((key, value) for key, value in optional.items() if isinstance(value, str))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in texts)
    if size > MAX_ANNOTATION_BYTES:
        raise VerificationError(
            ReasonCode.MALFORMED,
            f"the payload has {size} bytes of annotations; at most {MAX_ANNOTATION_BYTES} are read",
        )
    return SimplePayload(digest, tuple(texts))
