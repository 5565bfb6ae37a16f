"""Image layouts that somebody spoilt: nothing leads outside, hangs or is believed, and what is spoilt hides
nothing.

A layout may deny. It never gets more read than its own regular files, never more than the limits, and none of its
bytes count that do not have the digest they were asked for by.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import ConfigurationError, InvalidReferenceError, UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.unit.oci.layouts import KIND, REF_NAME, SECRET, Layout, spoil
from verifier.budget import Budget
from verifier.formats.bundle import BUNDLE_MEDIA_TYPES
from verifier.formats.manifest import OCI_INDEX, OCI_MANIFEST
from verifier.oci import LayoutLimits, LayoutStore
from verifier.oci.folder import Folder


def _reason(ask: Callable[[], object]) -> ReasonCode:
    with pytest.raises(UnavailableError) as refused:
        ask()
    assert SECRET[:6].decode() not in refused.value.message
    return refused.value.reason


# What is no layout.


def _gone(layout: Layout) -> None:
    shutil.rmtree(layout.path)


def _a_file(layout: Layout) -> None:
    shutil.rmtree(layout.path)
    layout.path.write_text("{}")


def _without(name: str) -> Callable[[Layout], None]:
    def remove(layout: Layout) -> None:
        (layout.path / name).rename(layout.path.parent / "elsewhere")

    return remove


def _linked(name: str) -> Callable[[Layout], None]:
    def link(layout: Layout) -> None:
        _without(name)(layout)
        (layout.path / name).symlink_to(layout.path.parent / "elsewhere")

    return link


def _fifo(name: str) -> Callable[[Layout], None]:
    def make(layout: Layout) -> None:
        _without(name)(layout)
        os.mkfifo(layout.path / name)

    return make


def _with(name: str, content: bytes) -> Callable[[Layout], None]:
    def write(layout: Layout) -> None:
        (layout.path / name).write_bytes(content)

    return write


_EMPTY = b'{"schemaVersion": 2, "manifests": []}'
_CROWDED = json.dumps({"schemaVersion": 2, "manifests": [{}] * 2001}).encode()
NO_LAYOUTS: dict[str, Callable[[Layout], None]] = {
    "not there": _gone,
    "a file": _a_file,
    **{f"no {name}": _without(name) for name in ("oci-layout", "index.json", "blobs", "blobs/sha256")},
    **{f"{name} a link": _linked(name) for name in ("oci-layout", "index.json", "blobs", "blobs/sha256")},
    **{f"{name} a FIFO": _fifo(name) for name in ("oci-layout", "index.json", "blobs/sha256")},
    "another version": _with("oci-layout", b'{"imageLayoutVersion": "2.0.0"}'),
    "no version": _with("oci-layout", b"{}"),
    "a long version": _with("oci-layout", b'{"imageLayoutVersion": "1.0.0"}' + b" " * 4096),
    "an index that is none": _with("index.json", b"[]"),
    "an index of version 1": _with("index.json", b'{"schemaVersion": 1, "manifests": []}'),
    "an index without a list": _with("index.json", b'{"schemaVersion": 2}'),
    "an index and a manifest": _with("index.json", _EMPTY[:-1] + b', "layers": []}'),
    "an index with a key twice": _with("index.json", _EMPTY[:-1] + b', "manifests": []}'),
    "an index that is too long": _with("index.json", _EMPTY + b" " * (4 << 20)),
    "an index with too many entries": _with("index.json", _CROWDED),
}


@pytest.mark.parametrize("name", NO_LAYOUTS)
def test_what_is_no_layout_is_refused_with_a_remedy(layout: Layout, name: str) -> None:
    layout.open().close()
    NO_LAYOUTS[name](layout)
    open_before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208  (no folder of files)
    with pytest.raises(ConfigurationError) as refused:
        LayoutStore(layout.path)
    assert refused.value.file == str(layout.path)
    assert "cosign save" in refused.value.remedy
    assert set(os.listdir("/proc/self/fd")) == open_before  # noqa: PTH208


def test_a_name_that_no_system_has_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        LayoutStore(Path("a\0b"))


def test_closed_it_answers_nothing(layout: Layout) -> None:
    store = layout.open()
    store.close()
    store.close()
    assert _reason(lambda: store.fetch("any", layout.image, Budget(60)))
    assert _reason(lambda: list(store.referrers("any", layout.image, (), Budget(60))))


# What refers to an image, beside something that is spoilt.


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("fault", ["changed", "link", "fifo", "folder"])
def test_a_blob_that_cannot_be_used_hides_no_other_and_is_told(
    layout: Layout, secret: Path, fault: str, listed: bool
) -> None:
    good, bad = layout.referrer(b"good"), layout.referrer(b"bad")
    if listed:
        layout.enter(bad)
        layout.enter(good)
    path = layout.file(bad.digest)
    spoil(path, fault, secret, path.read_bytes() + b" ")
    expected = "content-mismatch" if fault == "changed" else "registry-invalid-response"
    assert layout.some_referrers() == ([good.digest], expected)


def test_a_listed_manifest_that_is_missing_is_told(layout: Layout) -> None:
    good, gone = layout.referrer(b"good"), layout.referrer(b"gone")
    layout.enter(gone)
    layout.file(gone.digest).unlink()
    assert layout.some_referrers() == ([good.digest], "registry-invalid-response")


def test_entries_that_cannot_be_read_are_told(layout: Layout) -> None:
    good = layout.referrer(b"good")
    layout.entries.append({"mediaType": OCI_MANIFEST, "digest": "sha512:" + "0" * 128, "size": 1})
    assert layout.some_referrers() == ([good.digest], "registry-invalid-response")
    tag = f"sha256-{layout.image.hex}.sig"
    assert _reason(lambda: layout.tagged(tag)) is ReasonCode.REGISTRY_INVALID_RESPONSE
    assert layout.resolve("v1") == layout.image


@pytest.mark.parametrize("content", [b"[]", b'{"schemaVersion": 2, "manifests": 1}', None])
def test_a_list_of_referrers_that_cannot_be_read_is_told(layout: Layout, content: bytes | None) -> None:
    good = layout.referrer(b"good")
    listed = Descriptor(OCI_INDEX, digest_of(b"gone") if content is None else layout.blob(content), 9)
    layout.enter(listed, **{REF_NAME: f"sha256-{layout.image.hex}"})
    assert layout.some_referrers() == ([good.digest], "registry-invalid-response")


# Bounds.


def test_blobs_are_counted(layout: Layout) -> None:
    good = layout.referrer(b"good")
    layout.enter(good)
    for number in range(10):
        layout.blob(b"%d" % number)
    assert layout.some_referrers(LayoutLimits(blobs=9)) == ([good.digest], "limit-exceeded")


def test_large_blobs_cost_nothing(layout: Layout) -> None:
    good = layout.referrer(b"good")
    with layout.file(digest_of(b"large")).open("wb") as file:
        file.write(b"{")
        file.truncate(1 << 40)
    layout.blob(b"\x1f\x8b" + bytes(1 << 20))
    with layout.open() as store:
        found = store.referrers("any", layout.image, BUNDLE_MEDIA_TYPES, Budget(60, max_bytes=1 << 20))
        assert [descriptor.digest for descriptor in found] == [good.digest]


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (lambda: Budget(60, max_bytes=5000), ReasonCode.LIMIT_EXCEEDED),
        (lambda: Budget(60, max_requests=0), ReasonCode.LIMIT_EXCEEDED),
        (lambda: Budget(0), ReasonCode.DEADLINE_EXCEEDED),
    ],
)
def test_the_budget_holds_for_what_is_looked_through(
    layout: Layout, budget: Callable[[], Budget], reason: ReasonCode
) -> None:
    for number in range(20):
        layout.blob(b"{%d" % number + b" " * 1000)
    with layout.open() as store:
        assert _reason(lambda: list(store.referrers("any", layout.image, (), budget()))) is reason


def test_every_call_is_charged(layout: Layout) -> None:
    with layout.open() as store:
        reference = Reference.local("oci-layout:x", tag="v1")
        calls: list[Callable[[Budget], object]] = [
            lambda budget: store.resolve(reference, budget),
            lambda budget: store.fetch("any", layout.image, budget),
            lambda budget: store.tagged("any", "v1", budget),
            lambda budget: list(store.referrers("any", layout.image, (), budget)),
        ]
        for call in calls:
            call(Budget(60, max_requests=1))
            assert _reason(lambda c=call: c(Budget(60, max_requests=0))) is ReasonCode.LIMIT_EXCEEDED  # type: ignore[misc]
            assert _reason(lambda c=call: c(Budget(60, max_bytes=1))) is ReasonCode.LIMIT_EXCEEDED  # type: ignore[misc]


@pytest.mark.parametrize(("kind", "limit"), [(OCI_MANIFEST, 4096), ("application/x", 5000)])
def test_what_is_larger_than_the_limits_is_not_read(layout: Layout, kind: str, limit: int) -> None:
    limits = LayoutLimits(manifest_bytes=4096, blob_bytes=5000)
    just = Descriptor(kind, layout.blob(b"c" * limit), limit)
    more = Descriptor(kind, layout.blob(b"c" * (limit + 1)), limit + 1)
    assert layout.fetch(just, limits) == b"c" * limit
    assert _reason(lambda: layout.fetch(more, limits)) is ReasonCode.LIMIT_EXCEEDED


def test_a_file_is_not_read_past_the_limit_whatever_size_it_has(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    folder, kernels = Folder(tmp_path), Folder("/proc/self")  # where the size is always 0
    assert folder.read("file", limit=100) == b"x" * 100
    for where, name, limit in ((folder, "file", 99), (kernels, "stat", 1)):
        with pytest.raises(OSError, match=f"more than {limit} bytes") as refused:
            where.read(name, limit=limit)
        assert refused.value.errno == errno.EFBIG
    folder.close()
    kernels.close()


# What lies in a blob.


def test_content_is_what_its_digest_says(layout: Layout) -> None:
    content = b"c" * 1000
    descriptor = Descriptor("application/x", layout.blob(content), len(content))
    assert layout.fetch(descriptor) == content
    for size in (999, 1001, 0):
        wrong = Descriptor("application/x", descriptor.digest, size)
        assert _reason(lambda d=wrong: layout.fetch(d)) is ReasonCode.CONTENT_MISMATCH  # type: ignore[misc]
    layout.file(descriptor.digest).write_bytes(b"d" * 1000)
    assert _reason(lambda: layout.fetch(descriptor)) is ReasonCode.CONTENT_MISMATCH
    layout.file(descriptor.digest).unlink()
    assert _reason(lambda: layout.fetch(descriptor)) is ReasonCode.REGISTRY_INVALID_RESPONSE


def test_manifests_whose_bytes_were_changed_are_not_used(layout: Layout) -> None:
    tag = f"sha256-{layout.image.hex}.sig"
    signatures = layout.manifest(b"signatures")
    layout.enter(signatures, **{REF_NAME: tag})
    for changed in (layout.image, signatures):
        layout.file(changed.digest).write_bytes(layout.file(changed.digest).read_bytes() + b" ")
    for ask in (
        lambda: layout.resolve("v1"),
        lambda: layout.resolve(digest=layout.image.digest),
        lambda: layout.tagged(tag),
    ):
        assert _reason(ask) is ReasonCode.CONTENT_MISMATCH


@pytest.mark.parametrize("fault", ["link", "fifo", "folder", "device"])
def test_only_regular_files_inside_are_read(layout: Layout, secret: Path, fault: str) -> None:
    """The digest would be right, and it is not read all the same."""
    descriptor = Descriptor("application/x", layout.blob(SECRET), len(SECRET))
    assert layout.fetch(descriptor) == SECRET
    spoil(layout.file(descriptor.digest), fault, secret)
    for ask in (lambda: layout.fetch(descriptor), lambda: layout.resolve(digest=descriptor.digest)):
        assert _reason(ask) is ReasonCode.REGISTRY_INVALID_RESPONSE


def test_a_device_is_no_file() -> None:
    devices = Folder("/dev")
    with pytest.raises(OSError, match="not a regular file"):
        devices.read("null", limit=9)
    devices.close()


def test_it_stays_the_folder_that_was_opened(layout: Layout, tmp_path: Path) -> None:
    with layout.open() as store:
        content = store.fetch("any", layout.image, Budget(60))
        layout.path.rename(tmp_path / "moved")
        layout.path.symlink_to("/")
        assert store.fetch("any", layout.image, Budget(60)) == content


def test_a_digest_that_is_none_never_becomes_a_path(layout: Layout, secret: Path) -> None:
    with layout.open() as store:
        for digest in ("sha256:../../../secret", f"sha256:{secret}", "../secret", "sha256:"):
            with pytest.raises(InvalidReferenceError):
                store.fetch("any", Descriptor("application/x", digest, len(SECRET)), Budget(60))


def test_threads_each_see_the_whole_folder(layout: Layout) -> None:
    """They list it at the same time, and none takes another's names away."""
    expected = sorted(layout.referrer(b"%d" % number).digest for number in range(100))
    results: list[list[str]] = []
    with layout.open() as store:

        def look() -> None:
            for _ in range(5):
                found = store.referrers("any", layout.image, (), Budget(60))
                results.append(sorted(descriptor.digest for descriptor in found))

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [expected] * 20


# Any index.


def _indexes(layout: Layout, seed: int) -> Iterator[bytes]:
    whole = json.dumps({"schemaVersion": 2, "manifests": layout.entries}).encode()
    choose = random.Random(seed)  # noqa: S311  (no secret)
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(choose.randint(1, 4)):
            place, count = choose.randrange(len(data)), choose.randint(0, 30)
            other = choose.randrange(len(whole))
            data[place : place + count] = choose.choice([b"", b"\xff", whole[other : other + 60]])
        yield bytes(data)


@pytest.mark.parametrize("seed", range(5))
def test_any_index_gives_an_answer_or_one_of_our_errors(layout: Layout, seed: int) -> None:
    layout.enter(layout.referrer(b"bundle"))
    layout.enter(layout.manifest(b"sigs"), kind=f"{KIND}sigs")
    layout.enter(layout.index(layout.image), **{REF_NAME: f"sha256-{layout.image.hex}"})
    layout.open().close()
    for index in _indexes(layout, seed):
        (layout.path / "index.json").write_bytes(index)
        try:
            store = LayoutStore(layout.path)
        except ConfigurationError:
            continue
        with store:
            _ask_everything(store, layout)


def _ask_everything(store: LayoutStore, layout: Layout) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.resolve(Reference.local("x", tag="v1"), Budget(60)),
        lambda: store.resolve(Reference.local("x"), Budget(60)),
        lambda: list(store.referrers("any", layout.image, (), Budget(60))),
        lambda: store.tagged("any", f"sha256-{layout.image.hex}.sig", Budget(60)),
    ]
    for call in calls:
        try:
            call()
        except UnavailableError:
            continue
