"""The verifier: the straight line from a question to an explained verdict.

    1. find the policies that speak for the subject; none: refused, before any network
    2. resolve the reference once; from here on only the digest counts
    3. list what may hold signatures, place after place, in every form that cosign stores them in
    4. for each: fetch it (size and digest are checked on the way), get trusted material, pick the engine, verify:
       facts, or why there are none
    5. judge the facts under every policy, and put the judgements together

Whatever goes wrong on the way becomes a refusal or a could-not-check with its reason, never an admission.

A registry is asked once for the image, once for each of cosign's tags that is wanted, once for the referrers (once
more where it has no API for them, and for each further page), then for every referrer, and for every content that
holds signatures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.interfaces import PolicyProvider, TrustedMaterialProvider
from providers.platforms import Coverage
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.subject import Subject
from providers.trust import TrustedMaterial

from .budget import Budget
from .conclude import conclude, conclude_artifact
from .cross_check import Confirmations
from .discovery import Candidate, Discovery, Wanted
from .engine import Engine, EvidenceError, VerifyOptions
from .facts import SignatureFacts
from .findings import Artifact, Examined, Findings, Unproven
from .formats.entity import SignedEntity
from .formats.layer import parse_layer, signature_digest
from .formats.manifest import INDEX_MEDIA_TYPES, parse_index, parse_manifest
from .formats.signature_file import SignatureFile, parse_signature_file
from .judge import judge
from .results import PolicyVerdict, TrustUsed, ValidationResult, VerificationResult, VerifierInfo
from .store import Store
from .verdict import Outcome

logger = logging.getLogger(__name__)

# For each place that is searched. An image has a handful of signatures, and each costs two requests. What lies
# beyond is not looked at, and the verdict is "could not check" unless what was looked at suffices (CVE-2023-46737:
# endless signatures).
MAX_CANDIDATES = 64
# cosign writes one bundle to a manifest; under a .sig tag there is one layer for each time somebody signed.
MAX_SIGNATURES_PER_ARTIFACT = 64
# Images for every architecture that Debian and Go build for have about a dozen.
MAX_PLATFORMS = 32


class Verifier:
    """Decides whether artifacts may run. Holds no state of its own; safe to share between threads.

    The first of ``engines`` that takes a signature verifies it. Each of ``cross_check`` then has to agree about
    every signature that satisfies a policy.
    """

    def __init__(
        self,
        *,
        store: Store,
        engines: tuple[Engine, ...],
        trust: TrustedMaterialProvider,
        policies: PolicyProvider,
        clock: Callable[[], datetime],
        cross_check: tuple[Engine, ...] = (),
        discovery: Discovery | None = None,
    ) -> None:
        self._store = store
        self._engines = engines
        self._cross_check = cross_check
        self._trust = trust
        self._policies = policies
        self._clock = clock
        self._discovery = discovery or Discovery()

    @property
    def engines(self) -> tuple[VerifierInfo, ...]:
        """The engines, as results name them."""
        return tuple(_info(engine) for engine in (*self._engines, *self._cross_check))

    @property
    def policy_revision(self) -> str:
        """The revision of the policies in force."""
        return self._policies.revision

    def trust_in_use(self) -> tuple[TrustUsed, ...]:
        """Everything that is trusted at the moment."""
        return tuple(TrustUsed.of(material) for material in self._trust.materials())

    def validate(self, subject: Subject, budget: Budget) -> ValidationResult:
        """May the artifact that ``subject`` names run? Never raises for what it finds or cannot find."""
        findings = Findings(subject, time=self._clock())
        with _recording_obstacles(findings):
            if self._find_policies(findings, None):  # (1)
                image = findings.image = Examined(self._store.resolve(subject.reference, budget))  # (2)
                policies = self._find_policies(findings, image.descriptor)
                question = Question(subject, image.descriptor, policies, findings.time, budget)
                for examined, part in self._manifests(findings, image, question):
                    for place, candidate in self._list(examined, part):  # (3)
                        examined.add(self._examine(place, candidate))  # (4)
        return _answer(findings)  # (5)

    def validate_file(
        self, subject: Subject, descriptor: Descriptor, signatures: Iterable[SignatureFile], budget: Budget
    ) -> ValidationResult:
        """May the file that ``subject`` names and ``descriptor`` describes be used, given what stands beside it?

        The store has its content, where the signature cannot be checked without. Never raises for what it finds.
        """
        file = Examined(descriptor)
        findings = Findings(subject, time=self._clock(), image=file)
        with _recording_obstacles(findings):
            policies = self._find_policies(findings, descriptor)
            question = Question(subject, descriptor, policies, findings.time, budget)
            for signature in signatures if policies else ():
                file.add(self._examine_file(question, signature))
        return _answer(findings)

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
        image = Examined(subject_descriptor)
        findings = Findings(subject, time=self._clock(), image=image)
        with _recording_obstacles(findings):
            policies = self._find_policies(findings, subject_descriptor)
            if policies:
                question = Question(subject, subject_descriptor, policies, findings.time, budget)
                image.add(self._examine(question, Candidate(artifact_descriptor)))
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

    def _manifests(
        self, findings: Findings, image: Examined, question: Question
    ) -> Iterator[tuple[Examined, Question]]:
        """The manifests whose signatures the policies ask for: the subject itself, and those of its platforms
        where it is an index and a policy wants them. Each has its share of the budget.
        """
        if question.wants_parts and image.descriptor.media_type in INDEX_MEDIA_TYPES:
            findings.parts = self._parts(question)
        manifests = [image] if question.wants_image or findings.parts is None else []
        manifests += findings.parts or ()
        for number, examined in enumerate(manifests):
            share = question.budget.share(len(manifests) - number)
            yield examined, replace(question, descriptor=examined.descriptor, budget=share)

    def _parts(self, question: Question) -> tuple[Examined, ...]:
        """The manifests of an image index. What describes others (BuildKit's attestations) runs nowhere."""
        content = self._store.fetch(question.repository, question.descriptor, question.budget)
        try:
            index = parse_index(content, question.descriptor.media_type)
        except VerificationError as error:
            raise UnavailableError(ReasonCode.REGISTRY_INVALID_RESPONSE, error.message) from error
        if index.unreadable:
            raise UnavailableError(
                ReasonCode.REGISTRY_INVALID_RESPONSE,
                f"{index.unreadable} entries of the index cannot be read",
            )
        parts = {
            descriptor.digest: Examined(descriptor, platform)
            for descriptor, platform in zip(index.manifests, index.platforms, strict=True)
            if platform != "unknown/unknown"
        }
        if len(parts) > MAX_PLATFORMS:
            raise _more_than(MAX_PLATFORMS, "platforms are in the index")
        return tuple(parts.values())

    def _list(self, examined: Examined, question: Question) -> Iterator[tuple[Question, Candidate]]:
        """Every candidate, and the question to examine it for: that within its place's share of the budget.

        A place that fails, or never comes to an end, hides nothing at another.
        """
        places = self._discovery.places(question.repository, question.descriptor, question.wanted)
        for number, place in enumerate(places):
            with _recording_obstacles(examined):
                part = replace(question, budget=question.budget.share(len(places) - number))
                for count, candidate in enumerate(place.candidates(self._store, part.budget)):
                    if count == MAX_CANDIDATES:
                        raise _more_than(MAX_CANDIDATES, "candidate signatures are listed")
                    yield part, candidate

    def _examine(self, question: Question, candidate: Candidate) -> Artifact | None:
        """Fetch one candidate and verify every signature it holds; None when it is no signature artifact.

        What goes wrong is found out about this candidate, and hides no other.
        """
        examined = Artifact(candidate.descriptor)
        try:
            content = candidate.content
            if content is None:
                content = self._fetch(question, candidate.descriptor)
            layers = self._discovery.layers(parse_manifest(content))
            if layers is None:
                return None
            if not layers:
                raise VerificationError(ReasonCode.MALFORMED, "the signature artifact holds no signature")
            fetched: dict[str, bytes] = {}
            for layer in layers[:MAX_SIGNATURES_PER_ARTIFACT]:
                self._verify(question, examined, layer, self._reader(question, layer, fetched))
            if len(layers) > MAX_SIGNATURES_PER_ARTIFACT:
                raise _more_than(MAX_SIGNATURES_PER_ARTIFACT, "signatures are in one artifact")
        except (VerificationError, UnavailableError) as error:
            examined.signatures.append(Unproven.of(candidate.descriptor, error))
        except Exception as error:  # noqa: BLE001  (a fault of ours denies)
            examined.signatures.append(Unproven.of(candidate.descriptor, _fault(error)))
        return examined

    def _examine_file(self, question: Question, given: SignatureFile) -> Artifact:
        """The one signature in a file."""
        stored = Descriptor("application/octet-stream", given.digest, len(given.content))
        examined = Artifact(stored)
        self._verify(question, examined, stored, lambda: parse_signature_file(given))
        return examined

    def _fetch(self, question: Question, descriptor: Descriptor) -> bytes:
        """A part of a signature, from where signatures are."""
        where = self._discovery.where(question.repository)
        return self._store.fetch(where, descriptor, question.budget)

    def _reader(
        self, question: Question, layer: Descriptor, fetched: dict[str, bytes]
    ) -> Callable[[], SignedEntity]:
        """Reads ``layer``. Several signers of one payload share its content, which is fetched once."""

        def read() -> SignedEntity:
            if layer.digest not in fetched:
                fetched[layer.digest] = self._fetch(question, layer)
            return parse_layer(layer, fetched[layer.digest])

        return read

    def _verify(
        self, question: Question, artifact: Artifact, layer: Descriptor, read: Callable[[], SignedEntity]
    ) -> None:
        """Add to ``artifact`` the facts of the signature in ``layer``, or why there are none."""
        unnamed = Descriptor(layer.media_type, signature_digest(layer), layer.size)
        try:
            content = read()
            material = self._trusted_material(question.subject, artifact.descriptor, content.key_hint)
            artifact.trust[material.revision] = TrustUsed.of(material)
            options = question.options(self._store, artifact.descriptor, content, material)
            engine = self._engine_for(content, material)
            artifact.verifier = _info(engine)
            facts = engine.verify(options)
            if self._cross_check and question.satisfied_by(facts):
                facts = question.confirmations.confirm(facts, options, self._cross_check)
            artifact.signatures.append(facts)
        except EvidenceError as error:
            artifact.signatures.append(Unproven.of(unnamed, error, error.checks))
        except (VerificationError, UnavailableError) as error:
            artifact.signatures.append(Unproven.of(unnamed, error))
        except Exception as error:  # noqa: BLE001  (a fault of ours denies)
            artifact.signatures.append(Unproven.of(unnamed, _fault(error)))

    def _engine_for(self, content: SignedEntity, material: TrustedMaterial) -> Engine:
        for engine in self._engines:
            if engine.takes(content, material):
                return engine
        if material.trusted_root if content.leaf_certificate else material.keys:
            raise UnavailableError(
                ReasonCode.ENGINE_UNAVAILABLE,
                f"no engine in use takes a signature of type {content.media_type}",
            )
        if content.leaf_certificate:
            raise VerificationError(
                ReasonCode.CHAIN_UNTRUSTED,
                f"signed with a certificate, and {material.source} trusts no authority",
            )
        raise VerificationError(
            ReasonCode.NO_CERTIFICATE,
            f"signed with a key and not with a certificate; {material.source} holds no key",
        )

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
    policies: tuple[Policy, ...]
    time: datetime
    budget: Budget
    confirmations: Confirmations = field(default_factory=Confirmations)

    @property
    def repository(self) -> str:
        """Where the subject is."""
        return self.subject.reference.repository

    @property
    def wanted(self) -> frozenset[Wanted]:
        """What the policies ask for."""
        wanted = set()
        if any(policy.wants_signatures for policy in self.policies):
            wanted.add(Wanted.SIGNATURE)
        if any(policy.wants_attestations for policy in self.policies):
            wanted.add(Wanted.ATTESTATION)
        return frozenset(wanted)

    @property
    def wants_image(self) -> bool:
        """Whether a policy asks for signatures of the subject itself, were it an index."""
        return any(policy.platforms.coverage is Coverage.INDEX for policy in self.policies)

    @property
    def wants_parts(self) -> bool:
        """Whether a policy asks about the manifests that an index lists."""
        return any(
            policy.platforms.coverage is not Coverage.INDEX or policy.denied.digests
            for policy in self.policies
        )

    def satisfied_by(self, facts: SignatureFacts) -> bool:
        """Whether one signature counts for anything that the policies ask for."""
        return any(
            judge(facts, demand, self.time).outcome is Outcome.ALLOWED
            for policy in self.policies
            for requirement in policy.requirements
            for demand in policy.demands(requirement)
        )

    def options(
        self, store: Store, artifact: Descriptor, content: SignedEntity, material: TrustedMaterial
    ) -> VerifyOptions:
        """What an engine is asked."""
        return VerifyOptions(
            store=store,
            repository=self.repository,
            subject_descriptor=self.descriptor,
            artifact_descriptor=artifact,
            content=content,
            trusted_material=material,
            time=self.time,
            budget=self.budget,
        )


@contextmanager
def _recording_obstacles(findings: Findings | Examined) -> Iterator[None]:
    """What keeps us from finding out more is kept beside what was found, which still counts."""
    try:
        yield
    except UnavailableError as error:
        findings.hinder(error)
    except Exception as error:  # noqa: BLE001  (a fault of ours denies)
        findings.hinder(_fault(error))


def _answer(findings: Findings) -> ValidationResult:
    result = conclude(findings)
    _log(result.reference, result.policies, result.outcome, result.reason, admitted=result.admitted)
    return result


def _more_than(limit: int, what: str) -> UnavailableError:
    return UnavailableError(ReasonCode.LIMIT_EXCEEDED, f"more than {limit} {what}; the others are not read")


def _info(engine: Engine) -> VerifierInfo:
    return VerifierInfo(engine.name, engine.type)


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
