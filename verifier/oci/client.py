"""What a registry is asked, GET by GET: tokens, redirects and throttling are dealt with here."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ..budget import Budget
from ..formats.strict_json import parse_object
from ..printable import printable
from .addresses import Reach
from .auth import Access, Repository, unauthorized
from .credentials import Credentials
from .deadline import LOOK_AGAIN
from .dial import LookUp
from .headers import retry_after
from .hosts import HostReport
from .limits import RegistryLimits
from .options import RegistryOptions
from .origin import Origin, Target
from .proxies import Proxies
from .redirects import redirected
from .tls import TlsContexts
from .transport import Answer, Sent, Transport

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503})
# Between two tries when the registry says "0 seconds": its own clock ticks in seconds.
_SHORTEST_WAIT = 0.1
# Up to so much of the time is waited in addition, up to a second, so that not all come back at once.
_JITTER = 0.25
_random = random.Random()  # noqa: S311  (spreads load; nothing secret)


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
        options: RegistryOptions,
        *,
        credentials: Credentials,
        proxies: Proxies,
        lookup: LookUp,
        jitter: Callable[[], float] = _random.random,
    ) -> None:
        self._limits = limits
        self._options = options
        self._plain_origins = frozenset(Origin.of_registry(r, plain=True) for r in options.plain_http)
        self._jitter = jitter
        self._headers = {"User-Agent": options.user_agent, "Accept-Encoding": "identity"}
        self._transport = Transport(limits, tls=TlsContexts(options).context, proxies=proxies, lookup=lookup)
        self._access = Access(
            limits,
            self._ask_token_server,
            credentials=credentials,
            token_hosts=options.token_hosts,
            unsafe_plain=options.unsafe_plain_http_credentials,
        )
        self._closed = threading.Event()

    @property
    def hosts(self) -> tuple[HostReport, ...]:
        """The conduct of the hosts that were asked lately."""
        return self._transport.hosts.report()

    def target(self, registry: str, path: str, rest: str) -> Target:
        """The target of ``/v2/<path>/<rest>`` at ``registry``, both as `providers.reference` gives them."""
        return Target(self._origin(registry), f"/v2/{path}/{rest}")

    def get(self, request: Request, budget: Budget) -> Answer:
        """The answer to ``request``: its status is 200 or in ``request.also``.

        1. Send, with what is known to open the repository.
        2. 401: get a token, or show a credential, and send again; once more if another credential turns up.
        3. 429, or 503 with a time to wait, and it fits into the deadline: wait and send again.
        4. Any other status than those asked for is an error.

        Raises:
            UnavailableError: why there is no such answer.
        """
        repository = Repository(request.target.origin, request.registry, request.path)
        field = self._access.known(repository, budget)  # 1
        obtained, attempts = 0, 1
        while True:
            answer = self._follow(request, field, budget)
            if answer.status == 401 and obtained < 2:  # 2
                field = self._access.obtain(repository, answer, field, budget, again=obtained > 0)
                obtained += 1
                continue
            if attempts < self._limits.attempts and self._waited(request.target.origin, answer, budget):  # 3
                attempts += 1
                continue
            if answer.status == 200 or answer.status in request.also:
                return answer
            raise _refusal(request.registry, answer)  # 4

    def close(self) -> None:
        """Close every connection; whoever waits for one is let go."""
        self._closed.set()
        self._transport.close()

    def _origin(self, registry: str) -> Origin:
        return Origin.of_registry(registry, plain=registry in self._options.plain_http)

    def _follow(self, request: Request, field: str, budget: Budget) -> Answer:
        """Send ``request`` and follow redirects; ``field`` goes to the registry's own origin only, and no more
        once another was asked.
        """
        target, at_home = request.target, True
        furthest = self._options.reach_of(request.registry)
        for hop in range(self._limits.redirects + 1):
            headers = {**self._headers, "Accept": request.accept}
            at_home = at_home and target.origin == request.target.origin
            if field and at_home:
                headers["Authorization"] = field
            sent = Sent(target, headers)
            answer = self._transport.send(sent, limit=request.limit, furthest=furthest, budget=budget)
            if answer.status not in _REDIRECTS:
                if answer.status == 401 and not at_home:
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

    def _ask_token_server(self, sent: Sent, furthest: Reach, budget: Budget) -> Answer:
        headers = {**self._headers, "Accept": "application/json", **sent.headers}
        asked = Sent(sent.target, headers, sent.form)
        attempts = 1
        while True:
            answer = self._transport.send(
                asked, limit=self._limits.error_bytes, furthest=furthest, budget=budget
            )
            if attempts >= self._limits.attempts or not self._waited(sent.target.origin, answer, budget):
                return answer
            attempts += 1

    def _waited(self, origin: Origin, answer: Answer, budget: Budget) -> bool:
        """Whether ``answer`` asks to come back later, in time, and that time has now passed."""
        wait = retry_after(answer.headers.get("retry-after", "")) if answer.status in _BUSY else None
        if wait is None:
            return False
        # Never earlier than asked, and not all at the same moment.
        wait = max(wait, _SHORTEST_WAIT) + self._jitter() * min(_JITTER * max(wait, _SHORTEST_WAIT), 1.0)
        hosts = self._transport.hosts
        if wait >= min(budget.seconds_left(), self._limits.longest_wait) or not hosts.wait(origin):
            return False
        try:
            until = time.monotonic() + wait
            while (left := until - time.monotonic()) > 0:
                if self._closed.wait(min(left, budget.seconds_left(), LOOK_AGAIN)):
                    raise UnavailableError(ReasonCode.INTERNAL_ERROR, "the registry client is closed")
        finally:
            hosts.waited(origin)
        return True


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
    after = retry_after(answer.headers.get("retry-after", "")) if status in _BUSY else None
    if status == 429 or after is not None:
        when = "" if after is None else f", come back in {after:.0f} s"
        return UnavailableError(
            ReasonCode.REGISTRY_THROTTLED, f"registry {registry} answers {status}: too many requests{when}"
        )
    if status >= 500:
        return UnavailableError(ReasonCode.REGISTRY_UNAVAILABLE, f"registry {registry} answers {status}")
    code = error_code(answer.body)
    return UnavailableError(
        ReasonCode.REGISTRY_INVALID_RESPONSE,
        f"registry {registry} answers {status}{f' {code}' if code else ''}, which is no answer to this question",
    )
