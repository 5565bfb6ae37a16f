"""The gRPC server's life: bind or fail loudly, serve, and stop without dropping a verdict."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import grpc

from providers.errors import ConfigurationError

from .health import Health, register_reflection
from .open_calls import OpenCalls
from .options import ServerOptions
from .pools import Pools
from .rpc import Verifier, VerifierServicer, method_handlers

__all__ = ["RpcServer", "ServerOptions", "serve"]

logger = logging.getLogger(__name__)

# When the last verdict is there, it is still on its way out; what is cut after that are watchers.
_FLUSH_SECONDS = 0.5


def _grpc_options(options: ServerOptions) -> list[tuple[str, int]]:
    """gRPC core's channel arguments (grpc/impl/channel_arg_names.h)."""
    return [
        ("grpc.so_reuseport", 0),  # a second server on the port fails instead of taking half the calls
        ("grpc.max_receive_message_length", options.max_request_bytes),
        ("grpc.max_metadata_size", 8 << 10),  # what gRPC itself takes for a soft limit
        # Twice: the excess is told RESOURCE_EXHAUSTED, rather than wait unseen in one client.
        ("grpc.max_concurrent_streams", 2 * options.max_concurrent),
        ("grpc.server_handshake_timeout_ms", 10_000),
        # Find out within 80 s that a client is gone; clients may ping every 30 s, more often is an attack.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        ("grpc.max_connection_age_ms", int(options.max_connection_age * 1000)),
        # Open streams end by their own limit first.
        ("grpc.max_connection_age_grace_ms", int(options.max_stream_seconds * 1000)),
    ]


class RpcServer:
    """A gRPC server for ``verifier``. Plain TCP: whoever can connect can ask."""

    def __init__(self, verifier: Verifier, options: ServerOptions) -> None:
        self._options = options
        self._pools = Pools(workers=options.max_workers, streams=options.max_streams)
        self._calls = OpenCalls(options.max_streams)
        self._servicer = VerifierServicer(verifier, options, self._pools, self._calls)
        self._health = Health()
        self._server: grpc.Server | None = None
        self._drained = False

    def start(self) -> str:
        """Bind and serve; the address bound.

        Raises:
            ConfigurationError: the address is taken or cannot be used.
        """
        if self._server is not None or self._drained:
            raise ConfigurationError("a server can be started once")
        if not self._options.loopback:
            logger.warning(
                "gRPC without TLS on %s: whoever reaches it can ask and read answers, and could be answered by "
                "somebody else",
                self._options.address,
                extra={"address": self._options.address},
            )
        server = grpc.server(
            self._pools.calls,
            options=_grpc_options(self._options),
            maximum_concurrent_rpcs=self._options.max_concurrent,
        )
        server.add_generic_rpc_handlers((method_handlers(self._servicer, self._pools),))
        self._health.register(server, self._pools)
        if self._options.reflection:
            register_reflection(server, self._pools)
        port = _bind(server, self._options)
        self._server = server
        server.start()
        self._health.serving()
        return f"{self._options.bind_address.rpartition(':')[0]}:{port}"

    def wait(self) -> None:
        """Return when the server has stopped."""
        if self._server is not None:
            self._server.wait_for_termination()

    def drain(self) -> None:
        """Stop: not serving to health checks first, no new calls after a moment, and what is in work finishes.

        Work that outlasts ``drain_seconds`` is cut off, and its clients see CANCELLED: not an admission.
        Returns when every thread has ended; may be called again.
        """
        server = self._server
        first, self._drained = not self._drained, True
        if server is not None and first:
            self._health.stopping()
            time.sleep(self._options.notice_seconds)
            stopped = server.stop(self._options.drain_seconds)
            self._calls.stop_streams()
            if not self._calls.wait_idle(self._options.drain_seconds):
                logger.warning("calls outlasted the %g seconds to drain", self._options.drain_seconds)
            server.stop(_FLUSH_SECONDS)
            stopped.wait()
        self._pools.close()


def _bind(server: grpc.Server, options: ServerOptions) -> int:
    try:
        port = server.add_insecure_port(options.bind_address)
    except RuntimeError as error:
        server.stop(None)
        raise ConfigurationError(
            f"cannot listen on {options.address}: it is in use, or not an address of this machine",
            remedy="Stop what listens there ('ss -ltnp' shows it), or choose another address or port.",
        ) from error
    return port


def serve(verifier: Verifier, options: ServerOptions, *, announce: Callable[[str], None]) -> int:
    """Serve until SIGTERM or SIGINT, then drain; 0. To be called in the main thread.

    ``announce`` gets the bound address once calls are taken. A second signal ends the process at once.

    Raises:
        ConfigurationError: the address is taken or cannot be used.
    """
    server = RpcServer(verifier, options)
    try:
        with _signalled() as stop:
            announce(server.start())
            stop.wait()
        logger.info("stopping")
    finally:
        server.drain()
    return 0


@contextmanager
def _signalled() -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT sets, while this is entered."""
    event = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        event.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    before = [(number, signal.signal(number, on_signal)) for number in signals]
    try:
        yield event
    finally:
        for number, handler in before:
            signal.signal(number, handler)
