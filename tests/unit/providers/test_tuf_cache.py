"""The last known good outlives the process, and is believed no more than a mirror."""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.tuf import TufProvider
from providers.tuf_anchor import Anchor
from providers.tuf_cache import LastKnownGood
from providers.tuf_client import Proved
from tests.unit.providers.tuf_world import NEVER, World, answer, tar

_Files = dict[str, bytes]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One that kept its first root, and is now without network."""
    world = World(tmp_path)
    world.started()
    world.mirror.fails()
    return world


def _fallback(world: World) -> Anchor:
    return Anchor("given", world.repository.root, b"given")


def _edit_cache(world: World, change: Callable[[_Files], None]) -> None:
    path = world.cache().path
    with tarfile.open(path) as archive:
        files = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    change(files)
    path.write_bytes(tar(files))


def _restarted(world: World) -> TufProvider:
    return world.started(anchor=_fallback(world), max_staleness=timedelta(days=7))


def test_it_is_there_without_network(world: World) -> None:
    provider = _restarted(world)
    assert answer(provider) == b"root 1"
    assert world.mirror.asked.count("timestamp.json") == 1  # before it was restarted
    assert provider.status().last_success == world.clock()
    assert [path.name for path in world.folder.iterdir()] == [world.cache().path.name]


def test_its_age_counts_from_when_it_was_proved(world: World) -> None:
    world.clock.passes(days=6)
    assert _restarted(world).status().age == timedelta(days=6)
    world.clock.passes(days=1, seconds=1)
    provider = _restarted(world)
    with pytest.raises(UnavailableError, match="nothing confirms it since 2026-01-31T12:00:00Z"):
        answer(provider)
    world.mirror.answers.clear()
    provider.refresh()
    assert answer(provider) == b"root 1"


def test_it_is_used_after_its_metadata_expired(world: World) -> None:
    """As it would have been if the process had gone on."""
    world.clock.passes(days=31)
    assert answer(world.started(max_staleness=timedelta(days=31))) == b"root 1"


def test_it_cannot_be_made_to_look_younger_than_its_metadata(world: World) -> None:
    world.clock.passes(days=90)
    later = world.clock() - timedelta(days=1)
    _edit_cache(world, lambda files: files.update({"proved-at": later.isoformat().encode()}))
    assert answer(_restarted(world)) == b"given"


def test_a_time_to_come_counts_as_now(world: World) -> None:
    later = world.clock() + timedelta(days=20)
    _edit_cache(world, lambda files: files.update({"proved-at": later.isoformat().encode()}))
    provider = _restarted(world)
    assert answer(provider) == b"root 1"
    world.clock.passes(days=7, seconds=1)
    with pytest.raises(UnavailableError):
        answer(provider)


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files.update({"targets/trusted_root.json": b"r00t 1"}),
        lambda files: files.pop("targets/trusted_root.json"),
        lambda files: files.update({"timestamp.json": files["timestamp.json"].replace(b"2026", b"2036")}),
        lambda files: files.update({"timestamp.json": b"{}"}),
        lambda files: files.pop("timestamp.json"),
        lambda files: files.pop("snapshot.json"),
        lambda files: files.update({"targets.json": b""}),
        lambda files: files.pop("proved-at"),
        lambda files: files.update({"proved-at": b"yesterday"}),
        lambda files: files.update({"proved-at": b"\xff"}),
        lambda files: files.update({"proved-at": b"2026-01-31T12:00:00"}),
        lambda files: files.update({"../../evil": b""}),
    ],
)
def test_what_does_not_prove_itself_is_not_used(
    world: World, change: Callable[[_Files], None], caplog: pytest.LogCaptureFixture
) -> None:
    _edit_cache(world, change)
    assert answer(_restarted(world)) == b"given"
    assert "not started from" in caplog.text


@pytest.mark.parametrize("spoil", [lambda _: b"", lambda b: b[:700], lambda b: b[:-9000], lambda b: b"x" + b])
def test_a_broken_file_is_not_used_and_replaced(world: World, spoil: Callable[[bytes], bytes]) -> None:
    path = world.cache().path
    path.write_bytes(spoil(path.read_bytes()))
    provider = _restarted(world)
    assert answer(provider) == b"given"
    world.mirror.answers.clear()
    provider.refresh()
    world.mirror.fails()
    assert answer(_restarted(world)) == b"root 1"


def test_it_is_not_used_under_another_root(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    with pytest.raises(ConfigurationError, match="signed by 0/1 keys"):
        world.started(anchor=other.anchor)


def test_what_is_not_proved_is_not_kept(world: World) -> None:
    before = world.cache().path.read_bytes()
    provider = _restarted(world)
    world.publish(b"root 2")
    world.mirror.answers = {".trusted_root.json": b"r00t 2"}
    with pytest.raises(UnavailableError):
        provider.refresh()
    assert world.cache().path.read_bytes() == before


class _ReadOnly(LastKnownGood):
    def write(self, name: str, proved: Proved) -> None:
        raise OSError(30, "Read-only file system")


def test_a_folder_that_cannot_be_written(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    provider = world.started(cache=_ReadOnly(world.folder, "mirror"))
    assert answer(provider) == b"root 1"
    world.mirror.answers.clear()
    world.publish(b"root 2")
    provider.refresh()
    provider.refresh()
    assert answer(provider) == b"root 2"
    assert caplog.text.count("is kept in memory only") == 1


def test_a_folder_that_cannot_be_made(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    world.mirror.answers.clear()
    provider = world.started(cache=LastKnownGood(tmp_path / "file" / "cache", "mirror"))
    assert answer(provider) == b"root 1"


def test_without_a_folder(world: World) -> None:
    world.mirror.answers.clear()
    provider = world.started(cache=None)
    world.publish(b"root 2")
    provider.refresh()
    assert answer(provider) == b"root 2"


def test_a_write_that_fails_leaves_nothing_behind(world: World, tmp_path: Path) -> None:
    cache = LastKnownGood(tmp_path / "other", "mirror")
    (cache.path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        cache.write("trusted_root.json", Proved(b"root", world.clock(), world.clock(), {}))
    assert [path.name for path in cache.folder.iterdir()] == [cache.path.name]


def test_each_repository_has_a_file_of_its_own(world: World) -> None:
    assert LastKnownGood(world.folder, "mirror").path != LastKnownGood(world.folder, "other mirror").path
    path = LastKnownGood(world.folder, "https://mirror.test/../../etc").path
    assert path.parent == world.folder


def test_it_is_what_can_be_mounted_elsewhere(world: World) -> None:
    provider = world.started(mirror=None, cache=None, repository=world.cache().path, max_staleness=NEVER)
    assert answer(provider) == b"root 1"
    assert tarfile.is_tarfile(BytesIO(world.cache().path.read_bytes()))
