"""When a host is given up, and when it is asked again: the rules, without a network and without time."""

from __future__ import annotations

from contextlib import ExitStack, suppress

import pytest

from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from verifier.budget import Budget
from verifier.oci.hosts import Exchange, HostReport, Hosts, HostState
from verifier.oci.limits import RegistryLimits
from verifier.oci.origin import Origin

HOST = Origin("https", "registry.test", 443)
OTHER = Origin("https", "other.test", 443)
LIMITS = RegistryLimits(
    silent_requests=3, silent_seconds=5, unanswered_seconds=1, pause_seconds=1, longest_pause=30, hosts=4
)
SILENT = (ReasonCode.DEADLINE_EXCEEDED, ReasonCode.REGISTRY_UNAVAILABLE)
SILENCE = UnavailableError(ReasonCode.DEADLINE_EXCEEDED, "too late")


class World:
    def __init__(self) -> None:
        self.now = 1000.0
        self.hosts = Hosts(LIMITS, lambda: self.now)

    def begin(self, origin: Origin = HOST) -> Exchange:
        return self.hosts.begin(origin, Budget(3600))

    def ask(self, seconds: float, error: Exception | None = SILENCE, origin: Origin = HOST) -> None:
        """One exchange that takes ``seconds``."""
        with suppress(UnavailableError), self.begin(origin):
            self.now += seconds
            if error is not None:
                raise error

    def many(self, count: int) -> list[Exchange]:
        return [self.begin() for _ in range(count)]

    def refused(self) -> bool:
        """Whether who asks now is told that the host is given up; who is not, gets an answer."""
        with suppress(UnavailableError), self.begin():
            return False
        return True

    def state(self) -> HostState:
        return self.report.state

    @property
    def report(self) -> HostReport:
        return next(report for report in self.hosts.report() if report.host == str(HOST))


@pytest.fixture
def world() -> World:
    return World()


def let_go(exchanges: list[Exchange]) -> list[bool]:
    return [exchange.deadline() == 0 for exchange in exchanges]


def test_all_but_the_first_are_let_go(world: World) -> None:
    waiting = world.many(16)
    world.now += 4.9
    assert not any(let_go(waiting))
    world.now += 0.1
    assert let_go(waiting) == [False] + [True] * 15
    assert waiting[0].seconds_left() > 0
    with pytest.raises(UnavailableError) as over:
        waiting[1].seconds_left()
    assert over.value.reason is ReasonCode.REGISTRY_UNAVAILABLE
    assert world.state() is HostState.PROBED


def test_a_few_are_no_burst(world: World) -> None:
    waiting = world.many(2)
    world.now += 100
    assert let_go(waiting) == [False, False]
    late = world.begin()  # a moment ago: it says nothing yet
    assert let_go([*waiting, late]) == [False] * 3
    world.now += 1
    assert let_go([*waiting, late]) == [False, True, True]


def test_a_host_is_given_up_alone(world: World) -> None:
    world.many(3)
    world.now += 5
    assert world.refused()
    with world.begin(OTHER):
        pass
    assert [report.state for report in world.hosts.report()] == [HostState.PROBED, HostState.ANSWERING]


@pytest.mark.parametrize("progress", [True, False])
def test_an_answer_to_one_is_an_answer_for_all(world: World, progress: bool) -> None:
    first, *others = world.many(4)
    world.now += 4
    if progress:
        first.progressed()
    else:
        first.__exit__(None, None, None)
    world.now += 4.9
    assert not any(let_go(others))
    world.now += 0.1
    assert any(let_go(others))


def test_time_outs_in_a_row(world: World) -> None:
    world.ask(3)
    world.ask(3)
    assert not world.refused()  # an answer: nothing happened
    for _ in range(2):
        world.ask(2)
    assert world.state() is HostState.ANSWERING
    world.ask(2)
    assert world.state() is HostState.GIVEN_UP


@pytest.mark.parametrize("reason", [r for r in ReasonCode if r.could_not_check and r not in SILENT])
def test_what_the_host_said_or_we_did_is_no_silence(world: World, reason: ReasonCode) -> None:
    for _ in range(10):
        world.ask(3, UnavailableError(reason, "..."))
    assert world.report.unanswered == 0


@pytest.mark.parametrize("error", [SILENCE, UnavailableError(ReasonCode.REGISTRY_UNAVAILABLE, "refused")])
def test_what_fails_at_once_is_no_silence(world: World, error: UnavailableError) -> None:
    for _ in range(100):
        world.ask(0.9, error)
    assert world.report.unanswered == 0


def test_a_fault_of_ours_is_no_silence(world: World) -> None:
    for _ in range(10):
        with suppress(RuntimeError), world.begin():
            world.now += 3
            raise RuntimeError
    assert world.report.unanswered == 0


def test_long_ago_is_forgotten(world: World) -> None:
    world.ask(4)
    world.ask(4)
    world.now += 31
    waiting = world.many(3)
    world.now += 2
    assert not any(let_go(waiting))


def given_up(world: World) -> None:
    for _ in range(3):
        world.ask(2)
    assert world.state() is HostState.GIVEN_UP


def test_after_a_pause_one_asks_and_an_answer_ends_it(world: World) -> None:
    given_up(world)
    assert world.refused()
    world.now += 1
    probe = world.begin()
    assert world.state() is HostState.PROBED
    assert world.refused()
    with ExitStack() as stack:
        stack.enter_context(probe)
    assert world.state() is HostState.ANSWERING
    assert not world.refused()


def test_pauses_double_up_to_the_longest(world: World) -> None:
    given_up(world)
    pauses = []
    for _ in range(7):
        pauses.append(world.report.again_in)
        world.now += world.report.again_in
        world.ask(2)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    world.now += 30
    world.ask(2, None)
    given_up(world)
    assert world.report.again_in == 1


def test_a_probe_that_said_nothing_lets_the_next_one_ask(world: World) -> None:
    """Its caller hung up at once."""
    given_up(world)
    world.now += 1
    world.ask(0.1)
    assert not world.refused()


def test_a_probe_that_waits_for_long_is_replaced(world: World) -> None:
    """Else one with a deadline far away would keep the host from being asked."""
    given_up(world)
    world.now += 1
    first = world.begin()
    world.now += 4.9
    assert world.refused()
    world.now += 0.1
    second = world.begin()
    assert let_go([first, second]) == [True, False]
    first.__exit__(UnavailableError, SILENCE, None)
    assert world.state() is HostState.PROBED
    second.__exit__(None, None, None)
    assert world.state() is HostState.ANSWERING


def test_who_is_let_go_does_not_count_again(world: World) -> None:
    waiting = world.many(5)
    world.now += 5
    assert let_go(waiting).count(True) == 4
    for exchange in waiting[1:]:
        exchange.__exit__(UnavailableError, SILENCE, None)
    assert world.report.unanswered == 0
    waiting[0].__exit__(None, None, None)
    assert world.report == HostReport(str(HOST), HostState.ANSWERING, 0, 0, 0, 0.0)


def test_who_may_wait_for_a_busy_host(world: World) -> None:
    assert [world.hosts.wait(HOST) for _ in range(9)] == [True] * 8 + [False]
    assert world.hosts.wait(OTHER)
    assert world.report.waiting == 8
    world.hosts.waited(HOST)
    assert world.hosts.wait(HOST)


def test_hosts_are_remembered_in_a_bounded_number(world: World) -> None:
    busy = world.begin()
    for number in range(10):
        world.ask(0, None, Origin("https", f"{number}.test", 443))
    assert [report.host for report in world.hosts.report()] == ["registry.test", "7.test", "8.test", "9.test"]
    busy.__exit__(None, None, None)
    world.ask(0, None, OTHER)
    assert len(world.hosts.report()) == 4
