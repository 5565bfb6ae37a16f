"""Keyrings, chains and timestamp verifiers are built once for each revision of what is trusted."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from providers.trust import TrustedKey, TrustedMaterial
from pycosign.lab import Lab
from pycosign.lab.keys import new_key, spki_pem
from verifier.engine import Engine
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import Compiled, RootProver, SigstoreEngine

from .world import ARTIFACT, material, question

# What builds something out of trusted material: file and function. Neither is needed by a signature itself.
BUILDERS = (
    ("engines/sigstore/material.py", "compile_material"),
    ("engines/sigstore/issuers.py", "check_issuers"),
    ("sigstore/_internal/trust.py", "__init__"),  # the key of a log
    ("rfc3161_client/verify.py", "build"),  # the verifier of a timestamp authority
    ("engines/keyring.py", "compile_keyring"),
    ("~", "load_pem_public_key"),
)


@pytest.fixture(scope="module")
def trust(lab: Lab) -> TrustedMaterial:
    return material(lab.trusted_root())


@pytest.fixture(scope="module")
def by_key(lab: Lab) -> tuple[bytes, TrustedMaterial]:
    """A signature with log entry and timestamp, and what it is to be held against."""
    key = new_key()
    bundle = lab.sign_blob(ARTIFACT, keyless=False, key=key, timestamp=True)
    trusted = material(lab.trusted_root())
    named = TrustedKey("release", spki_pem(key.public_key()))
    return bundle, TrustedMaterial.of("test", trusted.trusted_root, trusted.loaded_at, (named,))


def built(call: Callable[..., object], *arguments: object) -> list[int]:
    """How often each of BUILDERS ran during the call."""
    profile = cProfile.Profile()
    profile.runcall(call, *arguments)
    calls = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed does not list it
    return [
        sum(
            counted[1]
            for (file, _, function), counted in calls.items()
            if file.endswith(place) and name in function
        )
        for place, name in BUILDERS
    ]


def later(trusted: TrustedMaterial) -> TrustedMaterial:
    """The same revision, loaded again."""
    return replace(trusted, loaded_at=trusted.loaded_at + timedelta(hours=1))


def renewed(trusted: TrustedMaterial) -> TrustedMaterial:
    """Another revision that trusts the same."""
    keys = tuple(replace(key, name="successor") for key in trusted.keys)
    return TrustedMaterial.of("test", trusted.trusted_root + b"\n", trusted.loaded_at, keys)


def keyed() -> KeyEngine:
    compiled = Compiled()
    return KeyEngine(lambda: RootProver(compiled))


def test_for_certificates(lab: Lab, trust: TrustedMaterial) -> None:
    engine, bundle = SigstoreEngine(), lab.sign_blob(ARTIFACT, timestamp=True)
    first = built(engine.verify, question(bundle, trust))
    assert all(first[:4]), first
    for again in (trust, later(trust)):
        assert not any(built(engine.verify, question(bundle, again)))
    assert built(engine.verify, question(bundle, renewed(trust))) == first


def test_for_keys(by_key: tuple[bytes, TrustedMaterial]) -> None:
    engine, (bundle, trusted) = keyed(), by_key
    first = built(engine.verify, question(bundle, trusted))
    assert all(first), first
    for again in (trusted, later(trusted)):
        assert not any(built(engine.verify, question(bundle, again)))
    assert built(engine.verify, question(bundle, renewed(trusted))) == first


@pytest.mark.parametrize("make", [SigstoreEngine, keyed])
def test_accepting_builds_it_before_the_first_request(
    make: Callable[[], Engine], lab: Lab, by_key: tuple[bytes, TrustedMaterial]
) -> None:
    engine, (bundle, trusted) = make(), by_key
    if engine.type == "sigstore":
        bundle = lab.sign_blob(ARTIFACT, timestamp=True)
    assert any(built(engine.accept, trusted))
    assert not any(built(engine.verify, question(bundle, trusted)))


def test_two_engines_share_a_compiled_root(lab: Lab, by_key: tuple[bytes, TrustedMaterial]) -> None:
    compiled, (bundle, trusted) = Compiled(), by_key
    SigstoreEngine(compiled).accept(trusted)
    engine = KeyEngine(lambda: RootProver(compiled))
    roots = built(engine.verify, question(bundle, trusted))[:4]
    assert not any(roots)
