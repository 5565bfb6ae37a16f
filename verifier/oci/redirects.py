"""Where an answer may lead next: redirects and token servers."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from ..printable import printable
from .addresses import Reach, reach_of
from .origin import Origin, Target

# The token server of docker.io; the two hosts share no name that either could vouch for.
_TOKEN_SERVERS = {"registry-1.docker.io": "auth.docker.io"}


def redirected(target: Target, location: str, *, furthest: Reach, plain: AbstractSet[Origin]) -> Target:
    """Where ``location``, answered at ``target``, leads.

    TLS stays TLS; plain HTTP stays plain HTTP and goes to registries configured for it only; a literal address
    may not lie further inside than ``furthest``.

    Raises:
        UnavailableError: ``registry-invalid-response``.
    """
    try:
        if not location:
            raise ValueError("empty")
        following = target.join(location)
    except ValueError as error:
        raise _refused(target.origin, f"to {printable(location, 80)!r}, which is not a usable URL") from error
    origin = following.origin
    if origin.scheme != target.origin.scheme:
        raise _refused(target.origin, f"from {target.origin.scheme} to {origin.scheme}")
    if origin.scheme == "http" and origin != target.origin and origin not in plain:
        raise _refused(target.origin, f"to {origin}, which is not configured to be spoken to in plain HTTP")
    reach = reach_of(origin.host)
    if reach is not None and reach > furthest:
        raise _refused(target.origin, f"to the internal address {origin}")
    return following


def token_server(realm: str, registry: Origin, allowed: AbstractSet[str]) -> Target:
    """The token server that a challenge of ``registry`` names, if it may be asked.

    It may when it is the registry's own host, a parent domain of it, docker.io's, or in ``allowed``; in TLS
    unless it is the very host of a registry in plain HTTP.

    Raises:
        UnavailableError: ``registry-unauthorized``.
    """
    try:
        target = Target.parse(realm)
    except ValueError as error:
        raise _no_token(
            registry, f"names the token server {printable(realm, 80)!r}, not a usable URL"
        ) from error
    host = target.origin.host
    if target.origin.scheme != "https" and (registry.scheme, registry.host) != ("http", host):
        raise _no_token(registry, f"names the token server {target.origin} in plain HTTP")
    parent = "." in host and reach_of(registry.host) is None and registry.host.endswith(f".{host}")
    known = host == registry.host or parent or _TOKEN_SERVERS.get(registry.host) == host or host in allowed
    if not known:
        raise _no_token(
            registry,
            f"names the token server {host}, which is not its own; if that is right, add {host} to "
            "registry.tokenHosts of the verifier's configuration",
        )
    return target


def _refused(origin: Origin, where: str) -> UnavailableError:
    return UnavailableError(ReasonCode.REGISTRY_INVALID_RESPONSE, f"{origin} redirects {where}; not followed")


def _no_token(registry: Origin, problem: str) -> UnavailableError:
    return UnavailableError(ReasonCode.REGISTRY_UNAUTHORIZED, f"registry {registry} {problem}")
