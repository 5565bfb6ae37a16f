"""The contract of an engine: what checks the cryptography of one signature and returns facts.

Ratify calls this a verifier plugin. An engine opens no socket and no file and reads no clock; it gets the
content, the trusted material and the time. It knows no policy: the core judges what it returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from providers.descriptor import Descriptor
from providers.errors import VerificationError
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial

from .budget import Budget
from .facts import Check, SignatureFacts
from .formats.entity import SignedEntity
from .store import Store


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """One signature to verify (ratify-go ``VerifyOptions``), with what the core resolved for the engine.

    ``content`` is the parsed signature, ``time`` the one clock reading of the request.
    """

    store: Store
    repository: str
    subject_descriptor: Descriptor
    artifact_descriptor: Descriptor
    content: SignedEntity
    trusted_material: TrustedMaterial
    time: datetime
    budget: Budget

    def read_subject(self) -> bytes:
        """The artifact itself.

        Raises:
            UnavailableError: the store does not have it.
        """
        return self.store.fetch(self.repository, self.subject_descriptor, self.budget)


class EvidenceError(VerificationError):
    """A signature that does not hold, with the checks made until that was clear (the failed one included)."""

    def __init__(self, reason: ReasonCode, message: str, checks: tuple[Check, ...]) -> None:
        super().__init__(reason, message)
        self.checks = checks


class Engine(Protocol):
    """Checks signatures of a certain kind."""

    @property
    def name(self) -> str:
        """The name results carry, with the version of what stands behind it (``sigstore-python 4.5.1``)."""
        ...

    @property
    def type(self) -> str:
        """The kind of engine: ``sigstore``, ``keys``, ``cosign``."""
        ...

    def takes(self, content: SignedEntity, material: TrustedMaterial) -> bool:
        """Whether it can verify signatures like ``content`` against ``material``."""
        ...

    def accept(self, material: TrustedMaterial) -> None:
        """Prepare ``material``, so that a bad trusted root or key is found when it is loaded.

        Raises:
            ConfigurationError: it does not parse or trusts nothing.
        """
        ...

    def verify(self, options: VerifyOptions) -> SignatureFacts:
        """Establish the facts of one signature: cryptography, times, logs, and that it signs exactly
        ``options.subject_descriptor``.

        Raises:
            EvidenceError: the signature does not hold.
            UnavailableError: it could not be found out (the trusted material cannot be used).
        """
        ...

    def self_test(self) -> None:
        """Verify known-good and known-bad material that ships with the engine.

        Raises:
            PycosignError: a good one was refused or a bad one accepted; the engine must not be used.
        """
        ...
