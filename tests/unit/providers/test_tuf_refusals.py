"""What a TUF provider does not believe: the last known good stays, and it is told why."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import DownloadError
from tuf.api.metadata import DelegatedRole, Delegations, MetaFile, Targets

from providers.errors import ConfigurationError, PycosignError, UnavailableError
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial
from providers.tuf import TufProvider
from tests.unit.providers.tuf_world import (
    NEVER,
    TARGET,
    World,
    answer,
    edited,
    first_version,
    rotate,
    write_files,
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _refused(provider: TufProvider, why: str, *, keeps: bytes = b"root 1") -> None:
    """The refresh fails for that reason, visibly, and what was there stays."""
    before = provider.status()
    with pytest.raises(PycosignError, match=why):
        provider.refresh()
    assert answer(provider) == keeps
    status = provider.status()
    assert status.failures == before.failures + 1
    assert why in status.failure
    assert (status.revision, status.last_success) == (before.revision, before.last_success)


def test_expired_metadata(world: World) -> None:
    provider = world.started(max_staleness=NEVER)
    world.publish(b"root 2", lifetime=timedelta(0))
    _refused(provider, "expired")
    world.publish(b"root 3")
    provider.refresh()
    assert answer(provider) == b"root 3"
    assert provider.status().failures == 0
    assert "expired" in provider.status().failure  # the last one, for whoever looks later


def test_freeze(world: World) -> None:
    """Who can only repeat what was signed once is found out when that expires."""
    provider = world.started(max_staleness=timedelta(days=5))
    world.mirror.freezes()
    world.publish(b"root 2")
    world.clock.passes(days=29)
    provider.refresh()
    assert answer(provider) == b"root 1"
    world.clock.passes(days=2)
    _refused(provider, "expired")
    world.clock.passes(days=4)
    with pytest.raises(UnavailableError, match="nothing confirms it since 2026-03-01T12:00:00Z") as caught:
        answer(provider)
    assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE
    assert "expired" in str(caught.value)
    assert not provider.status().usable
    assert provider.materials()[0].trusted_root == b"root 1"  # for reports


def test_rollback(world: World) -> None:
    world.publish(b"root 2")
    provider = world.started()
    assert answer(provider) == b"root 2"
    world.mirror.answers = {"timestamp.json": first_version(world.repository)}
    _refused(provider, "New timestamp version 1 must be >= 2", keeps=b"root 2")


def test_rollback_after_a_restart(world: World) -> None:
    world.publish(b"root 2")
    world.started()
    world.mirror.answers = {"timestamp.json": first_version(world.repository)}
    provider = world.started()
    _refused(provider, "New timestamp version 1 must be >= 2", keeps=b"root 2")


def test_rollback_by_a_snapshot(world: World) -> None:
    """Whoever holds the keys that are online cannot bring back old targets."""
    world.publish(b"root 2")
    provider = world.started()
    files, signer = world.repository.files(), world.repository._signer

    def later(signed: Any) -> None:
        signed.version = 3
        signed.snapshot_meta.version = 3

    def with_old_targets(signed: Any) -> None:
        signed.version = 3
        signed.meta["targets.json"].version = 1

    world.mirror.answers = {
        "timestamp.json": edited(files["timestamp.json"], signer, later),
        "3.snapshot.json": edited(files["2.snapshot.json"], signer, with_old_targets),
    }
    _refused(provider, "Expected targets.json version 1, got 2", keeps=b"root 2")


def test_rollback_behind_what_a_failed_update_saw(world: World) -> None:
    provider = world.started()
    old = world.repository.files()["timestamp.json"]
    world.publish(b"root 2")
    world.mirror.answers = {"snapshot.json": DownloadError("no route to host")}
    _refused(provider, "no route to host")
    world.mirror.answers = {"timestamp.json": old}
    _refused(provider, "New timestamp version 1 must be >= 2")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"root 2", "does not match"),  # replaced below by something of its length
        (b"roo", "length"),
        (b"", "length"),
        (b"root 2 and more", "longer than 6"),
    ],
)
def test_another_target_than_was_signed(world: World, content: bytes, why: str) -> None:
    provider = world.started()
    world.publish(b"root 2")
    world.mirror.answers = {
        f".{TARGET}": content.replace(b"root 2", b"r00t 2", 1) if why == "does not match" else content
    }
    _refused(provider, why)


def test_a_target_too_large_to_be_one_is_not_fetched(world: World) -> None:
    provider = world.started()
    world.publish(b"x" * ((4 << 20) + 1))
    _refused(provider, "more than 4194304")
    assert sum(TARGET in path for path in world.mirror.asked) == 1


def test_a_repository_without_the_target(world: World) -> None:
    provider = world.started()
    world.repository.publish({"other.json": b"root 2"})
    _refused(provider, "has no target 'trusted_root.json'")


def test_an_empty_target(world: World) -> None:
    provider = world.started()
    world.publish(b"")
    _refused(provider, "nothing is trusted")


@pytest.mark.parametrize("path", ["timestamp.json", "2.snapshot.json", "2.targets.json"])
@pytest.mark.parametrize("spoil", [lambda _: b"", lambda b: b[:-20], lambda b: b.replace(b"2026", b"2027")])
def test_metadata_that_was_changed(world: World, path: str, spoil: Callable[[bytes], bytes]) -> None:
    provider = world.started()
    world.publish(b"root 2")
    world.mirror.answers = {path: spoil(world.repository.files()[path])}
    _refused(provider, "the TUF repository is refused")


def test_metadata_without_end(world: World) -> None:
    provider = world.started()
    world.mirror.answers = {"timestamp.json": b" " * 20_000}
    _refused(provider, "longer than 16384")


def test_keys_that_were_rotated_out(world: World) -> None:
    provider = world.started()
    before = world.repository._signer
    rotate(world.repository)
    world.publish(b"root 2")
    provider.refresh()
    assert answer(provider) == b"root 2"
    forged = edited(
        world.repository.files()["timestamp.json"], before, lambda signed: setattr(signed, "version", 9)
    )
    world.mirror.answers = {"timestamp.json": forged}
    _refused(provider, "signed by 0/1 keys", keeps=b"root 2")
    world.mirror.answers = {"2.root.json": b"gone"}  # it is remembered, also across a restart
    for again in (provider, world.started()):
        again.refresh()
        assert answer(again) == b"root 2"


@pytest.mark.parametrize("error", [ConfigurationError("does not parse"), ValueError("does not parse")])
def test_what_engines_refuse_never_replaces_what_they_use(world: World, error: Exception) -> None:
    provider = world.provider()

    def accept(material: TrustedMaterial) -> None:
        if material.trusted_root == b"root 2":
            raise error

    provider.start(accept, background=False)
    world.publish(b"root 2")
    _refused(provider, "does not parse")
    world.clock.passes(days=8)
    _failing(provider)
    with pytest.raises(UnavailableError, match="does not parse"):
        answer(provider)
    assert answer(world.started(max_staleness=NEVER)) == b"root 1"  # nor is it what a restart finds
    world.publish(b"root 3")
    provider.refresh()
    assert answer(provider) == b"root 3"


def _failing(provider: TufProvider) -> None:
    with pytest.raises(PycosignError):
        provider.refresh()


def test_staleness_ends_with_the_first_success(world: World) -> None:
    provider = world.started(max_staleness=timedelta(days=1))
    world.clock.passes(days=1)
    assert answer(provider) == b"root 1"
    world.clock.passes(seconds=1)
    with pytest.raises(UnavailableError, match="no update was tried"):
        answer(provider)
    provider.refresh()
    assert answer(provider) == b"root 1"


def test_sentences_of_a_mirror_are_printable(world: World) -> None:
    provider = world.started()
    world.mirror.answers = {"timestamp.json": DownloadError("\x1b[2J\n" + "x" * 5000)}
    with pytest.raises(UnavailableError) as caught:
        provider.refresh()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_names_of_roles_do_not_leave_the_folder(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """python-tuf keeps what is delegated under the name of its role, which the repository chooses."""
    work = tmp_path / "work" / "place"
    work.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(work))
    name = "../../../evil"
    signer = world.repository._signer
    role = DelegatedRole(name, [signer.public_key.keyid], 1, terminating=False, paths=["*"])
    delegated = edited(
        world.repository.files()["1.targets.json"], signer, lambda signed: signed.targets.clear()
    )

    def delegate(signed: Targets) -> None:
        signed.targets.clear()
        signed.delegations = Delegations({signer.public_key.keyid: signer.public_key}, {name: role})

    def describe(signed: Any) -> None:
        signed.meta[f"{name}.json"] = MetaFile(1)

    files = world.repository.files()
    answers: Mapping[str, bytes | Exception] = {
        "%2Fevil.json": delegated,
        "targets.json": edited(files["1.targets.json"], signer, delegate),
        "snapshot.json": edited(files["1.snapshot.json"], signer, describe),
    }
    world.mirror.answers = dict(answers)
    provider = world.provider(cache=None)
    with pytest.raises(ConfigurationError, match="has no target"):
        provider.start(world.accept)
    assert any("evil" in path for path in world.mirror.asked)
    assert [path for path in tmp_path.rglob("*") if path != work and path.name != "work"] == []


def test_a_target_in_a_folder(world: World, tmp_path: Path) -> None:
    name = "instances/eu/trusted_root.json"
    world.repository.publish({name: b"european"})
    digest = hashlib.sha256(b"european").hexdigest()
    files = world.repository.files()
    # As servers have it: the hash stands before the last part of the name.
    files[f"targets/instances/eu/{digest}.trusted_root.json"] = files.pop(f"targets/{digest}.{name}")
    mounted = write_files(tmp_path / "mounted", files)
    provider = world.started(mirror=None, repository=mounted, target=name)
    assert answer(provider) == b"european"
    assert provider.status().source.endswith(f"#{name}")
