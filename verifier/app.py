"""The composition root: the one place in ``verifier`` that names concrete classes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from providers import factory
from providers.document import Document
from providers.errors import ConfigurationError
from providers.interfaces import PolicyProvider, TrustedMaterialProvider
from providers.trust import TrustedMaterial

from .config import VerifierSpec
from .core import Verifier
from .engine import Engine
from .engines.sigstore import SigstoreEngine, embedded_root
from .oci import Reach, RegistryStore

logger = logging.getLogger(__name__)

__all__ = ["Reach", "assemble", "from_configuration", "public_good_material"]


@contextmanager
def assemble(
    *,
    trust: TrustedMaterialProvider,
    policies: PolicyProvider,
    plain_http: frozenset[str] = frozenset(),
    ca_file: Path | None = None,
    furthest: Reach = Reach.PUBLIC,
) -> Iterator[Verifier]:
    """A verifier over registries, whose connections are closed at the end. ``furthest`` is how far inside the
    network image names may lead.

    Raises:
        ConfigurationError: an engine refuses what is trusted, or the store what it is given.
        PycosignError: an engine failed its self-test and must not be used.
    """
    engines = _ready_engines(trust)
    with RegistryStore(plain_http=plain_http, ca_file=ca_file, furthest=furthest) as store:
        yield _verifier(store, engines, trust, policies)


@contextmanager
def from_configuration(spec: VerifierSpec, document: Document) -> Iterator[Verifier]:
    """The verifier that ``spec``, read from ``document``, describes; see ``assemble``.

    Raises:
        ConfigurationError: with file, line and what to do.
    """
    trust = factory.trusted_material_provider(
        spec.trusted_material_provider, document, ("spec", "trustedMaterialProvider")
    )
    policies = factory.policy_provider(spec.policy_provider, document, ("spec", "policyProvider"))
    with document.at(("spec", "trustedMaterialProvider", "trustedRoot")):
        engines = _ready_engines(trust)
    registry = spec.registry
    with document.at(("spec", "registry")):
        store = RegistryStore(
            plain_http=frozenset(registry.plain_http),
            ca_file=Path(document.file).parent / registry.ca_file if registry.ca_file else None,
            furthest=Reach[registry.addresses.upper()],
            token_hosts=frozenset(registry.token_hosts),
        )
    _warn_of_what_is_weakened(spec)
    with store:
        yield _verifier(store, engines, trust, policies)


def public_good_material() -> TrustedMaterial:
    """The root of Sigstore's public-good instance, as the installed sigstore package brings it."""
    source, content = embedded_root()
    return TrustedMaterial.of(source, content, datetime.now(UTC))


def _warn_of_what_is_weakened(spec: VerifierSpec) -> None:
    """Say in the log what the operator has switched off; each is legitimate, and none should go unnoticed."""
    for policy in spec.policy_provider.policies:
        if policy.unsafe_ignore_identities:
            logger.warning("policy %s: unsafeIgnoreIdentities lets any signer pass", policy.name)
        for field, value in policy.verifier_config.model_dump(by_alias=True).items():
            if field in _WEAKER_WHEN_FALSE and not value:
                logger.warning("policy %s: %s is false", policy.name, field)
    for registry in spec.registry.plain_http:
        logger.warning("registry %s is spoken to in plain HTTP", registry)


_WEAKER_WHEN_FALSE = ("requireTlogEntries", "requireObserverTimestamps", "requireSCTs")


def _ready_engines(trust: TrustedMaterialProvider) -> tuple[Engine, ...]:
    """Every engine, after it tested itself and accepted all that is trusted."""
    engines: tuple[Engine, ...] = (SigstoreEngine(),)
    for engine in engines:
        engine.self_test()
        for material in trust.materials():
            try:
                engine.accept(material)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"{material.source}: {error.problem}", remedy=error.remedy
                ) from error
    return engines


def _verifier(
    store: RegistryStore,
    engines: tuple[Engine, ...],
    trust: TrustedMaterialProvider,
    policies: PolicyProvider,
) -> Verifier:
    return Verifier(
        store=store, engines=engines, trust=trust, policies=policies, clock=lambda: datetime.now(UTC)
    )
