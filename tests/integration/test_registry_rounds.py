"""How many requests an image costs, and how many of them have to wait for one another.

The registry counts rounds itself: it answers nobody until no more requests come, and then all of them at once.
What could be asked at the same time is one round, whatever time it takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from providers.subject import Subject
from pycosign.lab import MemoryRegistry, Request, attach_bundle, attach_legacy, push_image, serve_registry
from tests.integration.registry_verdicts import LAB, SIGNER, verifying
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.oci import RegistryLimits, RegistryStore
from verifier.verdict import Outcome

# Requests that are made at the same time come within this, also on a machine with much to do.
QUIET = 0.2
LONG = 60.0


@dataclass
class Rounds:
    """What a registry was asked, round by round."""

    asked: list[list[str]] = field(default_factory=lambda: [[]])
    _last: float = 0.0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def hook(self, request: Request) -> None:
        with self._changed:
            mine = len(self.asked)
            self.asked[-1].append(request.path)
            self._last = time.monotonic()
            while len(self.asked) == mine:
                left = self._last + QUIET - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                else:
                    self.asked.append([])
                    self._changed.notify_all()

    def take(self) -> list[int]:
        """How many requests there were in each round, since the last time."""
        with self._changed:
            asked, self.asked = self.asked, [[]]
            return [len(requests) for requests in asked if requests]


@dataclass
class World:
    registry: MemoryRegistry
    address: str
    rounds: Rounds
    verifier: Verifier

    def image(self, name: str, *, bundles: int = 1, legacy: int = 1) -> str:
        """Push an image with signatures in both formats; its name by tag."""
        pushed = push_image(self.registry, name, tag="v1", content=name.encode())
        for _ in range(bundles):
            attach_bundle(self.registry, name, pushed, LAB.sign_image(pushed.digest, **SIGNER))
        layers = [
            LAB.sign_image_legacy(pushed.digest, reference=f"{name}-{number}", **SIGNER)
            for number in range(legacy)
        ]
        if layers:
            attach_legacy(self.registry, name, pushed, layers)
        return f"{self.address}/{name}:v1"

    def validate(self, name: str, signatures: int) -> str:
        """Verify ``name``, all of whose signatures are good; its name by digest."""
        result = self.verifier.validate(Subject.parse(name), Budget(LONG))
        assert result.outcome is Outcome.ALLOWED, result.message
        assert sum(len(artifact.detail) for artifact in result.results) == signatures
        assert result.subject is not None
        return f"{name.rpartition(':')[0]}@{result.subject.digest}"


@contextmanager
def world_of(registry: MemoryRegistry, limits: RegistryLimits | None = None) -> Iterator[World]:
    rounds = Rounds()
    with (
        serve_registry(registry, hook=rounds.hook) as address,
        verifying(RegistryStore(plain_http={address}, limits=limits)) as verifier,
    ):
        yield World(registry, address, rounds, verifier)


@pytest.fixture
def world() -> Iterator[World]:
    with world_of(MemoryRegistry()) as made:
        yield made


def test_a_cold_image_by_tag_takes_four_rounds_and_six_requests(world: World) -> None:
    """The tag | referrers, .sig | the bundle's manifest, the layer of .sig | the bundle."""
    world.validate(world.image("demo/app"), 2)
    assert world.rounds.take() == [1, 2, 2, 1]


def test_a_warm_image_takes_two_rounds_by_tag_and_one_by_digest(world: World) -> None:
    """What is signed may change, what it says may not."""
    name = world.image("demo/app")
    pinned = world.validate(name, 2)
    world.rounds.take()
    world.validate(name, 2)
    assert world.rounds.take() == [1, 2]
    world.validate(pinned, 2)
    assert world.rounds.take() == [2]


def test_many_signatures_take_no_more_rounds(world: World) -> None:
    world.validate(world.image("demo/app", bundles=6, legacy=6), 12)
    assert world.rounds.take() == [1, 2, 12, 6]


def test_without_the_referrers_api_there_is_one_round_more() -> None:
    with world_of(MemoryRegistry(referrers_api=False)) as world:
        world.validate(world.image("demo/app"), 2)
        assert world.rounds.take() == [1, 2, 2, 1, 1]


def test_ten_images_at_a_time_take_the_rounds_of_one(world: World) -> None:
    names = [world.image(f"demo/app{number}") for number in range(10)]
    with ThreadPoolExecutor(10) as pool:
        assert len(list(pool.map(lambda name: world.validate(name, 2), names))) == 10
    assert world.rounds.take() == [10, 20, 20, 10]


def test_without_a_free_thread_everything_is_read_all_the_same() -> None:
    """One thing after the other: nobody waits for a thread."""
    with world_of(MemoryRegistry(), RegistryLimits(threads=1)) as world:
        names = [world.image(f"demo/app{number}", bundles=2, legacy=2) for number in range(4)]
        with ThreadPoolExecutor(4) as pool:
            assert len(list(pool.map(lambda name: world.validate(name, 4), names))) == 4
        assert sum(world.rounds.take()) == 4 * (3 + 2 + 2 + 2)
