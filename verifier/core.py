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
from collections.abc import Callable, Iterator
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
from .formats.manifest import parse_manifest
from .results import TrustUsed, ValidationResult, VerificationResult, VerifierInfo
from .store import Store

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
        return tuple(VerifierInfo(engine.name, engine.type) for engine in self._engines)

    @property
    def policy_revision(self) -> str:
        """The revision of the policies in force."""
        return self._policies.revision

    def trust_in_use(self) -> tuple[TrustUsed, ...]:
        """Everything that is trusted at the moment."""
        return tuple(TrustUsed.of(material) for material in self._trust.materials())

    def validate(self, subject: Subject, budget: Budget) -> ValidationResult:
        """May the artifact that ``subject`` names run? Never raises for what it finds or cannot find."""
        findings = Findings(subject, self._clock())
        try:
            findings.policies = self._find_policies(subject, None)  # (1)
            if findings.policies:
                descriptor = self._store.resolve(subject.reference, budget)  # (2)
                findings.descriptor = descriptor
                findings.policies = self._find_policies(subject, descriptor)
                for candidate in self._list(subject, descriptor, budget):  # (3)
                    self._examine(findings, descriptor, candidate, budget)  # (4)
        except UnavailableError as error:
            findings.obstacle = error  # what was found before still counts
        except Exception as error:  # noqa: BLE001  (a fault of ours denies)
            findings.obstacle = _fault(error)
        result = conclude(findings)  # (5)
        _log(result)
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
        findings = Findings(subject, self._clock(), descriptor=subject_descriptor)
        try:
            findings.policies = self._find_policies(subject, subject_descriptor)
            if findings.policies:
                self._examine(findings, subject_descriptor, artifact_descriptor, budget)
        except UnavailableError as error:
            findings.obstacle = error
        except Exception as error:  # noqa: BLE001  (a fault of ours denies)
            findings.obstacle = _fault(error)
        return conclude_artifact(findings, artifact_descriptor)

    def _find_policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        try:
            return self._policies.policies(subject, descriptor)
        except UnavailableError:
            raise
        except Exception as error:
            logger.exception("the policy provider failed")
            raise UnavailableError(ReasonCode.POLICY_UNAVAILABLE, "the policy provider failed") from error

    def _list(self, subject: Subject, descriptor: Descriptor, budget: Budget) -> Iterator[Descriptor]:
        types = tuple(kind for engine in self._engines for kind in engine.artifact_types)
        listing = self._store.referrers(subject.reference.repository, descriptor, types, budget)
        for count, candidate in enumerate(listing):
            if count == MAX_CANDIDATES:
                raise UnavailableError(
                    ReasonCode.LIMIT_EXCEEDED, f"more than {MAX_CANDIDATES} candidate signatures are listed"
                )
            yield candidate

    def _examine(
        self, findings: Findings, subject: Descriptor, candidate: Descriptor, budget: Budget
    ) -> None:
        """Fetch one candidate and verify every signature it holds. Its failures are its own: they are found
        out about this candidate and hide no other. What holds no signature at all leaves no trace."""
        try:
            repository = findings.subject.reference.repository
            manifest = parse_manifest(self._store.fetch(repository, candidate, budget))
            engine = self._engine_for(manifest.artifact_type)
            if engine is None:
                return
            layers = [layer for layer in manifest.layers if layer.media_type in engine.artifact_types]
            if not 1 <= len(layers) <= MAX_SIGNATURES_PER_ARTIFACT:
                raise VerificationError(
                    ReasonCode.MALFORMED,
                    f"the artifact holds {len(layers)} signatures; 1 to {MAX_SIGNATURES_PER_ARTIFACT} are read",
                )
            signatures = tuple(
                self._verify(engine, findings, subject, candidate, layer, budget) for layer in layers
            )
            info = VerifierInfo(engine.name, engine.type)
            findings.artifacts.append(Artifact(candidate, info, signatures))
        except (VerificationError, UnavailableError) as error:
            unproven = Unproven.of(candidate, error)
            findings.artifacts.append(Artifact(candidate, VerifierInfo("", ""), (unproven,)))

    def _engine_for(self, artifact_type: str) -> Engine | None:
        return next((engine for engine in self._engines if artifact_type in engine.artifact_types), None)

    def _verify(
        self,
        engine: Engine,
        findings: Findings,
        subject: Descriptor,
        artifact: Descriptor,
        layer: Descriptor,
        budget: Budget,
    ) -> SignatureFacts | Unproven:
        """The facts of one signature, or why there are none."""
        try:
            repository = findings.subject.reference.repository
            content = parse_bundle(self._store.fetch(repository, layer, budget))
            material = self._trusted_material(findings, artifact, content.key_hint)
            return engine.verify(
                VerifyOptions(
                    store=self._store,
                    repository=repository,
                    subject_descriptor=subject,
                    artifact_descriptor=artifact,
                    content=content,
                    trusted_material=material,
                    time=findings.time,
                    budget=budget,
                )
            )
        except EvidenceError as error:
            return Unproven.of(layer, error, error.checks)
        except (VerificationError, UnavailableError) as error:
            return Unproven.of(layer, error)
        except Exception as error:  # noqa: BLE001  (a fault of ours denies)
            return Unproven.of(layer, _fault(error))

    def _trusted_material(self, findings: Findings, artifact: Descriptor, key_hint: str) -> TrustedMaterial:
        try:
            material = self._trust.trusted_material(findings.subject, artifact, key_hint)
        except UnavailableError:
            raise
        except Exception as error:
            logger.exception("the provider of trusted material failed")
            raise UnavailableError(
                ReasonCode.TRUST_UNAVAILABLE, "the provider of trusted material failed"
            ) from error
        findings.trust[material.revision] = TrustUsed.of(material)
        return material


def _fault(error: Exception) -> UnavailableError:
    """A mistake of ours, logged with its traceback; the caller learns its kind only."""
    logger.error("a fault in the verifier", exc_info=error)
    return UnavailableError(ReasonCode.INTERNAL_ERROR, f"a fault in the verifier ({type(error).__name__})")


def _log(result: ValidationResult) -> None:
    """One line for each decision."""
    logger.info(
        "%s %s: %s",
        result.reference,
        result.outcome,
        result.reason,
        extra={
            "subject_digest": result.subject.digest if result.subject else "",
            "policies": [policy.name for policy in result.policies],
            "outcome": str(result.outcome),
            "reason": str(result.reason),
            "admitted": result.admitted,
        },
    )
