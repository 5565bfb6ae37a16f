"""What is asked about one signature, of one possible signer after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.reasons import ReasonCode

from ...budget import Budget
from ...engine import VerifyOptions
from ...facts import CertificateSummary
from ...formats.dsse import IN_TOTO, Envelope
from ...formats.entity import MessageSignature, SignedEntity
from ...formats.statement import parse_statement
from .. import evidence
from ..evidence import refusal
from ..signature import Message, SignedContent, algorithm_of, needs_artifact
from ..signer import Signer
from .answer import require_verified
from .command import Asked, Matter, Signatory, command_for
from .process import Finished

LOG_REASONS = frozenset({
    ReasonCode.DUPLICATE_LOG_ENTRY,
    ReasonCode.LOG_ENTRY_MISMATCH,
    ReasonCode.LOG_UNTRUSTED,
})  # fmt: skip
_CHECKS = {
    ReasonCode.CHAIN_UNTRUSTED: evidence.CHAIN,
    ReasonCode.IDENTITY_MISMATCH: evidence.CERTIFICATE,
    ReasonCode.SUBJECT_DIGEST_MISMATCH: evidence.SUBJECT,
    ReasonCode.PREDICATE_TYPE_MISMATCH: evidence.SUBJECT,
    **dict.fromkeys(LOG_REASONS, evidence.LOG),
    ReasonCode.TIMESTAMP_INVALID: evidence.TIMESTAMP,
    ReasonCode.NO_TIMESTAMP: evidence.TIMESTAMP,
    ReasonCode.TIME_OUTSIDE_VALIDITY: evidence.VALIDITY,
    ReasonCode.SCT_UNTRUSTED: evidence.SCT,
}


def check_of(reason: ReasonCode) -> str:
    """The check that failed when cosign refuses for ``reason``."""
    return _CHECKS.get(reason, evidence.SIGNATURE)


class Runner(Protocol):
    """Runs cosign (``process.Program``)."""

    def run(
        self, arguments: Sequence[str], files: Mapping[str, bytes], *, limit: int, budget: Budget
    ) -> Finished:
        """What became of it."""
        ...


class Inquiry:
    """One signature."""

    def __init__(self, program: Runner, options: VerifyOptions) -> None:
        self._program = program
        self.options = options
        self._artifact = Message(options.read_subject)

    def matter(self) -> Matter:
        """What it is about, by its own words.

        Raises:
            VerificationError: ``malformed``, ``unsupported``: its statement cannot be read.
        """
        entity = self.options.content
        return Matter(
            entity=entity,
            subject=self.options.subject_descriptor,
            predicate_type=_predicate_type(entity),
            artifact=self._artifact,
            trusted_root=self.options.trusted_material.trusted_root,
        )

    def ask(self, matter: Matter, signatory: Signatory, asked: Asked) -> None:
        """Return when cosign verifies it for ``signatory``, with the evidence that is ``asked`` for.

        Raises:
            VerificationError: it refuses.
            UnavailableError: it cannot say.
        """
        command = command_for(matter, signatory, asked)
        finished = self._program.run(
            command.arguments, command.files, limit=command.limit, budget=self.options.budget
        )
        require_verified(finished, command, matter, signatory, asked)

    def signed_message(self) -> Message:
        """What the signature is to be over."""
        content = self.options.content.content
        if isinstance(content, MessageSignature):
            return self._artifact
        return Message.of(content, self.options.read_subject)

    def signed_content(self, signer: Signer) -> SignedContent:
        """What cosign found ``signer`` to have signed.

        Raises:
            UnavailableError: the artifact cannot be read.
        """
        content, message = self.options.content.content, self.signed_message()
        if not isinstance(content, MessageSignature):
            algorithm = algorithm_of(signer)
            return SignedContent(content, message, algorithm, message.digest(algorithm))
        if not needs_artifact(signer, content):
            digest = bytes.fromhex(self.options.subject_descriptor.hex)
            return SignedContent(content, None, "SHA2_256", digest)
        return SignedContent(content, message, "SHA2_256", message.digest("SHA2_256"))

    def key(self, signer: Signer) -> Signatory:
        """``signer``, a bare key, as one whom cosign may be asked about."""
        pem = signer.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        algorithm = algorithm_of(signer)
        named = algorithm != "SHA2_256" and not isinstance(signer.key, ed25519.Ed25519PublicKey)
        hashed = algorithm.replace("SHA2_", "sha") if named else ""
        return Signatory(self._by_digest(signer), key=pem, hash=hashed)

    def certificate(self, signer: Signer, pem: bytes, summary: CertificateSummary) -> Signatory:
        """``signer``, the key of a certificate, as one whom cosign may be asked about."""
        return Signatory(
            self._by_digest(signer),
            certificate=pem,
            name=summary.subject_alternative_name,
            issuer=summary.issuer,
        )

    def _by_digest(self, signer: Signer) -> bool:
        return not needs_artifact(signer, self.options.content.content)


def _predicate_type(entity: SignedEntity) -> str:
    if not isinstance(entity.content, Envelope):
        return ""
    if entity.content.payload_type != IN_TOTO:
        raise refusal(ReasonCode.UNSUPPORTED, f"a signed payload of type {entity.content.payload_type!r}")
    return parse_statement(entity.content.payload).predicate_type
