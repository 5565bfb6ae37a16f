"""The Merkle tree of RFC 6962 s2.1: append, root, inclusion proof."""

from __future__ import annotations

import hashlib


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """An append-only tree in memory. Hashes of full subtrees never change and are kept, so that a root or a
    proof costs a number of hashes logarithmic in the size.
    """

    def __init__(self) -> None:
        self._leaves: list[bytes] = []
        self._full: dict[tuple[int, int], bytes] = {}

    def __len__(self) -> int:
        return len(self._leaves)

    def append(self, data: bytes) -> int:
        """Adds a leaf and returns its index."""
        self._leaves.append(leaf_hash(data))
        return len(self._leaves) - 1

    def root(self) -> bytes:
        """The root hash; that of an empty tree is the hash of nothing (s2.1)."""
        if not self._leaves:
            return hashlib.sha256(b"").digest()
        return self._subtree(0, len(self._leaves))

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """The audit path of a leaf, lowest first (s2.1.1). Raises IndexError."""
        if not 0 <= index < len(self._leaves):
            raise IndexError(f"the tree has no leaf {index}")
        path: list[bytes] = []
        start, end = 0, len(self._leaves)
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._subtree(middle, end))
                end = middle
            else:
                path.append(self._subtree(start, middle))
                start = middle
        return tuple(reversed(path))

    def _subtree(self, start: int, end: int) -> bytes:
        size = end - start
        if size == 1:
            return self._leaves[start]
        if (known := self._full.get((start, end))) is not None:
            return known
        middle = start + _split(size)
        value = node_hash(self._subtree(start, middle), self._subtree(middle, end))
        if size & (size - 1) == 0:
            self._full[start, end] = value
        return value


def _split(size: int) -> int:
    """The largest power of two smaller than the size."""
    return 1 << ((size - 1).bit_length() - 1)
