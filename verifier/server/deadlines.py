"""How long a call may take: the client's deadline and the server's, whichever is first."""

from __future__ import annotations

import grpc

# Taken off the client's deadline, so that "could not check" still reaches it: a tenth, at most half a second
# (a slow network's round trip), at least 20 ms (one on a busy machine).
_MARGIN = 0.1
_MOST = 0.5
_LEAST = 0.02


def seconds_for(context: grpc.ServicerContext, longest: float) -> float:
    """Seconds the work for ``context`` may take: at most ``longest``, and 0 when there is no time left."""
    remaining: float | None = context.time_remaining()
    if remaining is None:
        return longest
    margin = min(max(remaining * _MARGIN, _LEAST), _MOST)
    return max(0.0, min(longest, remaining - margin))
