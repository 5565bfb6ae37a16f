"""Bundles taken apart and put together again: their JSON, and the checkpoints inside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pycosign.lab.keys import SigningKey, sign
from pycosign.lab.wire import b64

Change = Callable[[dict[str, Any]], object]
_DASH = "\N{EM DASH}"


def edited(bundle: bytes, *changes: Change) -> bytes:
    """``bundle`` with its JSON changed."""
    document = json.loads(bundle)
    for change in changes:
        change(document)
    return json.dumps(document).encode()


def held(bundle: bytes | dict[str, Any]) -> dict[str, Any]:
    """The verification material."""
    document = json.loads(bundle) if isinstance(bundle, bytes) else bundle
    found: dict[str, Any] = document["verificationMaterial"]
    return found


def entry(bundle: bytes | dict[str, Any]) -> dict[str, Any]:
    """The first log entry."""
    found: dict[str, Any] = held(bundle)["tlogEntries"][0]
    return found


def stamps(bundle: bytes | dict[str, Any]) -> list[dict[str, str]]:
    """The timestamps."""
    found: list[dict[str, str]] = held(bundle)["timestampVerificationData"]["rfc3161Timestamps"]
    return found


def signature_place(document: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The object that the signature stands in, and its name there."""
    if "dsseEnvelope" in document:
        return document["dsseEnvelope"]["signatures"][0], "sig"
    return document["messageSignature"], "signature"


def signature_of(bundle: bytes) -> str:
    """The signature, in base64."""
    place, name = signature_place(json.loads(bundle))
    return str(place[name])


def with_signature(text: str) -> Change:
    """Put another signature in."""

    def change(document: dict[str, Any]) -> None:
        place, name = signature_place(document)
        place[name] = text

    return change


def with_entries_of(other: bytes) -> Change:
    """Put the log entries of another bundle in."""
    return lambda document: held(document).update(tlogEntries=held(other)["tlogEntries"])


def with_stamps_of(other: bytes) -> Change:
    """Put the timestamps of another bundle in."""
    return lambda document: stamps(document).__setitem__(slice(None), stamps(other))


def with_stamp(token: bytes) -> Change:
    """Put one other timestamp in."""
    return lambda document: stamps(document).__setitem__(slice(None), [{"signedTimestamp": b64(token)}])


def with_chain(version: str, *above: bytes) -> Change:
    """As bundle 0.1 or 0.2: a chain, with certificates in DER above the leaf."""

    def change(document: dict[str, Any]) -> None:
        document["mediaType"] = f"application/vnd.dev.sigstore.bundle+json;version={version}"
        leaf = held(document).pop("certificate")
        chain = [leaf, *({"rawBytes": b64(der)} for der in above)]
        held(document)["x509CertificateChain"] = {"certificates": chain}

    return change


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint: its text, and the lines of its signatures (C2SP signed-note)."""

    text: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, bundle: bytes) -> Note:
        """The checkpoint of the first log entry."""
        text, _, signed = entry(bundle)["inclusionProof"]["checkpoint"]["envelope"].partition("\n\n")
        return cls(text + "\n", tuple(signed.splitlines()))

    def put(self) -> Change:
        """Put it into a bundle."""
        whole = self.text + "\n" + "".join(f"{line}\n" for line in self.lines)
        return lambda document: entry(document)["inclusionProof"]["checkpoint"].update(envelope=whole)

    def without(self, line: int) -> str:
        """The text without one of its lines."""
        lines = self.text.splitlines(keepends=True)
        return "".join(lines[:line] + lines[line + 1 :])


def note_line(name: str, key_id: bytes, signature: bytes) -> str:
    """One signature of a note."""
    return f"{_DASH} {name} {b64(key_id[:4] + signature)}"


def signed_line(text: str, name: str, key_id: bytes, key: SigningKey) -> str:
    """A signature of a log."""
    return note_line(name, key_id, sign(key, text.encode()))


def cosigned_line(text: str, witness: str) -> str:
    """The signature of a witness (C2SP tlog-cosignature, cosignature/v1)."""
    key, time = Ed25519PrivateKey.generate(), 1_767_225_600
    key_id = hashlib.sha256(f"{witness}\n".encode() + b"\x04" + key.public_key().public_bytes_raw()).digest()
    message = f"cosignature/v1\ntime {time}\n{text}".encode()
    return note_line(witness, key_id, time.to_bytes(8, "big") + key.sign(message))
