"""TLS, proxies and names: connections that take their time to come about, or should not."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.certificates import Authority
from tests.faulty_registry import MANIFEST, Call, FaultyRegistry, manifest, response
from verifier.budget import Budget
from verifier.oci import HostOptions, RegistryOptions, RegistryStore
from verifier.oci.dial import Address
from verifier.oci.proxies import Proxies

OK = response(200, manifest(), Content_Type=MANIFEST)
Greeting = Callable[[socket.socket, threading.Event], object]
DIRECT = Proxies.parse({})


def honest(call: Call) -> None:
    call.send(OK)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "faulty registry")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(signed.public_bytes(pem) + private)
    return file


@pytest.fixture
def served(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def resolve(store: RegistryStore, address: str, seconds: float = 5) -> str:
    return store.resolve(Reference.parse(f"{address}/demo/app:v1"), Budget(seconds)).media_type


def error(store: RegistryStore, address: str, seconds: float = 5) -> UnavailableError:
    with pytest.raises(UnavailableError) as refused:
        resolve(store, address, seconds)
    return refused.value


def test_tls_with_the_operators_authority(served: ssl.SSLContext, certificate: Path) -> None:
    with (
        FaultyRegistry(honest, tls=served) as registry,
        RegistryStore(ca_file=certificate, proxies=DIRECT) as store,
    ):
        for _ in range(3):
            assert resolve(store, registry.address) == MANIFEST
        assert registry.connections == 1


def test_a_certificate_that_is_not_trusted(served: ssl.SSLContext) -> None:
    with FaultyRegistry(honest, tls=served) as registry, RegistryStore(proxies=DIRECT) as store:
        refused = error(store, registry.address)
        assert refused.reason is ReasonCode.REGISTRY_UNAVAILABLE
        assert "CA file" in refused.message
        assert registry.calls == []


def test_a_certificate_for_another_name(served: ssl.SSLContext, certificate: Path) -> None:
    with (
        FaultyRegistry(honest, tls=served) as registry,
        RegistryStore(
            ca_file=certificate,
            proxies=DIRECT,
            lookup=lambda _, port: [(socket.AF_INET, ("127.0.0.1", port))],
        ) as store,
    ):
        refused = error(store, f"other.example:{registry.address.rpartition(':')[2]}")
        assert refused.reason is ReasonCode.REGISTRY_UNAVAILABLE
        assert registry.calls == []


def test_plain_http_where_tls_is_expected_and_the_other_way_round(served: ssl.SSLContext) -> None:
    bad_request = response(400, b"client sent a TLS hello to an HTTP server")
    with (
        FaultyRegistry(honest, greet=lambda sock, _: sock.sendall(bad_request)) as registry,
        RegistryStore(proxies=DIRECT) as store,
    ):
        refused = error(store, registry.address)
        assert refused.reason is ReasonCode.REGISTRY_UNAVAILABLE
        assert "plain HTTP" in refused.message
        assert registry.calls == []
    with (
        FaultyRegistry(honest, tls=served) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        assert error(store, registry.address, 2).reason is ReasonCode.REGISTRY_UNAVAILABLE


def drip_handshake(sock: socket.socket, stopping: threading.Event) -> None:
    """The start of a long TLS record, byte after byte."""
    for byte in b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(200):
        sock.sendall(bytes([byte]))
        if stopping.wait(0.05):
            return


@pytest.mark.parametrize("greet", [drip_handshake, lambda _, stopping: stopping.wait(30)])
def test_a_slow_handshake_ends_with_the_deadline(
    greet: Callable[[socket.socket, threading.Event], object],
) -> None:
    with FaultyRegistry(honest, greet=greet) as registry, RegistryStore(proxies=DIRECT) as store:
        started = time.monotonic()
        assert error(store, registry.address, 1).reason is ReasonCode.DEADLINE_EXCEEDED
        assert time.monotonic() - started < 1.5


def test_one_slow_handshake_does_not_hold_up_a_request_with_less_time() -> None:
    with (
        FaultyRegistry(honest, greet=lambda _, stopping: stopping.wait(30)) as registry,
        RegistryStore(proxies=DIRECT) as store,
    ):
        first = threading.Thread(target=error, args=(store, registry.address, 3))
        first.start()
        while registry.connections == 0:
            time.sleep(0.01)
        started = time.monotonic()
        assert error(store, registry.address, 0.5).reason is ReasonCode.DEADLINE_EXCEEDED
        assert time.monotonic() - started < 1
        first.join()


def test_tls_body_dripped_past_the_deadline(served: ssl.SSLContext, certificate: Path) -> None:
    def behave(call: Call) -> None:
        call.send(f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\nConnection: close\r\n\r\n".encode())
        call.drip(manifest())

    with (
        FaultyRegistry(behave, tls=served) as registry,
        RegistryStore(ca_file=certificate, proxies=DIRECT) as store,
    ):
        started = time.monotonic()
        assert error(store, registry.address, 1).reason is ReasonCode.DEADLINE_EXCEEDED
        assert time.monotonic() - started < 1.5


def test_a_name_server_that_does_not_answer_ends_with_the_deadline() -> None:
    answer = threading.Event()

    def lookup(_host: str, _port: int) -> list[Address]:
        answer.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with RegistryStore(proxies=DIRECT, lookup=lookup) as store:
        try:
            started = time.monotonic()
            refused = [error(store, f"registry{n}.example", 0.1) for n in range(12)]  # more than may look up
            assert time.monotonic() - started < 3
            assert {e.reason for e in refused} == {ReasonCode.DEADLINE_EXCEEDED}
            assert sum(t.name == "pycosign-lookup" for t in threading.enumerate()) == 8
        finally:
            answer.set()
        refused_now = error(store, "registry.example", 2)
        assert refused_now.reason is ReasonCode.REGISTRY_UNAVAILABLE
        assert "Temporary failure" in refused_now.message


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    served: ssl.SSLContext, certificate: Path
) -> None:
    with (
        FaultyRegistry(honest, tls=served) as registry,
        socket.create_server(("127.0.0.2", 0), backlog=0) as full,
    ):
        port = int(registry.address.rpartition(":")[2])
        dead = ("127.0.0.2", full.getsockname()[1])
        with (
            socket.create_connection(dead),
            RegistryStore(
                ca_file=certificate,
                proxies=DIRECT,
                lookup=lambda _, __: [(socket.AF_INET, dead), (socket.AF_INET, ("127.0.0.1", port))],
            ) as store,
        ):
            # The certificate is for another name: getting as far as that shows which address answered.
            assert "certificate" in error(store, "two-addresses.example", 2).message


def test_https_goes_through_the_proxy_and_the_proxy_sees_a_tunnel_only(
    served: ssl.SSLContext, certificate: Path
) -> None:
    def tunnel(call: Call) -> None:
        with socket.create_connection(registry.address_pair) as onward:
            call.send(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_pump, args=(onward, call.sock))
            back.start()
            _pump(call.sock, onward)
            back.join()

    with FaultyRegistry(honest, tls=served) as registry, FaultyRegistry(tunnel) as proxy:
        proxies = Proxies.parse({"HTTPS_PROXY": f"http://{proxy.address}", "NO_PROXY": "example.com"})
        with RegistryStore(ca_file=certificate, proxies=proxies) as store:
            assert resolve(store, registry.address) == MANIFEST
            assert resolve(store, registry.address) == MANIFEST
        assert proxy.paths() == [registry.address]
        assert registry.calls[0].fields["host"] == registry.address


def test_a_proxy_that_refuses_or_hangs() -> None:
    for behave, reason in (
        (lambda call: call.send(response(403)), ReasonCode.REGISTRY_UNAVAILABLE),
        (Call.hang, ReasonCode.DEADLINE_EXCEEDED),
    ):
        with (
            FaultyRegistry(behave) as proxy,
            RegistryStore(proxies=Proxies.parse({"https_proxy": proxy.address})) as store,
        ):
            assert error(store, "ghcr.io", 0.5).reason is reason


def test_a_name_that_the_system_does_not_know() -> None:
    with RegistryStore(proxies=DIRECT) as store:
        refused = error(store, f"{'a' * 64}.invalid")
        assert refused.reason is ReasonCode.REGISTRY_UNAVAILABLE
        assert "looked up" in refused.message


NO_HOST = "write host or host:port, without a scheme"
NO_TOKEN_HOST = "write the host alone, in lower case, without scheme and port"


@pytest.mark.parametrize(
    ("arguments", "problem", "remedy"),
    [
        ({"plain_http": {"http://x"}}, "not a registry host: 'http://x'", NO_HOST),
        ({"plain_http": {"x.example/path"}}, "not a registry host: 'x.example/path'", NO_HOST),
        ({"plain_http": {"x.example:99999"}}, "not a registry host: 'x.example:99999'", NO_HOST),
        ({"plain_http": {""}}, "not a registry host: ''", NO_HOST),
        (
            {"plain_http": {"X.example"}},
            "not a registry host as references are read here: 'X.example'",
            "write x.example",
        ),
        ({"token_hosts": {"https://auth.example"}}, "not a host: 'https://auth.example'", NO_TOKEN_HOST),
        ({"token_hosts": {"auth.example:443"}}, "not a host: 'auth.example:443'", NO_TOKEN_HOST),
        ({"token_hosts": {"Auth.example"}}, "not a host: 'Auth.example'", NO_TOKEN_HOST),
        ({"token_hosts": {"auth.example/token"}}, "not a host: 'auth.example/token'", NO_TOKEN_HOST),
        ({"token_hosts": {""}}, "not a host: ''", NO_TOKEN_HOST),
        ({"user_agent": "two\r\nlines"}, "the user agent is not printable ASCII, 1 to 200 characters", ""),
    ],
)
def test_configuration_that_cannot_be_used_is_refused(
    arguments: dict[str, Any], problem: str, remedy: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        RegistryStore(**arguments)
    assert (refused.value.problem, refused.value.remedy) == (problem, remedy)


def test_token_hosts_are_named_as_challenges_name_them() -> None:
    RegistryStore(token_hosts={"auth.example", "10.0.0.1"}).close()


def test_a_ca_file_that_cannot_be_used(tmp_path: Path, certificate: Path) -> None:
    """Whether it is not there or is something else decides what there is to do."""
    words, der, empty = tmp_path / "words.pem", tmp_path / "ca.der", tmp_path / "empty.pem"
    words.write_text("no certificate")
    der.write_bytes(ssl.PEM_cert_to_DER_cert(certificate.read_text().partition("-----BEGIN PRIVATE")[0]))
    empty.touch()
    for file in (words, der, empty):
        with pytest.raises(ConfigurationError) as refused:
            RegistryStore(ca_file=file)
        assert refused.value.problem == "the CA file holds no certificates in PEM"
        assert refused.value.file == str(file)
        assert "-----BEGIN CERTIFICATE-----" in refused.value.remedy
    for file, why in ((tmp_path / "missing.pem", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError) as refused:
            RegistryStore(ca_file=file)
        assert refused.value.problem == f"the CA file cannot be read: {why}"
        assert refused.value.file == str(file)


def test_a_client_certificate_is_shown_to_its_registry_and_to_no_other(tmp_path: Path) -> None:
    authority, strangers = Authority(tmp_path), tmp_path / "other"
    strangers.mkdir()
    ours = authority.issue("client.test")

    def store(*registries: str, certificate: Path = ours) -> RegistryStore:
        hosts = tuple(HostOptions(registry, client_certificate=certificate) for registry in registries)
        return RegistryStore(RegistryOptions(ca_file=authority.file, hosts=hosts), proxies=DIRECT)

    with (
        FaultyRegistry(honest, tls=authority.server_for_clients()) as registry,
        FaultyRegistry(honest, tls=authority.server_for_clients()) as other,
        store(registry.address) as certified,
        store(registry.address, certificate=Authority(strangers).issue("client.test")) as stranger,
        store() as nobody,
    ):
        assert resolve(certified, registry.address) == MANIFEST
        for refused, address in (
            (certified, other.address),
            (stranger, registry.address),
            (nobody, registry.address),
        ):
            assert error(refused, address).reason is ReasonCode.REGISTRY_UNAVAILABLE
        assert (len(registry.calls), other.calls) == (1, [])


def test_an_authority_for_one_registry_is_none_for_another(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with (
        FaultyRegistry(honest, tls=authority.server()) as one,
        FaultyRegistry(honest, tls=authority.server()) as two,
    ):
        options = RegistryOptions(hosts=(HostOptions(one.address, ca_file=authority.file),))
        with RegistryStore(options, proxies=DIRECT) as store:
            assert resolve(store, one.address) == MANIFEST
            assert "not trusted" in error(store, two.address).message


def test_a_client_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    one, two = Authority(tmp_path).issue("one.test"), Authority(tmp_path / "two").issue("two.test")
    locked, missing = tmp_path / "locked.pem", tmp_path / "missing.pem"
    private = serialization.load_pem_private_key(one.read_bytes(), None)
    locked.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for certificate, key, problem in (
        (one, two, "cannot be used together"),
        (one, locked, "cannot be used together"),
        (missing, None, "cannot be read"),
        (one, missing, "cannot be read"),
    ):
        host = HostOptions("reg.test", client_certificate=certificate, client_key=key)
        with pytest.raises(ConfigurationError, match=problem) as refused:
            RegistryStore(RegistryOptions(hosts=(host,)))
        assert refused.value.file in (str(certificate), str(key))


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
