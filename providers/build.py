"""Providers as a configuration describes them, those included that are put together from others.

Libraries are imported when a provider that needs them is named.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .document import Document
from .errors import ConfigurationError
from .factory import policy_provider, trusted_material_provider
from .files import FilesPolicyProvider
from .interfaces import PolicyProvider, TrustedMaterialProvider
from .key_sources import InlineKey, KeyFile, KeyFolder, KeySource, KeyTerms, KeyVariable, RemoteKey
from .keys import KeysProvider
from .kms import open_key
from .merge import MergedPart, MergedTrustedMaterialProvider
from .mux import MuxPolicyProvider, MuxTrustedMaterialProvider, PolicyRoute, TrustRoute
from .plugins import policy_plugin, trusted_material_plugin
from .provider_spec import (
    FilesPolicySpec,
    GrpcSpec,
    KeySourceSpec,
    KeysTrustSpec,
    MergeTrustSpec,
    MuxPolicySpec,
    MuxTrustSpec,
    PluginSpec,
    TufTrustSpec,
    WatchedRootTrustSpec,
)
from .refresh import Pace
from .scope import Scope
from .spec import Location, Spec, StaticTrustSpec
from .trust import TrustedKey
from .watched import WatchedRootProvider

if TYPE_CHECKING:
    from .grpc_plugin import GrpcAddress


def trust_of(spec: Any, document: Document, location: Location) -> TrustedMaterialProvider:
    """The provider that ``spec``, standing at ``location`` of ``document``, describes.

    Raises:
        ConfigurationError: with file and line.
    """
    provider: TrustedMaterialProvider = _TRUST[type(spec)](spec, document, location)
    return provider


def _keys(spec: KeysTrustSpec, document: Document, location: Location) -> TrustedMaterialProvider:
    local: list[KeySource] = []
    remote: list[KeySource] = []
    for index, key in enumerate(spec.keys):
        with document.at((*location, "keys", index)):
            source = _key_source(key, Path(document.file).parent)
            (remote if isinstance(source, RemoteKey) else local).append(source)
    keys = KeysProvider(local=tuple(local), remote=tuple(remote))
    if spec.trusted_root is None:
        return keys
    root = trust_of(spec.trusted_root, document, (*location, "trustedRoot"))
    return MergedTrustedMaterialProvider((MergedPart(root, keys=False), MergedPart(keys, root=False)))


def _key_source(spec: KeySourceSpec, folder: Path) -> KeySource:
    given = [name for name in ("public_key", "file", "folder", "environment", "kms") if getattr(spec, name)]
    if len(given) != 1:
        raise ConfigurationError(
            "a key comes from exactly one place",
            remedy="Name one of publicKey, file, folder, environment and kms.",
        )
    if spec.folder:
        if spec.name or spec.valid_from or spec.valid_until:
            raise ConfigurationError(
                "the keys in a folder are called as their files, and trusted always",
                remedy="Leave name, validFrom and validUntil out, or name each file.",
            )
        return KeyFolder(folder / spec.folder, spec.hash)
    terms = KeyTerms(spec.name, spec.hash, spec.valid_from, spec.valid_until)
    if spec.public_key:
        return InlineKey(terms.key(spec.public_key.encode()))
    TrustedKey(
        spec.name, b"", spec.hash, spec.valid_from, spec.valid_until
    )  # complains about the terms at once
    if spec.file:
        return KeyFile(folder / spec.file, terms)
    if spec.environment:
        return KeyVariable(spec.environment, terms)
    return RemoteKey(open_key(spec.kms), terms)


def _merge(spec: MergeTrustSpec, document: Document, location: Location) -> TrustedMaterialProvider:
    parts = [
        MergedPart(
            trust_of(part.provider, document, (*location, "parts", index, "provider")),
            root="root" in part.take,
            keys="keys" in part.take,
        )
        for index, part in enumerate(spec.parts)
    ]
    with document.at(location):
        return MergedTrustedMaterialProvider(tuple(parts))


def _mux(spec: MuxTrustSpec, document: Document, location: Location) -> TrustedMaterialProvider:
    made = {
        name: trust_of(each, document, (*location, "providers", name))
        for name, each in spec.providers.items()
    }

    def named(name: str) -> TrustedMaterialProvider:
        if name not in made:
            raise ConfigurationError(
                f"no provider is called {name!r}", remedy=f"There are {', '.join(made)}."
            )
        return made[name]

    routes = []
    for index, route in enumerate(spec.routes):
        with document.at((*location, "routes", index)):
            if bool(route.provider) == bool(route.merge):
                raise ConfigurationError("a route needs exactly one of provider and merge")
            provider = (
                named(route.provider)
                if route.provider
                else MergedTrustedMaterialProvider(
                    tuple(
                        MergedPart(named(part.provider), root="root" in part.take, keys="keys" in part.take)
                        for part in route.merge
                    )
                )
            )
            hints = tuple((hint, named(name)) for hint, name in route.hints.items())
            routes.append(TrustRoute(tuple(Scope.parse(scope) for scope in route.scopes), provider, hints))
    with document.at((*location, "routes")):
        return MuxTrustedMaterialProvider(tuple(routes))


def _plugin(spec: PluginSpec, document: Document, location: Location) -> TrustedMaterialProvider:
    with document.at((*location, "name")):
        return trusted_material_plugin(
            spec.name, spec.with_, seconds=spec.timeout_seconds, limit=spec.max_concurrent
        )


def _address(spec: GrpcSpec, document: Document) -> GrpcAddress:
    from .grpc_plugin import GrpcAddress as Address  # noqa: PLC0415  (grpc, for who has such a provider)

    folder = Path(document.file).parent
    files = [folder / name if name else None for name in (spec.ca_file, spec.cert_file, spec.key_file)]
    return Address(spec.address, *files)


def _grpc(spec: GrpcSpec, document: Document, location: Location) -> TrustedMaterialProvider:
    from .grpc_plugin import grpc_trusted_material_provider  # noqa: PLC0415  (see _address)

    with document.at((*location, "address")):
        return grpc_trusted_material_provider(
            _address(spec, document), seconds=spec.timeout_seconds, limit=spec.max_concurrent
        )


def policies_of(spec: Any, document: Document, location: Location) -> PolicyProvider:
    """The provider that ``spec``, standing at ``location`` of ``document``, describes.

    Raises:
        ConfigurationError: with file and line.
    """
    if isinstance(spec, FilesPolicySpec):
        return FilesPolicyProvider(Path(document.file).parent / spec.folder)
    if isinstance(spec, PluginSpec):
        with document.at((*location, "name")):
            return policy_plugin(
                spec.name, spec.with_, seconds=spec.timeout_seconds, limit=spec.max_concurrent
            )
    if isinstance(spec, GrpcSpec):
        from .grpc_plugin import grpc_policy_provider  # noqa: PLC0415  (see _address)

        with document.at((*location, "address")):
            return grpc_policy_provider(
                _address(spec, document), seconds=spec.timeout_seconds, limit=spec.max_concurrent
            )
    if isinstance(spec, MuxPolicySpec):
        routes = []
        for index, route in enumerate(spec.providers):
            place = (*location, "providers", index)
            provider = policies_of(route.provider, document, (*place, "provider"))
            with document.at((*place, "scopes")):
                routes.append(PolicyRoute(route.name, tuple(map(Scope.parse, route.scopes)), provider))
        with document.at(location):
            return MuxPolicyProvider(tuple(routes))
    return policy_provider(spec, document, location)


def _tuf(spec: TufTrustSpec, document: Document, location: Location) -> TrustedMaterialProvider:
    # python-tuf takes 80 ms: only when it is named
    from .tuf import TufProvider  # noqa: PLC0415
    from .tuf_anchor import MIRRORS, Anchor  # noqa: PLC0415
    from .tuf_cache import LastKnownGood  # noqa: PLC0415
    from .tuf_http import HttpSource  # noqa: PLC0415

    folder = Path(document.file).parent

    def path(text: str) -> Path | None:
        return folder / text if text else None

    with document.at((*location, "root")):
        root = path(spec.root)
        if root is not None:
            anchor = Anchor.from_files(root, path(spec.trusted_root))
        elif spec.trusted_root:
            raise ConfigurationError("trustedRoot stands beside root only")
        else:
            anchor = Anchor.embedded(spec.instance)  # says what to do for "" and "github"
    url = spec.mirror or MIRRORS.get(spec.instance, "")
    with document.at((*location, "mirror")):
        if spec.offline and spec.mirror:
            raise ConfigurationError("offline contradicts mirror")
        source = None
        if url and not spec.offline:
            source = HttpSource(
                url,
                targets_url=spec.targets,
                ca_file=path(spec.ca_file),
                timeout=timedelta(seconds=spec.update_seconds),
            )
    cache = None
    if spec.cache_directory:
        cache = LastKnownGood(folder / spec.cache_directory, f"{url or spec.repository} {spec.target}")
    with document.at(location):
        return TufProvider(
            anchor,
            mirror=source,
            repository=path(spec.repository),
            cache=cache,
            target=spec.target,
            pace=Pace(timedelta(seconds=spec.refresh_seconds), timedelta(seconds=spec.retry_seconds)),
            max_staleness=timedelta(seconds=spec.max_staleness_seconds),
        )


def _watched(spec: WatchedRootTrustSpec, document: Document, location: Location) -> TrustedMaterialProvider:

    pause = timedelta(seconds=spec.poll_seconds)
    with document.at((*location, "file")):
        return WatchedRootProvider(Path(document.file).parent / spec.file, pace=Pace(pause, pause))


_TRUST: dict[type[Spec], Callable[[Any, Document, Location], TrustedMaterialProvider]] = {
    StaticTrustSpec: trusted_material_provider,
    TufTrustSpec: _tuf,
    WatchedRootTrustSpec: _watched,
    KeysTrustSpec: _keys,
    MergeTrustSpec: _merge,
    MuxTrustSpec: _mux,
    PluginSpec: _plugin,
    GrpcSpec: _grpc,
}
