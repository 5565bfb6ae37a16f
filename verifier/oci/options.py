"""How registries are spoken to: what an operator may choose, checked as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from providers.errors import ConfigurationError, InvalidReferenceError
from providers.reference import parse_registry, parse_repository

from ..printable import printable
from .addresses import Reach
from .origin import Origin, Target

# Browsers, which say the most, stay below 200 characters.
_USER_AGENT = re.compile(r"[\x20-\x7e]{1,200}")
# Each costs a request to each mirror before the registry itself is asked.
_MAX_MIRRORS = 8


@dataclass(frozen=True, slots=True)
class HostOptions:
    """TLS with one registry. The authorities in ``ca_file`` are trusted besides all others; ``client_certificate``
    and ``client_key``, both PEM, say who we are (the key may be in the file of the certificate).
    """

    registry: str
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None

    def __post_init__(self) -> None:
        _check_registry(self.registry)
        if self.client_key is not None and self.client_certificate is None:
            raise ConfigurationError(
                f"{self.registry}: a client key without its certificate", remedy="Name both, or neither."
            )


@dataclass(frozen=True, slots=True)
class Mirror:
    """A copy of what another registry has, at ``registry`` below ``prefix``.

    It is asked for what has a digest: whatever it answers is held against that, so it can do no worse than not to
    help. A tag means what the one says who is asked, and who is asked for the signatures of an image can hide
    them: a mirror is asked for these only with ``resolve_tags``, by an operator who trusts it as the registry
    itself.
    """

    registry: str
    prefix: str = ""
    resolve_tags: bool = False

    @classmethod
    def parse(cls, text: str, *, resolve_tags: bool = False) -> Self:
        """``host[:port]``, or ``host[:port]/path`` where the repositories are below a path.

        Raises:
            ConfigurationError: it is neither.
        """
        host, slash, prefix = text.partition("/")
        try:
            registry = parse_registry(host)
            if slash:
                registry, prefix = parse_repository(f"{registry}/{prefix}")
        except InvalidReferenceError as error:
            raise ConfigurationError(
                f"not a mirror: {printable(text, 100)!r}", remedy="Write host:port, or host:port/path."
            ) from error
        return cls(registry, prefix, resolve_tags)

    def path(self, path: str) -> str:
        """Where the mirror has the repository ``path``."""
        return f"{self.prefix}/{path}" if self.prefix else path


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """Everything about registries that an operator may choose. Holding one means that it was checked.

    Registries are written as references have them: ``host`` or ``host:port``.

    Args:
        plain_http: registries that are spoken to in plain HTTP.
        unsafe_plain_http_credentials: those of ``plain_http`` that are sent credentials all the same, for
            everybody on the way to read.
        ca_file: certificate authorities trusted besides the system's, PEM.
        hosts: TLS with single registries.
        mirrors: registries, each with its mirrors in the order in which they are asked.
        token_hosts: hosts that registries may name as token servers besides their own. They get to see
            credentials.
        furthest: how far inside a network image names may lead; registries in ``plain_http`` may lie anywhere, and
            mirrors on private and loopback addresses.
        user_agent: how requests introduce themselves.
    """

    plain_http: frozenset[str] = frozenset()
    unsafe_plain_http_credentials: frozenset[str] = frozenset()
    ca_file: Path | None = None
    hosts: tuple[HostOptions, ...] = ()
    mirrors: tuple[tuple[str, tuple[Mirror, ...]], ...] = ()
    token_hosts: frozenset[str] = frozenset()
    furthest: Reach = Reach.LOOPBACK
    user_agent: str = "pycosign"
    _mirrored: dict[str, tuple[Mirror, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for registry in (*self.plain_http, *(name for name, _ in self.mirrors)):
            _check_registry(registry)
        for host in self.token_hosts:
            _check_token_host(host)
        if not _USER_AGENT.fullmatch(self.user_agent):
            raise ConfigurationError("the user agent is not printable ASCII, 1 to 200 characters")
        for registry in self.unsafe_plain_http_credentials - self.plain_http:
            raise ConfigurationError(
                f"{printable(registry, 100)} is to get credentials in plain HTTP, and is spoken to in TLS",
                remedy="Take it out, or name it among the registries in plain HTTP too.",
            )
        _check_once((host.registry for host in self.hosts), "TLS options")
        _check_once((name for name, _ in self.mirrors), "lists of mirrors")
        for host_options in self.hosts:
            if host_options.registry in self.plain_http:
                raise ConfigurationError(
                    f"{host_options.registry} has TLS options, and is spoken to in plain HTTP",
                    remedy="Take it out of one of the two.",
                )
        for name, mirrors in self.mirrors:
            _check_mirrors(name, mirrors)
        object.__setattr__(self, "_mirrored", dict(self.mirrors))

    def mirrors_of(self, registry: str) -> tuple[Mirror, ...]:
        """The mirrors of ``registry``, in the order in which they are asked."""
        return self._mirrored.get(registry, ())

    def reach_of(self, registry: str) -> Reach:
        """How far inside a network ``registry`` may lie."""
        if registry in self.plain_http:
            return Reach.RESTRICTED
        if any(mirror.registry == registry for _, mirrors in self.mirrors for mirror in mirrors):
            return max(self.furthest, Reach.LOOPBACK)
        return self.furthest


def _check_once(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigurationError(f"{name} has several {what}", remedy="Put them together.")
        seen.add(name)


def _check_mirrors(registry: str, mirrors: tuple[Mirror, ...]) -> None:
    if len(mirrors) > _MAX_MIRRORS:
        raise ConfigurationError(f"{registry} has {len(mirrors)} mirrors; at most {_MAX_MIRRORS} are asked")
    for mirror in mirrors:
        _check_registry(mirror.registry)
        if mirror.registry == registry and not mirror.prefix:
            raise ConfigurationError(f"{registry} is its own mirror", remedy="Take it out.")


def _check_registry(registry: str) -> None:
    try:
        named = parse_registry(registry)
    except InvalidReferenceError as error:
        raise ConfigurationError(
            f"not a registry host: {printable(registry, 100)!r}",
            remedy="write host or host:port, without a scheme",
        ) from error
    if named != registry:
        raise ConfigurationError(
            f"not a registry host as references are read here: {registry!r}", remedy=f"write {named}"
        )


def _check_token_host(host: str) -> None:
    try:
        usable = Target.parse(f"https://{host}/") == Target(Origin("https", host, 443), "/")
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"not a host: {printable(host, 100)!r}",
            remedy="write the host alone, in lower case, without scheme and port",
        )
