"""What has been found out about one subject so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.subject import Subject

from .facts import Check, CheckStatus, SignatureFacts
from .results import ITSELF, TrustUsed, VerifierInfo


@dataclass(frozen=True, slots=True)
class Unproven:
    """A signature without facts: it does not hold, or could not be checked."""

    media_type: str
    digest: str
    reason: ReasonCode
    message: str
    checks: tuple[Check, ...] = ()

    @classmethod
    def of(
        cls,
        descriptor: Descriptor,
        error: VerificationError | UnavailableError,
        checks: tuple[Check, ...] = (),
    ) -> Unproven:
        """``error`` about the content of ``descriptor``. There is always a check that says what is wrong."""
        if not checks:
            status = CheckStatus.SKIPPED if error.reason.could_not_check else CheckStatus.FAIL
            checks = (Check("content", status, error.message, error.reason),)
        return cls(descriptor.media_type, descriptor.digest, error.reason, error.message, checks)


@dataclass(slots=True)
class Artifact:
    """One signature artifact: what was found out so far about every signature in it, the engine that was asked
    last, and the trust that answered, by revision.
    """

    descriptor: Descriptor
    verifier: VerifierInfo = ITSELF
    signatures: list[SignatureFacts | Unproven] = field(default_factory=list)
    trust: dict[str, TrustUsed] = field(default_factory=dict)


@dataclass(slots=True)
class Examined:
    """One manifest and what was found out about its signatures. ``platform`` is set for a part of an image index,
    ``obstacle`` is what kept us from finding out more.
    """

    descriptor: Descriptor
    platform: str = ""
    artifacts: list[Artifact] = field(default_factory=list)
    obstacle: UnavailableError | None = None

    def add(self, artifact: Artifact | None) -> None:
        """One more candidate; None was none."""
        if artifact is not None:
            self.artifacts.append(artifact)

    def hinder(self, obstacle: UnavailableError) -> None:
        """One more thing that was not found out. The one that got furthest is told."""
        self.obstacle = _further(self.obstacle, obstacle)


@dataclass(slots=True)
class Findings:
    """``image`` is the subject itself, once it is resolved; ``parts`` are the manifests of its platforms, None
    where nobody asked or it is no index. ``obstacle`` is what kept us from all that was not found out. ``time`` is
    the one reading of the clock.
    """

    subject: Subject
    time: datetime
    policies: tuple[Policy, ...] = ()
    policy_revision: str = ""
    image: Examined | None = None
    parts: tuple[Examined, ...] | None = None
    obstacle: UnavailableError | None = None

    @property
    def examined(self) -> tuple[Examined, ...]:
        """Everything that was looked at."""
        return (*((self.image,) if self.image else ()), *(self.parts or ()))

    def hinder(self, obstacle: UnavailableError) -> None:
        """One more thing that was not found out. The one that got furthest is told."""
        self.obstacle = _further(self.obstacle, obstacle)


def _further(known: UnavailableError | None, obstacle: UnavailableError) -> UnavailableError:
    return obstacle if known is None or obstacle.reason > known.reason else known
