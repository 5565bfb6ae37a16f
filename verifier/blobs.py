"""`verifier.store.Store` over one file of this machine, to hold signatures of files against.

Its digest is computed in pieces. The whole content is in memory only when a key asks for it: one that signs with
another hash than SHA-256, or Ed25519, which signs the content itself.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self

from providers.descriptor import Descriptor, digest_of, parse_digest
from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference

from .budget import Budget
from .store import Together, in_turn

MEDIA_TYPE = "application/octet-stream"
# An image of a disk; of what is larger, give the digest.
MAX_FILE = 1 << 40
# What a key may ask for in one piece. A container layer or a kernel is below; twice this fits a small machine.
MAX_CONTENT = 1 << 30
# A stream is kept for as long as somebody may ask for it: up to this in memory, then in a temporary file.
_IN_MEMORY = 16 << 20
_PIECE = 1 << 20


class BlobStore:
    """One file, or the digest of one. ``descriptor`` describes it; the size is 0 where only the digest is known.

    Close it when done.
    """

    def __init__(self, descriptor: Descriptor, stream: IO[bytes] | None) -> None:
        """``stream`` is its content, None when only the digest is known; it is closed with the store."""
        self.descriptor = descriptor
        self._stream = stream
        self._lacking = False

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """The file at ``path``, read once now for its digest.

        Raises:
            ConfigurationError: it cannot be read.
        """
        with _readable(str(path)), ExitStack() as opened:
            stream = opened.enter_context(path.open("rb"))
            if not stream.seekable():  # a pipe: what was read of it is gone
                return cls.of_stream(stream, str(path))
            descriptor = _described(stream, None)
            opened.pop_all()
            return cls(descriptor, stream)

    @classmethod
    def of_stream(cls, stream: IO[bytes], name: str) -> Self:
        """What ``stream`` yields until its end; ``name`` is what a person calls it.

        Raises:
            ConfigurationError: it cannot be read or kept.
        """
        with _readable(name), ExitStack() as opened:
            kept = opened.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))
            descriptor = _described(stream, kept)
            opened.pop_all()
            return cls(descriptor, kept)

    @classmethod
    def of_digest(cls, digest: str) -> Self:
        """The file that has ``digest``; it is not here.

        Raises:
            InvalidReferenceError: it is no digest.
        """
        return cls(Descriptor(MEDIA_TYPE, parse_digest(digest), 0), None)

    @property
    def lacking(self) -> bool:
        """Whether the content was asked for and only its digest is known."""
        return self._lacking

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        """The one file, if that is what ``reference`` names. See `verifier.store.Store`."""
        del budget
        if reference.digest not in ("", self.descriptor.digest):
            raise self._another(reference.digest)
        return self.descriptor

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        """None: nothing refers to a file."""
        del repository, subject, artifact_types, budget
        return iter(())

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        """None: a file has no tags."""
        del repository, tag, budget
        return None

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        """The content, if it is that of ``descriptor`` and still what it was. See `verifier.store.Store`."""
        del repository
        if descriptor.digest != self.descriptor.digest:
            raise self._another(descriptor.digest)
        if self._stream is None:
            self._lacking = True
            raise UnavailableError(
                ReasonCode.IMAGE_NOT_FOUND,
                "this signature can be checked against the file itself only, and its digest alone is known",
            )
        if self.descriptor.size > MAX_CONTENT:
            raise UnavailableError(
                ReasonCode.LIMIT_EXCEEDED,
                f"this signature can be checked against the whole file at once only, which has"
                f" {self.descriptor.size} bytes; at most {MAX_CONTENT} are read",
            )
        budget.seconds_left()
        content = self._read(self._stream)
        if digest_of(content) != self.descriptor.digest:
            raise UnavailableError(ReasonCode.CONTENT_MISMATCH, "the file was changed while it was checked")
        return content

    @property
    def together(self) -> Together:
        """A file is read at once."""
        return in_turn

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

    def _read(self, stream: IO[bytes]) -> bytes:
        try:
            stream.seek(0)
            return stream.read(self.descriptor.size + 1)
        except OSError as error:
            raise UnavailableError(
                ReasonCode.CONTENT_MISMATCH, f"the file cannot be read any more: {error.strerror}"
            ) from error

    def _another(self, digest: str) -> UnavailableError:
        return UnavailableError(
            ReasonCode.IMAGE_NOT_FOUND, f"asked for {digest}; there is the file {self.descriptor.digest} only"
        )


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Around everything that reads what a person named.

    Raises:
        ConfigurationError: it cannot be read, or is too large.
    """
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be read: {error.strerror}", file=name, remedy="Check path and permissions."
        ) from error
    except _TooLargeError as error:
        raise ConfigurationError(
            f"the file has more than {MAX_FILE} bytes",
            file=name,
            remedy="Give its digest in place of the file: sha256:HEX.",
        ) from error


class _TooLargeError(Exception):
    """More than ``MAX_FILE``."""


def _described(stream: IO[bytes], copy: IO[bytes] | None) -> Descriptor:
    """The descriptor of what ``stream`` yields, all of which is written to ``copy`` too, if there is one."""
    computed, size = hashlib.sha256(), 0
    while piece := stream.read(_PIECE):
        size += len(piece)
        if size > MAX_FILE:
            raise _TooLargeError
        computed.update(piece)
        if copy is not None and size <= MAX_CONTENT:  # of more, nobody gets to see anything (``fetch``)
            copy.write(piece)
    return Descriptor(MEDIA_TYPE, f"sha256:{computed.hexdigest()}", size)
