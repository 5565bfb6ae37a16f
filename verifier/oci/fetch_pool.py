"""Threads that read several things of one question at a time: bounded, and nobody waits for one.

What no thread is free for, the asker does itself when it needs the result. So a host that holds threads up costs
other questions no more than reading things one after the other, and work that starts other work cannot block.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, NoReturn, TypeVar

Q = TypeVar("Q")
R = TypeVar("R")


class FetchPool:
    """At most ``threads`` threads, started when first needed; at most ``ahead`` pieces of work of one caller are
    begun before their turn.
    """

    def __init__(self, threads: int, ahead: int) -> None:
        self._free = threading.BoundedSemaphore(threads)
        self._ahead = ahead
        self._threads = ThreadPoolExecutor(threads, "pycosign-fetch")

    def together(self, work: Callable[[Q], R], items: Iterable[Q]) -> Iterator[tuple[Q, Callable[[], R]]]:
        """See `verifier.store.Together`."""
        begun: deque[tuple[Q, _Piece[R]]] = deque()
        source, failure = iter(items), None
        more = True
        while more or begun:
            while more and len(begun) < self._ahead:
                try:
                    item = next(source)
                except StopIteration:
                    more = False
                except Exception as error:  # noqa: BLE001  (raised below, after what came before it)
                    more, failure = False, error
                else:
                    begun.append((item, _Piece(partial(work, item))))
                    self._offer(begun[-1][1])
            for _, piece in begun:
                self._offer(piece)  # a thread may have become free meanwhile
            if begun:
                item, piece = begun.popleft()
                yield item, piece.result
        if failure is not None:
            raise failure

    def close(self) -> None:
        """End the threads, each after what it is doing."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _offer(self, piece: _Piece[R]) -> None:
        """Have a thread do ``piece``, if one is free."""
        if piece.offered or not self._free.acquire(blocking=False):
            return
        try:
            self._threads.submit(self._do, piece)
            piece.offered = True
        except RuntimeError:  # closed, or the system has no thread left: the asker does it
            self._free.release()

    def _do(self, piece: _Piece[R]) -> None:
        try:
            piece.do()
        finally:
            self._free.release()


class _Piece(Generic[R]):
    """A piece of work, done once: by a thread of the pool, or by who asks for its result before one came to it."""

    def __init__(self, work: Callable[[], R]) -> None:
        self.offered = False
        self._work = work
        self._taken = threading.Lock()
        self._done = threading.Event()
        self._outcome: Callable[[], R] | None = None

    def do(self) -> None:
        """Do it, unless somebody does."""
        if not self._taken.acquire(blocking=False):
            return
        try:
            found = self._work()
            self._outcome = lambda: found
        except BaseException as error:  # noqa: BLE001  (whatever it is, it is raised where the result is asked for)
            self._outcome = partial(_raise, error)
        finally:
            self._done.set()

    def result(self) -> R:
        """What came of it, or what it raised."""
        self.do()
        self._done.wait()
        if self._outcome is None:
            raise RuntimeError("a piece of work ended without an outcome")
        return self._outcome()


def _raise(error: BaseException) -> NoReturn:
    raise error
