"""The composition root: the one place in ``verifier`` that names concrete classes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from providers import factory
from providers.document import Document
from providers.errors import ConfigurationError, InvalidReferenceError, UnavailableError
from providers.interfaces import PolicyProvider, TrustedMaterialProvider
from providers.reasons import ReasonCode
from providers.reference import parse_repository
from providers.trust import TrustedMaterial

from .blobs import BlobStore
from .config import RegistrySpec, SignaturesSpec, VerifierSpec
from .core import Verifier
from .discovery import Discovery, StorageForm
from .engine import Engine
from .engines.keys import KeyEngine
from .oci import LayoutStore, Reach, RegistryStore
from .store import ClosingStore, Store

logger = logging.getLogger(__name__)

__all__ = [
    "BlobStore",
    "Engines",
    "LayoutStore",
    "Reach",
    "RegistryStore",
    "assemble",
    "from_configuration",
    "public_good_material",
]


class Engines(StrEnum):
    """What verifies signatures: this program's own engines, or the cosign executable."""

    NATIVE = "native"
    COSIGN = "cosign"


@contextmanager
def assemble(
    *,
    trust: TrustedMaterialProvider,
    policies: PolicyProvider,
    store: ClosingStore | None = None,
    engines: Engines = Engines.NATIVE,
    cross_check: bool = False,
    discovery: Discovery | None = None,
) -> Iterator[Verifier]:
    """A verifier over ``store``, which is closed at the end; without one, over the registries of the Internet.

    With ``cross_check`` the cosign executable has to agree.

    Raises:
        ConfigurationError: an engine refuses what is trusted, or the store what it is given.
        PycosignError: an engine failed its self-test and must not be used.
    """
    ready = _ready(trust, engines, cross_check=cross_check)
    with closing(store or RegistryStore()) as opened:
        yield _verifier(opened, ready, trust, policies, discovery)


@contextmanager
def from_configuration(
    spec: VerifierSpec, document: Document, *, store: ClosingStore | None = None
) -> Iterator[Verifier]:
    """The verifier that ``spec``, read from ``document``, describes; see ``assemble``. With ``store`` it works
    over that and asks no registry.

    Raises:
        ConfigurationError: with file, line and what to do.
    """
    trust = factory.trusted_material_provider(
        spec.trusted_material_provider, document, ("spec", "trustedMaterialProvider")
    )
    policies = factory.policy_provider(spec.policy_provider, document, ("spec", "policyProvider"))
    factory.check_together(spec.policy_provider, trust, document, ("spec", "policyProvider"))
    if store is None:
        with document.at(("spec", "registry")):
            store = _registries(spec.registry, Path(document.file).parent)
    with document.at(("spec", "signatures")):
        discovery = _discovery(spec.signatures)
    _warn_of_what_is_weakened(spec)
    with document.at(("spec", "trustedMaterialProvider")):
        ready = _ready(trust, Engines(spec.engine), cross_check="cosign" in spec.cross_check)
    with closing(store):
        yield _verifier(store, ready, trust, policies, discovery)


def _registries(spec: RegistrySpec, folder: Path) -> RegistryStore:
    return RegistryStore(
        plain_http=frozenset(spec.plain_http),
        ca_file=folder / spec.ca_file if spec.ca_file else None,
        furthest=Reach[spec.addresses.upper()],
        token_hosts=frozenset(spec.token_hosts),
    )


def public_good_material() -> TrustedMaterial:
    """The root of Sigstore's public-good instance, as the installed sigstore package brings it."""
    from .engines.sigstore import embedded_root  # noqa: PLC0415  (see _engines)

    source, content = embedded_root()
    return TrustedMaterial.of(source, content, datetime.now(UTC))


def _warn_of_what_is_weakened(spec: VerifierSpec) -> None:
    """Say in the log what the operator has switched off; each is legitimate, and none should go unnoticed."""
    for policy in spec.policy_provider.policies:
        if policy.unsafe_ignore_identities:
            logger.warning("policy %s: unsafeIgnoreIdentities lets any signer pass", policy.name)
        for field, value in policy.verifier_config.model_dump(by_alias=True).items():
            if field in _WEAKER_WHEN_FALSE and value is False:
                logger.warning("policy %s: %s is false", policy.name, field)
            if field.startswith("unsafe") and value:
                logger.warning("policy %s: %s is true", policy.name, field)
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


@dataclass(frozen=True, slots=True)
class _Ready:
    """Engines that tested themselves and accepted all that is trusted."""

    engines: tuple[Engine, ...]
    cross_check: tuple[Engine, ...]


def _ready(trust: TrustedMaterialProvider, kind: Engines, *, cross_check: bool) -> _Ready:
    materials = trust.materials()
    ready = _Ready(_engines(kind, materials), _engines(Engines.COSIGN, materials) if cross_check else ())
    if kind is Engines.COSIGN and cross_check:
        raise ConfigurationError(
            "cosign is to check itself", remedy="Take crossCheck out, or leave engine at native."
        )
    for engine in (*ready.engines, *ready.cross_check):
        engine.self_test()
        for material in materials:
            try:
                engine.accept(material)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"{material.source}: {error.problem}", remedy=error.remedy
                ) from error
    return ready


def _verifier(
    store: Store,
    ready: _Ready,
    trust: TrustedMaterialProvider,
    policies: PolicyProvider,
    discovery: Discovery | None,
) -> Verifier:
    return Verifier(
        store=store,
        engines=ready.engines,
        trust=trust,
        policies=policies,
        clock=lambda: datetime.now(UTC),
        cross_check=ready.cross_check,
        discovery=discovery,
    )


def _engines(kind: Engines, materials: tuple[TrustedMaterial, ...]) -> tuple[Engine, ...]:
    """Each is imported only when it is needed: sigstore-python takes a quarter of a second, keys alone none of
    it.
    """
    if kind is Engines.COSIGN:
        from .engines.cosign import CosignEngine  # noqa: PLC0415

        return (CosignEngine.found(),)
    if not any(material.trusted_root for material in materials):
        return (KeyEngine(_no_root),)
    from .engines.sigstore import Compiled, RootProver, SigstoreEngine  # noqa: PLC0415

    compiled = Compiled()
    return (SigstoreEngine(compiled), KeyEngine(lambda: RootProver(compiled)))


def _no_root() -> NoReturn:
    raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, "there is no trusted root to prove anything against")
