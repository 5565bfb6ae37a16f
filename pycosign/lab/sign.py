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
from .errors import LabConflictError
from .identity import Identity
from .keys import PublicKey, Scheme, SigningKey, hash_name, key_details, new_key, sign, spki_der, spki_pem
from .names import DEFAULT_IDENTITY, DEFAULT_ISSUER
from .proposals import (
    dsse_proposal,
    hashedrekord_proposal,
    intoto_001_proposal,
    intoto_proposal,
    pae,
)
from .rekor1 import RekorV1
from .rekor2 import RekorV2, hashedrekord_request
from .tsa import TimestampAuthority

Tamper = Callable[[bytes], bytes]
LogName = Literal["rekor1", "rekor2"]
EntryKind = Literal["dsse", "intoto", "intoto-0.0.1"]
IN_TOTO = "application/vnd.in-toto+json"
_PROPOSALS: dict[EntryKind, Callable[[dict[str, object], bytes], dict[str, object]]] = {
    "dsse": dsse_proposal,
    "intoto": intoto_proposal,
    "intoto-0.0.1": intoto_001_proposal,
}


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
    scheme: Scheme
    ca: CertificateAuthority | None
    ct_logs: Sequence[CtLog] | None
    rekor: RekorV1 | RekorV2 | None
    tsa: TimestampAuthority | None
    further_logs: Sequence[RekorV1 | RekorV2]
    further_tsas: Sequence[TimestampAuthority]
    issued_at: datetime | None
    timestamped_at: datetime | None
    tamper: Tamper | None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to sign once.

    identity, issuer, claims   what the certificate says (claims: the keys of identity.CLAIMS)
    log                        which log of the lab takes the entry; None for no entry
    entry                      how Rekor v1 logs an envelope: dsse 0.0.1, or intoto 0.0.2 or 0.0.1 as before 2023
    timestamp                  None: only with Rekor v2, which gives no time of its own
    keyless                    False: no certificate, the bundle carries a hint of the public key
    key, scheme                the signing key, else a fresh P-256 key, and how it signs (see keys.Scheme)
    ca, ct_logs, rekor, tsa    somebody else's (a stranger lab's); ct_logs=() makes a certificate without SCT
    further_logs, further_tsas take the entry, or stamp the signature, as well
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
    scheme: Scheme = "usual"
    ca: CertificateAuthority | None = None
    ct_logs: Sequence[CtLog] | None = None
    rekor: RekorV1 | RekorV2 | None = None
    tsa: TimestampAuthority | None = None
    further_logs: Sequence[RekorV1 | RekorV2] = ()
    further_tsas: Sequence[TimestampAuthority] = ()
    issued_at: datetime | None = None
    timestamped_at: datetime | None = None
    tamper: Tamper | None = None


@dataclass(frozen=True, slots=True)
class _Credential:
    """A signing key, with the certificate for it or without."""

    key: SigningKey
    scheme: Scheme
    certificate: x509.Certificate | None

    def sign(self, message: bytes) -> bytes:
        return sign(self.key, message, self.scheme)

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
        envelope = Envelope(payload_type, payload, credential.sign(message))
        entries = [
            _proposed(log, _PROPOSALS[recipe.entry](envelope.to_json(), credential.pem))
            if isinstance(log, RekorV1)
            else _log_hash(log, credential, message, envelope.signature)
            for log in self._takers(recipe)
        ]
        return envelope, self._evidence(envelope.signature, credential, entries, recipe)

    def message_evidence(self, message: bytes, recipe: Recipe) -> Evidence:
        """A signature over the message, and its evidence."""
        credential = self._credential(recipe)
        signature = credential.sign(message)
        entries = [_log_hash(log, credential, message, signature) for log in self._takers(recipe)]
        return self._evidence(signature, credential, entries, recipe)

    def _credential(self, recipe: Recipe) -> _Credential:
        key = recipe.key or new_key()
        if not recipe.keyless:
            return _Credential(key, recipe.scheme, None)
        certificate = (recipe.ca or self._ca).issue(
            key.public_key(),
            Identity.of(recipe.identity, recipe.issuer, recipe.claims),
            ct_logs=self._ct_logs if recipe.ct_logs is None else recipe.ct_logs,
            not_before=recipe.issued_at,
        )
        return _Credential(key, recipe.scheme, certificate)

    def _log(self, recipe: Recipe) -> RekorV1 | RekorV2 | None:
        if recipe.log is None:
            return None
        return recipe.rekor or self._logs[recipe.log]

    def _takers(self, recipe: Recipe) -> tuple[RekorV1 | RekorV2, ...]:
        log = self._log(recipe)
        return (*(() if log is None else (log,)), *recipe.further_logs)

    def _evidence(
        self, signature: bytes, credential: _Credential, entries: Sequence[LogEntry], recipe: Recipe
    ) -> Evidence:
        wanted = recipe.timestamp
        if wanted is None:
            wanted = isinstance(self._log(recipe), RekorV2)
        authorities = (*((recipe.tsa or self._tsa,) if wanted else ()), *recipe.further_tsas)
        return Evidence(
            signature,
            credential.key.public_key(),
            credential.certificate,
            entries=tuple(entries),
            timestamps=tuple(tsa.stamp(signature, at=recipe.timestamped_at) for tsa in authorities),
        )


def _proposed(log: RekorV1, proposal: Mapping[str, object]) -> LogEntry:
    """The new entry or, as clients do for a signature that comes out the same each time, the one that is there."""
    try:
        return log.submit(proposal)[1]
    except LabConflictError as conflict:
        there = log.find(conflict.location.rpartition("/")[2])
        if there is None:
            raise
        return there[1]


def _log_hash(log: RekorV1 | RekorV2, credential: _Credential, message: bytes, signature: bytes) -> LogEntry:
    public_key = credential.key.public_key()
    algorithm = hash_name(public_key)
    digest = hashlib.new(algorithm, message).digest()
    if isinstance(log, RekorV1):
        return _proposed(log, hashedrekord_proposal(digest, signature, credential.pem, algorithm))
    certified = credential.certificate is not None
    details = key_details(public_key, credential.scheme)
    return log.submit(hashedrekord_request(digest, signature, credential.der, details, certificate=certified))


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
