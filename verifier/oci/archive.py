"""An image layout in one tar file, read in place: nothing is unpacked, no link is followed, no path is opened.

Of the archive, only the regular files are known that a layout has, by their exact names. Python's ``tarfile``
finds them; it is let read so much of headers and no more, whatever an archive says of their number and size.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from .limits import LayoutLimits

_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_BLOBS = "blobs/sha256/"
_MEMBER = re.compile(rf"(?:\./)?(?P<name>oci-layout|index\.json|{_BLOBS}[0-9a-f]{{64}})")


class Archive:
    """An open archive. Safe to use from many threads. Every method raises ``OSError`` when it cannot answer."""

    def __init__(self, path: Path | str, limits: LayoutLimits) -> None:
        """Open ``path`` and look through it, once.

        Raises:
            ValueError: it is no archive of a layout: compressed, too large, with a file in it twice.
            OSError: it cannot be read.
        """
        self._handle = os.open(path, _FILE)
        try:
            if not stat.S_ISREG(os.fstat(self._handle).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", str(path))
            self._members = MappingProxyType(self._found(limits))
        except BaseException:
            self.close()
            raise

    def names(self) -> Iterator[str]:
        """The names of all blobs."""
        return (name.removeprefix(_BLOBS) for name in self._members if name.startswith(_BLOBS))

    def read(self, name: str, *, limit: int, start: bytes = b"") -> bytes:
        """The content of the file ``name``, empty when it does not begin with ``start``. More than ``limit`` bytes
        are an error, EFBIG. A blob goes by its digits alone.
        """
        place = self._members.get(name) or self._members.get(f"{_BLOBS}{name}")
        if place is None:
            raise FileNotFoundError(errno.ENOENT, "not in the archive", name)
        offset, size = place
        if os.pread(self._handle, len(start), offset)[:size] != start:
            return b""
        if size > limit:
            raise OSError(errno.EFBIG, f"more than {limit} bytes", name)
        content = bytearray()
        while len(content) < size:
            piece = os.pread(self._handle, size - len(content), offset + len(content))
            if not piece:
                raise OSError(errno.EIO, "the archive ends in the middle of it", name)
            content += piece
        return bytes(content)

    def close(self) -> None:
        """Close it."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _found(self, limits: LayoutLimits) -> dict[str, tuple[int, int]]:
        """Where the files of the layout begin, and their sizes."""
        found: dict[str, tuple[int, int]] = {}
        headers = _Headers(self._handle, limits.archive_headers)
        try:
            with tarfile.open(fileobj=headers, mode="r:") as archive:
                for member in _members(archive, limits.archive_members):
                    match = _MEMBER.fullmatch(member.name)
                    if (
                        match is None
                        or member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE)
                        or member.sparse
                    ):
                        continue
                    if match["name"] in found:
                        raise ValueError(f"{match['name']} is in the archive twice")
                    found[match["name"]] = (member.offset_data, member.size)
        except (tarfile.TarError, EOFError, OverflowError) as error:
            raise ValueError(f"not a tar archive that can be read ({error})") from error
        return found


def _members(archive: tarfile.TarFile, most: int) -> Iterator[tarfile.TarInfo]:
    count = 0
    while (member := archive.next()) is not None:
        count += 1
        if count > most:
            raise ValueError(f"more than {most} files are in the archive")
        yield member


class _Headers(io.RawIOBase):
    """The archive as ``tarfile`` sees it, which reads headers and skips contents. A header says how long it is."""

    def __init__(self, handle: int, most: int) -> None:
        self._handle = handle
        self._left = most
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._left:
            raise ValueError("the headers of the archive are too large")
        self._left -= size
        content = os.pread(self._handle, size, self._at)
        self._at += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET or offset < 0:
            raise ValueError("the archive leads nowhere")
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at
