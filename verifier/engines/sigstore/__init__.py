"""Keyless signatures in Sigstore bundles. The one door to sigstore-python and what belongs to it.

sigstore-python's ``Verifier`` takes exactly one log entry and one P-256 certificate, ignores the windows of the
trusted root and returns nothing but "verified". So its primitives are composed here, step by step (``engine``):
each step leaves a check with its evidence, and what is proven becomes a fact.
"""

from .embedded import embedded_root
from .engine import SigstoreEngine
from .material import Compiled
from .prover import RootProver

__all__ = ["Compiled", "RootProver", "SigstoreEngine", "embedded_root"]
