"""Clouds on loopback: what answers in place of them, and keys that they keep."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from providers.errors import UnavailableError
from providers.kms import KmsKey
from providers.reasons import ReasonCode

P256 = ec.generate_private_key(ec.SECP256R1()).public_key()
P384 = ec.generate_private_key(ec.SECP384R1()).public_key()
RSA2048 = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
RSA3072 = rsa.generate_private_key(public_exponent=65537, key_size=3072).public_key()
ED25519 = ed25519.Ed25519PrivateKey.generate().public_key()


def pem(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def der(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def refusal(key: KmsKey) -> str:
    """Why ``key`` cannot be read."""
    with pytest.raises(UnavailableError) as caught:
        key.read()
    assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE
    assert key.uri in caught.value.message
    return caught.value.message


@dataclass
class Question:
    """One request over HTTP."""

    method: str
    path: str
    fields: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What is answered."""

    body: Any = None
    status: int = 200
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Cloud:
    """Answers over HTTP with ``reply``."""

    reply: Callable[[Question], Reply]
    address: str = ""
    asked: list[Question] = field(default_factory=list)

    @contextmanager
    def serving(self, certificate: Path | None = None) -> Iterator[Cloud]:
        """With TLS where there is a ``certificate``."""
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                fields = {name.lower(): value for name, value in self.headers.items()}
                question = Question(self.command, self.path, fields, self.rfile.read(length))
                cloud.asked.append(question)
                reply = cloud.reply(question)
                content = json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.fields}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # noqa: N815  (names that http.server calls)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cloud")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    file = folder / "cloud.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return file
