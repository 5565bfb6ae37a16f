"""What one request asks of every candidate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from providers.descriptor import Descriptor
from providers.policy import Policy
from providers.subject import Subject
from providers.trust import TrustedMaterial

from .budget import Budget
from .cross_check import Confirmations
from .discovery import Wanted
from .engine import VerifyOptions
from .facts import SignatureFacts
from .formats.entity import SignedEntity
from .judge import judge
from .store import Store
from .verdict import Outcome


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
    def wants_parts(self) -> bool:
        """Whether a policy has to know what the subject lists, where it is an index."""
        return any(policy.wants_parts for policy in self.policies)

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
