"""What a registry that wants to know who asks is sent (distribution's token authentication, RFC 7617).

1. A registry refuses with 401 and says how it can be asked: with a token of a token server, or with a password.
2. For a token the server is asked that it names, if it may be: with the credential for the registry if there is
   one, else anonymously. An identity token is exchanged there (distribution, ``auth/token.md``, ``oauth.md``).
3. What was got belongs to one registry, one repository and one credential, and is sent nowhere else. A token is
   used again until shortly before its end.
4. A credential that is refused is looked up anew once, for it may have been replaced.

A credential goes to the registry that it is for, to that host's own token server and to those that the operator
named; in TLS, unless the operator wants it otherwise for that registry.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ..budget import Budget
from ..formats.strict_json import parse_object
from .addresses import Reach
from .credentials import Credential, Credentials
from .headers import Challenge, parse_challenges
from .limits import RegistryLimits
from .origin import Origin, Target
from .redirects import token_server
from .transport import Answer, Sent

# Token specification, "expires_in": 60 seconds when it is absent.
_DEFAULT_SECONDS = 60.0
# Registries give five minutes to an hour; a longer life is not believed.
_MAX_SECONDS = 3600.0
# A token that ends while the request is under way would only be refused.
_MARGIN_SECONDS = 5.0
# RFC 6750 s2.1; JSON web tokens of registries have 1 to 4 kB, and the header line must stay below 8 kB.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,7000}")
# What is asked for: to read. A registry may name its repository otherwise than we do, behind a proxy.
_SCOPE = re.compile(r"repository:[^\s:]{1,300}:pull")
_REFUSALS = frozenset({400, 401, 403, 404})
_CLIENT = "pycosign"

# Asks a token server, which may lie as far inside as the given reach and no further.
Ask: TypeAlias = Callable[[Sent, Reach, Budget], Answer]


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository, as it is asked at one origin."""

    origin: Origin
    registry: str
    path: str


@dataclass(frozen=True, slots=True)
class _Refused:
    """A token server does not take a credential (or anonymous requests): with this status."""

    status: int


class Access:
    """Gets what registries want to be sent, and keeps it. Safe to use from many threads."""

    def __init__(
        self,
        limits: RegistryLimits,
        ask: Ask,
        *,
        credentials: Credentials,
        token_hosts: AbstractSet[str],
        unsafe_plain: AbstractSet[str],
    ) -> None:
        self._limits = limits
        self._ask = ask
        self._credentials = credentials
        self._token_hosts = token_hosts
        self._unsafe_plain = unsafe_plain
        self._lock = threading.Lock()
        self._asked_by: set[Origin] = set()
        self._known: OrderedDict[tuple[Repository, Credential | None], tuple[float, str]] = OrderedDict()

    def known(self, repository: Repository, budget: Budget) -> str:
        """The Authorization field that is kept for ``repository``; empty when there is none or it ended.

        Raises:
            UnavailableError: the credential for it cannot be looked up.
        """
        with self._lock:
            if repository.origin not in self._asked_by:
                return ""  # and no helper is started for a registry that never asked who we are
        credential = self._look_up(repository, budget)
        with self._lock:
            ends, field = self._known.get((repository, credential), (0.0, ""))
            return field if time.monotonic() < ends else ""

    def obtain(
        self, repository: Repository, refusal: Answer, refused: str, budget: Budget, *, again: bool
    ) -> str:
        """A new Authorization field for reading ``repository``, as ``refusal``, an answer 401, asks for.

        ``refused`` is the field that it refuses; ``again`` says that it was got in this way a moment ago.

        Raises:
            UnavailableError: ``registry-unauthorized`` when there is none, or why it could not be had.
        """
        challenges = parse_challenges(refusal.headers.get("www-authenticate", ""))
        credential = self._look_up(repository, budget)
        if again or (refused and refused == _direct(credential)):
            credential = self._look_up_anew(repository, credential, refusal.status, budget)
        bearer = next((c for c in challenges if c.scheme == "bearer" and c.get("realm")), None)
        if credential is not None and credential.registry_token:
            return self._keep(repository, credential, _direct(credential), _MAX_SECONDS)
        if bearer is not None:
            return self._token(repository, bearer, credential, refusal, budget)
        if any(c.scheme == "basic" for c in challenges) and credential is not None and credential.username:
            return self._keep(repository, credential, _direct(credential), _MAX_SECONDS)
        raise self._unauthorized(repository, refusal.status, credential)

    def _look_up(
        self, repository: Repository, budget: Budget, refused: Credential | None = None
    ) -> Credential | None:
        """The credential that may be sent to ``repository``."""
        if repository.origin.scheme != "https" and repository.registry not in self._unsafe_plain:
            return None
        return self._credentials.credential(repository.registry, repository.path, budget, refused)

    def _look_up_anew(
        self, repository: Repository, refused: Credential | None, status: int, budget: Budget
    ) -> Credential:
        """Another credential than ``refused``, which the registry answered with ``status``."""
        if refused is not None:
            found = self._look_up(repository, budget, refused)
            if found is not None and found != refused:
                return found
        raise self._unauthorized(repository, status, refused)

    def _token(
        self,
        repository: Repository,
        bearer: Challenge,
        credential: Credential | None,
        refusal: Answer,
        budget: Budget,
    ) -> str:
        """A token of the server that ``bearer`` names."""
        furthest = Reach.PUBLIC if refusal.reach is None else refusal.reach
        for _ in range(2):
            server = token_server(
                bearer.get("realm"), repository.origin, self._token_hosts, secret=credential is not None
            )
            answer = self._ask(_question(server, bearer, repository.path, credential), furthest, budget)
            parsed = _parse(answer, server.origin)
            if not isinstance(parsed, _Refused):
                token, seconds = parsed
                return self._keep(repository, credential, f"Bearer {token}", seconds)
            credential = self._look_up_anew(repository, credential, parsed.status, budget)
        raise self._unauthorized(repository, refusal.status, credential)

    def _keep(self, repository: Repository, credential: Credential | None, field: str, seconds: float) -> str:
        with self._lock:
            if len(self._asked_by) >= self._limits.hosts:
                self._asked_by.clear()  # those that matter ask again
            self._asked_by.add(repository.origin)
            self._known[repository, credential] = (time.monotonic() + seconds, field)
            self._known.move_to_end((repository, credential))
            if len(self._known) > self._limits.tokens:
                self._known.popitem(last=False)
        return field

    def _unauthorized(
        self, repository: Repository, status: int, credential: Credential | None
    ) -> UnavailableError:
        if credential is not None:
            return UnavailableError(
                ReasonCode.REGISTRY_UNAUTHORIZED,
                f"registry {repository.origin} answers {status}: the password or token configured for it is not "
                "taken, or may not read this image",
            )
        plain = repository.origin.scheme != "https" and repository.registry not in self._unsafe_plain
        return unauthorized(
            str(repository.origin),
            status,
            "; it is spoken to in plain HTTP, and so anonymously" if plain else "",
        )


def unauthorized(registry: str, status: int, note: str = "") -> UnavailableError:
    """The error for a registry that wants to know who asks."""
    return UnavailableError(
        ReasonCode.REGISTRY_UNAUTHORIZED,
        f"registry {registry} answers {status}: the image is private or does not exist{note}",
    )


def _direct(credential: Credential | None) -> str:
    """The field that shows ``credential`` itself; empty when there is none."""
    if credential is None or credential.identity_token:
        return ""
    if credential.registry_token:
        return f"Bearer {credential.registry_token}"
    pair = f"{credential.username}:{credential.password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def _question(server: Target, bearer: Challenge, path: str, credential: Credential | None) -> Sent:
    """What a token server is asked."""
    asked = bearer.get("scope")
    query = {"scope": asked if _SCOPE.fullmatch(asked) else f"repository:{path}:pull"}
    if bearer.get("service"):
        query = {"service": bearer.get("service"), **query}
    if credential is not None and credential.identity_token:
        secret = {"grant_type": "refresh_token", "client_id": _CLIENT}
        form = urlencode({**secret, **query, "refresh_token": credential.identity_token}).encode()
        return Sent(server, {"Content-Type": "application/x-www-form-urlencoded"}, form)
    target = Target(server.origin, f"{server.path}{'&' if '?' in server.path else '?'}{urlencode(query)}")
    field = _direct(credential)
    return Sent(target, {"Authorization": field} if field else {})


def _parse(answer: Answer, server: Origin) -> tuple[str, float] | _Refused:
    """A token and how long it is good for."""
    if answer.status in _REFUSALS:
        return _Refused(answer.status)
    if answer.status == 429 or (answer.status == 503 and answer.headers.get("retry-after")):
        raise UnavailableError(
            ReasonCode.REGISTRY_THROTTLED, f"token server {server} answers {answer.status}: too many requests"
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
    except (TypeError, ValueError, OverflowError, VerificationError):
        raise UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE, f"token server {server} does not answer with a usable token"
        ) from None  # what was read may hold one
    return token, life
