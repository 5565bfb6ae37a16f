"""What has been found out about one subject so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.platforms import Coverage, Platform
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.subject import Subject

from .facts import Check, CheckStatus, SignatureFacts
from .formats.manifest import INDEX_MEDIA_TYPES
from .results import ITSELF, TrustUsed, VerifierInfo


@dataclass(frozen=True, slots=True)
class Unproven:
    """A signature without facts: it does not hold, or could not be checked. With ``whole``, an artifact that could
    not be read so far that anybody knows how many it holds.
    """

    media_type: str
    digest: str
    reason: ReasonCode
    message: str
    checks: tuple[Check, ...] = ()
    whole: bool = False

    @classmethod
    def of(
        cls,
        descriptor: Descriptor,
        error: VerificationError | UnavailableError,
        checks: tuple[Check, ...] = (),
        *,
        whole: bool = False,
    ) -> Unproven:
        """``error`` about the content of ``descriptor``. There is always a check that says what is wrong."""
        if not checks:
            status = CheckStatus.SKIPPED if error.reason.could_not_check else CheckStatus.FAIL
            checks = (Check("content", status, error.message, error.reason),)
        return cls(descriptor.media_type, descriptor.digest, error.reason, error.message, checks, whole)


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
    """One manifest and what was found out about its signatures. ``platforms`` are those under which an image index
    lists it, ``anywhere`` whether it does so without a platform too. ``obstacle`` is what kept us from finding out
    more.
    """

    descriptor: Descriptor
    platforms: tuple[Platform, ...] = ()
    anywhere: bool = False
    artifacts: list[Artifact] = field(default_factory=list)
    obstacle: UnavailableError | None = None

    @property
    def platform(self) -> str:
        """For people: the platforms; the digest, for a part of an index that names none."""
        listed = ", ".join(map(str, self.platforms))
        return listed or (self.descriptor.digest if self.anywhere else "")

    def runs_on(self, platform: Platform) -> bool:
        """Whether somebody who asks for ``platform`` may be given this one. What names none is for any."""
        return self.anywhere or any(map(platform.covers, self.platforms))

    def add(self, artifact: Artifact | None) -> None:
        """One more candidate; None was none."""
        if artifact is not None:
            self.artifacts.append(artifact)

    def hinder(self, obstacle: UnavailableError) -> None:
        """One more thing that was not found out. The one that got furthest is told."""
        self.obstacle = _further(self.obstacle, obstacle)


@dataclass(slots=True)
class Parts:
    """What an image index lists: the ``manifests`` that run somewhere, and the ``digests`` of everything, those of
    indexes within it included. ``obstacle`` is what kept us from reading more of it.
    """

    manifests: tuple[Examined, ...] = ()
    digests: frozenset[str] = frozenset()
    obstacle: UnavailableError | None = None


@dataclass(slots=True)
class Findings:
    """``image`` is the subject itself, once it is resolved; ``parts`` is set where it is an index and a policy
    wants to know what it lists. ``obstacle`` is what kept us from all that was not found out. ``time`` is the one
    reading of the clock.
    """

    subject: Subject
    time: datetime
    policies: tuple[Policy, ...] = ()
    policy_revision: str = ""
    image: Examined | None = None
    parts: Parts | None = None
    obstacle: UnavailableError | None = None

    @property
    def examined(self) -> tuple[Examined, ...]:
        """Everything that may have been looked at."""
        return (*((self.image,) if self.image else ()), *(self.parts.manifests if self.parts else ()))

    def asked_by(self, policy: Policy) -> tuple[Examined, ...]:
        """The manifests that have to be signed for ``policy``: those of the index that it names, or the subject
        itself. It may be none.
        """
        if self.image is None:
            return ()
        if self.parts is None or not policy.asks_parts:
            unread = policy.asks_parts and self.image.descriptor.media_type in INDEX_MEDIA_TYPES
            return () if unread else (self.image,)
        if policy.platforms.coverage is Coverage.EVERY:
            return self.parts.manifests
        return tuple(part for part in self.parts.manifests if any(map(part.runs_on, policy.platforms.listed)))

    def hinder(self, obstacle: UnavailableError) -> None:
        """One more thing that was not found out. The one that got furthest is told."""
        self.obstacle = _further(self.obstacle, obstacle)


def _further(known: UnavailableError | None, obstacle: UnavailableError) -> UnavailableError:
    return obstacle if known is None or obstacle.reason > known.reason else known
