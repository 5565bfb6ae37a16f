"""A registry that misbehaves as it is told to: raw sockets on loopback, one thread for each connection."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reference import Reference
from verifier.budget import Budget
from verifier.oci import RegistryStore

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def response(status: int = 200, body: bytes = b"", length: int | None = None, **fields: str) -> bytes:
    """One answer in full; ``length`` is what Content-Length says when that is a lie, -1 to leave it out."""
    names = {name.replace("_", "-"): value for name, value in fields.items()}
    if length != -1:
        names["Content-Length"] = str(len(body) if length is None else length)
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in names.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def manifest(**more: object) -> bytes:
    """The smallest image manifest."""
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": "sha256:" + "0" * 64, "size": 2}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], **more}
    ).encode()


def index(*digests: str, **more: object) -> bytes:
    """A listing of manifests with these digests."""
    entries = [{"mediaType": MANIFEST, "digest": digest, "size": 10, **more} for digest in digests]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()


@dataclass
class Call:
    """One request, and the connection it came on."""

    number: int  # of all requests, from 0
    on_connection: int  # of this connection, from 0
    path: str
    fields: dict[str, str]
    sock: socket.socket
    stopping: threading.Event
    method: str = "GET"
    body: bytes = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, every: float = 0.05) -> None:
        """Send byte after byte."""
        for byte in data:
            self.sock.sendall(bytes([byte]))
            if self.stopping.wait(every):
                return

    def flood(self, data: bytes, at_most: int) -> None:
        """Send ``data`` again and again until the other side has enough; ``at_most`` bytes in all."""
        for _ in range(at_most // len(data)):
            self.sock.sendall(data)

    def hang(self) -> None:
        """Say nothing more."""
        self.stopping.wait(30)

    def reset(self) -> None:
        """Close with RST in place of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionAbortedError

    def close(self) -> None:
        """Close after this."""
        raise ConnectionAbortedError


@dataclass
class FaultyRegistry:
    """Serves ``behave``, which is called for each request. ``greet``, if given, is called for each connection
    before anything is read from it.
    """

    behave: Callable[[Call], None]
    tls: ssl.SSLContext | None = None
    greet: Callable[[socket.socket, threading.Event], object] | None = None
    calls: list[Call] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, name="faulty-registry")]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    @property
    def address_pair(self) -> tuple[str, int]:
        host, port = self._listener.getsockname()
        return host, port

    @property
    def address(self) -> str:
        return "{}:{}".format(*self.address_pair)

    def paths(self) -> list[str]:
        return [call.path for call in self.calls]

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(sock,), name="faulty-connection")
                self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with self._opened(sock), contextlib.suppress(OSError):
            if self.greet is not None:
                self.greet(sock, self._stopping)
            if self._stopping.is_set():
                return
            if self.tls is None:
                self._talk(sock)
            else:
                sock.settimeout(10)
                with self.tls.wrap_socket(sock, server_side=True) as wrapped, self._opened(wrapped):
                    self._talk(wrapped)

    @contextlib.contextmanager
    def _opened(self, sock: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(sock)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _talk(self, sock: socket.socket) -> None:
        with sock.makefile("rb") as reader:
            on_connection = 0
            while line := reader.readline():
                fields = {}
                while (text := reader.readline().decode("latin-1").strip()) != "":
                    name, _, value = text.partition(":")
                    fields[name.lower()] = value.strip()
                body = reader.read(int(fields.get("content-length", "0")))
                words = line.decode("latin-1").split(" ")
                if len(words) != 3:  # no HTTP: whoever it was speaks TLS
                    return
                method, path, _ = words
                with self._lock:
                    call = Call(
                        len(self.calls),
                        on_connection,
                        path,
                        fields,
                        sock,
                        self._stopping,
                        method,
                        body,
                    )
                    self.calls.append(call)
                on_connection += 1
                self.behave(call)


# What is asked of it, and how it answers.

SECONDS = 1.0
# Generous: the machine may be busy. What is caught here takes 20 times as long, or never ends.
SLACK = 0.5
CONTENT = b"c" * 1000
BLOB = Descriptor.parse(media_type="application/x", digest=digest_of(CONTENT), size=len(CONTENT))
OK = response(200, manifest(), Content_Type=MANIFEST)

Operation = Callable[[RegistryStore, str, Budget], object]


def resolve(store: RegistryStore, address: str, budget: Budget) -> Descriptor:
    return store.resolve(Reference.parse(f"{address}/demo/app:v1"), budget)


def resolve_digest(store: RegistryStore, address: str, budget: Budget) -> Descriptor:
    return store.resolve(Reference.parse(f"{address}/demo/app@{digest_of(b'something else')}"), budget)


def tagged(store: RegistryStore, address: str, budget: Budget) -> object:
    return store.tagged(f"{address}/demo/app", "sha256-0.sig", budget)


def referrers(store: RegistryStore, address: str, budget: Budget) -> list[Descriptor]:
    return list(store.referrers(f"{address}/demo/app", BLOB, (), budget))


def fetch(store: RegistryStore, address: str, budget: Budget) -> bytes:
    return store.fetch(f"{address}/demo/app", BLOB, budget)


def ask(
    store: RegistryStore, operation: Operation, address: str, seconds: float = SECONDS
) -> UnavailableError:
    """The error of ``operation``, which must come within the deadline."""
    started = time.monotonic()
    with pytest.raises(UnavailableError) as refused:
        operation(store, address, Budget(seconds))
    assert time.monotonic() - started < seconds + SLACK
    return refused.value


def says(answer: bytes) -> Callable[[Call], None]:
    return lambda call: call.send(answer)


def drip_headers(call: Call) -> None:
    call.drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000)


def drip_body(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    call.drip(CONTENT)


def drip_body_and_close(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")  # http.client lets go of such a socket early
    call.drip(CONTENT)


def stop_late(call: Call) -> None:
    # Each read alone stays within the time-out of the socket.
    call.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    call.stopping.wait(0.8 * SECONDS)
    call.send(CONTENT[:1])
    call.hang()


def drip_chunks(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    call.drip(b"1\r\nc\r\n" * 1000)


def endless_body(call: Call) -> None:
    call.send(f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\n\r\n".encode())
    call.flood(b"c" * 65536, 1 << 30)


def endless_listing(call: Call) -> None:
    call.send(f"HTTP/1.1 200 OK\r\nContent-Type: {INDEX}\r\n\r\n".encode())
    call.flood(b" " * 65536, 1 << 30)


def endless_line(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nX: ")
    call.flood(b"x" * 65536, 1 << 30)


def endless_headers(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\n")
    call.flood(b"X: y\r\n" * 1000, 1 << 30)


def cut_short(call: Call) -> None:
    call.send(response(200, CONTENT[:10], length=1000))
    call.close()


def endless_continue(call: Call) -> None:
    call.flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 1 << 40)


def endless_error(call: Call) -> None:
    call.send(b"HTTP/1.1 500 X\r\n\r\n")
    call.flood(b"c" * 65536, 1 << 30)


def endless_pages(call: Call) -> None:
    page = index(digest_of(str(call.number).encode()))
    following = f"{call.path.partition('?')[0]}?n={call.number}"
    call.send(response(200, page, Content_Type=INDEX, Link=f'<{following}>; rel="next"'))


def endless_empty_pages(call: Call) -> None:
    call.send(response(200, index(), Content_Type=INDEX, Link=f'<{call.path}>; rel="next"'))


def two_links(call: Call) -> None:
    # Whoever reads one line of the two may read the wrong one.
    call.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: "
        + INDEX.encode()
        + b"\r\nContent-Length: %d\r\n" % len(index())
        + b"Link: <"
        + call.path.encode()
        + b'>; rel="next"\r\nLink: </a>; rel="first"\r\n\r\n'
        + index()
    )


def page_elsewhere(call: Call) -> None:
    call.send(response(200, index(), Content_Type=INDEX, Link='<http://127.0.0.2/next>; rel="next"'))


def endless_redirects(call: Call) -> None:
    call.send(response(307, Location=f"/v2/demo/app/blobs/{call.number}"))
