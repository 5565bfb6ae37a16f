"""What is compared: our verification and sigstore-python's own, of one case."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sigstore.hashes import Hashed
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier as BareVerifier
from sigstore.verify.policy import Identity
from sigstore_models.common.v1 import HashAlgorithm
from sigstore_models.trustroot.v1 import TrustedRoot as RawTrustedRoot

from providers.descriptor import Descriptor
from providers.policy import CertificateIdentity, Policy, StringMatch
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedMaterial
from pycosign.lab import MemoryRegistry, attach_bundle, push_image
from pycosign.lab.registry import Descriptor as Pushed
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.engine import VerifyOptions
from verifier.engines.sigstore import SigstoreEngine
from verifier.facts import SignatureFacts
from verifier.formats.bundle import parse_bundle
from verifier.store import Store
from verifier.verdict import Outcome

from .cases import IDENTITY, ISSUER, Case
from .store import REGISTRY, MemoryStore

# No question of these takes a second.
SECONDS = 60.0


def ours(case: Case) -> Callable[[], SignatureFacts]:
    """From the bytes of the bundle to facts, as in a running server: the trusted root is compiled."""
    engine, material = SigstoreEngine(), trusted(case)
    engine.accept(material)
    return lambda: _facts(engine, material, case)


def ours_with_new_root(case: Case) -> Callable[[], SignatureFacts]:
    """The same with a trusted root that was never seen."""
    return lambda: _facts(SigstoreEngine(), trusted(case), case)


def bare(case: Case) -> Callable[[], None]:
    """The same bytes through sigstore-python's public interface, with a verifier that is kept."""
    verifier = _bare_verifier(case)
    return lambda: _bare(verifier, case)


def bare_with_new_root(case: Case) -> Callable[[], None]:
    """The same with a trusted root that was never seen."""
    return lambda: _bare(_bare_verifier(case), case)


def whole_core(bundle_of: Callable[[Pushed], bytes], root: bytes) -> Callable[[], None]:
    """``Verifier.validate`` over a store in memory, for an image with one signature."""
    registry = MemoryRegistry()
    image = push_image(registry, "bench/app", tag="v1")
    attach_bundle(registry, "bench/app", image, bundle_of(image))
    verifier = core(MemoryStore(registry), root, REGISTRY)
    subject = Subject.parse(f"{REGISTRY}/bench/app:v1")

    def validate() -> None:
        result = verifier.validate(subject, Budget(SECONDS))
        if result.outcome is not Outcome.ALLOWED:
            raise RuntimeError(f"a good signature was not allowed: {result.reason}")

    return validate


def core(store: Store, root: bytes, scope: str) -> Verifier:
    """A verifier as ``verifier.app`` assembles it, over ``store``."""
    engine, material = SigstoreEngine(), TrustedMaterial.of("bench", root, datetime.now(UTC))
    engine.accept(material)
    who = CertificateIdentity(StringMatch(IDENTITY), StringMatch(ISSUER))
    policy = Policy(name="bench", scopes=(Scope.parse(scope),), certificate_identities=(who,))
    return Verifier(
        store=store,
        engines=(engine,),
        trust=StaticTrustedMaterialProvider(material),
        policies=StaticPolicyProvider((policy,)),
        clock=lambda: datetime.now(UTC),
    )


def trusted(case: Case) -> TrustedMaterial:
    """The trusted root of ``case``, fresh from its bytes."""
    return TrustedMaterial.of("bench", case.trusted_root, datetime.now(UTC))


def _facts(engine: SigstoreEngine, material: TrustedMaterial, case: Case) -> SignatureFacts:
    content = parse_bundle(case.bundle)
    facts = engine.verify(
        VerifyOptions(
            store=MemoryStore(MemoryRegistry()),
            repository=f"{REGISTRY}/bench/app",
            subject_descriptor=case.subject,
            artifact_descriptor=Descriptor(content.media_type, content.digest, len(case.bundle)),
            content=content,
            trusted_material=material,
            time=datetime.now(UTC),
            budget=Budget(SECONDS),
        )
    )
    signer = facts.certificate
    if not (facts.timestamps and facts.log_entries and facts.scts and signer):
        raise RuntimeError(f"a good signature lacks evidence: {facts.checks}")
    if (signer.subject_alternative_name, signer.issuer) != (case.identity, case.issuer):
        raise RuntimeError(f"a good signature is by somebody else: {signer}")
    return facts


def _bare_verifier(case: Case) -> BareVerifier:
    return BareVerifier(trusted_root=TrustedRoot(RawTrustedRoot.from_json(case.trusted_root)))


def _bare(verifier: BareVerifier, case: Case) -> None:
    bundle = Bundle.from_json(case.bundle)
    policy = Identity(identity=case.identity, issuer=case.issuer)
    if case.envelope:
        verifier.verify_dsse(bundle, policy)
    else:
        digest = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(case.subject.hex))
        verifier.verify_artifact(digest, bundle, policy)
