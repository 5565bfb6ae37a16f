"""Bundles with a certificate: by the lab, and recorded ones if a copy of sigstore-conformance is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from providers.descriptor import digest_of
from providers.trust import TrustedMaterial
from pycosign.lab import Lab
from pycosign.lab.sign import SigningOptions
from verifier.engines.sigstore import embedded_root
from verifier.formats.bundle import BUNDLE_V01, parse_bundle

from .cases import (
    ARTIFACT,
    CERTIFIED,
    IDENTITY,
    ISSUER,
    PROMISE,
    REKOR_V1,
    REKOR_V2,
    STAMP,
    Case,
    Found,
    trusted,
)
from .publickey import Operations

# The suite's defaults (test/conftest.py of sigstore-conformance).
_BEACON = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
_BEACON_IDENTITY = f"{_BEACON}/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
_BEACON_ISSUER = "https://token.actions.githubusercontent.com"

_SIGNATURE = Operations(p256=1)
_KEYLESS_V1 = CERTIFIED + REKOR_V1 + _SIGNATURE
# Sigstore's staging instance has a timestamp authority with a P-384 key.
_KEYLESS_V2_STAGING = CERTIFIED + REKOR_V2 + Operations(p384=1) + _SIGNATURE

# The kinds of proof that the lab gives: title, how to sign, what verifying it takes, what the facts then hold.
PROOFS: tuple[tuple[str, SigningOptions, Operations, Found], ...] = (
    ("Rekor v1", {"log": "rekor1"}, REKOR_V1, Found(1, 1, 1)),
    (
        "Rekor v1 and RFC 3161",
        {"log": "rekor1", "timestamp": True},
        REKOR_V1 + STAMP,
        Found(1, 2, 1),
    ),
    ("Rekor v2 and RFC 3161", {"log": "rekor2"}, REKOR_V2 + STAMP, Found(1, 1, 1)),
)


def keyless_cases(lab: Lab) -> Iterator[Case]:
    """What Sigstore's clients make, signed now by the lab."""
    material, digest = trusted(lab.trusted_root()), digest_of(ARTIFACT)
    sign = partial(lab.sign_image, digest, identity=IDENTITY, issuer=ISSUER)
    sign_blob = partial(lab.sign_blob, ARTIFACT, identity=IDENTITY, issuer=ISSUER)
    for proof, options, proven, found in PROOFS:
        needed = CERTIFIED + proven + _SIGNATURE
        yield _case(f"{proof}, DSSE", sign(**options), material, needed, found)
        blob = sign_blob(**options)
        yield _case(f"{proof}, message signature", blob, material, needed, found, envelope=False)
    # sigstore-python takes P-256 certificates only.
    p384, rsa2048 = ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)
    for title, key, signature in (
        ("P-384 certificate, Rekor v1, DSSE", p384, Operations(p384=1)),
        ("RSA-2048 certificate, Rekor v1, DSSE", rsa2048, Operations(rsa=1)),
    ):
        needed = CERTIFIED + REKOR_V1 + signature
        yield _case(title, sign(key=key), material, needed, Found(1, 1, 1), bare=False)
    # Nor a log entry without an inclusion proof.
    needed = CERTIFIED + PROMISE + _SIGNATURE
    yield _case(
        "bundle v0.1, promise alone, DSSE", _v01(sign()), material, needed, Found(1, 1, 1), bare=False
    )


def recorded_cases() -> Iterator[Case]:
    """Signatures of Sigstore's own instances, if ``PYCOSIGN_CONFORMANCE`` names a copy of the suite."""
    given = os.environ.get("PYCOSIGN_CONFORMANCE", "")
    if not given:
        return
    folder = Path(given) / "test" / "assets" / "bundle-verify"
    for name, needed in (("happy-path-v0.3", _KEYLESS_V1), ("rekor2-happy-path", _KEYLESS_V2_STAGING)):
        bundle = (folder / name / "bundle.sigstore.json").read_bytes()
        own = folder / name / "trusted_root.json"
        yield Case(
            f"recorded: {name}",
            partial(parse_bundle, bundle),
            trusted(own.read_bytes() if own.exists() else embedded_root()[1]),
            needed,
            Found(1, 1, 1),
            signer=(_BEACON_IDENTITY, _BEACON_ISSUER),
            artifact=(folder / "a.txt").read_bytes(),
            bundle=bundle,
            envelope=False,
        )


def _case(
    title: str,
    bundle: bytes,
    material: TrustedMaterial,
    needed: Operations,
    found: Found,
    *,
    envelope: bool = True,
    bare: bool = True,
) -> Case:
    return Case(
        title,
        partial(parse_bundle, bundle),
        material,
        needed,
        found,
        bundle=bundle if bare else b"",
        envelope=envelope,
    )


def _v01(bundle: bytes) -> bytes:
    """The same signature as the first clients wrote it: a chain, and a promise without an inclusion proof."""
    document = json.loads(bundle)
    material = document["verificationMaterial"]
    for entry in material["tlogEntries"]:
        del entry["inclusionProof"]
    material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}
    return json.dumps({**document, "mediaType": BUNDLE_V01}).encode()
