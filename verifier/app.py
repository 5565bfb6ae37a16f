"""The composition root: the one place in ``verifier`` that names concrete classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from providers import factory
from providers.document import Document
from providers.interfaces import PolicyProvider, TrustedMaterialProvider
from providers.trust import TrustedMaterial

from .config import VerifierSpec
from .core import Verifier
from .engine import Engine
from .engines.sigstore import SigstoreEngine, embedded_root
from .oci import Reach, RegistryStore


@contextmanager
def assemble(
    *,
    trust: TrustedMaterialProvider,
    policies: PolicyProvider,
    plain_http: frozenset[str] = frozenset(),
    ca_file: Path | None = None,
    furthest: Reach = Reach.PUBLIC,
) -> Iterator[Verifier]:
    """A verifier over registries, whose connections are closed at the end. Every engine has tested itself and
    accepted everything that is trusted. ``furthest`` is how far inside the network image names may lead.

    Raises:
        ConfigurationError: an engine refuses the trusted material, or the CA file cannot be used.
        PycosignError: an engine failed its self-test and must not be used.
    """
    engines: tuple[Engine, ...] = (SigstoreEngine(),)
    for engine in engines:
        engine.self_test()
        for material in trust.materials():
            engine.accept(material)
    with RegistryStore(plain_http=plain_http, ca_file=ca_file, furthest=furthest) as store:
        yield Verifier(
            store=store,
            engines=engines,
            trust=trust,
            policies=policies,
            clock=lambda: datetime.now(UTC),
        )


def public_good_material() -> TrustedMaterial:
    """The root of Sigstore's public-good instance, as the installed sigstore package brings it."""
    source, content = embedded_root()
    return TrustedMaterial.of(source, content, datetime.now(UTC))


def from_configuration(spec: VerifierSpec, document: Document) -> AbstractContextManager[Verifier]:
    """The verifier, see ``assemble``, that ``spec``, read from ``document``, describes.

    Raises:
        ConfigurationError: with file, line and what to do.
    """
    trust = factory.trusted_material_provider(
        spec.trusted_material_provider, document, ("spec", "trustedMaterialProvider")
    )
    policies = factory.policy_provider(spec.policy_provider, document, ("spec", "policyProvider"))
    ca_file = Path(document.file).parent / spec.registry.ca_file if spec.registry.ca_file else None
    return assemble(
        trust=trust,
        policies=policies,
        plain_http=frozenset(spec.registry.plain_http),
        ca_file=ca_file,
        furthest=Reach[spec.registry.addresses.upper()],
    )
