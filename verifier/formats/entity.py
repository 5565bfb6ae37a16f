"""One signature with the evidence that travels with it, whatever form it was stored in (sigstore-go:
SignedEntity).

A bundle, a layer under one of cosign's tags and the files beside a blob all become this value. Nothing in it is
proven.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .dsse import Envelope
from .log_entry import LogEntry
from .simple_signing import SimpleSigning


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """A signature over a message that does not travel with it. ``algorithm`` and ``digest`` are empty when nothing
    says which message.
    """

    algorithm: str
    digest: bytes
    signature: bytes


Content = Envelope | MessageSignature | SimpleSigning


@dataclass(frozen=True, slots=True)
class SignedEntity:
    """One signature.

    ``media_type`` is the form it was stored in, ``digest`` names this very signature with its evidence: the digest
    of the bundle, or of the layer and its annotations. ``leaf_certificate`` is DER, empty when it was made with a
    key; ``key_hint`` is what it then says of the key. ``issuers`` are the certificates that a bundle brings above
    the leaf: trusted for nothing. ``stored`` and ``annotations`` are what it was read from, for an engine that
    reads it again.
    """

    media_type: str
    digest: str
    key_hint: str
    leaf_certificate: bytes
    content: Content
    log_entries: tuple[LogEntry, ...] = ()
    timestamps: tuple[bytes, ...] = ()
    stored: bytes = field(default=b"", repr=False)
    annotations: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    issuers: tuple[bytes, ...] = field(default=(), repr=False)
