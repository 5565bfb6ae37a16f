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
from providers.trust import TrustedKey, TrustedMaterial
from pycosign.lab import MemoryRegistry
from verifier.budget import Budget
from verifier.engine import Engine, VerifyOptions
from verifier.engines.keyring import Keyring, compile_keyring
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import Compiled, RootProver, SigstoreEngine
from verifier.engines.sigstore.material import Material, compile_material
from verifier.facts import SignatureFacts
from verifier.store import Store

from .cases import Case, Found, trusted
from .store import REGISTRY, MemoryStore

# No question of these takes a second.
SECONDS = 60.0
_PATH = "bench/app"


def engines(
    root: Callable[[TrustedMaterial], Material] = compile_material,
    keys: Callable[[tuple[TrustedKey, ...]], Keyring] = compile_keyring,
) -> tuple[Engine, ...]:
    """What ``verifier.app`` verifies with; nothing is compiled yet."""
    compiled = Compiled(root)
    return (SigstoreEngine(compiled), KeyEngine(lambda: RootProver(compiled), keys))


def ours(case: Case) -> Callable[[], SignatureFacts]:
    """From the stored bytes to facts, as in a running server: what is trusted is compiled."""
    ready, subject, store = engines(), case.subject, _store_of(case)
    for engine in ready:
        engine.accept(case.material)
    return lambda: _facts(ready, case, case.material, subject, store)


def ours_at_first(case: Case) -> Callable[[], SignatureFacts]:
    """The same with trust that was never seen: the trusted root and the keys are parsed and compiled."""
    given, subject, store = case.material, case.subject, _store_of(case)
    return lambda: _facts(engines(), case, trusted(given.trusted_root, *given.keys), subject, store)


def verify(ready: tuple[Engine, ...], case: Case, material: TrustedMaterial) -> SignatureFacts:
    """By ``ready`` engines, against other trust than that of ``case``."""
    return _facts(ready, case, material, case.subject, _store_of(case))


def bare(case: Case) -> Callable[[], None]:
    """The same bytes through sigstore-python's public interface, with a verifier that is kept."""
    verifier = _bare_verifier(case)
    return lambda: _bare(verifier, case)


def bare_with_new_root(case: Case) -> Callable[[], None]:
    """The same with a trusted root that was never seen."""
    return lambda: _bare(_bare_verifier(case), case)


def _store_of(case: Case) -> Store:
    registry = MemoryRegistry()
    registry.put_blob(_PATH, case.artifact)
    return MemoryStore(registry)


def _facts(
    ready: tuple[Engine, ...], case: Case, material: TrustedMaterial, subject: Descriptor, store: Store
) -> SignatureFacts:
    content = case.read()
    engine = next(engine for engine in ready if engine.takes(content, material))
    facts = engine.verify(
        VerifyOptions(
            store=store,
            repository=f"{REGISTRY}/{_PATH}",
            subject_descriptor=subject,
            artifact_descriptor=Descriptor(content.media_type, content.digest, len(content.stored)),
            content=content,
            trusted_material=material,
            time=datetime.now(UTC),
            budget=Budget(SECONDS),
        )
    )
    found = (len(facts.log_entries), len(facts.timestamps), len(facts.scts))
    if found != case.found:
        raise RuntimeError(f"{case.title}: {Found(*found)} was proven, not {case.found}: {facts.checks}")
    if _signer(facts) != case.signer:
        raise RuntimeError(f"{case.title}: signed by somebody else: {_signer(facts)}")
    return facts


def _signer(facts: SignatureFacts) -> tuple[str, str]:
    if facts.certificate is None:
        return (facts.key_id, "")
    return (facts.certificate.subject_alternative_name, facts.certificate.issuer)


def _bare_verifier(case: Case) -> BareVerifier:
    return BareVerifier(trusted_root=TrustedRoot(RawTrustedRoot.from_json(case.material.trusted_root)))


def _bare(verifier: BareVerifier, case: Case) -> None:
    bundle, (identity, issuer) = Bundle.from_json(case.bundle), case.signer
    policy = Identity(identity=identity, issuer=issuer)
    if case.envelope:
        verifier.verify_dsse(bundle, policy)
    else:
        digest = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(case.subject.hex))
        verifier.verify_artifact(digest, bundle, policy)
