"""A layout in a tar file: the same answers as from its folder, and nothing else of whatever the file holds."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.unit.oci.layouts import SECRET, Layout, entry
from verifier.budget import Budget
from verifier.formats.bundle import BUNDLE_MEDIA_TYPES
from verifier.oci import LayoutLimits, LayoutStore

IMAGE = Reference.local("oci-layout:x", tag="v1")
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def pack(layout: Layout, *, kind: int = tarfile.PAX_FORMAT, prefix: str = "") -> Path:
    """The layout in a tar file beside its folder, as ``tar -c .`` packs it."""
    layout.write("index.json", {"schemaVersion": 2, "manifests": layout.entries})
    path = layout.path.with_suffix(".tar")
    with tarfile.open(path, "w", format=kind) as archive:
        archive.add(layout.path, arcname=prefix or ".")
    return path


def append(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "a") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def refused(path: Path, limits: LayoutLimits | None = None) -> ConfigurationError:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ConfigurationError) as caught:
        LayoutStore(path, limits=limits)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert SECRET.decode() not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("prefix", ["", "plain"])
def test_an_archive_answers_as_its_folder_does(layout: Layout, kind: str, prefix: str) -> None:
    referrer = layout.referrer(b"a bundle")
    path = pack(layout, kind=FORMATS[kind])
    if prefix:  # without the leading "./"
        with tarfile.open(path, "w", format=FORMATS[kind]) as archive:
            for name in ("oci-layout", "index.json", "blobs"):
                archive.add(layout.path / name, arcname=name)
    with LayoutStore(path) as packed, layout.open() as unpacked:
        for store in (packed, unpacked):
            assert store.resolve(IMAGE, Budget(60)) == layout.image
            found = list(store.referrers("any", layout.image, BUNDLE_MEDIA_TYPES, Budget(60)))
            assert [descriptor.digest for descriptor in found] == [referrer.digest]
            read = store.tagged("any", "v1", Budget(60))
            assert read is not None
            assert digest_of(read[1]) == layout.image.digest
            bundle = Descriptor("application/x", digest_of(b"a bundle"), 8)
            assert store.fetch("any", bundle, Budget(60)) == b"a bundle"


def test_many_threads_read_one_archive(layout: Layout) -> None:
    blobs = [b"%d" % number * 1000 for number in range(50)]
    for blob in blobs:
        layout.blob(blob)
    with LayoutStore(pack(layout)) as store, ThreadPoolExecutor(8) as pool:
        wanted = [Descriptor("application/x", digest_of(blob), len(blob)) for blob in blobs]
        assert list(pool.map(lambda each: store.fetch("any", each, Budget(60)), wanted)) == blobs


LINKS: dict[str, dict[str, Any]] = {
    "symbolic": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "hard": {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"},
    "hard, within": {"type": tarfile.LNKTYPE, "linkname": "oci-layout"},
    "device": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
    "fifo": {"type": tarfile.FIFOTYPE},
    "folder": {"type": tarfile.DIRTYPE},
    "contiguous": {"type": tarfile.CONTTYPE},
}


@pytest.mark.parametrize("how", LINKS)
def test_what_is_no_regular_file_is_not_there(layout: Layout, how: str) -> None:
    digest = digest_of(SECRET)
    path = append(pack(layout), member(f"blobs/sha256/{digest[7:]}", **LINKS[how]))
    with LayoutStore(path) as store:
        with pytest.raises(UnavailableError) as caught:
            store.fetch("any", Descriptor("application/x", digest, len(SECRET)), Budget(60))
        assert caught.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
    empty = layout.path / "empty.tar"
    with tarfile.open(empty, "w") as archive:
        archive.addfile(member("oci-layout", **LINKS[how])[0])
        archive.addfile(member("index.json", **LINKS[how])[0])
    assert "not in the archive" in refused(empty).problem


@pytest.mark.parametrize(
    "name",
    ["/index.json", "../index.json", "a/../index.json", "./blobs/../index.json", "INDEX.JSON", "index.json/"],
)
def test_no_other_name_is_that_of_a_file_of_the_layout(layout: Layout, name: str) -> None:
    layout.write("index.json", {"schemaVersion": 2, "manifests": []})
    path = append(pack(layout), member(name, b'{"schemaVersion": 2, "manifests": []}'))
    with LayoutStore(path) as store:
        assert store.resolve(IMAGE, Budget(60)) == layout.image


def test_a_file_that_is_there_twice_is_one_too_many(layout: Layout) -> None:
    """Programs that unpack take the last, others the first."""
    for name in ("index.json", "./index.json", f"blobs/sha256/{layout.image.hex}"):
        assert "twice" in refused(append(pack(layout), member(name, b"{}"))).problem


def _cut(content: bytes) -> bytes:
    return content[:1000]


def _sized(size: bytes) -> Callable[[bytes], bytes]:
    """The first header says that its file has ``size``."""

    def change(content: bytes) -> bytes:
        header = bytearray(content[:512])
        header[124:136] = size
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        return bytes(header) + content[512:]

    return change


def _long_name(size: int) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        info = tarfile.TarInfo("././@LongLink")
        info.type, info.size = tarfile.GNUTYPE_LONGNAME, size
        return info.tobuf(tarfile.GNU_FORMAT) + content

    return change


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "is empty": lambda _: b"",
    "is no archive": lambda _: SECRET * 100,
    "is compressed": gzip.compress,
    "is cut short": _cut,
    "has a wrong checksum": lambda content: content[:10] + b"x" + content[11:],
    "has a file of a size below zero": _sized(b"\xff" * 12),
    "has a file of an enormous size": _sized(b"\x80" + b"\x7f" * 11),
    "has a name of a gigabyte": _long_name(1 << 30),
    "has a name of a size below zero": _long_name(-512),
}


@pytest.mark.parametrize("how", WRONG)
def test_an_archive_that_cannot_be_used_is_refused(layout: Layout, how: str) -> None:
    path = pack(layout)
    path.write_bytes(WRONG[how](path.read_bytes()))
    error = refused(path)
    assert error.file == str(path)
    assert "uncompressed tar" in error.remedy


def test_files_and_headers_are_counted(layout: Layout) -> None:
    path = pack(layout)
    assert "more than 3 files" in refused(path, LayoutLimits(archive_members=3)).problem
    assert "headers" in refused(path, LayoutLimits(archive_headers=2000)).problem
    many = [member(f"x{number}", pax_headers={"comment": "c" * 50_000}) for number in range(10)]
    assert "headers" in refused(append(path, *many), LayoutLimits(archive_headers=400_000)).problem


def test_a_sparse_file_is_not_read_as_what_it_stands_for(layout: Layout) -> None:
    """What is stored and what it stands for are two things, also where they look the same."""
    content = b"x" * 10
    info, _ = member(
        f"GNUSparseFile.0/{digest_of(content)[7:]}",
        content,
        pax_headers={
            "GNU.sparse.map": "0,10",
            "GNU.sparse.size": "10",
            "GNU.sparse.name": f"blobs/sha256/{digest_of(content)[7:]}",
            "GNU.sparse.numblocks": "1",
        },
    )
    with LayoutStore(append(pack(layout), (info, content))) as store, pytest.raises(UnavailableError):
        store.fetch("any", Descriptor("application/x", digest_of(content), 10), Budget(60))


def test_a_blob_has_to_be_what_its_name_says(layout: Layout) -> None:
    path = append(pack(layout), member(f"blobs/sha256/{'0' * 64}", SECRET))
    with LayoutStore(path) as store, pytest.raises(UnavailableError) as caught:
        store.fetch("any", Descriptor("application/x", f"sha256:{'0' * 64}", len(SECRET)), Budget(60))
    assert caught.value.reason is ReasonCode.CONTENT_MISMATCH


def test_a_blob_that_is_too_large_is_not_read(layout: Layout) -> None:
    blob = b"x" * 1000
    layout.blob(blob)
    layout.entries.append(entry(layout.manifest(b"y")))
    with LayoutStore(pack(layout)) as store:
        budget = Budget(60, max_bytes=500)
        for size, reason in ((999, ReasonCode.CONTENT_MISMATCH), (1000, ReasonCode.LIMIT_EXCEEDED)):
            with pytest.raises(UnavailableError) as caught:
                store.fetch("any", Descriptor("application/x", digest_of(blob), size), budget)
            assert caught.value.reason is reason


def test_an_archive_that_is_cut_short_later_is_noticed(layout: Layout) -> None:
    layout.blob(b"x" * 5000)
    path = pack(layout)
    with LayoutStore(path) as store:
        os.truncate(path, 4096)
        with pytest.raises(UnavailableError):
            store.fetch("any", Descriptor("application/x", digest_of(b"x" * 5000), 5000), Budget(60))
        assert path.stat().st_size == 4096


@pytest.mark.parametrize("what", ["fifo", "missing", "device"])
def test_what_is_neither_a_file_nor_a_folder(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "fifo":
        os.mkfifo(path)
    refused(Path("/dev/zero") if what == "device" else path)
