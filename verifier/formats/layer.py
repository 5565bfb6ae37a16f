"""The layers that hold signatures in a registry: a bundle, or cosign's older forms with their evidence in
annotations.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from providers.descriptor import Descriptor
from providers.errors import VerificationError
from providers.reasons import ReasonCode

from .bundle import BUNDLE_MEDIA_TYPES, parse_bundle
from .dsse import ENVELOPE_MEDIA_TYPE, parse_envelope
from .entity import Content, SignedEntity
from .legacy import read_certificate, read_rekor_bundle, read_timestamp
from .limits import MAX_SIGNATURE
from .simple_signing import MAX_PAYLOAD, SIMPLE_SIGNING, SimpleSigning
from .strict_json import bytes_field

# cosign specs/SIGNATURE_SPEC.md, Properties.
SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE = "dev.sigstore.cosign/certificate"
REKOR_BUNDLE = "dev.sigstore.cosign/bundle"
TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"
_READ = frozenset({SIGNATURE, CERTIFICATE, REKOR_BUNDLE, TIMESTAMP})

LEGACY_MEDIA_TYPES = (SIMPLE_SIGNING, ENVELOPE_MEDIA_TYPE)
SIGNATURE_MEDIA_TYPES = (*BUNDLE_MEDIA_TYPES, *LEGACY_MEDIA_TYPES)


def parse_layer(layer: Descriptor, data: bytes) -> SignedEntity:
    """The signature that ``layer`` describes, ``data`` being its content.

    Raises:
        VerificationError: ``malformed``, ``unsupported``.
    """
    if layer.media_type in BUNDLE_MEDIA_TYPES:
        return parse_bundle(data)
    annotations = dict(layer.annotations)
    if layer.media_type == SIMPLE_SIGNING:
        if len(data) > MAX_PAYLOAD:
            raise VerificationError(ReasonCode.MALFORMED, f"a signed payload of {len(data)} bytes")
        content: Content = SimpleSigning(data, bytes_field(annotations, SIGNATURE, limit=MAX_SIGNATURE))
    elif layer.media_type == ENVELOPE_MEDIA_TYPE:
        content = parse_envelope(data)
    else:
        raise VerificationError(ReasonCode.UNSUPPORTED, f"a signature of type {layer.media_type[:100]!r}")
    return SignedEntity(
        media_type=layer.media_type,
        digest=signature_digest(layer),
        key_hint="",
        leaf_certificate=_certificate(annotations),
        content=content,
        log_entries=(read_rekor_bundle(found),) if (found := _stated(annotations, REKOR_BUNDLE)) else (),
        timestamps=(read_timestamp(found),) if (found := _stated(annotations, TIMESTAMP)) else (),
        stored=data,
        annotations=layer.annotations,
    )


def signature_digest(layer: Descriptor) -> str:
    """What names the signature in ``layer``. Several signers of one payload have one layer, so in the older forms
    the annotations that are read are part of it.
    """
    if layer.media_type not in LEGACY_MEDIA_TYPES:
        return layer.digest
    read = [list(item) for item in layer.annotations if item[0] in _READ]
    named = json.dumps([layer.digest, *read])
    return "sha256:" + hashlib.sha256(named.encode()).hexdigest()


def _certificate(annotations: Mapping[str, str]) -> bytes:
    found = _stated(annotations, CERTIFICATE)
    return read_certificate(found) if found else b""


def _stated(annotations: Mapping[str, str], name: str) -> bytes:
    """cosign writes empty annotations for what there is none of. A lone surrogate becomes what nothing reads."""
    return annotations.get(name, "").encode(errors="surrogatepass")
