"""The self-test of the engine for keys is quiet about a good engine, and loud about a faulty one."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
from collections.abc import Callable

import pytest

from providers.descriptor import digest_of
from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial
from tests.unit.engines.world import OneArtifact
from verifier.engine import EvidenceError, VerifyOptions
from verifier.engines.keys import KeyEngine
from verifier.engines.keys_recorded import RECORDED
from verifier.engines.keys_selftest import ARTIFACT, run_self_test
from verifier.facts import SignatureFacts

Fault = Callable[[KeyEngine, VerifyOptions], SignatureFacts]


class Faulty(KeyEngine):
    """An engine with one fault, put between it and whoever asks."""

    def __init__(self, fault: Fault, engine: KeyEngine) -> None:
        super().__init__(lambda: pytest.fail("there is no root"))
        self._fault = fault
        self._good = engine

    def verify(self, options: VerifyOptions) -> SignatureFacts:
        return self._fault(self._good, options)


def _accepts_any_key(engine: KeyEngine, options: VerifyOptions) -> SignatureFacts:
    for recorded in RECORDED:
        key = dataclasses.replace(options.trusted_material.keys[0], public_key=base64.b64decode(recorded.key))
        material = TrustedMaterial.of("any", b"", options.time, (key,))
        with contextlib.suppress(VerificationError):
            return engine.verify(dataclasses.replace(options, trusted_material=material))
    return engine.verify(options)


def _accepts_any_artifact(engine: KeyEngine, options: VerifyOptions) -> SignatureFacts:
    subject = dataclasses.replace(options.subject_descriptor, digest=digest_of(ARTIFACT))
    store = OneArtifact(ARTIFACT)
    return engine.verify(dataclasses.replace(options, subject_descriptor=subject, store=store))


def _refuses_everything(engine: KeyEngine, options: VerifyOptions) -> SignatureFacts:
    raise EvidenceError(ReasonCode.SIGNATURE_INVALID, "x", ())


def _gives_another_reason(engine: KeyEngine, options: VerifyOptions) -> SignatureFacts:
    try:
        return engine.verify(options)
    except VerificationError as error:
        raise EvidenceError(ReasonCode.MALFORMED, "x", ()) from error


@pytest.mark.parametrize(
    "fault", [_accepts_any_key, _accepts_any_artifact, _refuses_everything, _gives_another_reason]
)
def test_a_faulty_engine(keys: KeyEngine, fault: Fault) -> None:
    with pytest.raises(UnavailableError) as caught:
        run_self_test(Faulty(fault, keys))
    assert caught.value.reason is ReasonCode.ENGINE_UNAVAILABLE


def test_a_good_engine(keys: KeyEngine) -> None:
    keys.self_test()


def test_every_kind_of_key_is_recorded() -> None:
    assert [recorded.what for recorded in RECORDED] == [
        *("ECDSA P-256", "ECDSA P-384", "ECDSA P-521", "RSA PKCS #1 v1.5", "RSA PSS"),
        *("Ed25519", "Ed25519ph"),
    ]
