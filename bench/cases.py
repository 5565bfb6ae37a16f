"""What is verified: one signature, with all that belongs to the question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from providers.descriptor import Descriptor, digest_of
from providers.trust import TrustedKey, TrustedMaterial
from verifier.formats.entity import SignedEntity

from .publickey import Operations

IDENTITY = "https://ci.lab.test/demo/app/.ci/release.yml@refs/heads/main"
ISSUER = "https://oidc.lab.test"
# What the lab's signatures are about: a blob, or the manifest of an image.
ARTIFACT = b"an artifact\n"

# What verifying each piece of evidence takes. The intermediate has a P-384 key, the lab's other services P-256.
CERTIFIED = Operations(p384=1) + Operations(p256=1)  # the certificate by its issuer; its SCT
PROMISE = Operations(p256=1)
REKOR_V1 = PROMISE + Operations(p256=1)  # and the checkpoint
REKOR_V2 = Operations(ed25519=1)
STAMP = Operations(p256=1)


class Found(NamedTuple):
    """How much evidence the facts must hold: what is timed must have been verified."""

    logs: int = 0
    times: int = 0
    scts: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One signature, what it is about and by whom, and the public-key operations nobody can leave out.

    ``read`` parses it from the bytes as they are stored. ``signer`` is the identity and its issuer, or the id of
    the key and nothing. ``bundle`` is what bare sigstore-python is given, empty where it has no function for this;
    ``other`` does the same without anybody's verifier, where that is a fair comparison.
    """

    title: str
    read: Callable[[], SignedEntity]
    material: TrustedMaterial
    needed: Operations
    found: Found
    signer: tuple[str, str] = (IDENTITY, ISSUER)
    artifact: bytes = ARTIFACT
    bundle: bytes = b""
    envelope: bool = True
    other: Callable[[], object] | None = None

    @property
    def subject(self) -> Descriptor:
        """The artifact."""
        return Descriptor("application/octet-stream", digest_of(self.artifact), len(self.artifact))


def trusted(root: bytes, *keys: TrustedKey) -> TrustedMaterial:
    """What is trusted, fresh from its bytes."""
    return TrustedMaterial.of("bench", root, datetime.now(UTC), keys)
