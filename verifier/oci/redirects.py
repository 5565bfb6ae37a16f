"""Where an answer may lead next: redirects and token servers."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from ..printable import printable
from .addresses import Reach, reach_of
from .origin import Origin, Target

# The token servers of docker.io and gitlab.com: hosts that share no name either could vouch for with a secret.
_TOKEN_SERVERS = {"registry-1.docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}


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


def token_server(realm: str, registry: Origin, allowed: AbstractSet[str], *, secret: bool = False) -> Target:
    """The token server that a challenge of ``registry`` names, if it may be asked; ``secret`` says that it would
    get to see credentials.

    It may when it is the registry's own host, one of those known to serve it, or in ``allowed``, in TLS; one that
    sees no credentials may be a parent domain too. For a registry in plain HTTP it may be its very host in plain
    HTTP, with credentials its very port.

    Raises:
        UnavailableError: ``registry-unauthorized``.
    """
    try:
        target = Target.parse(realm)
    except ValueError as error:
        raise _no_token(
            registry, f"names the token server {printable(realm, 80)!r}, not a usable URL"
        ) from error
    server = target.origin
    own_plain = server == registry if secret else (server.scheme, server.host) == ("http", registry.host)
    if server.scheme != "https" and not (registry.scheme == "http" and own_plain):
        raise _no_token(registry, f"names the token server {server} in plain HTTP")
    parent = (
        "." in server.host and reach_of(registry.host) is None and registry.host.endswith(f".{server.host}")
    )
    served_by = _TOKEN_SERVERS.get(registry.host) == server.host
    if not (server.host == registry.host or served_by or server.host in allowed or (parent and not secret)):
        raise _no_token(
            registry,
            f"names the token server {server.host}, which is not its own; if that is right, add {server.host} to "
            "registry.tokenHosts of the verifier's configuration",
        )
    return target


def _refused(origin: Origin, where: str) -> UnavailableError:
    return UnavailableError(ReasonCode.REGISTRY_INVALID_RESPONSE, f"{origin} redirects {where}; not followed")


def _no_token(registry: Origin, problem: str) -> UnavailableError:
    return UnavailableError(ReasonCode.REGISTRY_UNAUTHORIZED, f"registry {registry} {problem}")
