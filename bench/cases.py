"""The signatures that are verified: by the lab, and recorded ones if a copy of sigstore-conformance is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from providers.descriptor import Descriptor, digest_of
from pycosign.lab import Lab
from pycosign.lab.sign import LogName
from verifier.engines.sigstore import embedded_root

from .publickey import Operations

IDENTITY = "https://ci.lab.test/demo/app/.ci/release.yml@refs/heads/main"
ISSUER = "https://oidc.lab.test"

_ARTIFACT = b"an artifact\n"
# The suite's defaults (test/conftest.py of sigstore-conformance).
_BEACON = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
_BEACON_IDENTITY = f"{_BEACON}/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
_BEACON_ISSUER = "https://token.actions.githubusercontent.com"

# Leaf; SCT, promise, checkpoint, signature.
_REKOR_V1 = Operations(p384=1, p256=4)
# The same, and a timestamp (the lab's authority has a P-256 key).
_REKOR_V1_STAMPED = Operations(p384=1, p256=5)
# Leaf; SCT, signature, timestamp; checkpoint.
_REKOR_V2 = Operations(p384=1, p256=3, ed25519=1)
# The same by Sigstore's staging instance, whose timestamp authority has a P-384 key.
_REKOR_V2_STAGING = Operations(p384=2, p256=2, ed25519=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One signature, what it is about and by whom, and the public-key operations nobody can leave out."""

    title: str
    bundle: bytes
    trusted_root: bytes
    subject: Descriptor
    envelope: bool
    identity: str
    issuer: str
    needed: Operations
    log: LogName | None = None  # of the lab; None: recorded elsewhere
    stamped: bool = False

    @property
    def by_lab(self) -> bool:
        """Whether more signatures of its kind can be made."""
        return self.log is not None


def sign(lab: Lab, case: Case, digest: str) -> bytes:
    """A signature of the kind of ``case`` for the image with this digest; for the one artifact, if it is plain."""
    if not case.envelope:
        return lab.sign_blob(
            _ARTIFACT, identity=case.identity, issuer=case.issuer, log=case.log, timestamp=case.stamped
        )
    return lab.sign_image(
        digest, identity=case.identity, issuer=case.issuer, log=case.log, timestamp=case.stamped
    )


def lab_cases(lab: Lab) -> Iterator[Case]:
    """What cosign makes, signed now by the lab."""
    root, subject = lab.trusted_root(), _descriptor(_ARTIFACT)

    def case(title: str, needed: Operations, log: LogName, *, envelope: bool = True, stamped: bool) -> Case:
        empty = Case(title, b"", root, subject, envelope, IDENTITY, ISSUER, needed, log, stamped)
        return replace(empty, bundle=sign(lab, empty, subject.digest))

    yield case("Rekor v1, DSSE", _REKOR_V1, "rekor1", stamped=False)
    yield case("Rekor v1, message signature", _REKOR_V1, "rekor1", envelope=False, stamped=False)
    yield case("Rekor v1 and RFC 3161, DSSE", _REKOR_V1_STAMPED, "rekor1", stamped=True)
    yield case("Rekor v2 and RFC 3161, DSSE", _REKOR_V2, "rekor2", stamped=True)


def recorded_cases() -> Iterator[Case]:
    """Signatures of Sigstore's own instances, if ``PYCOSIGN_CONFORMANCE`` names a copy of the suite."""
    given = os.environ.get("PYCOSIGN_CONFORMANCE", "")
    if not given:
        return
    folder = Path(given) / "test" / "assets" / "bundle-verify"
    subject = _descriptor((folder / "a.txt").read_bytes())
    for name, needed in (("happy-path-v0.3", _REKOR_V1), ("rekor2-happy-path", _REKOR_V2_STAGING)):
        bundle = (folder / name / "bundle.sigstore.json").read_bytes()
        own = folder / name / "trusted_root.json"
        root = own.read_bytes() if own.exists() else embedded_root()[1]
        yield Case(
            f"recorded: {name}", bundle, root, subject, False, _BEACON_IDENTITY, _BEACON_ISSUER, needed
        )


def _descriptor(artifact: bytes) -> Descriptor:
    return Descriptor("application/octet-stream", digest_of(artifact), len(artifact))
