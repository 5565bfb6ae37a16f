"""What makes a deadline hold on a socket.

A socket's time-out starts again with every byte, so a server that drips headers, a body or a TLS handshake
outlasts any time-out. Here one thread shuts a connection down at the moment its request's deadline passes,
whatever the thread that uses it is waiting for; that thread then sees the end of the stream at once.

A deadline may move nearer while somebody waits: the caller hangs up, or the host is given up. So the thread asks
for it again and again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

# Without connections to watch the thread ends; the next one starts it again, which takes about 0.1 ms.
_IDLE_SECONDS = 10.0
# How late it may be noticed that a deadline has moved nearer. Asking 64 connections takes about 0.1 ms.
LOOK_AGAIN = 0.1


class Watch:
    """One connection under one deadline. `cancel` must be called; calling it again does nothing."""

    def __init__(self, reaper: Reaper, sock: socket.socket, deadline: Callable[[], float]) -> None:
        # A duplicate: TLS takes the original socket over in the middle of the handshake, http.client closes it
        # before the body was read, and a descriptor number may belong to somebody else by the time it is due.
        self.handle = socket.socket(fileno=os.dup(sock.fileno()))
        self.deadline = deadline
        self._reaper = reaper

    def cancel(self) -> None:
        """Stop watching."""
        self._reaper.forget(self)


class Reaper:
    """Shuts connections down when their deadline passes. One thread, started with the first connection."""

    def __init__(self, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0
        self._closed = False

    def watch(self, sock: socket.socket, deadline: Callable[[], float]) -> Watch:
        """Shut ``sock`` down at ``deadline()`` (``time.monotonic``), which may move nearer, unless the watch is
        cancelled before.

        Raises:
            UnavailableError: ``overloaded``: the system has no thread left.
        """
        watch = Watch(self, sock, deadline)
        with self._changed:
            self._watches.add(watch)
            if self._thread is None or not self._thread.is_alive():  # not alive: the process forked
                self._start(watch)
            elif min(deadline(), time.monotonic() + LOOK_AGAIN) < self._wakes_at:
                self._changed.notify()
        return watch

    def forget(self, watch: Watch) -> None:
        """Drop ``watch``; its connection is left as it is."""
        with self._changed:
            self._watches.discard(watch)
            watch.handle.close()

    def close(self) -> None:
        """End the thread. Connections still watched are shut down."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _start(self, first: Watch) -> None:
        self._thread = threading.Thread(target=self._run, name="pycosign-deadlines", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._watches.discard(first)
            first.handle.close()
            raise UnavailableError(
                ReasonCode.OVERLOADED, "no thread can be started to keep the deadline"
            ) from error

    def _run(self) -> None:
        with self._changed:
            while True:
                self._shut_down_due(time.monotonic())
                if self._closed:
                    return
                now = time.monotonic()
                idle = not self._watches
                self._wakes_at = min(
                    (min(watch.deadline(), now + LOOK_AGAIN) for watch in self._watches),
                    default=now + self._idle_seconds,
                )
                self._changed.wait(self._wakes_at - now)
                if idle and not self._watches and time.monotonic() >= self._wakes_at:
                    self._thread = None
                    return

    def _shut_down_due(self, now: float) -> None:
        for watch in [w for w in self._watches if self._closed or w.deadline() <= now]:
            self._watches.discard(watch)
            with contextlib.suppress(OSError):  # the other side was faster
                watch.handle.shutdown(socket.SHUT_RDWR)
