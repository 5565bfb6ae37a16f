"""Bundles signed with a key, with and without evidence of logs and timestamp authorities."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.descriptor import digest_of
from providers.trust import MAX_KEYS, TrustedKey
from pycosign.lab import Lab
from pycosign.lab.bundle import signature_statement, statement_json
from pycosign.lab.keys import SigningKey, key_id
from pycosign.lab.proposals import pae
from pycosign.lab.sign import IN_TOTO, SigningOptions
from verifier.formats.bundle import BUNDLE_V03, parse_bundle

from .cases import ARTIFACT, REKOR_V1, REKOR_V2, STAMP, Case, Found, trusted
from .publickey import Operations

_Public = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
_NONE = Operations()
# Title, how the lab signs, what verifying the evidence takes, what the facts then hold.
_PROOFS: tuple[tuple[str, SigningOptions, Operations, Found], ...] = (
    ("alone", {"log": None}, _NONE, Found()),
    ("RFC 3161", {"log": None, "timestamp": True}, STAMP, Found(times=1)),
    ("Rekor v1", {"log": "rekor1"}, REKOR_V1, Found(1, 1)),
    ("Rekor v1 and RFC 3161", {"log": "rekor1", "timestamp": True}, REKOR_V1 + STAMP, Found(1, 2)),
    ("Rekor v2 and RFC 3161", {"log": "rekor2"}, REKOR_V2 + STAMP, Found(1, 1)),
)


def keyed_cases(lab: Lab) -> Iterator[Case]:
    """What ``cosign sign --key`` makes of keys of each kind, and ``cosign sign-blob --key`` of two."""
    keys: tuple[tuple[str, SigningKey, Operations], ...] = (
        ("P-256", ec.generate_private_key(ec.SECP256R1()), Operations(p256=1)),
        ("P-384", ec.generate_private_key(ec.SECP384R1()), Operations(p384=1)),
        ("RSA-2048", rsa.generate_private_key(65537, 2048), Operations(rsa=1)),
    )
    for kind, key, signature in keys:
        public = key.public_key()
        for proof, options, needed, found in _PROOFS if kind == "P-256" else (_PROOFS[0], _PROOFS[2]):
            by_key: SigningOptions = {"keyless": False, "key": key, **options}
            bundle = lab.sign_image(digest_of(ARTIFACT), **by_key)
            yield _case(f"{kind}, {proof}, DSSE", bundle, lab, public, needed + signature, found)
    for kind, key, signature in keys[:2]:  # with P-384 the artifact itself is read: the hash is another one
        bundle = lab.sign_blob(ARTIFACT, keyless=False, key=key, log=None)
        title = f"{kind}, alone, message signature"
        yield _case(title, bundle, lab, key.public_key(), signature, Found())
    yield from _not_by_the_lab(lab)
    yield _among_many(lab)


def trusted_key(public: _Public) -> TrustedKey:
    """The key as an operator gives it."""
    return TrustedKey("release", public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def signer(public: _Public) -> tuple[str, str]:
    """How facts name who has the key."""
    return (key_id(public).hex(), "")


def _not_by_the_lab(lab: Lab) -> Iterator[Case]:
    """Kinds of signatures that the lab's logs do not take."""
    rsa_key, ed25519_key = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
    pss = padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)
    kinds: tuple[tuple[str, _Public, Callable[[bytes], bytes], Operations], ...] = (
        (
            "RSA-2048 PSS",
            rsa_key.public_key(),
            lambda message: rsa_key.sign(message, pss, SHA256()),
            Operations(rsa_pss=1),
        ),
        ("Ed25519", ed25519_key.public_key(), ed25519_key.sign, Operations(ed25519=1)),
    )
    for kind, public, sign, signature in kinds:
        for stamped in (False, True):
            bundle = _bundle(lab, public, sign, stamped=stamped)
            needed = signature + STAMP if stamped else signature
            title = f"{kind}, {'RFC 3161' if stamped else 'alone'}, DSSE"
            yield _case(title, bundle, lab, public, needed, Found(times=int(stamped)))


def _bundle(lab: Lab, public: _Public, sign: Callable[[bytes], bytes], *, stamped: bool) -> bytes:
    statement = statement_json(signature_statement(digest_of(ARTIFACT)))
    made = sign(pae(IN_TOTO, statement))
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    material: dict[str, object] = {"publicKey": {"hint": _b64(hashlib.sha256(spki).digest())}}
    if stamped:
        stamps = [{"signedTimestamp": _b64(lab.tsa.stamp(made))}]
        material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    signatures = [{"sig": _b64(made)}]
    envelope = {"payload": _b64(statement), "payloadType": IN_TOTO, "signatures": signatures}
    document = {"mediaType": BUNDLE_V03, "verificationMaterial": material, "dsseEnvelope": envelope}
    return json.dumps(document).encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _among_many(lab: Lab) -> Case:
    """As many keys are trusted as may be; the bundle says which one it is."""
    key, *others = (ec.generate_private_key(ec.SECP256R1()) for _ in range(MAX_KEYS))
    bundle = lab.sign_image(digest_of(ARTIFACT), keyless=False, key=key, log=None)
    more = [trusted_key(other.public_key()) for other in others]
    title = f"P-256 of {MAX_KEYS} trusted keys, alone, DSSE"
    return _case(title, bundle, lab, key.public_key(), Operations(p256=1), Found(), *more)


def _case(
    title: str,
    bundle: bytes,
    lab: Lab,
    public: _Public,
    needed: Operations,
    found: Found,
    *others: TrustedKey,
) -> Case:
    """Without evidence there is no trusted root either: then the key is all there is."""
    root = lab.trusted_root() if found != Found() else b""
    material = trusted(root, *others, trusted_key(public))
    return Case(title, partial(parse_bundle, bundle), material, needed, found, signer=signer(public))
