"""Strangers' words, made fit to be shown: in a terminal, a log line, a Kubernetes message."""

from __future__ import annotations

# A sentence with two digests and an identity has 300 characters.
MAX_LENGTH = 500


def printable(text: str, limit: int = MAX_LENGTH) -> str:
    """``text`` on one line: what does not print is replaced, and at most ``limit`` characters are kept.

    Newlines and escape sequences would let a certificate write lines of its own into a log.
    """
    kept = text[: limit + 1]
    if not kept.isprintable():
        kept = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in kept)
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"
