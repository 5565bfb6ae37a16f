"""Credentials: what a registry is sent that wants to know who asks, and who never gets to see it."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.certificates import Authority
from tests.faulty_registry import MANIFEST, Call, FaultyRegistry, manifest, response
from verifier.budget import Budget
from verifier.oci import Credential, RegistryLimits, RegistryOptions, RegistryStore, StaticCredentials
from verifier.oci.proxies import Proxies

SECRET = "canary-password"
BASIC = "Basic " + base64.b64encode(f"robot:{SECRET}".encode()).decode()
ROBOT = Credential(username="robot", password=SECRET)
IDENTITY = Credential(identity_token="canary-identity")
TOKEN = Credential(registry_token="canary-registry-token")
# What must never be seen: the secrets, what they look like on the wire, and the tokens that are had for them.
CANARIES = ("canary", base64.b64encode(f"robot:{SECRET}".encode()).decode(), "robot")
CONTENT = b"content"
BLOB = Descriptor.parse(media_type="application/x", digest=digest_of(CONTENT), size=len(CONTENT))
PULL = "repository:demo/app:pull"


@dataclass
class Registry:
    """Wants a password (``scheme`` Basic) or a token of its own or another server (Bearer)."""

    scheme: str = "Bearer"
    takes: tuple[str, ...] = (BASIC,)  # of the registry with Basic, of the token server with Bearer
    realm: str = ""
    scope: str = PULL
    tokens: int = 0
    identity: str = IDENTITY.identity_token
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    def __call__(self, call: Call) -> None:
        if call.path.startswith("/token"):
            call.send(self._token(call))
        elif call.fields.get("authorization", "") in self._valid():
            call.send(
                response(200, CONTENT)
                if "/blobs/" in call.path
                else response(200, manifest(), Content_Type=MANIFEST)
            )
        else:
            call.send(response(401, b"{}", WWW_Authenticate=self._challenge(call)))

    def _valid(self) -> tuple[str, ...]:
        return self.takes if self.scheme == "Basic" else (f"Bearer canary-token-{self.tokens}",)

    def _challenge(self, call: Call) -> str:
        if self.scheme == "Basic":
            return 'Basic realm="here"'
        realm = self.realm or f"https://{call.fields['host']}/token"
        return f'Bearer realm="{realm}",service="here",scope="{self.scope}"'

    def _token(self, call: Call) -> bytes:
        form = parse_qs(call.body.decode())
        self.forms.append(form)
        known = call.fields.get("authorization", "") in self.takes
        if not known and form.get("refresh_token") != [self.identity]:
            return response(401)
        self.tokens += 1
        return response(200, json.dumps({"token": f"canary-token-{self.tokens}"}).encode())


class World:
    """Registries in TLS on this machine, and a store that has credentials for the first of them."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self._stack = ExitStack()

    def serve(self, behave: object, *, plain: bool = False) -> FaultyRegistry:
        tls = None if plain else self.authority.server()
        return self._stack.enter_context(FaultyRegistry(behave, tls=tls))  # type: ignore[arg-type]

    def store(
        self,
        registry: FaultyRegistry,
        credential: Credential = ROBOT,
        *,
        options: RegistryOptions | None = None,
        limits: RegistryLimits | None = None,
        credentials: object = None,
    ) -> RegistryStore:
        found = credentials or StaticCredentials({registry.address: credential})
        return self._stack.enter_context(
            RegistryStore(
                options or RegistryOptions(ca_file=self.authority.file),
                limits=limits,
                credentials=found,  # type: ignore[arg-type]
                proxies=Proxies.parse({}),
            )
        )

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def resolve(store: RegistryStore, registry: FaultyRegistry, path: str = "demo/app") -> Descriptor:
    return store.resolve(Reference.parse(f"{registry.address}/{path}:v1"), Budget(5))


def fetch(store: RegistryStore, registry: FaultyRegistry) -> bytes:
    return store.fetch(f"{registry.address}/demo/app", BLOB, Budget(5))


def refused(store: RegistryStore, registry: FaultyRegistry) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        resolve(store, registry)
    return caught.value


def shown(registry: FaultyRegistry) -> list[str]:
    """What was shown to ``registry``, request by request."""
    return [call.fields.get("authorization", "") for call in registry.calls]


# What is sent


def test_a_password_is_shown_when_it_is_asked_for_and_then_at_once(world: World) -> None:
    registry = world.serve(Registry("Basic"))
    store = world.store(registry)
    assert resolve(store, registry).media_type == MANIFEST
    assert fetch(store, registry) == CONTENT
    assert shown(registry) == ["", BASIC, BASIC]


def test_a_token_is_got_with_a_password_and_used_in_its_place(world: World) -> None:
    registry = world.serve(Registry())
    store = world.store(registry)
    resolve(store, registry)
    assert fetch(store, registry) == CONTENT
    assert shown(registry) == ["", BASIC, "Bearer canary-token-1", "Bearer canary-token-1"]
    asked = registry.calls[1]
    assert (asked.method, asked.body) == ("GET", b"")
    assert parse_qs(urlsplit(asked.path).query) == {"service": ["here"], "scope": [PULL]}


def test_an_identity_token_is_exchanged_in_a_form_and_stands_in_no_url(world: World) -> None:
    wants = Registry()
    registry = world.serve(wants)
    resolve(world.store(registry, IDENTITY), registry)
    assert shown(registry) == ["", "", "Bearer canary-token-1"]
    assert registry.calls[1].method == "POST"
    assert wants.forms == [
        {
            "grant_type": ["refresh_token"],
            "client_id": ["pycosign"],
            "service": ["here"],
            "scope": [PULL],
            "refresh_token": ["canary-identity"],
        }
    ]
    assert all("canary" not in call.path for call in registry.calls)


def test_a_registry_token_is_shown_as_it_is(world: World) -> None:
    registry = world.serve(Registry("Basic", takes=("Bearer canary-registry-token",)))
    resolve(world.store(registry, TOKEN), registry)
    assert shown(registry) == ["", "Bearer canary-registry-token"]


def test_a_token_is_asked_for_to_read_whatever_the_registry_proposes(world: World) -> None:
    for scope in (
        "repository:demo/app:pull,push",
        "registry:catalog:*",
        "repository:a:pull repository:b:pull",
    ):
        registry = world.serve(Registry(scope=scope))
        resolve(world.store(registry), registry)
        assert parse_qs(urlsplit(registry.calls[1].path).query)["scope"] == [PULL]


def test_without_a_credential_for_it_a_registry_is_asked_anonymously(world: World) -> None:
    theirs, ours = world.serve(Registry()), world.serve(Registry())
    store = world.store(ours)
    error = refused(store, theirs)
    assert error.reason is ReasonCode.REGISTRY_UNAUTHORIZED
    assert "private or does not exist" in error.message
    assert set(shown(theirs)) == {""}


# Who never sees them


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_requirement_9_credentials_never_follow_a_redirect(world: World, scheme: str) -> None:
    """Not to another host, not to another port, and not from there back home."""
    away: bytes = b""
    storage = world.serve(lambda call: call.send(away if "first" in call.path else response(200, CONTENT)))
    wants = Registry(scheme)

    def behave(call: Call) -> None:
        if call.path == "/back":
            call.send(response(200, CONTENT))
        elif "/blobs/" in call.path and call.fields.get("authorization"):
            call.send(response(307, Location=f"https://{storage.address}/first"))
        else:
            wants(call)

    registry = world.serve(behave)
    away = response(307, Location=f"https://{registry.address}/back")
    store = world.store(registry)
    assert fetch(store, registry) == CONTENT
    assert shown(storage) == [""]
    last = registry.calls[-1]
    assert (last.path, last.fields.get("authorization", "")) == ("/back", "")
    away = response(200, CONTENT)
    other = Descriptor.parse(media_type="application/y", digest=digest_of(CONTENT), size=len(CONTENT))
    assert store.fetch(f"{registry.address}/demo/app", other, Budget(5)) == CONTENT
    assert set(shown(storage)) == {""}


@pytest.mark.parametrize("credential", [ROBOT, IDENTITY], ids=["password", "identity token"])
@pytest.mark.parametrize("realm", ["https://localhost:{port}/token", "http://127.0.0.1:{port}/token"])
def test_requirement_9_a_token_server_elsewhere_gets_no_credentials(
    world: World, realm: str, credential: Credential
) -> None:
    """Another host, or its own without TLS: it is not even connected to."""
    plain = realm.startswith("http:")
    server = world.serve(Registry(), plain=plain)
    registry = world.serve(Registry(realm=realm.format(port=server.address_pair[1])))
    error = refused(world.store(registry, credential), registry)
    assert error.reason is ReasonCode.REGISTRY_UNAUTHORIZED
    assert server.connections == 0
    assert shown(registry) == [""]


def test_a_token_server_that_the_operator_named_gets_them(world: World) -> None:
    wants = Registry()
    server = world.serve(wants)

    def behave(call: Call) -> None:
        wants(call)

    wants.realm = f"https://localhost:{server.address_pair[1]}/token"
    registry = world.serve(behave)
    # The certificate is for 127.0.0.1 alone: to be connected to is as far as it gets.
    options = RegistryOptions(ca_file=world.authority.file, token_hosts=frozenset({"localhost"}))
    error = refused(world.store(registry, options=options), registry)
    assert "certificate" in error.message
    assert server.connections == 1


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_requirement_9_in_plain_http_nothing_is_sent(world: World, scheme: str) -> None:
    wants = Registry(scheme)
    registry = world.serve(wants, plain=True)
    wants.realm = f"http://{registry.address}/token"
    plain = frozenset({registry.address})
    error = refused(world.store(registry, options=RegistryOptions(plain_http=plain)), registry)
    assert error.reason is ReasonCode.REGISTRY_UNAUTHORIZED
    assert "plain HTTP" in error.message
    assert set(shown(registry)) == {""}
    allowed = RegistryOptions(plain_http=plain, unsafe_plain_http_credentials=plain)
    resolve(world.store(registry, options=allowed), registry)
    assert BASIC in shown(registry)


def test_in_plain_http_a_token_server_at_another_port_gets_nothing(world: World) -> None:
    server = world.serve(Registry(), plain=True)
    registry = world.serve(Registry(realm=f"http://{server.address}/token"), plain=True)
    plain = frozenset({registry.address, server.address})
    options = RegistryOptions(plain_http=plain, unsafe_plain_http_credentials=plain)
    assert (
        refused(world.store(registry, options=options), registry).reason is ReasonCode.REGISTRY_UNAUTHORIZED
    )
    assert server.connections == 0


@pytest.mark.parametrize("credential", [ROBOT, IDENTITY, TOKEN], ids=["password", "identity", "token"])
def test_requirement_9_no_secret_is_ever_shown(
    world: World, caplog: pytest.LogCaptureFixture, credential: Credential
) -> None:
    """Not in a log at any level, not in an error with its whole traceback, not in how values are printed."""
    caplog.set_level(logging.DEBUG)
    told = [repr(credential), str(credential), f"{StaticCredentials({'reg.test': credential})!r}"]
    behaviours = (
        Registry(),
        Registry("Basic"),
        Registry(takes=()),
        Registry(realm="https://localhost/token"),
        lambda call: (
            call.send(response(401, WWW_Authenticate="Basic realm=x, nonsense"))
            if not call.fields.get("authorization")
            else call.close()
        ),
        _bad_token_server,
    )
    for behave in behaviours:
        registry = world.serve(behave)
        store = world.store(registry, credential)
        for operation in (resolve, fetch):
            try:
                operation(store, registry)
            except UnavailableError as error:
                told += ["".join(traceback.format_exception(error)), repr(error), str(error), error.message]
    told += [record.getMessage() for record in caplog.records]
    told += ["".join(traceback.format_exception(*r.exc_info)) for r in caplog.records if r.exc_info]
    assert len(told) > 15
    assert [text for text in told for canary in CANARIES if canary in text] == []


def _bad_token_server(call: Call) -> None:
    if call.path.startswith("/token"):
        call.send(response(200, b'{"token": "canary token", "refresh_token": "canary-identity"}'))
    else:
        realm = f'Bearer realm="https://{call.fields["host"]}/token"'
        call.send(response(401, WWW_Authenticate=realm))


# What is kept


class Rotating:
    """Gives the next credential when one is refused, as a helper or a replaced file does."""

    def __init__(self, *given: Credential) -> None:
        self.given = list(given)
        self.refused: list[Credential] = []

    def credential(
        self, registry: str, path: str, budget: Budget, refused: Credential | None = None
    ) -> Credential | None:
        del registry, path, budget
        if refused is not None:
            self.refused.append(refused)
            if len(self.given) > 1 and refused == self.given[0]:
                self.given.pop(0)
        return self.given[0]


OLD = Credential(username="robot", password="old")


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_a_credential_that_is_refused_is_looked_up_anew_once(world: World, scheme: str) -> None:
    registry = world.serve(Registry(scheme))
    rotating = Rotating(OLD, ROBOT)
    assert resolve(world.store(registry, credentials=rotating), registry).media_type == MANIFEST
    assert rotating.refused == [OLD]

    lost = world.serve(Registry(scheme))
    rotating = Rotating(OLD, Credential(username="robot", password="older"), ROBOT)
    error = refused(world.store(lost, credentials=rotating), lost)
    assert error.reason is ReasonCode.REGISTRY_UNAUTHORIZED
    assert len(lost.calls) <= 4


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_a_wrong_password_is_shown_once(world: World, scheme: str) -> None:
    """More often, and the account may be locked."""
    registry = world.serve(Registry(scheme, takes=()))
    error = refused(world.store(registry), registry)
    assert error.reason is ReasonCode.REGISTRY_UNAUTHORIZED
    assert "password or token configured for it" in error.message
    assert shown(registry).count(BASIC) == 1


def test_a_password_that_was_replaced_is_noticed_at_the_next_request(world: World) -> None:
    wants = Registry("Basic", takes=("Basic " + base64.b64encode(b"robot:old").decode(),))
    registry = world.serve(wants)
    rotating = Rotating(OLD, ROBOT)
    store = world.store(registry, credentials=rotating)
    resolve(store, registry)
    wants.takes = (BASIC,)
    assert fetch(store, registry) == CONTENT
    assert len(registry.calls) == 4


def test_a_token_belongs_to_one_repository_and_one_credential(world: World) -> None:
    wants = Registry()
    registry = world.serve(wants)
    given = Rotating(ROBOT)
    store = world.store(registry, credentials=given)
    resolve(store, registry)
    resolve(store, registry, "demo/other")
    assert wants.tokens == 2
    wants.takes += ("Basic " + base64.b64encode(b"robot:old").decode(),)
    given.given = [OLD]  # from now on somebody else asks
    fetch(store, registry)
    assert shown(registry)[-3] == ""
    assert wants.tokens == 3


def test_tokens_are_kept_in_a_bounded_number(world: World) -> None:
    wants = Registry()
    registry = world.serve(wants)
    store = world.store(registry, limits=RegistryLimits(tokens=2))
    for path in ("a", "b", "c"):
        resolve(store, registry, path)
    assert len(store._client._access._known) == 2
    resolve(store, registry, "c")
    assert wants.tokens == 3
