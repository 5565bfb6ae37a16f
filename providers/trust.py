"""Trusted material: what signatures are checked against."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TrustedMaterial:
    """One trusted root, as bytes, with where it came from.

    ``trusted_root`` is the JSON of a Sigstore trusted root (protobuf-specs
    ``application/vnd.dev.sigstore.trustedroot+json;version=0.1``). ``revision`` names exactly this content:
    everything derived from it may be kept as long as the revision is the same.
    """

    source: str
    trusted_root: bytes
    revision: str
    loaded_at: datetime

    @classmethod
    def of(cls, source: str, trusted_root: bytes, loaded_at: datetime) -> TrustedMaterial:
        """Name ``trusted_root`` by the SHA-256 of its bytes. What it holds is parsed by the engine."""
        return cls(source, trusted_root, "sha256:" + hashlib.sha256(trusted_root).hexdigest(), loaded_at)
