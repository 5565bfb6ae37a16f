"""A registry that misbehaves as it is told to: raw sockets on loopback, one thread for each connection."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

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
                with self._lock:
                    call = Call(
                        len(self.calls),
                        on_connection,
                        line.decode("latin-1").split()[1],
                        fields,
                        sock,
                        self._stopping,
                    )
                    self.calls.append(call)
                on_connection += 1
                self.behave(call)
