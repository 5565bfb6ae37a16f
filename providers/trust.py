"""Trusted material: what signatures are checked against."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from .errors import ConfigurationError

# cosign's names of hash functions (--signature-digest-algorithm), for keys whose kind does not decide.
HASHES = ("sha256", "sha384", "sha512")
# One for each team and its successor is far less. Each may have to be tried on each signature.
MAX_KEYS = 256
_MAX_NAME = 253
# An RSA-4096 key in PEM has 800 bytes.
MAX_KEY_FILE = 64 << 10


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that is trusted under a name, by which policies ask for it; while one key replaces another,
    both go by that name.

    ``public_key`` is PEM or DER of a SubjectPublicKeyInfo (RFC 5280), parsed by the engine. ``hash`` is empty
    where the kind of key decides (a curve its own, RSA SHA-256). Outside ``valid_from`` to ``valid_until``, both
    included and either absent, the key is not trusted: a signature then needs proof of when it was made.

    Raises:
        ConfigurationError: a field is malformed.
    """

    name: str
    public_key: bytes
    hash: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= _MAX_NAME or not self.name.isprintable():
            raise ConfigurationError(f"not a name for a key: {self.name[:100]!r}")
        if self.hash not in ("", *HASHES):
            raise ConfigurationError(
                f"key {self.name!r}: {self.hash[:40]!r} is no hash function",
                remedy=f"Use {', '.join(HASHES)}.",
            )
        for time in (self.valid_from, self.valid_until):
            if time is not None and time.tzinfo is None:
                raise ConfigurationError(
                    f"key {self.name!r}: a validity time has no time zone",
                    remedy="Write it as 2026-01-31T00:00:00Z.",
                )
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise ConfigurationError(f"key {self.name!r} is never valid: its window ends before it starts")


@dataclass(frozen=True, slots=True)
class TrustedMaterial:
    """A trusted root as bytes, public keys by name, or both, with where they came from.

    ``trusted_root`` is the JSON of a Sigstore trusted root (protobuf-specs
    ``application/vnd.dev.sigstore.trustedroot+json;version=0.1``), empty when there is none. ``revision`` names
    exactly this content: everything derived from it may be kept as long as the revision is the same.
    """

    source: str
    trusted_root: bytes
    revision: str
    loaded_at: datetime
    keys: tuple[TrustedKey, ...] = ()

    @classmethod
    def of(
        cls, source: str, trusted_root: bytes, loaded_at: datetime, keys: tuple[TrustedKey, ...] = ()
    ) -> TrustedMaterial:
        """Name the content by its SHA-256: that of the trusted root, or of both. The engines parse it.

        Raises:
            ConfigurationError: it is empty, or holds more keys than are tried.
        """
        if not trusted_root and not keys:
            raise ConfigurationError(
                f"{source}: nothing is trusted", remedy="Name a trusted root or a public key."
            )
        if len(keys) > MAX_KEYS:
            raise ConfigurationError(f"{source}: {len(keys)} keys; at most {MAX_KEYS} are tried")
        digest = hashlib.sha256(trusted_root).hexdigest()
        if keys:
            digest = hashlib.sha256(repr((digest, keys)).encode()).hexdigest()
        return cls(source, trusted_root, "sha256:" + digest, loaded_at, keys)
