"""Signed checkpoints: C2SP tlog-checkpoint inside C2SP signed-note."""

from __future__ import annotations

from .wire import b64


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """The text a log signs."""
    return f"{origin}\n{size}\n{b64(root)}\n"


def signed_note(text: str, *, name: str, key_hash: bytes, signature: bytes) -> str:
    """The text, a blank line and one signature line; the key hash is the first four bytes of the log id."""
    return f"{text}\n\u2014 {name} {b64(key_hash[:4] + signature)}\n"
