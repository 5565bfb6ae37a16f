"""The services beside the verifier: ``grpc.health.v1`` and server reflection.

Health answers in threads of its own while every worker is busy, but counts towards the limit of concurrent
calls: use it for readiness. For liveness an open port is enough; a restart does not make a busy server faster.
"""

from __future__ import annotations

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from .pools import InPool, Pools
from .rpc import SERVICE


class Health:
    """The state of the whole server and of the verifier service; not serving until told otherwise."""

    def __init__(self) -> None:
        self._servicer = health.HealthServicer()
        self._set(health_pb2.HealthCheckResponse.NOT_SERVING)

    def _set(self, status: int) -> None:
        for service in (health.OVERALL_HEALTH, SERVICE):
            self._servicer.set(service, status)

    def serving(self) -> None:
        """Calls are welcome."""
        self._set(health_pb2.HealthCheckResponse.SERVING)

    def stopping(self) -> None:
        """Calls should go elsewhere; final."""
        self._servicer.enter_graceful_shutdown()

    def register(self, server: grpc.Server, pools: Pools) -> None:
        """Add the health service to ``server``."""
        read = health_pb2.HealthCheckRequest.FromString
        write = health_pb2.HealthCheckResponse.SerializeToString
        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(
                InPool(self._servicer.Check, pools.health),
                request_deserializer=read,
                response_serializer=write,
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                InPool(self._servicer.Watch, pools.health, non_blocking=True),
                request_deserializer=read,
                response_serializer=write,
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(health.SERVICE_NAME, methods),))


def register_reflection(server: grpc.Server, pools: Pools) -> None:
    """Let clients ask ``server`` what it offers."""
    names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    servicer = reflection.ReflectionServicer(names)
    method = grpc.stream_stream_rpc_method_handler(
        InPool(servicer.ServerReflectionInfo, pools.reflection),
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, {"ServerReflectionInfo": method}),)
    )
