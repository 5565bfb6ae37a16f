"""One lab and one engine for all tests of a module: making a lab costs key generations."""

from __future__ import annotations

import pytest

from pycosign.lab import Lab
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import Compiled, RootProver, SigstoreEngine


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab(name="unit", ct_logs=2)


@pytest.fixture(scope="session")
def stranger() -> Lab:
    return Lab(name="stranger")


@pytest.fixture(scope="session")
def root(lab: Lab) -> bytes:
    return lab.trusted_root()


@pytest.fixture(scope="session")
def engine() -> SigstoreEngine:
    return SigstoreEngine()


@pytest.fixture(scope="session")
def keys() -> KeyEngine:
    compiled = Compiled()
    return KeyEngine(lambda: RootProver(compiled))
