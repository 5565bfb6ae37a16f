"""A folder that somebody else filled, and its files, and nothing else.

No symbolic link in it is followed, nothing but regular files is read, and opening one waits for nobody
(``open(2)``: O_NOFOLLOW, O_NONBLOCK). All goes through the descriptor of the folder, which stays the same one
whatever is renamed meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_CHUNK = 1 << 20


class Folder:
    """An open folder. Safe to use from many threads. Every method raises ``OSError`` when it cannot answer."""

    def __init__(self, path: Path | str, *, within: Folder | None = None) -> None:
        """Open ``path``, which may be a symbolic link; ``within`` another folder it may not."""
        if within is None:
            self._handle = os.open(path, _FOLDER)
        else:
            self._handle = os.open(path, _FOLDER | os.O_NOFOLLOW, dir_fd=within.fileno())

    def fileno(self) -> int:
        """Its descriptor."""
        return self._handle

    def names(self) -> Iterator[str]:
        """What lies in it, in any order."""
        # Opened again: threads that list through one descriptor would take each other's names away.
        with closing(Folder(".", within=self)) as again, os.scandir(again.fileno()) as entries:
            for entry in entries:
                yield entry.name

    def read(self, name: str, *, limit: int, start: bytes = b"") -> bytes:
        """The content of the regular file ``name``, empty when it does not begin with ``start``. More than
        ``limit`` bytes are an error, EFBIG.
        """
        handle = self._open(name)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", name)
            if os.pread(handle, len(start), 0) != start:
                return b""
            content = b"" if status.st_size > limit else _content(handle, limit)
            if max(status.st_size, len(content)) > limit:
                raise OSError(errno.EFBIG, f"more than {limit} bytes", name)
            return content
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close it."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _open(self, name: str) -> int:
        try:
            return os.open(name, _FILE, dir_fd=self._handle)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.ELOOP, "a symbolic link, and none is followed", name) from error
            raise


def _content(handle: int, limit: int) -> bytes:
    """All of it, or one byte more than ``limit``."""
    chunks: list[bytes] = []
    left = limit + 1
    while left and (chunk := os.read(handle, min(_CHUNK, left))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)
