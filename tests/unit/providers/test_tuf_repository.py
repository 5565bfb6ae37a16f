"""TUF repositories in folders and archives: what is found, and what is not touched."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError

from providers.errors import UnavailableError
from providers.tuf_repository import RepositorySource
from tests.unit.providers.tuf_world import tar, write_files

_LIMIT = 1000
_TIMESTAMP = {"timestamp.json": b"{}"}


def _read(source: RepositorySource, name: str, *, target: bool = False) -> bytes:
    return source.read((source.targets_url if target else source.metadata_url) + name, _LIMIT)


def _opened(tmp_path: Path, content: bytes) -> RepositorySource:
    (tmp_path / "repository.tar").write_bytes(content)
    return RepositorySource.open(tmp_path / "repository.tar")


def _members(*members: tarfile.TarInfo) -> bytes:
    """An archive of the timestamp and of ``members``, which have no content of their own."""
    packed = io.BytesIO(tar(_TIMESTAMP))
    with tarfile.open(fileobj=packed, mode="a") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return packed.getvalue()


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("files", "name", "found"),
    [
        ({"2.root.json": b"a", "root.json": b"b"}, "2.root.json", b"a"),
        ({"root_history/2.root.json": b"a"}, "2.root.json", b"a"),
        ({"root.json": b'{"signed": {"version": 2}}'}, "2.root.json", b'{"signed": {"version": 2}}'),
        ({"root.json": b'{"signed": {"version": 3}}'}, "2.root.json", None),
        ({"root.json": b"no json"}, "2.root.json", None),
        ({"snapshot.json": b"a"}, "7.snapshot.json", b"a"),
        ({"7.snapshot.json": b"a", "snapshot.json": b"b"}, "7.snapshot.json", b"a"),
        ({"eu/west.json": b"a"}, "1.eu%2Fwest.json", b"a"),
        ({"eu%2Fwest.json": b"a"}, "1.eu%2Fwest.json", b"a"),
        ({}, "snapshot.json", None),
    ],
)
def test_metadata_is_found(tmp_path: Path, files: dict[str, bytes], name: str, found: bytes | None) -> None:
    source = _opened(
        tmp_path, tar({f"tuf/{path}": content for path, content in (_TIMESTAMP | files).items()})
    )
    if found is None:
        with pytest.raises(DownloadHTTPError) as caught:
            _read(source, name)
        assert caught.value.status_code == 404
    else:
        assert _read(source, name) == found


_HASH = "0" * 64


@pytest.mark.parametrize(
    "path",
    [
        f"targets/{_HASH}.a.json",
        f"{_HASH}.a.json",
        "targets/a.json",
        "a.json",
        "other/folder/a.json",
        f"../targets/{_HASH}.a.json",
    ],
)
def test_targets_are_found(tmp_path: Path, path: str) -> None:
    files = {f"tuf/metadata/{name}": content for name, content in _TIMESTAMP.items()}
    files[os.path.normpath(f"tuf/metadata/{path}")] = b"a"
    assert _read(_opened(tmp_path, tar(files)), f"{_HASH}.a.json", target=True) == b"a"


def test_the_target_with_its_hash_is_preferred(tmp_path: Path) -> None:
    """The one without may be of another version."""
    files = {"targets/a.json": b"old", f"elsewhere/{_HASH}.a.json": b"new", f"targets/{_HASH}.a.json": b"new"}
    assert _read(_opened(tmp_path, tar(_TIMESTAMP | files)), f"{_HASH}.a.json", target=True) == b"new"


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "./../evil"])
def test_an_archive_with_names_that_lead_out_of_it_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnavailableError, match="leads out of the archive"):
        _opened(tmp_path, tar(_TIMESTAMP | {name: b""}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_file_in_an_archive_is_not_there(tmp_path: Path, kind: bytes) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    source = _opened(tmp_path, _members(_link("snapshot.json", str(secret), kind)))
    with pytest.raises(DownloadHTTPError):
        _read(source, "snapshot.json")


@pytest.mark.parametrize("name", ["../secret.json", "%2e%2e%2fsecret.json", "..%2F..%2Fsecret.json"])
@pytest.mark.parametrize("target", [True, False])
def test_names_are_no_paths(tmp_path: Path, name: str, target: bool) -> None:
    (tmp_path / "secret.json").write_bytes(b"secret")
    source = RepositorySource.open(write_files(tmp_path / "a" / "repository", _TIMESTAMP))
    with pytest.raises(DownloadHTTPError):
        _read(source, name, target=target)


def test_a_file_longer_than_asked_for(tmp_path: Path) -> None:
    files = _TIMESTAMP | {"snapshot.json": b"x" * (_LIMIT + 1)}
    for source in (
        _opened(tmp_path, tar(files)),
        RepositorySource.open(write_files(tmp_path / "folder", files)),
    ):
        with pytest.raises(DownloadLengthMismatchError):
            _read(source, "snapshot.json")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(write_files(tmp_path / "folder", _TIMESTAMP) / "snapshot.json")
    with pytest.raises(DownloadError, match="no file"):
        _read(RepositorySource.open(tmp_path / "folder"), "snapshot.json")


def test_a_small_archive_that_becomes_a_large_one(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes((64 << 20) + 1))
    assert len(bomb) < 100_000
    with pytest.raises(UnavailableError, match="larger than 67108864 bytes when unpacked"):
        _opened(tmp_path, bomb)


def test_an_archive_of_too_many_files(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="more than 20000 files"):
        _opened(tmp_path, _members(*(tarfile.TarInfo(str(number)) for number in range(20_000))))


@pytest.mark.parametrize(
    "content", [b"", b"no archive", tar({}), tar({"a": b""}), gzip.compress(b"x"), gzip.compress(b"x")[:-5]]
)
def test_what_is_no_repository(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnavailableError):
        _opened(tmp_path, content)


def test_two_repositories_are_none(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"two repositories: a/timestamp.json and b/timestamp.json"):
        _opened(tmp_path, tar({"a/timestamp.json": b"", "b/timestamp.json": b""}))
    source = _opened(tmp_path, tar({"a/timestamp.json": b"upper", "a/b/timestamp.json": b"lower"}))
    assert _read(source, "timestamp.json") == b"upper"


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="No such file"):
        RepositorySource.open(tmp_path / "absent")
    with pytest.raises(UnavailableError, match="no TUF repository"):
        RepositorySource.open(tmp_path)
