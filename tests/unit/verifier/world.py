"""One image, any number of scripted signatures: an engine that says what it is told, a registry in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.predicates import COSIGN_SIGN
from providers.reasons import ReasonCode
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedMaterial
from pycosign.lab import Lab, MemoryRegistry, attach_bundle, push_image
from tests.memory_store import MemoryStore
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.engine import EvidenceError, VerifyOptions
from verifier.facts import (
    TLOG,
    CertificateSummary,
    Check,
    CheckStatus,
    SignatureFacts,
    VerifiedLogEntry,
    VerifiedSct,
    VerifiedTimestamp,
)
from verifier.formats.bundle import BUNDLE_V03, parse_bundle
from verifier.formats.entity import SignedEntity
from verifier.results import ValidationResult
from verifier.verdict import Outcome

A, R, C = Outcome.ALLOWED, Outcome.REFUSED, Outcome.COULD_NOT_CHECK
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RELEASE = CertificateIdentity(
    StringMatch(value="https://ci.test/release"), StringMatch(value="https://issuer.test")
)
CERTIFICATE = CertificateSummary(
    certificate_issuer="CN=lab",
    subject_alternative_name="https://ci.test/release",
    subject_alternative_name_type="URI",
    issuer="https://issuer.test",
    not_before=NOW,
    not_after=NOW,
    claims=(("githubWorkflowRepository", "org/app"),),
)
FACTS = SignatureFacts(
    media_type=BUNDLE_V03,
    digest="sha256:" + "0" * 64,
    certificate=CERTIFICATE,
    key_id="",
    predicate_type=COSIGN_SIGN,
    annotations=(),
    timestamps=(VerifiedTimestamp(TLOG, "log", NOW, "log-1"),),
    log_entries=(VerifiedLogEntry("log-1", 1, "dsse/0.0.1", "log"),),
    scts=(VerifiedSct("ct-1", NOW),),
    checks=(Check("signature", CheckStatus.PASS, "holds"),),
)
STRANGER = replace(FACTS, certificate=replace(CERTIFICATE, subject_alternative_name="https://ci.test/fork"))


@dataclass
class ScriptedEngine:
    """Answers by the digest of the bundle."""

    answers: dict[str, SignatureFacts | Exception] = field(default_factory=dict)
    seen: list[VerifyOptions] = field(default_factory=list)
    name: str = "scripted"
    type: str = "test"

    def takes(self, content: SignedEntity, material: TrustedMaterial) -> bool:
        return True

    def accept(self, material: TrustedMaterial) -> None:
        del material

    def self_test(self) -> None:
        pass

    def verify(self, options: VerifyOptions) -> SignatureFacts:
        self.seen.append(options)
        answer = self.answers[options.content.digest]
        if isinstance(answer, Exception):
            raise answer
        return replace(answer, digest=options.content.digest)


class World:
    """One image, any number of scripted signatures."""

    lab = Lab()

    def __init__(self) -> None:
        self.registry = MemoryRegistry()
        self.store = MemoryStore(self.registry)
        self.engine = ScriptedEngine()
        self.image = push_image(self.registry, "app", tag="v1")
        self.policies: list[Policy] = [policy()]
        self.trust = TrustedMaterial.of("test", b"{}", NOW)

    def signed(self, answer: SignatureFacts | Exception, *, broken: ReasonCode | None = None) -> str:
        """Attach a bundle that verifies to ``answer``; with ``broken`` its manifest cannot be fetched."""
        bundle = self.lab.sign_image(self.image.digest)
        descriptor = attach_bundle(self.registry, "app", self.image, bundle)
        self.engine.answers[parse_bundle(bundle).digest] = answer
        if broken is not None:
            self.store.broken[descriptor.digest] = broken
        return descriptor.digest

    def verifier(self) -> Verifier:
        return Verifier(
            store=self.store,
            engines=(self.engine,),
            trust=StaticTrustedMaterialProvider(self.trust),
            policies=StaticPolicyProvider(tuple(self.policies)),
            clock=lambda: NOW,
        )

    def validate(self, reference: str = "reg.test/app:v1", seconds: float = 60) -> ValidationResult:
        return self.verifier().validate(Subject.parse(reference), Budget(seconds))


def policy(name: str = "release", **changes: object) -> Policy:
    fields: dict[str, object] = {
        "name": name,
        "scopes": (Scope.parse("reg.test"),),
        "certificate_identities": (RELEASE,),
    }
    return Policy.single(**(fields | changes))  # type: ignore[arg-type]  # a table of fields


def refusal(reason: ReasonCode) -> EvidenceError:
    return EvidenceError(reason, "told to refuse", (Check("x", CheckStatus.FAIL, "told to refuse", reason),))
