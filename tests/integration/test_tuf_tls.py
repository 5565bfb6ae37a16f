"""A TUF mirror behind TLS and behind a proxy."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from providers.errors import UnavailableError
from providers.subject import Subject
from providers.tuf import TufProvider
from providers.tuf_anchor import Anchor
from providers.tuf_http import HttpSource
from pycosign.lab.clock import utc_now
from pycosign.lab.tuf import TRUSTED_ROOT_TARGET, TufRepository
from tests.faulty_registry import Call, FaultyRegistry, response

SUBJECT = Subject.parse("registry.test/app:v1")
SOON = timedelta(seconds=0.5)


@pytest.fixture(scope="module")
def repository() -> TufRepository:
    return TufRepository({TRUSTED_ROOT_TARGET: b"root 1"}, clock=utc_now)


def serving(repository: TufRepository) -> Callable[[Call], None]:
    """The behaviour of an honest mirror."""

    def serve(call: Call) -> None:
        content = repository.file(call.path.removeprefix("/"))
        call.send(response(404) if content is None else response(200, content))

    return serve


def provided(repository: TufRepository, mirror: HttpSource) -> TufProvider:
    """A provider that is refreshed by hand."""
    provider = TufProvider(Anchor("given", repository.root, b"given"), mirror=mirror)
    provider.start(lambda _: None, background=False)
    return provider


def answer(provider: TufProvider) -> bytes:
    return provider.trusted_material(SUBJECT, None, "").trusted_root


def refused(provider: TufProvider) -> str:
    """Why an update failed; what was there before is there still."""
    with pytest.raises(UnavailableError) as caught:
        provider.refresh()
    assert answer(provider) == b"given"
    return caught.value.message


def _drip_handshake(sock: socket.socket, stopping: threading.Event) -> None:
    """The start of a long TLS record, byte after byte, and each before a time-out."""
    for byte in b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(16_000):
        sock.sendall(bytes([byte]))
        if stopping.wait(0.02):
            return


def test_a_handshake_ends_with_the_deadline(repository: TufRepository) -> None:
    with FaultyRegistry(Call.hang, greet=_drip_handshake) as mirror:
        source = HttpSource(f"https://{mirror.address}", timeout=SOON, proxies={})
        provider = provided(repository, source)
        failures: list[str] = []
        thread = threading.Thread(target=lambda: failures.append(refused(provider)), daemon=True)
        thread.start()
        thread.join(60)  # a handshake takes five minutes at this speed
        assert not thread.is_alive()
        assert "not done within 0.5 seconds" in failures[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mirror")])
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
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_with_the_operators_authority(
    repository: TufRepository, tls: ssl.SSLContext, certificate: Path
) -> None:
    with FaultyRegistry(serving(repository), tls=tls) as mirror:
        url = f"https://{mirror.address}"
        provider = provided(repository, HttpSource(url, proxies={}))
        assert "certificate is not trusted" in refused(provider)
        assert mirror.calls == []
        provider = provided(repository, HttpSource(url, ca_file=certificate, proxies={}))
        provider.refresh()
        assert answer(provider) == b"root 1"


def test_https_goes_through_the_proxy(
    repository: TufRepository, tls: ssl.SSLContext, certificate: Path
) -> None:
    def tunnel(call: Call) -> None:
        with socket.create_connection(mirror.address_pair) as onward:
            call.send(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_pump, args=(onward, call.sock))
            back.start()
            _pump(call.sock, onward)
            back.join()

    with FaultyRegistry(serving(repository), tls=tls) as mirror, FaultyRegistry(tunnel) as proxy:
        proxies = {"https": f"http://{proxy.address}", "no": "example.test"}
        source = HttpSource(f"https://{mirror.address}", ca_file=certificate, proxies=proxies)
        provider = provided(repository, source)
        provider.refresh()
        assert answer(provider) == b"root 1"
        assert set(proxy.paths()) == {mirror.address}
        direct = HttpSource(
            f"https://{mirror.address}", ca_file=certificate, proxies=proxies | {"no": "127.0.0.1"}
        )
        proxy.calls.clear()
        provider = provided(repository, direct)
        provider.refresh()
        assert proxy.calls == []


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (lambda call: call.send(response(407)), "the proxy answers with status 407"),
        (Call.hang, "not done within 0.5 seconds"),
    ],
)
def test_a_proxy_that_refuses_or_hangs(
    repository: TufRepository, behave: Callable[[Call], None], why: str
) -> None:
    with FaultyRegistry(behave) as proxy:
        source = HttpSource("https://mirror.test", timeout=SOON, proxies={"https": proxy.address})
        provider = provided(repository, source)
        assert why in refused(provider)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
