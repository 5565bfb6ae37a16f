"""Several things at a time: in order, a few ahead, and never blocked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from verifier.oci.fetch_pool import FetchPool

LONG = 20.0


@pytest.fixture
def pool() -> Iterator[FetchPool]:
    made = FetchPool(4, 3)
    yield made
    made.close()
    assert not any(thread.name.startswith("pycosign-fetch") for thread in threading.enumerate())


def test_results_come_in_the_order_of_the_questions(pool: FetchPool) -> None:
    second_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_is_done.wait(LONG)
        if number == 1:
            second_is_done.set()
        return number * number

    found = [(number, result()) for number, result in pool.together(work, range(10))]
    assert found == [(number, number * number) for number in range(10)]


def test_so_many_are_begun_before_their_turn_and_in_the_caller_s_thread(pool: FetchPool) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            assert threading.current_thread() is threading.main_thread()
            taken.append(number)
            yield number

    for number, result in pool.together(lambda number: number, items()):
        assert len(taken) == min(number + 3, 10)
        assert result() == number


def test_an_error_is_raised_where_its_result_is_asked_for(pool: FetchPool) -> None:
    def work(number: int) -> int:
        if number == 1:
            raise ValueError(number)
        return number

    results = [result for _, result in pool.together(work, range(3))]
    assert (results[0](), results[2]()) == (0, 2)
    for _ in range(2):
        with pytest.raises(ValueError, match="1"):
            results[1]()


def test_an_error_among_the_questions_comes_after_those_before_it(pool: FetchPool) -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError

    found = []
    with pytest.raises(ValueError):  # noqa: PT012  (what came before it is what is looked at)
        for _, result in pool.together(lambda number: number, items()):
            found.append(result())
    assert found == [1, 2]


def test_what_no_thread_is_free_for_the_caller_does(pool: FetchPool) -> None:
    gate, busy = threading.Event(), threading.Barrier(5)

    def hold(_: int) -> None:
        busy.wait(LONG)
        gate.wait(LONG)

    holders = [
        threading.Thread(target=lambda: [result() for _, result in pool.together(hold, range(2))])
        for _ in range(2)
    ]
    for holder in holders:
        holder.start()
    busy.wait(LONG)
    me = threading.current_thread()
    found = [result() for _, result in pool.together(lambda _: threading.current_thread(), range(5))]
    assert found == [me] * 5
    gate.set()
    for holder in holders:
        holder.join()


def test_work_that_starts_work_cannot_block(pool: FetchPool) -> None:
    """Four levels deep, and more of it than there are threads."""

    def work(depth: int) -> int:
        if depth == 0:
            return 1
        return sum(result() for _, result in pool.together(work, [depth - 1] * 5))

    assert work(4) == 5**4


def test_each_piece_is_done_once(pool: FetchPool) -> None:
    done: list[int] = []
    for _, result in pool.together(done.append, range(200)):
        result()
        result()
    assert sorted(done) == list(range(200))


def test_a_closed_pool_leaves_everything_to_the_caller() -> None:
    pool = FetchPool(2, 2)
    pool.close()
    assert [result() for _, result in pool.together(lambda number: number, range(3))] == [0, 1, 2]


def test_threads_are_free_again_however_work_ends(pool: FetchPool) -> None:
    for _ in range(20):
        for _, result in pool.together(partial(divmod, 1), [0, 0, 0]):
            with pytest.raises(ZeroDivisionError):
                result()
    until = time.monotonic() + LONG
    while pool._free._value < 4 and time.monotonic() < until:
        time.sleep(0.001)  # threads that came too late find nothing left to do
    meeting = threading.Barrier(3)  # of three threads, one of which may be the caller's
    for _, result in pool.together(lambda _: meeting.wait(LONG), range(3)):
        result()
