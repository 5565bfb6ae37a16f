"""What makes the deadline of an update hold, and lets the update be broken off.

A socket's time-out starts again with every byte, so a mirror that drips headers or a body outlasts any time-out.
Here a timer shuts the connection down, whatever the thread that uses it is waiting for. A look-up of a name cannot
be broken off; the system's resolver gives it up after a while.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tuf.api.exceptions import DownloadError, SlowRetrievalError


class Deadline:
    """``seconds`` from now, or `cut`, whichever comes first. One connection at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._over = False
        self._watched: socket.socket | None = None
        self._timer = threading.Timer(seconds, self.cut)
        self._timer.daemon = True

    def start(self) -> None:
        """Begin to watch the time; `cancel` must follow."""
        self._timer.start()

    def cancel(self) -> None:
        """The update is over."""
        self._timer.cancel()

    def cut(self) -> None:
        """Shut down what is connected, now; what is connected later is shut down at once."""
        with self._lock:
            self._over = True
            if self._watched is not None:
                with suppress(OSError):  # the other side was faster
                    self._watched.shutdown(socket.SHUT_RDWR)

    def left(self) -> float:
        """Seconds left, more than none.

        Raises:
            DownloadError: it is over.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise SlowRetrievalError(f"the update was not done within {self._seconds:g} seconds")
        if self._over:
            raise DownloadError("the update was broken off")
        return left

    @contextmanager
    def over(self, connection: socket.socket) -> Iterator[None]:
        """Within it, ``connection`` ends with the deadline.

        What is kept is a duplicate: TLS takes the original over in the middle of the handshake, and http.client
        may close it before the body was read.
        """
        watched = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            self._watched = watched
        try:
            self.left()
            yield
        finally:
            with self._lock:
                self._watched = None
                watched.close()
