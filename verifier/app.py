"""The composition root: the one place in ``verifier`` that names concrete classes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NoReturn

from providers.errors import ConfigurationError, UnavailableError
from providers.interfaces import PolicyProvider, TrustedMaterialProvider
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial

from .blobs import BlobStore
from .core import Verifier
from .discovery import Discovery
from .engine import Engine
from .engines.keys import KeyEngine
from .oci import LayoutStore, Reach, RegistryStore
from .store import ClosingStore

__all__ = [
    "BlobStore",
    "Engines",
    "LayoutStore",
    "Reach",
    "RegistryStore",
    "assemble",
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
    ready = ready_engines(trust, engines, cross_check=cross_check)
    with closing(store or RegistryStore()) as opened:
        yield verifier_over(opened, ready, trust, policies, discovery)


def public_good_material() -> TrustedMaterial:
    """The root of Sigstore's public-good instance, as the installed sigstore package brings it."""
    from .engines.sigstore import embedded_root  # noqa: PLC0415  (see _engines)

    source, content = embedded_root()
    return TrustedMaterial.of(source, content, datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Ready:
    """Engines that tested themselves and accepted all that is trusted."""

    engines: tuple[Engine, ...]
    cross_check: tuple[Engine, ...]

    def accept(self, material: TrustedMaterial) -> None:
        """Prepare ``material`` in every engine.

        Raises:
            ConfigurationError: one of them refuses it.
        """
        for engine in (*self.engines, *self.cross_check):
            try:
                engine.accept(material)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"{material.source}: {error.problem}", remedy=error.remedy
                ) from error


def ready_engines(
    trust: TrustedMaterialProvider, kind: Engines, *, cross_check: bool, may_change: bool = False
) -> Ready:
    """The engines that what is trusted needs; with ``may_change``, what it may come to be.

    Raises:
        ConfigurationError: one of them refuses what is trusted, or cosign is to check itself.
        PycosignError: one failed its self-test and must not be used.
    """
    materials = trust.materials()
    rooted = may_change or any(material.trusted_root for material in materials)
    ready = Ready(
        _engines(kind, rooted=rooted), _engines(Engines.COSIGN, rooted=rooted) if cross_check else ()
    )
    if kind is Engines.COSIGN and cross_check:
        raise ConfigurationError(
            "cosign is to check itself", remedy="Take crossCheck out, or leave engine at native."
        )
    for engine in (*ready.engines, *ready.cross_check):
        engine.self_test()
    for material in materials:
        ready.accept(material)
    return ready


def verifier_over(
    store: ClosingStore,
    ready: Ready,
    trust: TrustedMaterialProvider,
    policies: PolicyProvider,
    discovery: Discovery | None,
) -> Verifier:
    """A verifier over ``store``, which stays open."""
    return Verifier(
        store=store,
        engines=ready.engines,
        trust=trust,
        policies=policies,
        clock=lambda: datetime.now(UTC),
        cross_check=ready.cross_check,
        discovery=discovery,
        together=store.together,
    )


def _engines(kind: Engines, *, rooted: bool) -> tuple[Engine, ...]:
    """Each is imported only when it is needed: sigstore-python takes a quarter of a second, keys alone none of
    it.
    """
    if kind is Engines.COSIGN:
        from .engines.cosign import CosignEngine  # noqa: PLC0415

        return (CosignEngine.found(),)
    if not rooted:
        return (KeyEngine(_no_root),)
    from .engines.sigstore import Compiled, RootProver, SigstoreEngine  # noqa: PLC0415

    compiled = Compiled()
    return (KeyEngine(lambda: RootProver(compiled)), SigstoreEngine(compiled))


def _no_root() -> NoReturn:
    raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, "there is no trusted root to prove anything against")
