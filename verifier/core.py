"""The verifier: the straight line from a question to an explained verdict.

    1. find the policies that speak for the subject; none: refused, before any network
    2. resolve the reference once; from here on only the digest counts
    3. list what may hold signatures
    4. for each: fetch it (size and digest are checked on the way), pick the engine, get trusted material,
       verify: facts, or why there are none
    5. judge the facts under every policy, and put the judgements together

Whatever goes wrong on the way becomes a refusal or a could-not-check with its reason, never an admission.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.interfaces import PolicyProvider, TrustedMaterialProvider
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.subject import Subject
from providers.trust import TrustedMaterial

from .budget import Budget
from .conclude import Artifact, Findings, Unproven, conclude, conclude_artifact
from .engine import Engine, EvidenceError, VerifyOptions
from .facts import SignatureFacts
from .formats.bundle import parse_bundle
from .formats.manifest import Manifest, parse_manifest
from .results import ITSELF, PolicyVerdict, TrustUsed, ValidationResult, VerificationResult, VerifierInfo
from .store import Store
from .verdict import Outcome

logger = logging.getLogger(__name__)

# An image has a handful of signatures, and each costs two requests. What lies beyond is not looked at, and the
# verdict is "could not check" unless what was looked at suffices (CVE-2023-46737: endless signatures).
MAX_CANDIDATES = 64
# cosign writes one bundle to a manifest; legacy manifests have one layer for each signer.
MAX_SIGNATURES_PER_ARTIFACT = 16


class Verifier:
    """Decides whether artifacts may run. Holds no state of its own; safe to share between threads."""

    def __init__(
        self,
        *,
        store: Store,
        engines: tuple[Engine, ...],
        trust: TrustedMaterialProvider,
        policies: PolicyProvider,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._engines = engines
        self._trust = trust
        self._policies = policies
        self._clock = clock

    @property
    def engines(self) -> tuple[VerifierInfo, ...]:
        """The engines, as results name them."""
        return tuple(_info(engine) for engine in self._engines)

    @property
    def policy_revision(self) -> str:
        """The revision of the policies in force."""
        return self._policies.revision

    def trust_in_use(self) -> tuple[TrustUsed, ...]:
        """Everything that is trusted at the moment."""
        return tuple(TrustUsed.of(material) for material in self._trust.materials())

    def validate(self, subject: Subject, budget: Budget) -> ValidationResult:
        """May the artifact that ``subject`` names run? Never raises for what it finds or cannot find."""
        findings = Findings(subject)
        with _recording_obstacles(findings):
            if self._find_policies(findings, None):  # (1)
                findings.descriptor = self._store.resolve(subject.reference, budget)  # (2)
                policies = self._find_policies(findings, findings.descriptor)
                candidates = self._list(subject, findings.descriptor, budget) if policies else ()  # (3)
                question = Question(subject, findings.descriptor, self._clock(), budget)
                for candidate in candidates:
                    findings.add(self._examine(question, candidate))  # (4)
        result = conclude(findings)  # (5)
        _log(result.reference, result.policies, result.outcome, result.reason, admitted=result.admitted)
        return result

    def verify(
        self,
        subject: Subject,
        subject_descriptor: Descriptor,
        artifact_descriptor: Descriptor,
        budget: Budget,
    ) -> VerificationResult:
        """Does this one artifact satisfy every policy that speaks for the subject? (Ratify's call.)

        Never raises for what it finds or cannot find.
        """
        findings = Findings(subject, descriptor=subject_descriptor)
        with _recording_obstacles(findings):
            if self._find_policies(findings, subject_descriptor):
                question = Question(subject, subject_descriptor, self._clock(), budget)
                findings.add(self._examine(question, artifact_descriptor))
        result = conclude_artifact(findings, artifact_descriptor)
        named = f"{subject.reference.repository}@{subject_descriptor.digest} ({artifact_descriptor.digest})"
        _log(named, findings.policies, result.outcome, result.reason)
        return result

    def _find_policies(self, findings: Findings, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        """Ask the provider and keep its answer; while it has none, no earlier one counts."""
        findings.policies = ()
        try:
            findings.policy_revision = self._policies.revision
            findings.policies = self._policies.policies(findings.subject, descriptor)
        except UnavailableError:
            raise
        except Exception as error:
            logger.exception("the policy provider failed")
            raise UnavailableError(ReasonCode.POLICY_UNAVAILABLE, "the policy provider failed") from error
        return findings.policies

    def _list(self, subject: Subject, descriptor: Descriptor, budget: Budget) -> Iterator[Descriptor]:
        types = tuple(kind for engine in self._engines for kind in engine.artifact_types)
        listing = self._store.referrers(subject.reference.repository, descriptor, types, budget)
        for count, candidate in enumerate(listing):
            if count == MAX_CANDIDATES:
                raise UnavailableError(
                    ReasonCode.LIMIT_EXCEEDED, f"more than {MAX_CANDIDATES} candidate signatures are listed"
                )
            yield candidate

    def _examine(self, question: Question, candidate: Descriptor) -> Artifact | None:
        """Fetch one candidate and verify every signature it holds; None when it is no signature artifact.

        What goes wrong is found out about this candidate, and hides no other.
        """
        engine = None
        try:
            manifest = parse_manifest(self._store.fetch(question.repository, candidate, question.budget))
            engine = self._engine_for(manifest.artifact_type)
            if engine is None:
                return None
            layers = _signature_layers(manifest, engine)
            trust: dict[str, TrustUsed] = {}
            signatures = tuple(self._verify(engine, question, candidate, layer, trust) for layer in layers)
            return Artifact(candidate, _info(engine), signatures, tuple(trust.values()))
        except (VerificationError, UnavailableError) as error:
            return Artifact(candidate, _info(engine), (Unproven.of(candidate, error),))
        except Exception as error:  # noqa: BLE001  (a fault of ours denies)
            return Artifact(candidate, _info(engine), (Unproven.of(candidate, _fault(error)),))

    def _engine_for(self, artifact_type: str) -> Engine | None:
        return next((engine for engine in self._engines if artifact_type in engine.artifact_types), None)

    def _verify(
        self,
        engine: Engine,
        question: Question,
        artifact: Descriptor,
        layer: Descriptor,
        trust: dict[str, TrustUsed],
    ) -> SignatureFacts | Unproven:
        """The facts of one signature, or why there are none. The material used is noted in ``trust``."""
        try:
            content = parse_bundle(self._store.fetch(question.repository, layer, question.budget))
            material = self._trusted_material(question.subject, artifact, content.key_hint)
            trust[material.revision] = TrustUsed.of(material)
            return engine.verify(
                VerifyOptions(
                    store=self._store,
                    repository=question.repository,
                    subject_descriptor=question.descriptor,
                    artifact_descriptor=artifact,
                    content=content,
                    trusted_material=material,
                    time=question.time,
                    budget=question.budget,
                )
            )
        except EvidenceError as error:
            return Unproven.of(layer, error, error.checks)
        except (VerificationError, UnavailableError) as error:
            return Unproven.of(layer, error)
        except Exception as error:  # noqa: BLE001  (a fault of ours denies)
            return Unproven.of(layer, _fault(error))

    def _trusted_material(self, subject: Subject, artifact: Descriptor, key_hint: str) -> TrustedMaterial:
        try:
            return self._trust.trusted_material(subject, artifact, key_hint)
        except UnavailableError:
            raise
        except Exception as error:
            logger.exception("the provider of trusted material failed")
            raise UnavailableError(
                ReasonCode.TRUST_UNAVAILABLE, "the provider of trusted material failed"
            ) from error


@dataclass(frozen=True, slots=True)
class Question:
    """What every candidate of one request is examined for. ``time`` is the one reading of the clock."""

    subject: Subject
    descriptor: Descriptor
    time: datetime
    budget: Budget

    @property
    def repository(self) -> str:
        """Where the subject is, and its signatures."""
        return self.subject.reference.repository


@contextmanager
def _recording_obstacles(findings: Findings) -> Iterator[None]:
    """What keeps us from finding out more is kept beside what was found, which still counts."""
    try:
        yield
    except UnavailableError as error:
        findings.obstacle = error
    except Exception as error:  # noqa: BLE001  (a fault of ours denies)
        findings.obstacle = _fault(error)


def _signature_layers(manifest: Manifest, engine: Engine) -> list[Descriptor]:
    """The layers that hold signatures, each content once."""
    listed = {layer.digest: layer for layer in manifest.layers if layer.media_type in engine.artifact_types}
    layers = list(listed.values())
    if not layers:
        raise VerificationError(ReasonCode.MALFORMED, "the signature artifact holds no signature")
    if len(layers) > MAX_SIGNATURES_PER_ARTIFACT:
        raise UnavailableError(
            ReasonCode.LIMIT_EXCEEDED,
            f"the artifact holds {len(layers)} signatures; {MAX_SIGNATURES_PER_ARTIFACT} are read at most",
        )
    return layers


def _info(engine: Engine | None) -> VerifierInfo:
    return VerifierInfo(engine.name, engine.type) if engine is not None else ITSELF


def _fault(error: Exception) -> UnavailableError:
    """A mistake of ours, logged with its traceback; the caller learns its kind only."""
    logger.error("a fault in the verifier", exc_info=error)
    return UnavailableError(ReasonCode.INTERNAL_ERROR, f"a fault in the verifier ({type(error).__name__})")


def _log(
    reference: str,
    policies: Iterable[Policy | PolicyVerdict],
    outcome: Outcome,
    reason: ReasonCode,
    *,
    admitted: bool | None = None,
) -> None:
    """One line for each decision."""
    names = [policy.name for policy in policies]
    logger.info(
        "%s: %s: %s (policies: %s)",
        reference,
        outcome,
        reason,
        ", ".join(names) or "none",
        extra={
            "reference": reference,
            "policies": names,
            "outcome": str(outcome),
            "reason": str(reason),
            "admitted": admitted,
        },
    )
