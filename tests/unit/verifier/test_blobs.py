"""One file as a store."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import ConfigurationError, InvalidReferenceError, UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from verifier import blobs
from verifier.blobs import BlobStore
from verifier.budget import Budget

CONTENT = b"a file\n" * 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a file"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def kept() -> Iterator[Callable[[BlobStore], BlobStore]]:
    """Keeps a store until the test ends, and closes it then."""
    with ExitStack() as opened:
        yield lambda store: opened.enter_context(closing(store))


Keep = Callable[[BlobStore], BlobStore]


def _fetch(store: BlobStore, descriptor: Descriptor | None = None) -> bytes:
    return store.fetch("any", descriptor or store.descriptor, Budget(10))


def _reason(store: BlobStore, descriptor: Descriptor | None = None) -> ReasonCode:
    with pytest.raises(UnavailableError) as caught:
        _fetch(store, descriptor)
    return caught.value.reason


def test_a_file(path: Path, kept: Keep) -> None:
    store = kept(BlobStore.of_file(path))
    assert store.descriptor == Descriptor("application/octet-stream", digest_of(CONTENT), len(CONTENT))
    assert _fetch(store) == _fetch(store) == CONTENT
    assert store.resolve(Reference.local("x"), Budget(10)) == store.descriptor
    assert list(store.referrers("any", store.descriptor, (), Budget(10))) == []
    assert store.tagged("any", "v1", Budget(10)) is None
    assert not store.lacking


def test_an_empty_file_is_a_file(tmp_path: Path, kept: Keep) -> None:
    (tmp_path / "empty").touch()
    store = kept(BlobStore.of_file(tmp_path / "empty"))
    assert store.descriptor.digest == digest_of(b"")
    assert _fetch(store) == b""


def test_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    for in_memory in (10, 1 << 20):
        monkeypatch.setattr(blobs, "_IN_MEMORY", in_memory)
        store = BlobStore.of_stream(io.BytesIO(CONTENT), "standard input")
        assert store.descriptor.digest == digest_of(CONTENT)
        assert _fetch(store) == _fetch(store) == CONTENT
        store.close()


def test_a_pipe_with_a_name(tmp_path: Path, kept: Keep) -> None:
    """<(command) of a shell: what was read for the digest is gone, and was kept."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(CONTENT,))
    writer.start()
    store = kept(BlobStore.of_file(pipe))
    writer.join()
    assert store.descriptor.digest == digest_of(CONTENT)
    assert _fetch(store) == CONTENT


def test_a_digest_is_no_content() -> None:
    store = BlobStore.of_digest(digest_of(CONTENT))
    assert store.descriptor.digest == digest_of(CONTENT)
    before = store.lacking
    assert _reason(store) is ReasonCode.IMAGE_NOT_FOUND
    assert (before, store.lacking) == (False, True)
    store.close()
    for malformed in ("sha256:abc", "sha512:" + "0" * 128, ""):
        with pytest.raises(InvalidReferenceError):
            BlobStore.of_digest(malformed)


def test_another_content_is_not_there(path: Path, kept: Keep) -> None:
    store = kept(BlobStore.of_file(path))
    other = Descriptor("application/octet-stream", digest_of(b"other"), 5)
    assert _reason(store, other) is ReasonCode.IMAGE_NOT_FOUND
    with pytest.raises(UnavailableError):
        store.resolve(Reference.local("x", digest=other.digest), Budget(10))
    assert not store.lacking  # it is not the file that is asked about


@pytest.mark.parametrize("changed", [b"another", CONTENT + b"x", CONTENT[:-1], b"x" * len(CONTENT), b""])
def test_a_file_that_changes_is_noticed(path: Path, changed: bytes, kept: Keep) -> None:
    store = kept(BlobStore.of_file(path))
    path.write_bytes(changed)
    assert _reason(store) is ReasonCode.CONTENT_MISMATCH


def test_a_file_that_is_replaced_is_still_the_one_that_was_asked_about(path: Path, kept: Keep) -> None:
    store = kept(BlobStore.of_file(path))
    path.unlink()
    path.write_bytes(b"another")
    assert _fetch(store) == CONTENT


def test_what_cannot_be_read_has_its_name(tmp_path: Path) -> None:
    for name in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ConfigurationError) as caught:
            BlobStore.of_file(name)
        assert caught.value.file == str(name)


def test_limits(path: Path, monkeypatch: pytest.MonkeyPatch, kept: Keep) -> None:
    monkeypatch.setattr(blobs, "MAX_CONTENT", len(CONTENT))
    assert _fetch(kept(BlobStore.of_file(path))) == CONTENT
    monkeypatch.setattr(blobs, "MAX_CONTENT", len(CONTENT) - 1)
    assert _reason(kept(BlobStore.of_file(path))) is ReasonCode.LIMIT_EXCEEDED
    monkeypatch.setattr(blobs, "MAX_FILE", len(CONTENT) - 1)
    with pytest.raises(ConfigurationError, match="sha256:HEX"):
        BlobStore.of_file(path)
    with pytest.raises(ConfigurationError, match="sha256:HEX"):
        BlobStore.of_stream(io.BytesIO(CONTENT), "standard input")


def test_a_spent_budget_reads_nothing(path: Path, kept: Keep) -> None:
    store, budget = kept(BlobStore.of_file(path)), Budget(10)
    budget.end()
    with pytest.raises(UnavailableError) as caught:
        store.fetch("any", store.descriptor, budget)
    assert caught.value.reason is ReasonCode.DEADLINE_EXCEEDED


class _Breaking(io.RawIOBase):
    """A disk that fails in the middle."""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_disk_that_fails() -> None:
    broken: IO[bytes] = _Breaking()  # type: ignore[assignment]  # as far as it is used
    with pytest.raises(ConfigurationError, match="Input/output error"):
        BlobStore.of_stream(broken, "standard input")
    store = BlobStore(Descriptor("application/octet-stream", digest_of(CONTENT), 7), broken)
    assert _reason(store) is ReasonCode.CONTENT_MISMATCH
