"""Thread pools of the server, and how a method is given one of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class InPool:
    """A method that runs in ``pool`` rather than in the server's own, so that neither can starve the other.

    grpcio looks for the two attributes on what it calls (``grpc/_server.py``,
    ``_select_thread_pool_for_behavior``); its own health service is their documented user. A grpcio that no
    longer looks would run the method in the server's pool; ``tests/integration/test_rpc_overload.py`` would
    notice.
    """

    def __init__(
        self, method: Callable[..., Any], pool: ThreadPoolExecutor, *, non_blocking: bool = False
    ) -> None:
        self._method = method
        self.experimental_thread_pool = pool
        self.experimental_non_blocking = non_blocking

    def __call__(self, *arguments: Any) -> Any:
        """Call the method."""
        return self._method(*arguments)


class Pools:
    """Every thread the server may have; they start when first needed.

    A stream needs a thread that reads and one that answers, while its items are worked on elsewhere: a stream
    can wait for its items without keeping a thread from them. One more thread turns away streams beyond the
    limit.
    """

    def __init__(self, *, workers: int, streams: int) -> None:
        self.calls = ThreadPoolExecutor(workers, "pycosign-call")
        self.items = ThreadPoolExecutor(workers, "pycosign-item")
        self.streams = ThreadPoolExecutor(2 * streams + 1, "pycosign-stream")
        # Health answers at once; two, so that one client that never sends its question does not stop it.
        self.health = ThreadPoolExecutor(2, "pycosign-health")
        # A reflection session holds its thread as long as it is open.
        self.reflection = ThreadPoolExecutor(2, "pycosign-reflection")

    def close(self) -> None:
        """Wait for every thread to end. No call may be in work any more."""
        for pool in (self.calls, self.items, self.streams, self.health, self.reflection):
            pool.shutdown(wait=True, cancel_futures=True)
