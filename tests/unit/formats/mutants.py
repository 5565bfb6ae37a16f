"""Changed documents for property tests: valid ones, of which one thing or a few are no longer what they were."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import strategies as st

from providers.errors import VerificationError
from providers.reasons import ReasonCode
from tests.fuzz.mutation import Mutator


def mutants(*seeds: bytes) -> st.SearchStrategy[bytes]:
    """One of ``seeds``, changed once or a few times: fields deleted, null, of another type, twice, in another
    case, nested deeply, bits flipped inside of base64.
    """
    mutator = Mutator(seeds)

    def change(seed: bytes, dice: int, times: int) -> bytes:
        chance = Random(dice)  # noqa: S311  (not for secrets)
        for _ in range(times):
            seed = mutator.mutate(seed, chance)
        return seed

    return st.builds(change, st.sampled_from(seeds), st.integers(0, 1 << 32), st.integers(0, 3))


def refusal_of(call: Callable[[], object]) -> ReasonCode | None:
    """Why ``call`` refuses; None when it does not. Anything but our error passes through."""
    try:
        call()
    except VerificationError as error:
        return error.reason
    return None


# What a parser may say of bytes that it does not read.
UNREAD = (None, ReasonCode.MALFORMED, ReasonCode.UNSUPPORTED)
