"""The lab's services over HTTP: Fulcio, both Rekors, the timestamp authority, OpenID Connect and TUF on one
port, the registry on another.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qsl

from .ca import pem
from .entry import LogEntry
from .errors import LabConflictError, LabError
from .instance import Lab
from .keys import spki_pem
from .loopback import Answer, Hook, LoopbackServer, Request, hooked
from .names import DEFAULT_IDENTITY, WARNING
from .registry import MemoryRegistry
from .registry_http import serve_registry
from .tuf import SIGNING_CONFIG_TARGET, TRUSTED_ROOT_TARGET, TufRepository
from .wire import parse_object, text

logger = logging.getLogger(__name__)

_JSON = {"Content-Type": "application/json"}
_PEM = {"Content-Type": "application/x-pem-file"}
_Route = Callable[[Request, re.Match[str]], Answer]


class LabServer:
    """Serves a lab and a registry on 127.0.0.1 while entered.

    The lab's trusted root names hosts that do not exist and need not: clients find the services through a
    signing configuration (`signing_config`), and the root is the same whatever the port. `hook` sees each
    request to the lab first (see loopback.py), `registry_hook` each request to the registry.
    """

    def __init__(
        self,
        lab: Lab | None = None,
        *,
        registry: MemoryRegistry | None = None,
        port: int = 0,
        registry_port: int = 0,
        hook: Hook | None = None,
        registry_hook: Hook | None = None,
    ) -> None:
        self.lab = lab or Lab()
        self.registry = registry or MemoryRegistry()
        self._ports = (port, registry_port)
        self._hooks = (hook, registry_hook)
        self._running = ExitStack()
        self.url = ""
        self.registry_address = ""

    def __enter__(self) -> Self:
        services = LabApp(self.lab)
        with ExitStack() as starting:
            server = LoopbackServer(hooked(services.answer, self._hooks[0]), port=self._ports[0])
            self.url = f"http://{starting.enter_context(server).address}"
            services.open(self.url)
            self.tuf = services.tuf
            self.registry_address = starting.enter_context(
                serve_registry(self.registry, port=self._ports[1], hook=self._hooks[1])
            )
            self._running = starting.pop_all()
        logger.warning(WARNING)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    @property
    def tuf_url(self) -> str:
        """Where the TUF repository is."""
        return f"{self.url}/tuf"

    def signing_config(self, *, rekor: Literal[1, 2] = 1, timestamp: bool = True) -> bytes:
        """The lab's signing configuration for this server."""
        return self.lab.signing_config(self.url, rekor=rekor, timestamp=timestamp)

    def client_trust_config(self, *, rekor: Literal[1, 2] = 1, timestamp: bool = True) -> bytes:
        """The lab's trust and this server's signing configuration, for sigstore-python."""
        return self.lab.client_trust_config(self.url, rekor=rekor, timestamp=timestamp)


class LabApp:
    """Answers requests from a lab's services."""

    tuf: TufRepository

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._url = ""
        routes: tuple[tuple[str, str, _Route], ...] = (
            ("POST", "/api/v2/signingCert", self._signing_certificate),
            ("GET", "/api/v2/trustBundle", self._trust_bundle),
            ("POST", "/api/v1/log/entries", self._rekor1_create),
            ("GET", "/api/v1/log/entries", self._rekor1_by_index),
            ("GET", "/api/v1/log/entries/([0-9a-f]{64}|[0-9a-f]{80})", self._rekor1_by_uuid),
            ("GET", "/api/v1/log", self._rekor1_state),
            ("GET", "/api/v1/log/publicKey", self._rekor1_key),
            ("POST", "/api/v2/log/entries", self._rekor2_create),
            ("GET", "/api/v2/checkpoint", self._rekor2_checkpoint),
            ("POST", "/api/v1/timestamp", self._timestamp),
            ("GET", "/api/v1/timestamp/certchain", self._timestamp_chain),
            ("GET", "/.well-known/openid-configuration", self._discovery),
            ("GET", "/oidc/jwks", self._jwks),
            ("POST", "/oidc/token", self._token),
            ("GET", "/tuf/(.+)", self._tuf_file),
        )
        self._routes = [(method, re.compile(path), route) for method, path, route in routes]

    def open(self, url: str) -> None:
        """Tells the services under which URL they are reached, before the first request."""
        self._url = url
        self._lab.oidc.add_issuer(url)
        targets = {
            TRUSTED_ROOT_TARGET: self._lab.trusted_root(),
            SIGNING_CONFIG_TARGET: self._lab.signing_config(url),
        }
        self.tuf = TufRepository(targets, clock=self._lab.clock)

    def answer(self, request: Request) -> Answer:
        """The answer to a request."""
        method = "GET" if request.method == "HEAD" else request.method
        for wanted, pattern, route in self._routes:
            match = pattern.fullmatch(request.path)
            if match is None or wanted != method:
                continue
            try:
                return route(request, match)
            except LabConflictError as conflict:
                return _refusal(409, str(conflict), {"Location": conflict.location})
            except LabError as refused:
                return _refusal(400, str(refused))
        return _refusal(404, "no such route")

    def _signing_certificate(self, request: Request, _match: re.Match[str]) -> Answer:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        bearer = token.strip() if kind.lower() == "bearer" else None
        return _json(self._lab.fulcio.signing_certificate(parse_object(request.body), bearer))

    def _trust_bundle(self, _request: Request, _match: re.Match[str]) -> Answer:
        return _json(self._lab.fulcio.trust_bundle())

    def _rekor1_create(self, request: Request, _match: re.Match[str]) -> Answer:
        uuid, entry = self._lab.rekor1.submit(parse_object(request.body))
        headers = {"Location": f"/api/v1/log/entries/{uuid}", "ETag": uuid}
        return _json({uuid: entry.to_rekor1()}, status=201, headers=headers)

    def _rekor1_by_uuid(self, _request: Request, match: re.Match[str]) -> Answer:
        return _rekor1_entry(self._lab.rekor1.find(match[1]))

    def _rekor1_by_index(self, request: Request, _match: re.Match[str]) -> Answer:
        index = request.query.get("logIndex", "")
        if not index.isdecimal():
            return _refusal(400, "logIndex is missing or is not a number")
        return _rekor1_entry(self._lab.rekor1.at(int(index)))

    def _rekor1_state(self, _request: Request, _match: re.Match[str]) -> Answer:
        return _json(self._lab.rekor1.state())

    def _rekor1_key(self, _request: Request, _match: re.Match[str]) -> Answer:
        return Answer(200, spki_pem(self._lab.rekor1.key.public_key()), _PEM)

    def _rekor2_create(self, request: Request, _match: re.Match[str]) -> Answer:
        entry = self._lab.rekor2.submit(parse_object(request.body))
        # Rekor v2 writes the zero it has no value for; sigstore-python wants the field.
        return _json({**entry.to_protojson(), "integratedTime": "0"}, status=201)

    def _rekor2_checkpoint(self, _request: Request, _match: re.Match[str]) -> Answer:
        return Answer(
            200, self._lab.rekor2.checkpoint().encode(), {"Content-Type": "text/plain; charset=utf-8"}
        )

    def _timestamp(self, request: Request, _match: re.Match[str]) -> Answer:
        answer = self._lab.tsa.answer(request.body)
        return Answer(201, answer, {"Content-Type": "application/timestamp-reply"})

    def _timestamp_chain(self, _request: Request, _match: re.Match[str]) -> Answer:
        return Answer(200, pem(self._lab.tsa.chain), _PEM)

    def _discovery(self, _request: Request, _match: re.Match[str]) -> Answer:
        return _json(self._lab.oidc.discovery(self._url))

    def _jwks(self, _request: Request, _match: re.Match[str]) -> Answer:
        return _json(self._lab.oidc.jwks())

    def _token(self, request: Request, _match: re.Match[str]) -> Answer:
        """Mints a token for whoever asks: the fields `subject` and `issuer`, as JSON or as a form."""
        if request.headers.get("content-type", "").startswith("application/json"):
            fields = parse_object(request.body)
        else:
            fields = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        issuer = text({"issuer": self._url, **fields}, "issuer")
        if issuer not in self._lab.oidc.issuers:
            raise LabError(f"{issuer} is not an issuer of this lab")
        token = self._lab.oidc.token(text({"subject": DEFAULT_IDENTITY, **fields}, "subject"), issuer=issuer)
        return _json({"id_token": token, "access_token": token, "token_type": "Bearer", "expires_in": 600})

    def _tuf_file(self, _request: Request, match: re.Match[str]) -> Answer:
        data = self.tuf.file(match[1])
        return _refusal(404, "no such file") if data is None else Answer(200, data, _JSON)


def _rekor1_entry(found: tuple[str, LogEntry] | None) -> Answer:
    if found is None:
        return _refusal(404, "no such entry")
    return _json({found[0]: found[1].to_rekor1()})


def _json(
    document: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    return Answer(status, json.dumps(document).encode(), {**_JSON, **(headers or {})})


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    return _json({"code": status, "message": message}, status=status, headers=headers)
