"""What is read ahead: the same verdict whatever comes first, and nothing that waits keeps others from being
read.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import pytest

from providers.descriptor import Descriptor
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from pycosign.lab import attach_legacy, push_artifact
from tests.memory_store import MemoryStore
from tests.unit.verifier.test_discovery import Stored
from tests.unit.verifier.world import FACTS, NOW, STRANGER, A, C, R, refusal
from verifier.budget import Budget
from verifier.core import MAX_CANDIDATES, Verifier
from verifier.discovery import Discovery, StorageForm
from verifier.formats.bundle import BUNDLE_V03
from verifier.gathering import Gathering, had
from verifier.results import ValidationResult
from verifier.store import Q, Together, in_turn
from verifier.store import R as Result

AHEAD = 8


class Shuffled:
    """Does what was begun in any order, in one thread: what some pool of threads might do."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (of a test)

    def __call__(
        self, repository: str, work: Callable[[Q], Result], items: Iterable[Q]
    ) -> Iterator[tuple[Q, Callable[[], Result]]]:
        source, begun = iter(items), deque[tuple[Q, list[Callable[[], Result]]]]()
        failure: Exception | None = None
        more = True
        while more or begun:
            while more and len(begun) < AHEAD:
                try:
                    begun.append((next(source), []))
                except StopIteration:
                    more = False
                except UnavailableError as error:
                    more, failure = False, error
            waiting = [entry for entry in begun if not entry[1]]
            self._random.shuffle(waiting)
            for item, outcome in waiting[: self._random.randint(0, AHEAD)]:
                outcome.append(_done(work, item))
            if begun:
                item, outcome = begun.popleft()
                yield item, outcome[0] if outcome else _done(work, item)
        if failure is not None:
            raise failure


def _done(work: Callable[[Q], Result], item: Q) -> Callable[[], Result]:
    try:
        found = work(item)
    except Exception as error:  # noqa: BLE001  (raised where the result is asked for)
        failure = error

        def fail() -> Result:
            raise failure

        return fail
    return lambda: found


class Paying(MemoryStore):
    """Spends what it reads, as a registry does; some contents cost more requests than others."""

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        content = super().fetch(repository, descriptor, budget)
        for _ in range(descriptor.size % 3):
            budget.spend_request()
        budget.spend_bytes(descriptor.size)
        budget.spend_bytes(descriptor.size % 7)  # header fields
        return content


@pytest.fixture
def world() -> Stored:
    made = Stored()
    made.store = Paying(made.registry)
    for answer in (STRANGER, refusal(ReasonCode.MALFORMED), STRANGER):
        made.attach("bundle", answer)
    layers = [
        made.layer(answer, b"p" * size) for answer, size in ((STRANGER, 300), (FACTS, 900), (STRANGER, 200))
    ]
    attach_legacy(made.registry, "app", made.image, layers)
    made.attach("bundle", FACTS)
    made.attach("bundle", STRANGER)
    return made


def verdict(world: Stored, together: Together, budget: Budget) -> ValidationResult:
    verifier = Verifier(
        store=world.store,
        engines=(world.engine,),
        trust=StaticTrustedMaterialProvider(world.trust),
        policies=StaticPolicyProvider(tuple(world.policies)),
        clock=lambda: NOW,
        discovery=world.discovery,
        together=together,
    )
    return verifier.validate(Subject.parse("reg.test/app:v1"), budget)


def test_the_verdict_and_all_its_details_are_the_same_in_any_order(world: Stored) -> None:
    expected = verdict(world, in_turn, Budget(60))
    assert expected.outcome is A
    assert sum(len(artifact.detail) for artifact in expected.results) == 8
    for seed in range(50):
        assert verdict(world, Shuffled(seed), Budget(60)) == expected


def _limited(what: str, limit: int) -> Budget:
    return Budget(60, max_bytes=limit) if what == "max_bytes" else Budget(60, max_requests=limit)


@pytest.mark.parametrize("what", ["max_bytes", "max_requests"])
def test_what_is_read_before_the_budget_is_spent_is_the_same_in_any_order(world: Stored, what: str) -> None:
    """Were it not, a verdict would depend on which answer came first."""
    outcomes = set()
    for limit in range(0, 6000, 97) if what == "max_bytes" else range(1, 40):
        expected = verdict(world, Shuffled(0), _limited(what, limit))
        outcomes.add((expected.outcome, expected.reason))
        for seed in range(1, 12):
            assert verdict(world, Shuffled(seed), _limited(what, limit)) == expected, (limit, seed)
    assert outcomes == {(C, ReasonCode.LIMIT_EXCEEDED), (A, ReasonCode.OK)}


def test_no_more_is_set_aside_than_there_is(world: Stored) -> None:
    """Contents that are read at the same time share what is left, each as large as it says."""
    held: list[int] = []
    fetch = world.store.fetch

    def reading(repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        held.append(descriptor.size)
        return fetch(repository, descriptor, budget)

    world.store.fetch = reading  # type: ignore[method-assign]
    world.discovery = Discovery(frozenset({StorageForm.BUNDLE}))
    for number in range(5):
        push_artifact(
            world.registry,
            "app",
            BUNDLE_V03,
            b"%d" % number * 30_000,
            media_type=BUNDLE_V03,
            subject=world.image,
        )
    verdict(world, Shuffled(1), Budget(60, max_bytes=80_000))
    assert max(held) == 30_000
    assert sum(held) <= 80_000


def test_a_size_that_was_invented_takes_nothing_away_for_long(world: Stored) -> None:
    """What was set aside for a content that is not there, or is smaller, is there for the next."""
    budget = Budget(60, max_bytes=1000)
    for _ in range(100):
        ahead = budget.ahead(900)
        with pytest.raises(UnavailableError) as none_left:
            budget.ahead(101)
        assert none_left.value.reason is ReasonCode.LIMIT_EXCEEDED
        ahead.settle()
        ahead.settle()
    ahead = budget.ahead(900)
    ahead.spend_bytes(950)  # fields come on top
    ahead.spend_request()
    ahead.settle()
    budget.spend_bytes(50)
    with pytest.raises(UnavailableError):
        budget.spend_bytes(1)
    with pytest.raises(UnavailableError):
        budget.ahead(1)


def test_what_is_read_ahead_ends_with_the_question() -> None:
    whole = Budget(60)
    part = next(whole.shares(1)).ahead(10)
    whole.end()
    with pytest.raises(UnavailableError) as over:
        part.seconds_left()
    assert over.value.reason is ReasonCode.DEADLINE_EXCEEDED


def test_what_was_read_in_time_counts_although_it_is_late_now() -> None:
    """Another content before it took all of the time."""
    budget = Budget(60)
    ahead = budget.ahead(10)
    ahead.spend_bytes(10)
    budget.end()
    ahead.settle()


def test_of_several_parts_each_has_as_much_and_the_last_all_of_the_time() -> None:
    for parts in (1, 2, 3, 9):
        budget = Budget(100, max_bytes=90, max_requests=18)
        shares = list(budget.shares(parts))
        left = [round(share.seconds_left()) for share in shares]  # asked one after the other
        assert left == sorted(left)
        assert left[-1] == pytest.approx(100, abs=5)
        assert left[0] >= 100 / (1 + parts / 2) - 5
        for share in shares:
            for _ in range(18 // parts):
                share.spend_request()
            share.spend_bytes(90 // parts)
            for spend in (share.spend_request, lambda share=share: share.spend_bytes(1)):
                with pytest.raises(UnavailableError):
                    spend()


# Nothing waits for what comes before it


class Threaded:
    """A thread for each thing, begun at once."""

    def __call__(
        self, repository: str, work: Callable[[Q], Result], items: Iterable[Q]
    ) -> Iterator[tuple[Q, Callable[[], Result]]]:
        begun: list[tuple[Q, threading.Thread, list[Callable[[], Result]]]] = []
        for item in items:
            outcome: list[Callable[[], Result]] = []
            thread = threading.Thread(target=lambda item=item, out=outcome: out.append(_done(work, item)))
            thread.start()
            begun.append((item, thread, outcome))
        for item, thread, outcome in begun:
            thread.join()
            yield item, outcome[0]


class Gated(MemoryStore):
    """Answers nothing about one thing until everything else was asked."""

    def __init__(self, world: Stored, last: str, others: int) -> None:
        super().__init__(world.registry)
        self._last, self._others = last, others
        self._all_asked = threading.Event()

    def _ask(self, repository: str, question: str, budget: Budget) -> None:
        super()._ask(repository, question, budget)
        if len(self.asked) > self._others:  # whoever comes last, and be it the one that waits
            self._all_asked.set()
        if question.startswith(self._last):
            assert self._all_asked.wait(20)


def test_a_place_that_is_slow_does_not_keep_the_other_from_being_read() -> None:
    """The bundle and the layer of the tag are asked for while the other place has not answered."""
    for last, others in (("tagged ", 4), ("referrers ", 3)):
        world = Stored()
        world.attach("bundle", FACTS)
        world.attach("sig", STRANGER)
        world.store = Gated(world, last, others)
        assert verdict(world, Threaded(), Budget(60)).outcome is A


def test_candidates_are_counted_and_those_beyond_are_not_read(world: Stored) -> None:
    for number in range(MAX_CANDIDATES):
        push_artifact(
            world.registry, "app", BUNDLE_V03, b"%d" % number, media_type=BUNDLE_V03, subject=world.image
        )
    result = verdict(world, Shuffled(3), Budget(60))
    assert (result.outcome, len(result.results)) == (A, MAX_CANDIDATES + 1)
    manifests = [asked for asked in world.store.asked if asked.startswith("fetch ")]
    assert len(manifests) <= 2 * MAX_CANDIDATES + 3


def test_a_fault_in_reading_is_of_one_candidate(world: Stored) -> None:
    class Broken(Discovery):
        def layers(self, manifest: object) -> None:
            raise RuntimeError

    gathering = Gathering(world.store, in_turn, Broken(), "reg.test/app")
    image = Descriptor(world.image.media_type, world.image.digest, world.image.size)
    with pytest.raises(RuntimeError):
        had(gathering.artifact(image, Budget(60)).layers)
    world.discovery = Broken()
    result = verdict(world, in_turn, Budget(60))
    assert (result.outcome, result.reason) == (C, ReasonCode.INTERNAL_ERROR)
    assert R not in {each.outcome for each in result.results}
