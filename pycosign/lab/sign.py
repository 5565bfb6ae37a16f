"""The lab's signer: a statement or a blob, a certificate, a log entry, a timestamp, and the bundle of them all.

`Recipe` names every choice there is; its defaults make what cosign 3 makes, any other choice makes an attack
or an oddity for a verifier to notice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypedDict

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .bundle import Envelope, MessageSignature, Signed, bundle_json, statement_json
from .ca import CertificateAuthority
from .ctlog import CtLog
from .entry import LogEntry
from .identity import Identity
from .keys import PublicKey, SigningKey, hash_name, new_key, sign, spki_der, spki_pem
from .names import DEFAULT_IDENTITY, DEFAULT_ISSUER
from .proposals import dsse_proposal, hashedrekord_proposal, intoto_proposal, pae
from .rekor1 import RekorV1
from .rekor2 import RekorV2, hashedrekord_request
from .tsa import TimestampAuthority

Tamper = Callable[[bytes], bytes]
LogName = Literal["rekor1", "rekor2"]
EntryKind = Literal["dsse", "intoto"]
IN_TOTO = "application/vnd.in-toto+json"


class SigningOptions(TypedDict, total=False):
    """The fields of Recipe as keyword arguments of the lab's signing methods."""

    identity: str
    issuer: str
    claims: Mapping[str, str] | None
    log: LogName | None
    entry: EntryKind
    timestamp: bool | None
    keyless: bool
    key: SigningKey | None
    ca: CertificateAuthority | None
    ct_logs: Sequence[CtLog] | None
    rekor: RekorV1 | RekorV2 | None
    tsa: TimestampAuthority | None
    issued_at: datetime | None
    timestamped_at: datetime | None
    tamper: Tamper | None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to sign once.

    identity, issuer, claims   what the certificate says (claims: the keys of identity.CLAIMS)
    log                        which log of the lab takes the entry; None for no entry
    entry                      how Rekor v1 logs an envelope: dsse 0.0.1, or intoto 0.0.2 as before 2023
    timestamp                  None: only with Rekor v2, which gives no time of its own
    keyless                    False: no certificate, the bundle carries a hint of the public key
    key                        the signing key, else a fresh P-256 key
    ca, ct_logs, rekor, tsa    somebody else's (a stranger lab's); ct_logs=() makes a certificate without SCT
    issued_at                  when the certificate starts, else now
    timestamped_at             the time in the RFC 3161 timestamp, else now
    tamper                     changes the payload of the envelope, or the digest in the message signature,
                               after it was signed and logged
    """

    identity: str = DEFAULT_IDENTITY
    issuer: str = DEFAULT_ISSUER
    claims: Mapping[str, str] | None = None
    log: LogName | None = "rekor1"
    entry: EntryKind = "dsse"
    timestamp: bool | None = None
    keyless: bool = True
    key: SigningKey | None = None
    ca: CertificateAuthority | None = None
    ct_logs: Sequence[CtLog] | None = None
    rekor: RekorV1 | RekorV2 | None = None
    tsa: TimestampAuthority | None = None
    issued_at: datetime | None = None
    timestamped_at: datetime | None = None
    tamper: Tamper | None = None


@dataclass(frozen=True, slots=True)
class _Credential:
    """A signing key, with the certificate for it or without."""

    key: SigningKey
    certificate: x509.Certificate | None

    @property
    def pem(self) -> bytes:
        if self.certificate is not None:
            return self.certificate.public_bytes(Encoding.PEM)
        return spki_pem(self.key.public_key())

    @property
    def der(self) -> bytes:
        if self.certificate is not None:
            return self.certificate.public_bytes(Encoding.DER)
        return spki_der(self.key.public_key())


@dataclass(frozen=True, slots=True)
class Evidence:
    """A signature and what proves who made it and when."""

    signature: bytes
    public_key: PublicKey
    certificate: x509.Certificate | None
    entries: tuple[LogEntry, ...]
    timestamps: tuple[bytes, ...]

    @property
    def certificate_pem(self) -> bytes | None:
        """The certificate in PEM, if there is one."""
        return None if self.certificate is None else self.certificate.public_bytes(Encoding.PEM)


class LabSigner:
    """Signs with the services of one lab, called directly: no token is asked for and any identity is given."""

    def __init__(
        self,
        *,
        ca: CertificateAuthority,
        ct_logs: Sequence[CtLog],
        rekor1: RekorV1,
        rekor2: RekorV2,
        tsa: TimestampAuthority,
    ) -> None:
        self._ca = ca
        self._ct_logs = ct_logs
        self._logs: dict[LogName, RekorV1 | RekorV2] = {"rekor1": rekor1, "rekor2": rekor2}
        self._tsa = tsa

    def sign_statement(self, statement: Mapping[str, object], recipe: Recipe) -> bytes:
        """A bundle with a DSSE envelope around the statement."""
        return self.sign_payload(IN_TOTO, statement_json(statement), recipe)

    def sign_payload(self, payload_type: str, payload: bytes, recipe: Recipe) -> bytes:
        """A bundle with a DSSE envelope around any bytes."""
        envelope, evidence = self.envelope_evidence(payload_type, payload, recipe)
        if recipe.tamper is not None:
            envelope = envelope.with_payload(recipe.tamper(payload))
        return _bundle(envelope, evidence)

    def sign_blob(self, blob: bytes, recipe: Recipe) -> bytes:
        """A bundle with a message signature over the blob."""
        evidence = self.message_evidence(blob, recipe)
        algorithm = hash_name(evidence.public_key)
        digest = hashlib.new(algorithm, blob).digest()
        shown = digest if recipe.tamper is None else recipe.tamper(digest)
        return _bundle(MessageSignature(algorithm, shown, evidence.signature), evidence)

    def envelope_evidence(
        self, payload_type: str, payload: bytes, recipe: Recipe
    ) -> tuple[Envelope, Evidence]:
        """An envelope around the payload, and its evidence: Rekor v1 logs the envelope, Rekor v2 its hash."""
        credential = self._credential(recipe)
        message = pae(payload_type, payload)
        envelope = Envelope(payload_type, payload, sign(credential.key, message))
        log = self._log(recipe)
        if isinstance(log, RekorV1):
            propose = intoto_proposal if recipe.entry == "intoto" else dsse_proposal
            entry = log.submit(propose(envelope.to_json(), credential.pem))[1]
            return envelope, self._evidence(envelope.signature, credential, entry, recipe)
        logged = None if log is None else _log_hash(log, credential, message, envelope.signature)
        return envelope, self._evidence(envelope.signature, credential, logged, recipe)

    def message_evidence(self, message: bytes, recipe: Recipe) -> Evidence:
        """A signature over the message, and its evidence."""
        credential = self._credential(recipe)
        signature = sign(credential.key, message)
        log = self._log(recipe)
        entry = None if log is None else _log_hash(log, credential, message, signature)
        return self._evidence(signature, credential, entry, recipe)

    def _credential(self, recipe: Recipe) -> _Credential:
        key = recipe.key or new_key()
        if not recipe.keyless:
            return _Credential(key, None)
        certificate = (recipe.ca or self._ca).issue(
            key.public_key(),
            Identity.of(recipe.identity, recipe.issuer, recipe.claims),
            ct_logs=self._ct_logs if recipe.ct_logs is None else recipe.ct_logs,
            not_before=recipe.issued_at,
        )
        return _Credential(key, certificate)

    def _log(self, recipe: Recipe) -> RekorV1 | RekorV2 | None:
        if recipe.log is None:
            return None
        return recipe.rekor or self._logs[recipe.log]

    def _evidence(
        self, signature: bytes, credential: _Credential, entry: LogEntry | None, recipe: Recipe
    ) -> Evidence:
        wanted = recipe.timestamp
        if wanted is None:
            wanted = isinstance(self._log(recipe), RekorV2)
        tsa = recipe.tsa or self._tsa
        return Evidence(
            signature,
            credential.key.public_key(),
            credential.certificate,
            entries=() if entry is None else (entry,),
            timestamps=(tsa.stamp(signature, at=recipe.timestamped_at),) if wanted else (),
        )


def _log_hash(log: RekorV1 | RekorV2, credential: _Credential, message: bytes, signature: bytes) -> LogEntry:
    public_key = credential.key.public_key()
    algorithm = hash_name(public_key)
    digest = hashlib.new(algorithm, message).digest()
    if isinstance(log, RekorV1):
        return log.submit(hashedrekord_proposal(digest, signature, credential.pem, algorithm))[1]
    certified = credential.certificate is not None
    return log.submit(
        hashedrekord_request(digest, signature, credential.der, public_key, certificate=certified)
    )


def _bundle(content: Envelope | MessageSignature, evidence: Evidence) -> bytes:
    return bundle_json(
        Signed(
            content,
            certificate=evidence.certificate,
            public_key=evidence.public_key,
            entries=evidence.entries,
            timestamps=evidence.timestamps,
        )
    )
