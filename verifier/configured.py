"""A verifier as a configuration file describes it. Apart from ``app``, so that a command that reads no such file
loads neither YAML nor pydantic.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from providers import factory
from providers.build import policies_of, trust_of
from providers.document import Document
from providers.errors import ConfigurationError, InvalidReferenceError
from providers.interfaces import PolicyProvider, TrustedMaterialProvider
from providers.life import start_policies, start_trust, stop_policies, stop_trust
from providers.policy import Policy
from providers.policy_spec import StaticPolicySpec, authorities_of
from providers.reference import parse_repository
from providers.spec import StaticTrustSpec

from .app import Engines, Reach, Ready, RegistryStore, ready_engines, verifier_over
from .config import RegistrySpec, SignaturesSpec, VerifierSpec
from .core import Verifier
from .discovery import Discovery, StorageForm
from .store import ClosingStore

logger = logging.getLogger(__name__)


@contextmanager
def from_configuration(
    spec: VerifierSpec, document: Document, *, store: ClosingStore | None = None
) -> Iterator[Verifier]:
    """The verifier that ``spec``, read from ``document``, describes; see ``assemble``. With ``store`` it works
    over that and asks no registry.

    Raises:
        ConfigurationError: with file, line and what to do.
    """
    trust_place, policies_place = ("spec", "trustedMaterialProvider"), ("spec", "policyProvider")
    trust = trust_of(spec.trusted_material_provider, document, trust_place)
    policies = policies_of(spec.policy_provider, document, policies_place)
    fixed = isinstance(spec.trusted_material_provider, StaticTrustSpec)
    if fixed and isinstance(spec.policy_provider, StaticPolicySpec):
        factory.check_together(spec.policy_provider, trust, document, policies_place)
    if store is None:
        with document.at(("spec", "registry")):
            store = _registries(spec.registry, Path(document.file).parent)
    with document.at(("spec", "signatures")):
        discovery = _discovery(spec.signatures)
    _warn_of_what_is_weakened(spec)
    with document.at(trust_place):
        ready = ready_engines(
            trust, Engines(spec.engine), cross_check="cosign" in spec.cross_check, may_change=not fixed
        )
    with closing(store), _alive(trust, policies, ready, document):
        yield verifier_over(store, ready, trust, policies, discovery)


@contextmanager
def _alive(
    trust: TrustedMaterialProvider, policies: PolicyProvider, ready: Ready, document: Document
) -> Iterator[None]:
    """Providers that read something in the background do so meanwhile. What an engine refuses is never taken up.

    Raises:
        ConfigurationError: one of them has nothing to begin with.
    """
    with document.at(("spec", "trustedMaterialProvider")):
        start_trust(trust, ready.accept)
    try:
        with document.at(("spec", "policyProvider")):
            start_policies(policies, _any_policy)
        try:
            yield
        finally:
            stop_policies(policies)
    finally:
        stop_trust(trust)


def _any_policy(policy: Policy) -> None:
    """A key that a policy names may be trusted later only."""


def _registries(spec: RegistrySpec, folder: Path) -> RegistryStore:
    return RegistryStore(
        plain_http=frozenset(spec.plain_http),
        ca_file=folder / spec.ca_file if spec.ca_file else None,
        furthest=Reach[spec.addresses.upper()],
        token_hosts=frozenset(spec.token_hosts),
    )


def _warn_of_what_is_weakened(spec: VerifierSpec) -> None:
    """Say in the log what the operator has switched off; each is legitimate, and none should go unnoticed."""
    static = spec.policy_provider if isinstance(spec.policy_provider, StaticPolicySpec) else None
    for policy in static.policies if static else ():
        for name, authority, _ in authorities_of(policy, ()):
            if authority.unsafe_ignore_identities:
                logger.warning("policy %s: unsafeIgnoreIdentities lets any signer pass", name)
            for field, value in authority.verifier_config.model_dump(by_alias=True).items():
                if field in _WEAKER_WHEN_FALSE and value is False:
                    logger.warning("policy %s: %s is false", name, field)
                if field.startswith("unsafe") and value:
                    logger.warning("policy %s: %s is true", name, field)
    for registry in spec.registry.plain_http:
        logger.warning("registry %s is spoken to in plain HTTP", registry)


_WEAKER_WHEN_FALSE = ("requireTlogEntries", "requireObserverTimestamps", "requireSCTs")


def _discovery(spec: SignaturesSpec) -> Discovery:
    """Where signatures are looked for.

    Raises:
        ConfigurationError: the repository is not one.
    """
    repository = ""
    if spec.repository:
        try:
            repository = "/".join(parse_repository(spec.repository))
        except InvalidReferenceError as error:
            raise ConfigurationError(str(error), remedy="Write registry/path, without a tag.") from error
    return Discovery(frozenset(StorageForm(form) for form in spec.forms), repository)
