"""What a TUF provider starts with, and that it needs no network for it."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial
from providers.tuf_anchor import Anchor
from providers.tuf_http import HttpSource
from tests.unit.providers.tuf_world import NEVER, SUBJECT, TARGET, World, answer, tar, write_files


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _flat(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """As a ConfigMap has them: without folders."""
    return {name.rpartition("/")[2]: content for name, content in files.items()}


def _kept_by_a_client(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """As python-tuf, and cosign much like it, keep them: one version of each, targets without a hash."""
    newest = max(int(name.split(".")[0]) for name in files if name.endswith(".snapshot.json"))
    target = next(content for name, content in files.items() if name.endswith(f".{TARGET}"))
    return {
        "root.json": files["root.json"],
        "timestamp.json": files["timestamp.json"],
        "snapshot.json": files[f"{newest}.snapshot.json"],
        "targets.json": files[f"{newest}.targets.json"],
        f"targets/{TARGET}": target,
    }


@pytest.mark.parametrize("name", ["production", "staging"])
def test_an_embedded_root_is_there_at_once(world: World, name: str) -> None:
    world.mirror.fails()
    anchor = Anchor.embedded(name)
    provider = world.started(anchor=anchor)
    assert answer(provider) == anchor.trusted_root
    assert b"certificateAuthorities" in anchor.trusted_root
    assert world.mirror.asked == []
    status = provider.status()
    assert "not yet confirmed" in status.source
    assert (status.last_success, status.expires, status.usable) == (None, None, True)


def test_what_is_given_is_used_until_the_repository_confirms_another(world: World) -> None:
    provider = world.started(anchor=Anchor("given", world.repository.root, b"given"))
    assert answer(provider) == b"given"
    provider.refresh()
    assert answer(provider) == b"root 1"
    assert world.accepted == [b"given", b"root 1"]
    assert "not yet confirmed" not in provider.status().source


@pytest.mark.parametrize("arranged", [dict, _flat, _kept_by_a_client])
@pytest.mark.parametrize("packed", [None, tar, lambda files: gzip.compress(tar(files))])
def test_a_repository_in_files_is_proved(
    world: World,
    tmp_path: Path,
    arranged: Callable[[Mapping[str, bytes]], dict[str, bytes]],
    packed: Callable[[Mapping[str, bytes]], bytes] | None,
) -> None:
    files = {f"repository/{name}": content for name, content in arranged(world.repository.files()).items()}
    place = tmp_path / "mounted"
    if packed is None:
        write_files(place, files)
    else:
        place.write_bytes(packed(files))
    provider = world.started(mirror=None, repository=place)
    assert answer(provider) == b"root 1"
    assert provider.status().expires == world.clock() + timedelta(days=30)


def test_a_repository_mounted_as_a_config_map(world: World, tmp_path: Path) -> None:
    """Files are links through ``..data``, which the kubelet turns to a new folder."""
    mounted = tmp_path / "mounted"
    _swap(mounted, "..v1", _flat(world.repository.files()))
    provider = world.started(mirror=None, repository=mounted)
    assert answer(provider) == b"root 1"
    world.publish(b"root 2")
    _swap(mounted, "..v2", _flat(world.repository.files()))
    provider.refresh()
    assert answer(provider) == b"root 2"


def _swap(mounted: Path, version: str, files: Mapping[str, bytes]) -> None:
    write_files(mounted / version, files)
    (mounted / "..new").symlink_to(version)
    (mounted / "..new").replace(mounted / "..data")
    for name in files:
        if not (mounted / name).is_symlink():
            (mounted / name).symlink_to(f"..data/{name}")


def test_a_mounted_repository_is_stale_from_when_it_expired(world: World, tmp_path: Path) -> None:
    mounted = write_files(tmp_path / "mounted", world.repository.files())
    expiry = world.clock() + timedelta(days=30)
    world.clock.passes(days=33)
    provider = world.started(mirror=None, repository=mounted, max_staleness=timedelta(days=4))
    assert answer(provider) == b"root 1"
    assert provider.status().age == world.clock() - expiry + timedelta(seconds=1)
    world.clock.passes(days=1)
    with pytest.raises(UnavailableError) as caught:
        answer(provider)
    assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE
    with pytest.raises(UnavailableError, match="expired"):
        provider.refresh()


def test_the_newer_of_cache_and_mount_counts(world: World, tmp_path: Path) -> None:
    old = write_files(tmp_path / "old", world.repository.files())
    world.publish(b"root 2")
    world.started().refresh()
    world.mirror.fails()
    assert answer(world.started(repository=old)) == b"root 2"
    world.publish(b"root 3")
    new = write_files(tmp_path / "new", world.repository.files())
    assert answer(world.started(repository=new)) == b"root 3"


def test_with_a_root_alone_the_mirror_is_asked_once(world: World) -> None:
    provider = world.started()
    assert answer(provider) == b"root 1"
    assert world.mirror.asked.count("timestamp.json") == 1


def test_without_anything_it_does_not_start(world: World) -> None:
    world.mirror.fails()
    provider = world.provider()
    with pytest.raises(ConfigurationError, match=r"no trusted root to start with: .*no route to host"):
        provider.start(world.accept)
    assert provider.materials() == ()
    world.mirror.answers.clear()
    provider.start(world.accept, background=False)  # the next try may do better
    assert answer(provider) == b"root 1"


def test_what_engines_refuse_is_not_started_with(world: World) -> None:
    def refuse(material: TrustedMaterial) -> None:
        raise ConfigurationError(f"{material.trusted_root!r} does not parse")

    provider = world.provider(anchor=Anchor("given", world.repository.root, b"given"))
    with pytest.raises(ConfigurationError) as caught:
        provider.start(refuse)
    assert "b'given' does not parse" in str(caught.value)
    assert "b'root 1' does not parse" in str(caught.value)
    assert provider.materials() == ()


def test_making_one_reads_and_connects_nothing(world: World, tmp_path: Path) -> None:
    provider = world.provider(repository=tmp_path / "absent", mirror=HttpSource("http://mirror.test/"))
    assert provider.materials() == ()
    assert not world.folder.exists()
    with pytest.raises(UnavailableError, match="not started"):
        provider.trusted_material(SUBJECT, None, "")


def test_it_is_started_once(world: World) -> None:
    provider = world.started()
    with pytest.raises(RuntimeError, match="before"):
        provider.start(world.accept)


def test_contradictions_are_refused(world: World) -> None:
    with pytest.raises(ConfigurationError, match="needs a mirror or a folder"):
        world.provider(mirror=None)
    with pytest.raises(ConfigurationError, match="staleness"):
        world.provider(max_staleness=timedelta(0))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "/etc/passwd",
            "../trusted_root.json",
            "a/../b",
            "a//b",
            "./a",
            "a\\b",
            "%2e%2e/a",
            "a?b",
            "a#b",
        ),
        *("https://x", "a b", "ä", "a\n", "x" * 201),
    ],
)
def test_names_that_lead_elsewhere_are_no_targets(world: World, name: str) -> None:
    with pytest.raises(ConfigurationError, match="not the name of a TUF target"):
        world.provider(target=name)


@pytest.mark.parametrize("content", [b"", b"{}", b"no json", b"[" * 5000])
def test_what_is_no_root_metadata_is_no_anchor(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "root.json").write_bytes(content)
    with pytest.raises(ConfigurationError):
        Anchor.from_files(tmp_path / "root.json")


def test_other_metadata_is_no_anchor(world: World) -> None:
    timestamp = world.repository.files()["timestamp.json"]
    with pytest.raises(ConfigurationError, match="it is timestamp metadata"):
        Anchor("given", timestamp)


def test_a_root_that_was_changed_is_no_anchor(world: World) -> None:
    changed = world.repository.root.replace(b'"version": 1', b'"version": 2')
    assert changed != world.repository.root
    with pytest.raises(ConfigurationError, match="signed by 0/1 keys"):
        Anchor("given", changed)


def test_an_anchor_from_files(world: World, tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(world.repository.root)
    (tmp_path / TARGET).write_bytes(b"given")
    world.mirror.fails()
    anchor = Anchor.from_files(tmp_path / "root.json", tmp_path / TARGET)
    assert answer(world.started(anchor=anchor)) == b"given"


def test_an_instance_without_an_embedded_root(world: World) -> None:
    with pytest.raises(ConfigurationError, match="no root is embedded"):
        Anchor.embedded("github")


def test_without_a_place_for_temporary_files(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    assert answer(world.started(max_staleness=NEVER)) == b"root 1"
