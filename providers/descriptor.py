"""OCI content descriptors and digests (image-spec 1.1, ``descriptor.md``)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .errors import InvalidReferenceError

# image-spec registers sha256 and sha512; everything Sigstore signs is sha256, and accepting another
# algorithm would let a signer bind a digest that the registry was never asked for.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# image-spec: a size is an int64.
_MAX_SIZE = (1 << 63) - 1

# RFC 6838 section 4.2: type and subtype, 127 characters each.
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")


def parse_digest(text: str) -> str:
    """Return ``text`` when it is a ``sha256:<64 lower-case hex>`` digest.

    Raises:
        InvalidReferenceError: it is not.
    """
    if not _DIGEST.fullmatch(text):
        raise InvalidReferenceError(f"not a sha256 digest: {text[:100]!r}")
    return text


def digest_of(content: bytes) -> str:
    """The digest of ``content`` as a registry writes it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What identifies a piece of content: its media type, digest and size in bytes.

    ``artifact_type`` and ``annotations`` are what a listing said about it; they are not signed and decide
    nothing.
    """

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(
        cls,
        *,
        media_type: str,
        digest: str,
        size: int,
        artifact_type: str = "",
        annotations: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> Descriptor:
        """Check every field.

        Raises:
            InvalidReferenceError: a field is malformed.
        """
        if not _MEDIA_TYPE.fullmatch(media_type):
            raise InvalidReferenceError(f"not a media type: {media_type[:100]!r}")
        if artifact_type and not _MEDIA_TYPE.fullmatch(artifact_type):
            raise InvalidReferenceError(f"not an artifact type: {artifact_type[:100]!r}")
        if not 0 <= size <= _MAX_SIZE:
            raise InvalidReferenceError(f"not a size in bytes: {str(size)[:40]}")
        pairs = annotations.items() if isinstance(annotations, Mapping) else annotations
        return cls(media_type, parse_digest(digest), size, artifact_type, tuple(sorted(pairs)))

    @property
    def hex(self) -> str:
        """The hexadecimal part of the digest."""
        return self.digest.partition(":")[2]
