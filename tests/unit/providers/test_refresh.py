"""The pace of refreshes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import ConfigurationError
from providers.refresh import Pace

_PACE = Pace(timedelta(hours=1), retry=timedelta(seconds=30), jitter=0.1)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 3600), (1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (1000, 3600), (10**9, 3600)],
)
def test_pauses_after_failures_double_up_to_the_interval(failures: int, seconds: float) -> None:
    assert _PACE.pause(failures, 0.5) == seconds


@given(st.integers(0, 100), st.floats(0, 1))
def test_jitter_is_a_tenth_either_way(failures: int, chance: float) -> None:
    middle = _PACE.pause(failures, 0.5)
    assert 0.9 * middle <= _PACE.pause(failures, chance) <= 1.1 * middle + 1e-6


def test_a_retry_is_never_later_than_the_next_refresh() -> None:
    assert Pace(timedelta(seconds=5), retry=timedelta(hours=1), jitter=0).pause(1, 0.5) == 5


@pytest.mark.parametrize(
    ("interval", "retry", "jitter"), [(0, 1, 0.1), (-1, 1, 0.1), (1, 0, 0.1), (1, 1, -0.1), (1, 1, 0.6)]
)
def test_what_is_no_pace(interval: int, retry: int, jitter: float) -> None:
    with pytest.raises(ConfigurationError):
        Pace(timedelta(seconds=interval), timedelta(seconds=retry), jitter)
