"""A TUF repository as files: a folder or a tar archive.

It may be a repository as it is published, or what a TUF client keeps (python-tuf's, cosign's or our own): there,
metadata is found without its version and targets without their hash. Wherever a file is found, python-tuf checks
it. Nothing is unpacked, and a name that is asked for is looked up among those that are there: none becomes a
path.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, unquote

from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError

from .bounded_file import read_bounded
from .errors import ConfigurationError
from .tuf_client import Source, trust_unavailable

# The public-good repository with its whole history stays below both.
_MAX_ARCHIVE = 64 << 20
_MAX_FILES = 20_000
_GZIP = b"\x1f\x8b"
_TIMESTAMP = "timestamp.json"
_VERSIONED = re.compile(r"([0-9]{1,10})\.(.+\.json)")
_HASHED = re.compile(r"[0-9a-f]{32,128}\.(.+)")

# At most so many bytes of a file, and one more where there are more.
Read = Callable[[int], bytes]


class RepositorySource(Source):
    """A repository in files. ``files`` are by path, with slashes; ``origin`` is what people call it."""

    metadata_url = "repository:metadata/"
    targets_url = "repository:targets/"

    def __init__(self, origin: str, files: Mapping[str, Read]) -> None:
        """Look for the repository, at the top or below.

        Raises:
            UnavailableError: there is none, or more than one.
        """
        self._origin = origin
        self._files = files
        found = sorted((path for path in files if _name(path) == _TIMESTAMP), key=_depth)
        if not found:
            raise trust_unavailable(f"{origin}: there is no {_TIMESTAMP}, so this is no TUF repository")
        if len(found) > 1 and _depth(found[0]) == _depth(found[1]):
            raise trust_unavailable(f"{origin}: there are two repositories: {found[0]} and {found[1]}")
        self._top = found[0].removesuffix(_TIMESTAMP)

    @classmethod
    def open(cls, path: Path) -> RepositorySource:
        """The repository in the folder or in the archive (tar, or tar in gzip) at ``path``.

        Raises:
            UnavailableError: there is none that can be read.
        """
        try:
            if path.is_dir():
                files = dict(_in_folder(path))
            else:
                files = dict(_in_archive(read_bounded(path, _MAX_ARCHIVE, remedy="")))
        except ConfigurationError as error:
            raise trust_unavailable(str(error)) from error
        except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
            raise trust_unavailable(f"{path}: no TUF repository can be read from it: {error}") from error
        return cls(str(path), files)

    def read(self, url: str, limit: int) -> bytes:
        """The file that answers to ``url``; see `Source.read`."""
        if url.startswith(self.metadata_url):
            content = self._metadata(url.removeprefix(self.metadata_url), limit)
        else:
            content = self._first(self._target_paths(url.removeprefix(self.targets_url)), limit)
        if content is None:
            raise DownloadHTTPError(f"{self._origin} has no file for {url}", HTTPStatus.NOT_FOUND)
        if len(content) > limit:
            raise DownloadLengthMismatchError(f"{self._origin}: {url} is longer than {limit} bytes")
        return content

    def beside(self, name: str, limit: int) -> bytes:
        """A file that stands beside the metadata, at most ``limit`` bytes of it; empty when there is none."""
        return (self._first((self._top + name,), limit) or b"")[:limit]

    def _first(self, paths: Iterable[str], limit: int) -> bytes | None:
        """The first of ``paths`` that there is."""
        for path in paths:
            if path in self._files:
                try:
                    return self._files[path](limit)
                except OSError as error:
                    raise DownloadError(f"{self._origin}: {path}: {error.strerror}") from error
        return None

    def _metadata(self, name: str, limit: int) -> bytes | None:
        # A name of a role is quoted in URLs and by python-tuf, and plain where a repository is published.
        names = (name, unquote(name))
        paths = [f"{self._top}{folder}{name}" for folder in ("", "root_history/") for name in names]
        content = self._first(paths, limit)
        versioned = _VERSIONED.fullmatch(name)
        if content is not None or versioned is None:
            return content
        version, kept = versioned.groups()
        content = self._first((f"{self._top}{kept}", f"{self._top}{unquote(kept)}"), limit)
        # Another root than the one asked for would be taken for an attack; other roles have their version checked.
        if kept == "root.json" and content is not None and _version(content) != int(version):
            return None
        return content

    def _target_paths(self, path: str) -> Iterator[str]:
        """Where the target may lie: as published, without its hash, or anywhere by its name (flat ConfigMaps)."""
        folder, slash, name = path.rpartition("/")
        hashed = _HASHED.fullmatch(name)
        plain = f"{folder}{slash}{hashed[1]}" if hashed else path
        for wanted in (path, plain, quote(plain, "")):
            yield f"{self._top}targets/{wanted}"
            yield f"{self._top}{wanted}"
        for wanted in (_name(path), _name(plain)):
            yield from sorted(found for found in self._files if _name(found) == wanted)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _depth(path: str) -> int:
    return path.count("/")


def _version(root: bytes) -> object:
    try:
        return json.loads(root)["signed"]["version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _in_folder(folder: Path) -> Iterator[tuple[str, Read]]:
    """The files below, links to files included: a ConfigMap consists of them. What they link to, ``..data`` and
    ``..2026_01_31``, is left out.
    """
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith("..")]
        for name in names:
            count += 1
            if count > _MAX_FILES:
                raise ValueError(f"there are more than {_MAX_FILES} files")
            path = Path(place, name)
            yield path.relative_to(folder).as_posix(), partial(_read_file, path)


def _read_file(path: Path, limit: int) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "this is no file")  # opening a pipe would wait for ever
    with path.open("rb") as stream:
        return stream.read(limit + 1)


def _in_archive(content: bytes) -> Iterator[tuple[str, Read]]:
    if content.startswith(_GZIP):
        with gzip.GzipFile(fileobj=BytesIO(content)) as packed:
            content = packed.read(_MAX_ARCHIVE + 1)
        if len(content) > _MAX_ARCHIVE:
            raise ValueError(f"it is larger than {_MAX_ARCHIVE} bytes when unpacked")
    with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
        for count, member in enumerate(archive):
            if count == _MAX_FILES:
                raise ValueError(f"there are more than {_MAX_FILES} files")
            parts = member.name.removeprefix("./").split("/")
            if ".." in parts or member.name.startswith("/"):
                raise ValueError(f"the name {member.name[:100]!r} leads out of the archive")
            if member.isreg() and not member.issparse():
                data = content[member.offset_data : member.offset_data + member.size]
                yield "/".join(parts), partial(_read_bytes, data)


def _read_bytes(data: bytes, limit: int) -> bytes:
    return data[: limit + 1]
