"""The verifier: the straight line from a question to an explained verdict.

    1. find the policies that speak for the subject; none: refused, before any network
    2. resolve the reference once; from here on only the digest counts
    3. read what may hold signatures, in every form that cosign stores them in, several things at a time (size and
       digest are checked on the way)
    4. for each, in the order in which they are listed: get trusted material, pick the engine, verify: facts, or
       why there are none
    5. judge the facts under every policy, and put the judgements together

Whatever goes wrong on the way becomes a refusal or a could-not-check with its reason, never an admission.

A registry is asked once for the image; then, at the same time, for each of cosign's tags that is wanted and for
the referrers (once more where it has no API for them, and for each further page); then for every referrer, and
then for every content that holds signatures: four rounds, and with more than a few signatures some more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.interfaces import PolicyProvider, TrustedMaterialProvider
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.subject import Subject
from providers.trust import TrustedMaterial

from .budget import Budget
from .conclude import conclude, conclude_artifact
from .discovery import Discovery
from .engine import Engine, EvidenceError
from .findings import Artifact, Examined, Findings, Parts, Unproven
from .formats.entity import MessageSignature, SignedEntity
from .formats.layer import parse_layer, signature_digest
from .formats.signature_file import SignatureFile, parse_signature_file
from .gathering import (
    MAX_CANDIDATES,
    MAX_SIGNATURES_PER_ARTIFACT,
    Gathered,
    Gathering,
    had,
    more_than,
)
from .parts import list_parts
from .question import Question
from .results import PolicyVerdict, TrustUsed, ValidationResult, VerificationResult, VerifierInfo
from .store import Store, Together, in_turn
from .verdict import Outcome

__all__ = ["MAX_CANDIDATES", "MAX_SIGNATURES_PER_ARTIFACT", "Question", "Verifier"]

logger = logging.getLogger(__name__)


class Verifier:
    """Decides whether artifacts may run. Holds no state of its own; safe to share between threads.

    The first of ``engines`` that takes a signature verifies it. Each of ``cross_check`` then has to agree about
    every signature that satisfies a policy. ``together`` is how the store reads several things at a time.
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
        together: Together = in_turn,
    ) -> None:
        self._store = store
        self._engines = engines
        self._cross_check = cross_check
        self._trust = trust
        self._policies = policies
        self._clock = clock
        self._discovery = discovery or Discovery()
        self._together = together

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
                if question.wants_parts:
                    findings.parts = self._parts(question, image.descriptor)
                for examined, part, candidate in self._read(findings, question):  # (3)
                    examined.add(self._examine(part, candidate))  # (4)
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
                if question.wants_parts:  # whether it is an index, its content says, and not who asks
                    known = subject.reference.with_digest(subject_descriptor.digest)
                    findings.parts = self._parts(question, self._store.resolve(known, budget))
                artifact = self._gathering(question).artifact(artifact_descriptor, budget)
                image.add(self._examine(question, artifact))
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

    def _manifests(self, findings: Findings, question: Question) -> Iterator[tuple[Examined, Question]]:
        """The manifests whose signatures policies ask for, each with the question by those that do: the subject
        itself, or those of its platforms where it is an index.
        """
        asked: dict[str, tuple[Examined, list[Policy]]] = {}
        for policy in question.policies:
            for examined in findings.asked_by(policy):
                asked.setdefault(examined.descriptor.digest, (examined, []))[1].append(policy)
        for examined, policies in asked.values():
            yield examined, replace(question, descriptor=examined.descriptor, policies=tuple(policies))

    def _parts(self, question: Question, descriptor: Descriptor) -> Parts | None:
        return list_parts(self._store, question.repository, descriptor, question.budget)

    def _read(self, findings: Findings, question: Question) -> Iterator[tuple[Examined, Question, Gathered]]:
        """Every candidate, with the manifest it is for and the question to examine it for: that within its place's
        share of the budget.

        A place that fails, or never comes to an end, hides nothing at another.
        """
        asked = [
            (examined, part, place)
            for examined, part in self._manifests(findings, question)
            for place in self._discovery.places(part.repository, part.descriptor, part.wanted)
        ]
        shares = zip((place for _, _, place in asked), question.budget.shares(len(asked)), strict=True)
        for (examined, part, _), gathered in zip(
            asked, self._gathering(question).places(shares), strict=True
        ):
            with _recording_obstacles(examined):
                found = gathered()
                for candidate in found.candidates:
                    yield examined, replace(part, budget=candidate.budget), candidate
                if found.obstacle is not None:
                    raise found.obstacle

    def _gathering(self, question: Question) -> Gathering:
        """Reads from where signatures are."""
        where = self._discovery.where(question.repository)
        return Gathering(self._store, self._together, self._discovery, where)

    def _examine(self, question: Question, candidate: Gathered) -> Artifact | None:
        """Verify every signature that one candidate holds; None when it is no signature artifact.

        What goes wrong is found out about this candidate, and hides no other.
        """
        examined = Artifact(candidate.descriptor)
        try:
            layers = had(candidate.layers)
            if layers is None:
                return None
            if not layers:
                raise VerificationError(ReasonCode.MALFORMED, "the signature artifact holds no signature")
            for layer in layers[:MAX_SIGNATURES_PER_ARTIFACT]:
                content = candidate.contents[layer.digest]
                self._verify(question, examined, layer, partial(_parsed, layer, content, question.budget))
            if len(layers) > MAX_SIGNATURES_PER_ARTIFACT:
                raise more_than(MAX_SIGNATURES_PER_ARTIFACT, "signatures are in one artifact")
        except (VerificationError, UnavailableError) as error:
            examined.signatures.append(Unproven.of(candidate.descriptor, error, whole=True))
        except Exception as error:  # noqa: BLE001  (a fault of ours denies)
            examined.signatures.append(Unproven.of(candidate.descriptor, _fault(error), whole=True))
        return examined

    def _examine_file(self, question: Question, given: SignatureFile) -> Artifact:
        """The one signature in a file."""
        stored = Descriptor("application/octet-stream", given.digest, len(given.content))
        examined = Artifact(stored)
        self._verify(question, examined, stored, lambda: parse_signature_file(given))
        return examined

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


def _parsed(layer: Descriptor, content: bytes | Exception, budget: Budget) -> SignedEntity:
    """The signature in ``layer``. To parse costs what to fetch costs: many layers may share one content."""
    data = had(content)
    budget.spend_bytes(len(data))
    entity = parse_layer(layer, data)
    if isinstance(entity.content, MessageSignature):
        raise VerificationError(
            ReasonCode.UNSUPPORTED, "a signature of a file, which does not say that an image was meant"
        )
    return entity


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
