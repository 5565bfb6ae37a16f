"""The calls in work: how many streams there may be, and when a stopping server has nothing left to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .stream import Stream


class OpenCalls:
    """Counts calls in work. Owns its lock."""

    def __init__(self, max_streams: int) -> None:
        self._max_streams = max_streams
        self._condition = threading.Condition()
        self._calls = 0
        self._open = 0
        self._streams: set[Stream] = set()
        self._stopping = False

    @contextmanager
    def call(self) -> Iterator[None]:
        """A call is in work while this is entered."""
        with self._condition:
            self._calls += 1
        try:
            yield
        finally:
            with self._condition:
                self._calls -= 1
                self._condition.notify_all()

    def open(self, most: int) -> bool:
        """Whether fewer than ``most`` single calls are open, their answers sent included; if so, ``closed`` must
        follow."""
        with self._condition:
            if self._open >= most:
                return False
            self._open += 1
        return True

    def closed(self) -> None:
        """A single call has ended, and its answer has left."""
        with self._condition:
            self._open -= 1

    def admit(self, stream: Stream) -> bool:
        """Whether there is room for ``stream``; if so, ``leave`` must follow."""
        with self._condition:
            if len(self._streams) >= self._max_streams:
                return False
            self._streams.add(stream)
            stopping = self._stopping
        if stopping:
            stream.stop()
        return True

    def leave(self, stream: Stream) -> None:
        """``stream`` has ended."""
        with self._condition:
            self._streams.discard(stream)
            self._condition.notify_all()

    def stop_streams(self) -> None:
        """Let every stream, present and to come, answer what it has read and read no more."""
        with self._condition:
            self._stopping = True
            streams = tuple(self._streams)
        for stream in streams:
            stream.stop()

    def wait_idle(self, seconds: float) -> bool:
        """Wait until no call is in work, at most ``seconds``; whether that came true."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._calls and not self._streams, seconds)
