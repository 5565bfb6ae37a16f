"""The one door to python-tuf's client: an update from a source of files, as of a given time.

python-tuf decides what is proved: signatures and their threshold, the order of versions (rollback), expiry
(freeze), lengths and hashes. It works in a folder, which here exists for one update only; what it wrote there is
kept in memory. So nothing has to stay writable, and files of different states never mix.
"""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from .errors import ConfigurationError, UnavailableError
from .reasons import ReasonCode
from .refresh import MAX_TRUSTED_ROOT

# python-tuf's own limits: 512 kB for a root, 16 kB for a timestamp, 2 MB for a snapshot, 5 MB for targets, 256
# rotations of the root. Sigstore's trusted root is among the top-level targets: few delegations are followed.
_LIMITS = UpdaterConfig(max_delegations=8)
_ROLES = (Root.type, Timestamp.type, Snapshot.type, Targets.type)
# Names of python-tuf's folder: every root by version, and a link to the newest that is made anew each time.
_ROOTS, _NEWEST_ROOT = "root_history", "root.json"
# A container without any writable folder on disk still has this one, in memory.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (a folder of our own is made in it)
_MAX_SENTENCE = 400


class Source(FetcherInterface):
    """Where an update finds its files: names are appended to ``metadata_url`` and ``targets_url``."""

    metadata_url: str
    targets_url: str

    @abstractmethod
    def read(self, url: str, limit: int) -> bytes:
        """The content at ``url``.

        Raises:
            DownloadHTTPError: with status 404, there is no such file.
            DownloadLengthMismatchError: it is longer than ``limit`` bytes.
            DownloadError: it cannot be had.
        """

    @contextmanager
    def session(self) -> Iterator[None]:
        """Everything that one update reads is read within it."""
        yield

    def close(self) -> None:
        """Break off the update that is running, from another thread, and every later one."""

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """As the parent's, but in memory: there may be no place for a temporary file."""
        yield BytesIO(self.read(url, max_length))

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.read(url, MAX_TRUSTED_ROOT)  # for the parent's `fetch`, which nothing here calls


@dataclass(frozen=True, slots=True)
class Proved:
    """The target as the repository had it at ``at``, and the metadata that proves it, by the names of python-tuf's
    folder. ``expires`` is when the first of the top-level metadata does.
    """

    target: bytes
    at: datetime
    expires: datetime
    metadata: Mapping[str, bytes]


class Client:
    """Updates one target, from ``root``. What an update saw is remembered, also when it failed later on: the next
    one is not led back behind it. Not for several threads at once.
    """

    def __init__(self, root: bytes, target: str, folder: Path | None = None) -> None:
        """``folder`` is one more place to work in, if the system has none for temporary files.

        Raises:
            ConfigurationError: ``target`` is no name of a target.
        """
        self._root = root
        self._target = checked_target(target)
        self._places = (None, folder, _SHARED_MEMORY)
        self._seen: Mapping[str, bytes] = {}
        self._content = b""

    def update(self, source: Source, at: datetime) -> Proved:
        """What ``source`` proves, with expiry as of ``at``.

        Raises:
            UnavailableError: it proves nothing, or could not be read; the sentence says why.
        """
        try:
            with self._workplace() as folder, source.session():
                return self._updated(folder, source, at)
        except UnavailableError:
            raise
        except DownloadError as error:
            raise trust_unavailable(f"the TUF repository cannot be read: {error}") from error
        except RepositoryError as error:
            raise trust_unavailable(
                f"the TUF repository is refused: {error} ({type(error).__name__})"
            ) from error
        except Exception as error:
            raise trust_unavailable(f"the TUF update failed: {type(error).__name__}: {error}") from error

    @contextmanager
    def _workplace(self) -> Iterator[Path]:
        """A folder that holds what was seen, and whose metadata is what was seen from then on."""
        with _temporary(self._places) as folder:
            metadata = folder / "metadata"
            (metadata / _ROOTS).mkdir(parents=True)
            for name, content in self._seen.items():
                (metadata / name).write_bytes(content)
            (folder / "target").write_bytes(self._content)
            try:
                yield folder
            finally:
                self._seen = _read_back(metadata)

    def _updated(self, folder: Path, source: Source, at: datetime) -> Proved:
        metadata = folder / "metadata"
        updater = Updater(
            str(metadata),
            source.metadata_url,
            target_base_url=source.targets_url,
            fetcher=source,
            config=_LIMITS,
            bootstrap=self._root,
        )
        _judge_expiry_at(updater, at)
        updater.refresh()
        info = updater.get_targetinfo(self._target)
        if info is None:
            raise trust_unavailable(f"the TUF repository has no target {self._target!r}")
        if info.length > MAX_TRUSTED_ROOT:
            raise trust_unavailable(
                f"the target {self._target!r} has {info.length} bytes, more than {MAX_TRUSTED_ROOT}"
            )
        path = str(folder / "target")
        if updater.find_cached_target(info, path) is None:
            updater.download_target(info, path)
        self._content = Path(path).read_bytes()
        # Metadata of delegated roles that led nowhere may have expired; it proves nothing.
        expires = min(_expiry((metadata / f"{role}.json").read_bytes()) for role in _ROLES)
        return Proved(self._content, at, expires, _read_back(metadata))


def checked_target(name: str) -> str:
    """``name``, if it can be the name of a target: a relative path that means the same in a URL.

    Raises:
        ConfigurationError: it cannot.
    """
    plain = name.isascii() and name.isprintable() and not set(name) & set(" \\%?#:")
    if not plain or len(name) > 200 or any(part in ("", ".", "..") for part in name.split("/")):
        raise ConfigurationError(
            f"not the name of a TUF target: {name[:100]!r}", remedy="The usual one is trusted_root.json."
        )
    return name


def last_valid(source: Source, now: datetime) -> datetime:
    """Now, or the last second at which the timestamp metadata of ``source`` is valid by its own word: as of when
    to update from what may have lain about for long.

    Raises:
        UnavailableError: it cannot be read.
    """
    try:
        with source.session():
            url = f"{source.metadata_url}{Timestamp.type}.json"
            expires = _expiry(source.download_bytes(url, _LIMITS.timestamp_max_length))
    except (DownloadError, RepositoryError) as error:
        raise trust_unavailable(f"the TUF repository has no timestamp that can be read: {error}") from error
    return min(now, expires - timedelta(seconds=1))


def trust_unavailable(sentence: str) -> UnavailableError:
    """The error that says ``sentence``. It may quote a repository: only so much of it, and printable."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in sentence[:_MAX_SENTENCE])
    return UnavailableError(ReasonCode.TRUST_UNAVAILABLE, shown)


def _judge_expiry_at(updater: Updater, at: datetime) -> None:
    """Have expiry judged as of ``at``: what is kept or mounted was proved at a time of its own. python-tuf has no
    public way to say so; a release that does it otherwise is noticed here, or by a test.
    """
    trusted = updater._trusted_set  # noqa: SLF001
    if not hasattr(trusted, "reference_time"):
        raise UnavailableError(
            ReasonCode.INTERNAL_ERROR, "this release of python-tuf does not say when it judges expiry"
        )
    trusted.reference_time = at


def _expiry(metadata: bytes) -> datetime:
    return Metadata.from_bytes(metadata).signed.expires


def _read_back(folder: Path) -> dict[str, bytes]:
    """What python-tuf wrote, which it had verified before."""
    paths = [path for path in folder.glob("*.json") if path.name != _NEWEST_ROOT]
    paths += (folder / _ROOTS).glob("*.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@contextmanager
def _temporary(places: tuple[Path | None, ...]) -> Iterator[Path]:
    """A new folder in the first of ``places`` that takes one; None is the system's for temporary files."""
    for place in places:
        try:
            made = tempfile.TemporaryDirectory(prefix="pycosign-tuf-", dir=place, ignore_cleanup_errors=True)
        except OSError:
            continue
        with made as folder:
            yield Path(folder)
        return
    raise trust_unavailable("no folder can be written to work in; set TMPDIR to one that can")
