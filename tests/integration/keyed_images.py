"""Images that are signed with keys, and the verdict on them under any trust and any policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from providers.interfaces import PolicyProvider, TrustedMaterialProvider
from providers.subject import Subject
from pycosign.lab import Lab, MemoryRegistry, attach_bundle, push_image
from pycosign.lab.clock import utc_now
from pycosign.lab.keys import SigningKey
from tests.memory_store import MemoryStore
from tests.unit.providers.provider_world import PATIENCE
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.engines.keys import KeyEngine
from verifier.results import ValidationResult


def engine() -> KeyEngine:
    """What verifies signatures by keys."""
    return KeyEngine(lambda: pytest.fail("nothing is proved without a trusted root"))


@dataclass
class Images:
    """A registry in memory: for each team one image, ``TEAM/app:v1``, signed with its key and in no log."""

    store: MemoryStore

    @classmethod
    def signed_with(cls, keys: Mapping[str, SigningKey]) -> Images:
        """One for each of ``keys``, by its name."""
        lab, registry = Lab(), MemoryRegistry()
        for name, key in keys.items():
            repository = f"{name}/app"
            image = push_image(registry, repository, tag="v1")
            signed = lab.sign_image(image.digest, key=key, keyless=False, log=None, timestamp=False)
            attach_bundle(registry, repository, image, signed)
        return cls(MemoryStore(registry))

    def judged(self, team: str, trust: TrustedMaterialProvider, policies: PolicyProvider) -> ValidationResult:
        """The verdict on the image of ``team``."""
        verifier = Verifier(
            store=self.store, engines=(engine(),), trust=trust, policies=policies, clock=utc_now
        )
        return verifier.validate(Subject.parse(f"registry.test/{team}/app:v1"), Budget(PATIENCE))
