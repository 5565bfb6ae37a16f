"""One ValidateMany call: requests in, answers out as they come, a bounded number in work.

Three kinds of thread meet here. One reads requests, one yields answers, and those of a shared pool do the
work; only the last ever wait for a registry. A request is in work from being read until its answer was handed to
gRPC, so a client that does not take its answers is not read from either.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import grpc

from verifier.budget import Budget
from verifier.v1 import verifier_pb2 as pb

from .requests import Undecodable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a stream ended before its client ended it."""

    code: grpc.StatusCode
    message: str


class Stream:
    """The state of one ValidateMany call. Owns its lock.

    ``answer`` does the work for one request and never raises; ``budget`` makes what one request may spend.
    """

    def __init__(
        self,
        answer: Callable[[pb.ValidateRequest, Budget], pb.ValidationResult],
        budget: Callable[[], Budget],
        items: Executor,
        *,
        limit: int,
        seconds: float,
    ) -> None:
        self._answer = answer
        self._budget = budget
        self._items = items
        self._limit = limit
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._condition = threading.Condition()
        self._answers: deque[pb.ValidationResult] = deque()
        self._budgets: set[Budget] = set()
        self._in_work = 0
        self._reading = True
        self._cancelled = False
        self._ending: Ending | None = None

    @property
    def ending(self) -> Ending | None:
        """Set when the stream ended early. Requests without an answer were not decided."""
        return self._ending

    def read(self, requests: Iterator[pb.ValidateRequest | Undecodable]) -> None:
        """Put requests to work until there are no more, or the stream ends. Runs in a thread of its own."""
        try:
            while self._may_read():
                request = next(requests, None)
                if request is None:
                    return
                if isinstance(request, Undecodable):
                    self._end(Ending(grpc.StatusCode.INVALID_ARGUMENT, request.message))
                    return
                self._start(request)
        except grpc.RpcError:  # how grpcio says that the client is gone
            self.cancel()
        except Exception:
            logger.exception("reading a stream failed")
            self._end(Ending(grpc.StatusCode.UNAVAILABLE, "the server cannot read the stream any further"))
        finally:
            with self._condition:
                self._reading = False
                self._condition.notify_all()

    def answers(self) -> Iterator[pb.ValidationResult]:
        """Answers in the order in which they come, until the stream ends."""
        while (answer := self._next_answer()) is not None:
            yield answer
            with self._condition:
                self._in_work -= 1
                self._condition.notify_all()

    def stop(self) -> None:
        """Read no more, answer what was read, and send the client elsewhere."""
        self._end(
            Ending(grpc.StatusCode.UNAVAILABLE, "the server is stopping; ask again for what is unanswered")
        )

    def cancel(self) -> None:
        """End at once, and with it what is in work: nobody waits for answers."""
        with self._condition:
            self._cancelled = True
            for budget in self._budgets:
                budget.end()
            self._condition.notify_all()

    def _end(self, ending: Ending) -> None:
        with self._condition:
            self._ending = self._ending or ending
            self._condition.notify_all()

    def _over(self) -> bool:
        """Whether no request may be started any more. Called with the lock held."""
        if time.monotonic() >= self._deadline:
            text = (
                f"a stream may stay open for {self._seconds:g} seconds; open another for what is unanswered"
            )
            self._end(Ending(grpc.StatusCode.DEADLINE_EXCEEDED, text))
        return self._cancelled or self._ending is not None

    def _may_read(self) -> bool:
        """Wait for room for one more request; False when the stream is over."""
        with self._condition:
            while not self._over() and self._in_work >= self._limit:
                self._condition.wait(max(0.0, self._deadline - time.monotonic()))
            return not self._over()

    def _start(self, request: pb.ValidateRequest) -> None:
        budget = self._budget()
        with self._condition:
            if self._over():
                return
            self._items.submit(self._work, request, budget)
            self._in_work += 1
            self._budgets.add(budget)

    def _work(self, request: pb.ValidateRequest, budget: Budget) -> None:
        answer = self._answer(request, budget)
        with self._condition:
            self._budgets.discard(budget)
            self._answers.append(answer)
            self._condition.notify_all()

    def _next_answer(self) -> pb.ValidationResult | None:
        with self._condition:
            while not self._cancelled:
                over = self._over()
                if self._answers:
                    return self._answers.popleft()
                if not self._in_work and (over or not self._reading):
                    return None
                # Once over, what is in work has budgets of its own and ends by them.
                self._condition.wait(None if over else max(0.0, self._deadline - time.monotonic()))
            return None
