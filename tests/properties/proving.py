"""The fields of a signature by which something is proven, and the smallest changes to each."""

from __future__ import annotations

from typing import Any

from tests.properties.changes import Change, Path, decoding, flipped

# What is in these is signed by somebody, to the last letter.
_SIGNED = {"payload", "canonicalizedBody", "body"}
_BYTES = {
    *("sig", "signature", "base64Signature", "dev.cosignproject.cosign/signature", "digest", "rawBytes"),
    *("signedEntryTimestamp", "SignedEntryTimestamp", "rootHash", "hashes", "keyId"),
    *_SIGNED,
}
_TOKENS = {"signedTimestamp", "SignedRFC3161Timestamp"}
_TEXTS = {"payloadType", "kind", "version", "logID", "treeSize"}
# Without a promise nobody signs these.
_PROMISED = {"integratedTime", "logIndex"}
# Parts that prove something of one signature, and nothing of another.
PARTS = {
    *("tlogEntries", "inclusionProof", "checkpoint", "inclusionPromise", "canonicalizedBody"),
    *("rekorBundle", "SignedEntryTimestamp", "Payload", "dev.sigstore.cosign/bundle"),
    *("timestampVerificationData", "dev.sigstore.cosign/rfc3161timestamp", "timestamp"),
    *("certificate", "x509CertificateChain", "cert", "dev.sigstore.cosign/certificate"),
    *("dsseEnvelope", "messageSignature", "base64Signature", "dev.cosignproject.cosign/signature", "layer"),
    *("payload", "signatures", "signature"),
}


def proving(place: Path, value: Any, *, promised: bool) -> tuple[Change, ...]:
    """Changes to ``value``, which is in ``place``; none if nothing is proven by it."""
    named = [step for step in place if isinstance(step, str) and not decoding(step)]
    if not named:
        return ()
    last, inside = named[-1], bool(_SIGNED & {*named[:-1]})
    if inside and isinstance(value, str | int):
        return (_another,)
    if isinstance(value, bytes):
        return _of_bytes(place, last, value)
    if last in _PROMISED and (promised or "inclusionProof" in named):
        return (_another,)
    if last in _TEXTS and isinstance(value, str):
        return (_another,)
    if last == "envelope" and isinstance(value, str):  # a checkpoint
        return tuple(_in_line(number) for number in range(3))
    return ()


def _of_bytes(place: Path, last: str, value: bytes) -> tuple[Change, ...]:
    if value.startswith(b"-----BEGIN CERTIFICATE"):
        return (_in_pem,)
    if value.startswith(b'{"critical"'):
        return (lambda found: found + b" ", lambda found: found.replace(b'"', b' "', 1))
    if not decoding(place[-1]):
        return ()
    if last in _TOKENS:
        return (_last_bits,)  # its signature; not all of what is around it is signed
    return (lambda found: flipped(found, 0), _last_bits) if last in _BYTES else ()


def _another(value: Any) -> Any:
    """The next number, or another text."""
    if isinstance(value, int):
        return value + 1
    return str(int(value) + 1) if value.isdecimal() else value[:-1] + ("0" if value[-1:] != "0" else "1")


def _last_bits(value: bytes) -> bytes:
    return flipped(value, len(value) * 8 - 8)


def _in_line(number: int) -> Change:
    """The name of a log, the size of its tree, the root of its tree."""

    def change(note: str) -> str:
        lines = note.split("\n")
        lines[number] = ("1" if lines[number][:1] != "1" else "2") + lines[number][1:]
        return "\n".join(lines)

    return change


def _in_pem(value: bytes) -> bytes:
    """A letter in the second line of the certificate."""
    place = value.index(b"\n") + 90
    return value[:place] + (b"A" if value[place : place + 1] != b"A" else b"B") + value[place + 1 :]
