from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycosign.lab.merkle import MerkleTree, leaf_hash, node_hash

# The leaves and roots every implementation of RFC 6962 is tested with (certificate-transparency-go).
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def _root_from_proof(leaf: bytes, index: int, size: int, proof: tuple[bytes, ...]) -> bytes:
    """RFC 9162 s2.1.3.2, written down independently of the tree."""
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        assert sn != 0
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r


def test_known_roots() -> None:
    tree = MerkleTree()
    assert tree.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        tree.append(bytes.fromhex(leaf))
        assert tree.root().hex() == root


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70))
def test_every_leaf_is_proven(leaves: list[bytes]) -> None:
    tree = MerkleTree()
    for size, leaf in enumerate(leaves, 1):
        assert tree.append(leaf) == size - 1
        proof = tree.inclusion_proof(size - 1)
        assert _root_from_proof(leaf_hash(leaf), size - 1, size, proof) == tree.root()
    for index, leaf in enumerate(leaves):
        proof = tree.inclusion_proof(index)
        assert _root_from_proof(leaf_hash(leaf), index, len(leaves), proof) == tree.root()


@pytest.mark.parametrize("index", [-1, 0, 1])
def test_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        MerkleTree().inclusion_proof(index)
