from __future__ import annotations

import pytest

from providers.errors import ConfigurationError, UnavailableError
from verifier.budget import Budget
from verifier.server.deadlines import seconds_for
from verifier.server.options import ServerOptions


@pytest.mark.parametrize(
    ("address", "bound", "loopback"),
    [
        ("127.0.0.1:0", "127.0.0.1:0", True),
        ("localhost:50051", "127.0.0.1:50051", True),
        ("127.9.9.9:1", "127.9.9.9:1", True),
        ("0.0.0.0:50051", "0.0.0.0:50051", False),
        ("[::1]:50051", "[::1]:50051", True),
        ("[::]:50051", "[::]:50051", False),
        ("10.1.2.3:443", "10.1.2.3:443", False),
    ],
)
def test_addresses(address: str, bound: str, loopback: bool) -> None:
    options = ServerOptions(address=address)
    assert (options.bind_address, options.loopback) == (bound, loopback)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "50051",
        ":50051",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:\u0661",
        "host:1",
    ],
)
def test_other_addresses_are_refused_with_an_example(address: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ServerOptions(address=address)
    assert "127.0.0.1:50051" in caught.value.remedy


@pytest.mark.parametrize(
    "settings",
    [
        {"max_workers": 0},
        {"max_streams": 0},
        {"max_request_bytes": -1},
        {"max_concurrent_per_stream": 0},
        {"max_deadline": 0.0},
        {"max_deadline": float("nan")},
        {"max_deadline": float("inf")},
        {"max_connection_age": -1.0},
        {"notice_seconds": -0.1},
        {"drain_seconds": 1e9},
        {"max_concurrent": 15, "max_workers": 16},
        {"max_stream_seconds": 24.0},
    ],
)
def test_impossible_and_contradicting_settings(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        ServerOptions(**settings)  # type: ignore[arg-type]  # checked at run time


class Client:
    """As much of a ServicerContext as deadlines need."""

    def __init__(self, remaining: float | None) -> None:
        self._remaining = remaining

    def time_remaining(self) -> float | None:
        return self._remaining


@pytest.mark.parametrize(
    ("remaining", "expected"),
    [
        (None, 25.0),
        (1e18, 25.0),
        (float("inf"), 25.0),
        (100.0, 25.0),
        (10.0, 9.5),
        (2.0, 1.8),
        (0.1, 0.08),
        (0.01, 0.0),
        (0.0, 0.0),
    ],
)
def test_the_first_deadline_counts_less_a_margin(remaining: float | None, expected: float) -> None:
    assert seconds_for(Client(remaining), 25.0) == pytest.approx(expected)  # type: ignore[arg-type]


def test_an_ended_budget_has_no_time_left() -> None:
    budget = Budget(60)
    budget.end()
    with pytest.raises(UnavailableError):
        budget.seconds_left()
