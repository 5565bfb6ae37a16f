"""Anonymous tokens, as public registries hand them out (distribution's token authentication specification).

There are no credentials here. A token is bound to the origin and the repository it was given for, and is sent
nowhere else.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import TypeAlias
from urllib.parse import urlencode

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ..budget import Budget
from ..formats.strict_json import parse_object
from .addresses import Reach
from .headers import Challenge, parse_challenges
from .limits import RegistryLimits
from .origin import Origin, Target
from .redirects import token_server
from .transport import Answer

# Token specification, "expires_in": 60 seconds when it is absent.
_DEFAULT_SECONDS = 60.0
# Registries give five minutes to an hour; a longer life is not believed.
_MAX_SECONDS = 3600.0
# A token that ends while the request is under way would only be refused.
_MARGIN_SECONDS = 5.0
# RFC 6750 s2.1; JSON web tokens of registries have 1 to 4 kB, and the header line must stay below 8 kB.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,7000}")

# Asks a token server, which may lie as far inside as the given reach and no further.
Ask: TypeAlias = Callable[[Target, Reach, Budget], Answer]


class AnonymousTokens:
    """Gets tokens and keeps them until they end. Safe to use from many threads."""

    def __init__(self, limits: RegistryLimits, ask: Ask, token_hosts: AbstractSet[str]) -> None:
        self._limits = limits
        self._ask = ask
        self._token_hosts = token_hosts
        self._lock = threading.Lock()
        self._tokens: OrderedDict[tuple[Origin, str], tuple[float, str]] = OrderedDict()

    def known(self, registry: Origin, path: str) -> str:
        """The token kept for the repository ``path``; empty when there is none or it ended."""
        with self._lock:
            ends, token = self._tokens.get((registry, path), (0.0, ""))
            return token if time.monotonic() < ends else ""

    def obtain(self, registry: Origin, path: str, refusal: Answer, budget: Budget) -> str:
        """A new token for reading the repository ``path``, as ``refusal``, an answer 401, asks for.

        Raises:
            UnavailableError: ``registry-unauthorized`` when there is none without credentials, or why the token
                server could not be asked.
        """
        challenges = parse_challenges(refusal.headers.get("www-authenticate", ""))
        bearer = next((c for c in challenges if c.scheme == "bearer" and c.get("realm")), None)
        if bearer is None:
            raise unauthorized(str(registry), refusal.status)
        server = token_server(bearer.get("realm"), registry, self._token_hosts)
        furthest = Reach.PUBLIC if refusal.reach is None else refusal.reach
        answer = self._ask(_question(server, bearer, path), furthest, budget)
        token, seconds = _parse(answer, server.origin, registry)
        with self._lock:
            self._tokens[registry, path] = (time.monotonic() + seconds, token)
            self._tokens.move_to_end((registry, path))
            if len(self._tokens) > self._limits.tokens:
                self._tokens.popitem(last=False)
        return token


def unauthorized(registry: str, status: int) -> UnavailableError:
    """The error for a registry that wants to know who asks."""
    return UnavailableError(
        ReasonCode.REGISTRY_UNAUTHORIZED,
        f"registry {registry} answers {status}: the image is private or does not exist",
    )


def _question(server: Target, bearer: Challenge, path: str) -> Target:
    query = {"scope": bearer.get("scope") or f"repository:{path}:pull"}
    if bearer.get("service"):
        query = {"service": bearer.get("service"), **query}
    return Target(server.origin, f"{server.path}{'&' if '?' in server.path else '?'}{urlencode(query)}")


def _parse(answer: Answer, server: Origin, registry: Origin) -> tuple[str, float]:
    if answer.status in (400, 401, 403, 404):
        raise unauthorized(str(registry), answer.status)
    if answer.status == 429:
        raise UnavailableError(
            ReasonCode.REGISTRY_THROTTLED, f"token server {server} answers 429: too many requests"
        )
    if answer.status >= 500:
        raise UnavailableError(
            ReasonCode.REGISTRY_UNAVAILABLE, f"token server {server} answers {answer.status}"
        )
    try:
        if answer.status != 200 or not answer.complete:
            raise ValueError(f"status {answer.status}")
        fields = parse_object(answer.body, max_size=len(answer.body))
        token = fields.get("token") or fields.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise ValueError("no token")
        seconds = fields.get("expires_in", _DEFAULT_SECONDS)
        life = min(float(seconds), _MAX_SECONDS) - _MARGIN_SECONDS
    except (TypeError, ValueError, OverflowError, VerificationError) as error:
        raise UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE, f"token server {server} does not answer with a usable token"
        ) from error
    return token, life
