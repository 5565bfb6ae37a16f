"""Verdicts on images in registries, with the lab's trust and a policy that takes anybody's signature."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.trust import TrustedMaterial
from pycosign.lab import Lab
from pycosign.lab.sign import SigningOptions
from verifier.app import assemble
from verifier.core import Verifier
from verifier.store import ClosingStore

LAB = Lab()
SIGNER: SigningOptions = {"identity": "https://ci.test/release", "issuer": "https://issuer.test"}


@contextmanager
def verifying(store: ClosingStore) -> Iterator[Verifier]:
    """A verifier over ``store``, which is closed at the end."""
    anyone = CertificateIdentity(StringMatch(regexp=".+"), StringMatch(regexp=".+"))
    policy = Policy.single("anyone", (Scope.parse("*"),), (anyone,))
    material = TrustedMaterial.of("lab", LAB.trusted_root(), LAB.clock())
    with assemble(
        trust=StaticTrustedMaterialProvider(material), policies=StaticPolicyProvider((policy,)), store=store
    ) as verifier:
        yield verifier
