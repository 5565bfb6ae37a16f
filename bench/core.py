"""The whole verifier: from the question about an image to the verdict."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedKey, TrustedMaterial
from providers.verifier_config import VerifierConfig
from pycosign.lab import MemoryRegistry, push_image
from pycosign.lab.registry import Descriptor as Pushed
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.store import Store
from verifier.verdict import Outcome

from .cases import IDENTITY, ISSUER, trusted
from .store import REGISTRY, MemoryStore
from .subjects import SECONDS, engines

_PATH = "bench/app"


def core(store: Store, root: bytes, scope: str) -> Verifier:
    """A verifier as ``verifier.app`` assembles it, over ``store``, that asks for the lab's usual signer."""
    who = CertificateIdentity(StringMatch(IDENTITY), StringMatch(ISSUER))
    policy = Policy.single(name="bench", scopes=(Scope.parse(scope),), certificate_identities=(who,))
    return _verifier(store, trusted(root), policy)


def core_of_key(store: Store, key: TrustedKey, scope: str) -> Verifier:
    """The same, asking for a key and no log."""
    config = VerifierConfig.for_keys(unsafe_ignore_tlog=True)
    policy = Policy.single("bench", (Scope.parse(scope),), keys=(key.name,), verifier_config=config)
    return _verifier(store, trusted(b"", key), policy)


def whole(
    attach: Callable[[MemoryRegistry, str, Pushed], object], verifier: Callable[[Store, str], Verifier]
) -> Callable[[], None]:
    """``Verifier.validate`` over a store in memory, for an image that ``attach`` signs."""
    registry = MemoryRegistry()
    image = push_image(registry, _PATH, tag="v1")
    attach(registry, _PATH, image)
    asked, subject = verifier(MemoryStore(registry), REGISTRY), Subject.parse(f"{REGISTRY}/{_PATH}:v1")

    def validate() -> None:
        result = asked.validate(subject, Budget(SECONDS))
        if result.outcome is not Outcome.ALLOWED:
            raise RuntimeError(f"a good signature was not allowed: {result.reason}")

    return validate


def _verifier(store: Store, material: TrustedMaterial, policy: Policy) -> Verifier:
    ready = engines()
    for engine in ready:
        engine.accept(material)
    return Verifier(
        store=store,
        engines=ready,
        trust=StaticTrustedMaterialProvider(material),
        policies=StaticPolicyProvider((policy,)),
        clock=lambda: datetime.now(UTC),
    )
