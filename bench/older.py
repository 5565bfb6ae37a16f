"""Signatures as cosign stored them before bundles: layers under its tags, and files beside a blob."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from functools import partial

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from providers.descriptor import Descriptor, digest_of
from pycosign.lab import Lab, LegacyLayer
from pycosign.lab.legacy import legacy_signature
from pycosign.lab.sign import Recipe, SigningOptions
from verifier.formats.entity import SignedEntity
from verifier.formats.layer import parse_layer
from verifier.formats.signature_file import SignatureFile, SignatureForm, parse_signature_file

from .cases import ARTIFACT, CERTIFIED, IDENTITY, ISSUER, PROMISE, Case, Found, trusted
from .keyed import signer, trusted_key
from .publickey import Operations

_SIGNATURE = Operations(p256=1)
_SLSA = "https://slsa.dev/provenance/v1"


def older_cases(lab: Lab) -> Iterator[Case]:
    """Each form with a key alone, a key and a promise, and a certificate and a promise, where there is such."""
    digest, image = digest_of(ARTIFACT), "registry.lab.test/bench/app"
    key = ec.generate_private_key(ec.SECP256R1())
    alone: SigningOptions = {"keyless": False, "key": key, "log": None}
    logged: SigningOptions = {"keyless": False, "key": key}
    keyless: SigningOptions = {"identity": IDENTITY, "issuer": ISSUER}
    for how, options in (("key alone", alone), ("key, promise", logged), ("certificate, promise", keyless)):
        layer = lab.sign_image_legacy(digest, reference=image, **options)
        yield _case(f".sig layer, {how}", _layer(layer), lab, key, options)
        layer = lab.attest_legacy(digest, predicate_type=_SLSA, predicate={}, **options)
        yield _case(f".att layer, {how}", _layer(layer), lab, key, options)
        if options is not alone:
            content = _blob_bundle(legacy_signature(lab.signer, ARTIFACT, Recipe(**options)))
            read = _file(SignatureForm.BUNDLE, content)
            yield _case(f"old blob bundle, {how}", read, lab, key, options)
    yield _bare(lab, key, alone)


def _case(
    title: str,
    read: Callable[[], SignedEntity],
    lab: Lab,
    key: ec.EllipticCurvePrivateKey,
    options: SigningOptions,
    other: Callable[[], object] | None = None,
) -> Case:
    with_key, promised = options.get("keyless") is False, options.get("log", "rekor1") is not None
    public = key.public_key()
    root = lab.trusted_root() if promised else b""
    needed = _SIGNATURE + (PROMISE if promised else Operations())
    return Case(
        title,
        read,
        trusted(root, trusted_key(public)) if with_key else trusted(root),
        needed if with_key else needed + CERTIFIED,
        Found(int(promised), int(promised), int(not with_key)),
        signer=signer(public) if with_key else (IDENTITY, ISSUER),
        other=other,
    )


def _bare(lab: Lab, key: ec.EllipticCurvePrivateKey, options: SigningOptions) -> Case:
    """A ``.sig`` file and a key: cryptography itself needs no more than three lines for it."""
    content = base64.b64encode(key.sign(ARTIFACT, ec.ECDSA(SHA256())))
    public, scheme = key.public_key(), ec.ECDSA(Prehashed(SHA256()))
    signed = bytes.fromhex(digest_of(ARTIFACT).partition(":")[2])

    def thin() -> None:
        public.verify(base64.b64decode(content, validate=True), signed, scheme)

    return _case(
        "signature file, key alone; bare: cryptography",
        _file(SignatureForm.SIGNATURE, content),
        lab,
        key,
        options,
        thin,
    )


def _layer(layer: LegacyLayer) -> Callable[[], SignedEntity]:
    stored = Descriptor(
        layer.media_type, digest_of(layer.data), len(layer.data), annotations=layer.annotations
    )
    return partial(parse_layer, stored, layer.data)


def _file(form: SignatureForm, content: bytes) -> Callable[[], SignedEntity]:
    return partial(parse_signature_file, SignatureFile(form, content))


def _blob_bundle(layer: LegacyLayer) -> bytes:
    """What ``cosign sign-blob --bundle`` wrote of the same evidence."""
    evidence = dict(layer.annotations)
    document = {
        "base64Signature": evidence["dev.cosignproject.cosign/signature"],
        "rekorBundle": json.loads(evidence["dev.sigstore.cosign/bundle"]),
    }
    if certificate := evidence.get("dev.sigstore.cosign/certificate"):
        document["cert"] = base64.b64encode(certificate.encode()).decode("ascii")
    return json.dumps(document).encode()
