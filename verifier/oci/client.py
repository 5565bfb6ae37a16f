"""What a registry is asked, GET by GET: tokens, redirects and throttling are dealt with here."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ..budget import Budget
from ..formats.strict_json import parse_object
from ..printable import printable
from .addresses import Reach
from .auth import AnonymousTokens, unauthorized
from .dial import LookUp
from .headers import retry_after
from .limits import RegistryLimits
from .origin import Origin, Target
from .proxies import Proxies
from .redirects import redirected
from .transport import Answer, Transport

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503})
# Between two tries when the registry says "0 seconds": its own clock ticks in seconds.
_SHORTEST_WAIT = 0.1


@dataclass(frozen=True, slots=True)
class Request:
    """One GET to a registry, below ``/v2/<path>/``."""

    registry: str
    path: str  # of the repository
    target: Target
    accept: str
    limit: int
    # Statuses other than 200 that the caller knows how to read.
    also: frozenset[int] = frozenset()


class RegistryClient:
    """Sends GETs to registries. Safe to use from many threads."""

    def __init__(
        self,
        limits: RegistryLimits,
        *,
        plain_http: AbstractSet[str],
        token_hosts: AbstractSet[str],
        furthest: Reach,
        tls: ssl.SSLContext,
        proxies: Proxies,
        lookup: LookUp,
        user_agent: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limits = limits
        self._plain_http = plain_http
        self._plain_origins = frozenset(Origin.of_registry(r, plain=True) for r in plain_http)
        self._furthest = furthest
        self._sleep = sleep
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._transport = Transport(limits, tls=tls, proxies=proxies, lookup=lookup)
        self._tokens = AnonymousTokens(limits, self._ask_for_token, token_hosts)

    def target(self, registry: str, path: str, rest: str) -> Target:
        """The target of ``/v2/<path>/<rest>`` at ``registry``, both as `providers.reference` gives them."""
        return Target(Origin.of_registry(registry, plain=registry in self._plain_http), f"/v2/{path}/{rest}")

    def get(self, request: Request, budget: Budget) -> Answer:
        """The answer to ``request``: its status is 200 or in ``request.also``.

        1. Send, with the token known for the repository.
        2. 401: get a token, once, and send again.
        3. 429 or 503 with a time to wait that fits into the deadline: wait and send again.
        4. Any other status than those asked for is an error.

        Raises:
            UnavailableError: why there is no such answer.
        """
        registry = request.target.origin
        token = self._tokens.known(registry, request.path)  # 1
        may_ask = True
        attempts = 1
        while True:
            answer = self._follow(request, token, budget)
            if answer.status == 401 and may_ask:  # 2
                may_ask = False
                token = self._tokens.obtain(registry, request.path, answer, budget)
                continue
            if answer.status in _BUSY and attempts < self._limits.attempts:  # 3
                wait = retry_after(answer.headers.get("retry-after", ""))
                if wait is not None and (wait := max(wait, _SHORTEST_WAIT)) < budget.seconds_left():
                    attempts += 1
                    self._sleep(wait)
                    continue
            if answer.status == 200 or answer.status in request.also:
                return answer
            raise _refusal(request.registry, answer)  # 4

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def _follow(self, request: Request, token: str, budget: Budget) -> Answer:
        """Send ``request`` and follow redirects; the token goes to the registry's own origin only."""
        target = request.target
        furthest = Reach.RESTRICTED if request.registry in self._plain_http else self._furthest
        for hop in range(self._limits.redirects + 1):
            headers = {**self._headers, "Accept": request.accept}
            if token and target.origin == request.target.origin:
                headers["Authorization"] = f"Bearer {token}"
            answer = self._transport.get(
                target, headers, limit=request.limit, furthest=furthest, budget=budget
            )
            if answer.status not in _REDIRECTS:
                if answer.status == 401 and target.origin != request.target.origin:
                    raise unauthorized(str(target.origin), 401)  # its challenge is not the registry's
                return answer
            if hop == 0:
                # From outside nobody is led inside: as far as the registry itself lies, and no further.
                furthest = Reach.PUBLIC if answer.reach is None else answer.reach
            location = answer.headers.get("location", "")
            target = redirected(target, location, furthest=furthest, plain=self._plain_origins)
        raise UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"registry {request.registry} redirects more than {self._limits.redirects} times",
        )

    def _ask_for_token(self, server: Target, furthest: Reach, budget: Budget) -> Answer:
        return self._transport.get(
            server,
            {**self._headers, "Accept": "application/json"},
            limit=self._limits.error_bytes,
            furthest=furthest,
            budget=budget,
        )


def error_code(body: bytes) -> str:
    """The first error code of an answer (distribution-spec 1.1, Error Codes); empty when it holds none."""
    try:
        errors = parse_object(body, max_size=len(body)).get("errors")
    except VerificationError:
        return ""
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    return printable(code, 40) if isinstance(code, str) else ""


def _refusal(registry: str, answer: Answer) -> UnavailableError:
    """The error for an answer that is not one."""
    status = answer.status
    if status in (401, 403):
        return unauthorized(registry, status)
    if status == 429:
        after = retry_after(answer.headers.get("retry-after", ""))
        when = "" if after is None else f", come back in {after:.0f} s"
        return UnavailableError(
            ReasonCode.REGISTRY_THROTTLED, f"registry {registry} answers 429: too many requests{when}"
        )
    if status >= 500:
        return UnavailableError(ReasonCode.REGISTRY_UNAVAILABLE, f"registry {registry} answers {status}")
    code = error_code(answer.body)
    return UnavailableError(
        ReasonCode.REGISTRY_INVALID_RESPONSE,
        f"registry {registry} answers {status}{f' {code}' if code else ''}, which is no answer to this question",
    )
