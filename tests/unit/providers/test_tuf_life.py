"""A TUF provider while it lives: nobody waits for an update, and nobody sees half of one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.refresh import Pace
from providers.trust import TrustedMaterial
from tests.unit.providers.tuf_world import SUBJECT, Mirror, World, answer

# Longer than anything here takes on any machine; what ends by it has hung.
_PATIENCE = 60.0
_QUICK = Pace(timedelta(milliseconds=5), retry=timedelta(milliseconds=5))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(_PATIENCE / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it did not happen")


class _Hanging(Mirror):
    """Says nothing until the update is broken off."""

    def __init__(self, world: World) -> None:
        super().__init__(world.repository)
        self.hangs = True
        self.asked_while_hanging = threading.Event()
        self._broken_off = threading.Event()

    def read(self, url: str, limit: int) -> bytes:
        if self.hangs:
            self.asked_while_hanging.set()
            assert self._broken_off.wait(_PATIENCE)
            raise ConnectionAbortedError("broken off")
        return super().read(url, limit)

    def close(self) -> None:
        self._broken_off.set()


def test_it_follows_the_repository(world: World) -> None:
    provider = world.provider(pace=_QUICK)
    provider.start(world.accept)
    world.publish(b"root 2")
    _until(lambda: answer(provider) == b"root 2")
    world.mirror.fails()
    _until(lambda: provider.status().failures > 2)
    assert answer(provider) == b"root 2"
    world.publish(b"root 3")
    world.mirror.answers = {}
    _until(lambda: answer(provider) == b"root 3")
    assert provider.stop(timedelta(seconds=_PATIENCE))
    assert answer(provider) == b"root 3"


def test_the_first_update_comes_at_once(world: World) -> None:
    """What was there at the start may be old."""
    world.started()
    world.publish(b"root 2")
    provider = world.provider(pace=Pace(timedelta(days=1)))
    provider.start(world.accept)
    _until(lambda: answer(provider) == b"root 2")
    assert provider.stop(timedelta(seconds=_PATIENCE))


def test_nobody_waits_for_a_mirror_that_hangs(world: World) -> None:
    world.started()  # fills the cache
    mirror = _Hanging(world)
    provider = world.provider(mirror=mirror, pace=_QUICK)
    provider.start(world.accept)
    assert mirror.asked_while_hanging.wait(_PATIENCE)
    assert answer(provider) == b"root 1"  # would hang with the update
    assert provider.status().usable
    assert len(provider.materials()) == 1
    assert provider.stop(timedelta(seconds=_PATIENCE))
    assert answer(provider) == b"root 1"
    assert provider.status().failures == 0  # that it was stopped is no failure of the mirror


def test_a_thread_that_does_not_end_is_left_behind(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.started()
    mirror = _Hanging(world)
    broken_off, mirror.close = mirror.close, lambda: None  # type: ignore[method-assign]
    provider = world.provider(mirror=mirror, pace=_QUICK)
    provider.start(world.accept)
    assert mirror.asked_while_hanging.wait(_PATIENCE)
    assert not provider.stop(timedelta(milliseconds=10))
    assert "does not end" in caplog.text
    broken_off()
    assert provider.stop(timedelta(seconds=_PATIENCE))


def test_stop_may_come_at_any_time(world: World) -> None:
    provider = world.provider()
    assert provider.stop()
    assert provider.stop()
    with pytest.raises(RuntimeError, match="stopped before"):
        provider.start(world.accept)
    running = world.provider(mirror=Mirror(world.repository), pace=_QUICK)
    running.start(world.accept)
    assert running.stop(timedelta(seconds=_PATIENCE))
    assert running.stop(timedelta(seconds=_PATIENCE))


def test_every_answer_is_one_whole_snapshot(world: World) -> None:
    """Eight threads ask while the root is swapped a hundred times."""
    provider = world.started()
    swaps, seen, broken = 100, set(), []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.0005):  # or the thread that swaps gets no turn
            material = provider.trusted_material(SUBJECT, None, "")
            seen.add(material.revision)
            if material.revision != "sha256:" + hashlib.sha256(material.trusted_root).hexdigest():
                broken.append(material)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for count in range(2, swaps + 2):
            content = f"root {count}".encode() * 1000
            world.publish(content)
            provider.refresh()
            assert answer(provider) == content
            revision = provider.materials()[0].revision
            _until(lambda revision=revision: revision in seen)  # type: ignore[misc]
    finally:
        done.set()
        for thread in threads:
            thread.join(_PATIENCE)
    assert broken == []
    assert len(seen) > swaps


def test_what_is_not_accepted_is_never_answered_with(world: World) -> None:
    provider = world.provider()
    inside: list[bytes] = []

    def accept(material: TrustedMaterial) -> None:
        if provider.materials():
            inside.append(answer(provider))
        if material.trusted_root != b"root 1":
            raise ConfigurationError("does not parse")

    provider.start(accept, background=False)
    world.publish(b"root 2")
    with pytest.raises(ConfigurationError):
        provider.refresh()
    assert inside == [b"root 1"]  # while it was being looked at, and after
    assert answer(provider) == b"root 1"


def test_two_updates_never_run_at_once(world: World) -> None:
    at_once, most = 0, 0
    guard = threading.Lock()

    class Counting(Mirror):
        def read(self, url: str, limit: int) -> bytes:
            nonlocal at_once, most
            with guard:
                at_once += 1
                most = max(most, at_once)
            try:
                threading.Event().wait(0.002)  # a turn for the others
                return super().read(url, limit)
            finally:
                with guard:
                    at_once -= 1

    provider = world.started(mirror=Counting(world.repository))
    threads = [threading.Thread(target=provider.refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    assert most == 1


def test_the_same_content_stays_the_same_bytes(world: World) -> None:
    """What engines compiled from it is found again without comparing it."""
    provider = world.started()
    before = provider.materials()[0]
    world.clock.passes(hours=1)
    provider.refresh()
    after = provider.materials()[0]
    assert after.trusted_root is before.trusted_root
    assert after.loaded_at == before.loaded_at + timedelta(hours=1)  # confirmed anew
    assert world.accepted == [b"root 1"]


def test_after_stop_nothing_is_fetched(world: World) -> None:
    mirror = _Hanging(world)
    mirror.hangs = False
    provider = world.provider(mirror=mirror, pace=_QUICK)
    provider.start(world.accept)
    assert provider.stop(timedelta(seconds=_PATIENCE))
    asked = len(mirror.asked)
    threading.Event().wait(0.05)  # several times its pace
    assert len(mirror.asked) == asked


def test_status_says_what_is_known(world: World) -> None:
    provider = world.provider()
    before = provider.status()
    assert (before.revision, before.usable, before.age) == ("", False, timedelta(0))
    provider.start(world.accept, background=False)
    started = world.clock()
    world.mirror.fails()
    world.clock.passes(hours=2)
    with pytest.raises(UnavailableError):
        provider.refresh()
    status = provider.status()
    assert status.source == "tuf:mirror:/"
    assert status.revision == provider.materials()[0].revision
    assert (status.last_success, status.last_failure) == (started, started + timedelta(hours=2))
    assert (status.age, status.expires) == (timedelta(hours=2), started + timedelta(days=30))
    assert (status.failures, status.usable) == (1, True)
    assert "no route to host" in status.failure
