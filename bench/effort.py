"""How much is measured: the whole two minutes, or a quarter of a minute to see that everything runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """Rounds and calls of each part; times that only bound are in seconds."""

    rounds: int
    calls: int
    start_rounds: int
    request_seconds: float
    verifications: int
    warm_up: int
    rpc_calls: int
    rpc_warm_up: int


# The lab's answers wait 20 ms, a registry across a continent, so that waiting shows and overlap can be seen.
FULL = Effort(
    rounds=31,
    calls=15,
    start_rounds=7,
    request_seconds=0.02,
    verifications=10_000,
    warm_up=1_000,
    rpc_calls=2_000,
    rpc_warm_up=400,
)
QUICK = Effort(
    rounds=3,
    calls=3,
    start_rounds=1,
    request_seconds=0.01,
    verifications=200,
    warm_up=50,
    rpc_calls=50,
    rpc_warm_up=10,
)
