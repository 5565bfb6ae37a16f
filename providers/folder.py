"""The files of one folder, as they were together.

1. A ConfigMap (or Secret) is a folder whose files link to ``..data/``, itself a link that the kubelet turns to a
   new folder when the content changes. What ``..data`` leads to is read: the links to single files are added and
   removed later, one by one.
2. A folder that is itself a link is followed once, before anything is read.
3. Everything is read twice. What differs, or is not where it was, is being changed, and is read again.

Files that are written one after another, with pauses, cannot be told from files that are meant to be so: who
changes several together should turn a link.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import ConfigurationError

_DATA = "..data"
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Found:
    """One file: its content, or why there is none."""

    content: bytes = b""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FolderLimits:
    """How much is read: files, bytes of one, and bytes of all."""

    files: int
    file_bytes: int
    all_bytes: int


Files = Mapping[str, Found]
ReadFile = Callable[[Path, int], Found]


def read_folder(
    folder: Path,
    suffixes: tuple[str, ...],
    limits: FolderLimits,
    known: Files | None = None,
    read: ReadFile | None = None,  # read_file, which stands below
) -> Files:
    """The files in ``folder`` whose names end in one of ``suffixes``, by name, in their order. Names that begin
    with a dot, and folders, are left out.

    ``known`` is what was found last: what is the same need not be read twice. ``read`` reads one file, up to a
    limit.

    Raises:
        ConfigurationError: the folder cannot be read, keeps changing, or holds more than the limits.
    """
    problem = ""
    for _ in range(_TRIES):
        try:
            place = folder.resolve(strict=True)
            first = _read(place, suffixes, limits, read or read_file)
            if first == known:
                return first
            if first == _read(folder.resolve(strict=True), suffixes, limits, read or read_file):
                return first
        except OSError as error:
            problem = f"the folder cannot be read: {error.strerror}"
        else:
            problem = "the folder is being changed"
    raise ConfigurationError(problem, file=str(folder), remedy="Check that it is there, and its permissions.")


def _read(place: Path, suffixes: tuple[str, ...], limits: FolderLimits, read: ReadFile) -> Files:
    paths = _paths(place, suffixes)
    if len(paths) > limits.files:
        raise ConfigurationError(
            f"{len(paths)} files; at most {limits.files} are read",
            file=str(place),
            remedy="Use several folders.",
        )
    files: dict[str, Found] = {}
    left = limits.all_bytes
    for name in sorted(paths):
        files[name] = found = read(paths[name], limits.file_bytes)
        left -= len(found.content)
        if left < 0:
            raise ConfigurationError(f"the files have more than {limits.all_bytes} bytes", file=str(place))
    return files


def _paths(place: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Each file by its name. What links into ``..data`` is found there."""
    data = place / _DATA
    paths = _listed(data.resolve(strict=True), suffixes) if data.is_symlink() else {}
    for name, path in _listed(place, suffixes).items():
        if not (path.is_symlink() and path.readlink().parts[0] == _DATA):
            paths[name] = path
    return paths


def _listed(place: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    return {
        path.name: path
        for path in place.iterdir()
        if path.name.endswith(suffixes) and not path.name.startswith(".") and not path.is_dir()
    }


def read_file(path: Path, limit: int) -> Found:
    """The content of one file, 1 to ``limit`` bytes, or why there is none."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return Found(problem="it is no file")  # opening a pipe would wait for ever
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        return Found(problem=f"it cannot be read: {error.strerror}")
    if not content:
        return Found(problem="it is empty")
    if len(content) > limit:
        return Found(problem=f"it is larger than {limit} bytes")
    return Found(content)
