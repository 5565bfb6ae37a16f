"""Where a registry's answers lead: token servers and redirects, and what is sent there."""

from __future__ import annotations

import json
import socket
import ssl
from urllib.parse import parse_qs, urlsplit

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.faulty_registry import MANIFEST, Call, FaultyRegistry, manifest, response
from verifier.budget import Budget
from verifier.oci import Reach, RegistryLimits, RegistryStore
from verifier.oci.dial import Address, system_lookup
from verifier.oci.origin import Target
from verifier.oci.proxies import Proxies
from verifier.oci.transport import Sent, Transport

TOKEN = "anonymous.token-1"
CONTENT = b"content"
BLOB = Descriptor.parse(media_type="application/x", digest=digest_of(CONTENT), size=len(CONTENT))


class Guarded:
    """A registry that wants a token, handed out by ``realm`` (its own host when not given)."""

    def __init__(self, realm: str = "", *, token: bytes | None = None, lasting: int = 300) -> None:
        self.realm = realm
        self.token = json.dumps({"token": TOKEN, "expires_in": lasting}).encode() if token is None else token
        self.valid = TOKEN

    def __call__(self, call: Call) -> None:
        if call.path.startswith("/token"):
            call.send(response(200, self.token))
        elif call.fields.get("authorization") != f"Bearer {self.valid}":
            realm = self.realm or f"http://{call.fields['host']}/token"
            challenge = f'Bearer realm="{realm}",service="here",scope="repository:demo/app:pull"'
            call.send(response(401, b"{}", WWW_Authenticate=challenge))
        elif "/blobs/" in call.path:
            call.send(response(200, CONTENT))
        else:
            call.send(response(200, manifest(), Content_Type=MANIFEST))


def resolve(store: RegistryStore, registry: FaultyRegistry) -> Descriptor:
    return store.resolve(Reference.parse(f"{registry.address}/demo/app:v1"), Budget(5))


def fetch(store: RegistryStore, registry: FaultyRegistry) -> bytes:
    return store.fetch(f"{registry.address}/demo/app", BLOB, Budget(5))


def test_an_anonymous_token_is_got_once_and_used_for_its_repository() -> None:
    with (
        FaultyRegistry(Guarded()) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        resolve(store, registry)
        assert fetch(store, registry) == CONTENT
        tag, token, again, blob = registry.calls
        assert "authorization" not in tag.fields
        assert "authorization" not in token.fields
        assert parse_qs(urlsplit(token.path).query) == {
            "service": ["here"],
            "scope": ["repository:demo/app:pull"],
        }
        assert again.fields["authorization"] == blob.fields["authorization"] == f"Bearer {TOKEN}"
        assert registry.connections == 1
        store.resolve(Reference.parse(f"{registry.address}/other/app:v1"), Budget(5))
        assert "authorization" not in registry.calls[4].fields


def test_a_challenge_in_the_first_of_several_lines_is_read() -> None:
    """Registries that also take passwords say so in a line of its own (RFC 9110 s11.6.1)."""

    def behave(call: Call) -> None:
        if "/v2/" in call.path and "authorization" not in call.fields:
            bearer = f'WWW-Authenticate: Bearer realm="http://{call.fields["host"]}/token"'
            lines = [
                "HTTP/1.1 401 X",
                bearer,
                'WWW-Authenticate: Basic realm="x"',
                "Content-Length: 0",
                "",
                "",
            ]
            call.send("\r\n".join(lines).encode())
        else:
            Guarded()(call)

    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        assert resolve(store, registry).media_type == MANIFEST


def test_a_token_that_is_no_longer_taken_is_replaced_once() -> None:
    guarded = Guarded()
    with (
        FaultyRegistry(guarded) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        resolve(store, registry)
        guarded.valid = "second"
        guarded.token = b'{"access_token": "second"}'
        resolve(store, registry)
        guarded.valid = "never given"
        with pytest.raises(UnavailableError) as refused:
            resolve(store, registry)
        assert refused.value.reason is ReasonCode.REGISTRY_UNAUTHORIZED
        assert "the image is private or does not exist" in refused.value.message
        assert "second" not in refused.value.message
        assert len(registry.calls) == 9


def test_a_token_that_ends_at_once_is_not_kept() -> None:
    with (
        FaultyRegistry(Guarded(lasting=1)) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        resolve(store, registry)
        resolve(store, registry)
        assert len(registry.calls) == 6


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token": 7}',
        b'{"token": "a\\r\\nX-Evil: b"}',
        b'{"token": "a", "token": "b"}',
        b'{"token": "a", "expires_in": "soon"}',
        b'{"token": "a", "expires_in": [1]}',
        b'{"token": "' + b"a" * 8000 + b'"}',
        b"x" * 100_000,
    ],
)
def test_a_token_that_is_none(token: bytes) -> None:
    with (
        FaultyRegistry(Guarded(token=token)) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        with pytest.raises(UnavailableError) as refused:
            resolve(store, registry)
        assert refused.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
        assert len(registry.calls) == 2


@pytest.mark.parametrize(
    "realm", ["http://localhost:{port}/token", "https://elsewhere.example/token", "file:///x"]
)
def test_a_token_server_that_is_not_the_registrys_is_not_asked(realm: str) -> None:
    with FaultyRegistry(Guarded()) as other:
        guarded = Guarded(realm.format(port=other.address.rpartition(":")[2]))
        with (
            FaultyRegistry(guarded) as registry,
            RegistryStore(plain_http=frozenset({registry.address})) as store,
        ):
            with pytest.raises(UnavailableError) as refused:
                resolve(store, registry)
            assert refused.value.reason is ReasonCode.REGISTRY_UNAUTHORIZED
            assert len(registry.calls) == 1
            assert other.connections == 0


def test_a_token_never_follows_a_redirect_to_another_origin() -> None:
    guarded = Guarded()
    with FaultyRegistry(lambda call: call.send(response(200, CONTENT))) as storage:

        def behave(call: Call) -> None:
            if "/blobs/" in call.path and "authorization" in call.fields:
                call.send(response(307, Location=f"http://{storage.address}/bucket?signature=x#part"))
            else:
                guarded(call)

        with (
            FaultyRegistry(behave) as registry,
            RegistryStore(plain_http=frozenset({registry.address, storage.address})) as store,
        ):
            assert fetch(store, registry) == CONTENT
            assert registry.calls[-1].fields["authorization"] == f"Bearer {TOKEN}"
            assert "authorization" not in storage.calls[0].fields
            assert storage.calls[0].fields["host"] == storage.address
            assert storage.paths() == ["/bucket?signature=x"]


def test_plain_http_is_redirected_to_registries_configured_for_it_only() -> None:
    with FaultyRegistry(lambda call: call.send(response(200, CONTENT))) as storage:
        away = response(307, Location=f"http://{storage.address}/bucket")
        with (
            FaultyRegistry(lambda call: call.send(away)) as registry,
            RegistryStore(plain_http=frozenset({registry.address})) as store,
        ):
            with pytest.raises(UnavailableError) as refused:
                fetch(store, registry)
            assert refused.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
            assert storage.connections == 0


def test_a_relative_redirect_stays_and_keeps_the_token() -> None:
    def behave(call: Call) -> None:
        call.send(
            response(200, CONTENT) if call.path == "/moved" else response(302, Location="../../../../moved")
        )

    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        assert fetch(store, registry) == CONTENT


def test_a_name_may_not_lead_further_inside_than_configured() -> None:
    """The look-up is what a hostile name server answers; the name itself looks harmless."""
    with (
        FaultyRegistry(Guarded()) as registry,
        RegistryStore(
            furthest=Reach.PUBLIC, lookup=lambda _, port: [(socket.AF_INET, ("127.0.0.1", port))]
        ) as store,
    ):
        port = registry.address.rpartition(":")[2]
        with pytest.raises(UnavailableError) as refused:
            store.resolve(Reference.parse(f"harmless.example:{port}/demo/app:v1"), Budget(5))
        assert refused.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
        assert registry.connections == 0


def test_a_redirect_may_not_lead_further_inside_than_the_registry_lies() -> None:
    """The registry is at 127.0.0.1; the host it redirects to looks harmless and leads to cloud metadata."""
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[Address]:
        asked.append(host)
        return [(socket.AF_INET, ("169.254.169.254", port))]

    away = response(307, Location="http://harmless.example/x")
    with (
        FaultyRegistry(lambda call: call.send(away)) as registry,
        RegistryStore(plain_http=frozenset({registry.address, "harmless.example"}), lookup=lookup) as store,
    ):
        with pytest.raises(UnavailableError) as refused:
            fetch(store, registry)
        assert refused.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
        assert "internal" in refused.value.message
        assert asked == ["harmless.example"]


def test_a_kept_connection_is_no_way_further_inside() -> None:
    """What one request may reach another may not, though the connection is there."""
    with FaultyRegistry(lambda call: call.send(response(200, CONTENT))) as registry:
        transport = Transport(
            RegistryLimits(),
            tls=lambda _: ssl.create_default_context(),
            proxies=Proxies.parse({}),
            lookup=system_lookup,
        )
        sent = Sent(Target.parse(f"http://{registry.address}/x"), {})
        try:
            assert transport.send(sent, limit=9, furthest=Reach.LOOPBACK, budget=Budget(5)).body == CONTENT
            with pytest.raises(UnavailableError) as refused:
                transport.send(sent, limit=9, furthest=Reach.PRIVATE, budget=Budget(5))
            assert refused.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
        finally:
            transport.close()
        assert len(registry.calls) == 1
