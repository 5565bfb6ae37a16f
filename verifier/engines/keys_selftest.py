"""The self-test of the engine for keys: signatures recorded once, run at start-up and in CI.

1. Each recorded signature verifies with its key.
2. It does not with another key, nor for another artifact, nor with one bit changed.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode
from providers.reference import Reference
from providers.trust import TrustedKey, TrustedMaterial

from ..budget import Budget
from ..engine import Engine, VerifyOptions
from ..formats.signature_file import SignatureFile, SignatureForm, parse_signature_file
from .keys_recorded import RECORDED

ARTIFACT = b"the artifact of the self-test\n"
_OTHER = b"another artifact\n"
# Any: nothing here depends on the time.
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class _OneFile:
    """A store that holds one artifact, which some keys need in full."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        del reference, budget
        raise _surprise("a reference was resolved")

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        del repository, subject, artifact_types, budget
        raise _surprise("referrers were listed")

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        del repository, tag, budget
        raise _surprise("a tag was read")

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        del repository, descriptor, budget
        return self._content


def run_self_test(engine: Engine) -> None:
    """Run all of it.

    Raises:
        UnavailableError: ``engine-unavailable``: anything was not as expected.
    """
    for recorded in RECORDED:
        signature = base64.b64decode(recorded.signature)
        # 1
        if not _holds(engine, recorded.key, signature, ARTIFACT):
            raise _surprise(f"a good signature by {recorded.what} was refused")
        # 2
        other = next(entry.key for entry in RECORDED if entry.key != recorded.key)
        for what, key, changed, artifact in (
            ("by another key", other, signature, ARTIFACT),
            ("of another artifact", recorded.key, signature, _OTHER),
            ("that was changed", recorded.key, bytes([*signature[:-1], signature[-1] ^ 1]), ARTIFACT),
        ):
            if _holds(engine, key, changed, artifact):
                raise _surprise(f"a signature {what} was accepted for {recorded.what}")


def _holds(engine: Engine, key: str, signature: bytes, artifact: bytes) -> bool:
    given = SignatureFile(SignatureForm.SIGNATURE, base64.b64encode(signature))
    trusted = (TrustedKey("self-test", base64.b64decode(key)),)
    subject = Descriptor("application/octet-stream", digest_of(artifact), len(artifact))
    try:
        engine.verify(
            VerifyOptions(
                store=_OneFile(artifact),
                repository="self-test",
                subject_descriptor=subject,
                artifact_descriptor=Descriptor("application/octet-stream", given.digest, len(signature)),
                content=parse_signature_file(given),
                trusted_material=TrustedMaterial.of("self-test", b"", _MOMENT, trusted),
                time=_MOMENT,
                budget=Budget(60),
            )
        )
    except VerificationError as error:
        if error.reason is not ReasonCode.SIGNATURE_INVALID:
            raise _surprise(f"a bad signature was refused with {error.reason}") from error
        return False
    return True


def _surprise(problem: str) -> UnavailableError:
    return UnavailableError(
        ReasonCode.ENGINE_UNAVAILABLE, f"self-test of the engine for keys: {problem}; it must not be used"
    )
