"""HTTP on loopback: requests and answers as values, and a threaded server for a function between the two."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

logger = logging.getLogger(__name__)

# The lab's services take small JSON documents; a registry takes layers.
SERVICE_BODY_LIMIT = 4 * 1024 * 1024
REGISTRY_BODY_LIMIT = 256 * 1024 * 1024
_CHUNK_LINE_LIMIT = 1024
_IDLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose body has been read; header names are lower case, of a repeated query field the first
    value counts.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `chunks`, where given, is sent in place of the body as the iterable yields it, under whatever
    Content-Length the headers claim; with it a test makes a server that drips, lies or breaks off.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] | None = None


App = Callable[[Request], Answer]
Hook = Callable[[Request], Answer | None]


def hooked(app: App, hook: Hook | None) -> App:
    """The application with a hook that sees each request first and may answer in its place.

    A hook that raises ConnectionError closes the connection without an answer.
    """
    if hook is None:
        return app

    def answer(request: Request) -> Answer:
        early = hook(request)
        return app(request) if early is None else early

    return answer


class LoopbackServer:
    """Serves an application on 127.0.0.1 while entered. Not for any other address: the lab certifies whoever
    asks.
    """

    def __init__(self, app: App, *, port: int = 0, body_limit: int = SERVICE_BODY_LIMIT) -> None:
        handler = type("LabHandler", (_Handler,), {"app": staticmethod(app), "body_limit": body_limit})
        self._server = _Server(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """127.0.0.1:PORT."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.break_off()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that a server that has stopped answers nobody."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, object]:
        """Accepts a connection and remembers it."""
        connection, address = super().get_request()
        with self._open_lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Closes a connection and forgets it."""
        with self._open_lock:
            self._open -= {request}
        super().shutdown_request(request)

    def break_off(self) -> None:
        """Ends every open connection; the threads behind them notice and finish."""
        with self._open_lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(
        self, _request: socket.socket | tuple[bytes, socket.socket], _client_address: object
    ) -> None:
        """Logs what ended a connection; the base class would print it."""
        logger.debug("a connection to the lab ended early: %s", sys.exception())


class _TooLargeError(Exception):
    pass


class _MalformedError(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "pycosign-lab"
    sys_version = ""
    wbufsize = -1  # one packet for head and body: without this each answer waits for a delayed ACK
    timeout = _IDLE_SECONDS
    app: App
    body_limit: int

    def answer(self) -> None:
        try:
            request = self._request()
        except _TooLargeError:
            self._send(Answer(413, b"the body is too large", {"Connection": "close"}))
            return
        except _MalformedError:
            self._send(Answer(400, b"the body is malformed", {"Connection": "close"}))
            return
        try:
            self._send(type(self).app(request))
        except ConnectionError:
            self.close_connection = True
        except Exception:
            logger.exception("the lab failed to answer %s %s", self.command, self.path)
            self._send(Answer(500, b"the lab failed; its log says why"))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  names http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        logger.debug("lab request: %s", format % args)

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        query: dict[str, str] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, value)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, unquote(parts.path), query, headers, self._body(headers))

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunked_body()
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise _MalformedError
        if int(length) > self.body_limit:
            raise _TooLargeError
        return self.rfile.read(int(length))

    def _chunked_body(self) -> bytes:
        """RFC 9112 s7.1; extensions and trailers are read and dropped."""
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(_CHUNK_LINE_LIMIT).split(b";")[0], 16)
            except ValueError as error:
                raise _MalformedError from error
            if size == 0:
                break
            if size < 0 or len(body) + size > self.body_limit:
                raise _TooLargeError
            body += self.rfile.read(size)
            self.rfile.readline(_CHUNK_LINE_LIMIT)
        while self.rfile.readline(_CHUNK_LINE_LIMIT).strip():
            pass
        return bytes(body)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        names = {name.lower() for name in answer.headers}
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "content-length" not in names and answer.chunks is None:
            self.send_header("Content-Length", str(len(answer.body)))
        if answer.chunks is not None:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        for chunk in answer.chunks if answer.chunks is not None else (answer.body,):
            self.wfile.write(chunk)
            if answer.chunks is not None:
                self.wfile.flush()
