"""The self-test: the real program against recorded signatures, good and bad, at start-up and in CI.

It exists because prose is read: a version of cosign that says things otherwise, or takes other flags, must be
found before it is asked about a signature.

1. A bundle with an envelope and one with a message verify, with a log entry, a time and an SCT each.
2. They do not for another artifact, with another signature, or under a root whose authority has expired.
3. A signature by a key verifies with that key, and not with another.
4. A bundle that cosign cannot read is not taken for its older form, in which a stranger's key would be believed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode
from providers.reference import Reference
from providers.trust import TrustedKey, TrustedMaterial

from ...budget import Budget
from ...engine import Engine, VerifyOptions
from ...facts import SignatureFacts
from ...formats.bundle import BUNDLE_V03, parse_bundle
from ...formats.entity import SignedEntity
from ...formats.signature_file import SignatureFile, SignatureForm, parse_signature_file
from .. import sigstore
from ..keys_recorded import RECORDED, Recorded
from ..sigstore.selftest import ARTIFACT

_OTHER = b"another artifact\n"
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_LONG_AGO = {"start": "2001-01-01T00:00:00Z", "end": "2001-12-31T00:00:00Z"}
# A dozen processes of 50 milliseconds; more where a machine starts many things at once.
_SECONDS = 60

_Spoil = Callable[[dict[str, Any]], object]


class _OneFile:
    """A store that holds one artifact."""

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
        UnavailableError: ``engine-unavailable``: anything was not as expected; ``deadline-exceeded``.
    """
    budget = Budget(_SECONDS)
    root = TrustedMaterial.of("self-test", _read("trusted_root.json"), _MOMENT)
    envelope, message = _read("dsse-rekor1.json"), _read("message-rekor2.json")
    # 1
    for bundle in (envelope, message):
        facts = _facts(engine, parse_bundle(bundle), root, budget)
        if not (facts.log_entries and facts.timestamps and facts.scts):
            raise _surprise("a good bundle verified with too few facts")
    # 2
    expired = _changed(root.trusted_root, _expire)
    spoilt = _changed(message, lambda bundle: _flip(bundle["messageSignature"], "signature"))
    _expect_refusal(engine, parse_bundle(envelope), root, budget, "of another artifact", _OTHER)
    _expect_refusal(engine, parse_bundle(message), root, budget, "of another artifact", _OTHER)
    _expect_refusal(engine, parse_bundle(spoilt), root, budget, "that was changed")
    old = TrustedMaterial.of("self-test", expired, _MOMENT)
    _expect_refusal(engine, parse_bundle(envelope), old, budget, "by an authority that has expired")
    # 3
    for good, other in (RECORDED[:2], RECORDED[1::-1]):
        _facts(engine, _bare(good), _trusting(good), budget)
        _expect_refusal(engine, _bare(good), _trusting(other), budget, "by another key")
        _expect_refusal(engine, _bare(good), _trusting(good), budget, "of another artifact", _OTHER)
    # 4
    stranger, ours = RECORDED[:2]
    if _accepts(engine, _of_two_forms(stranger), _trusting(ours), budget):
        raise _surprise("a key in a bundle was believed")


def _read(name: str) -> bytes:
    return (resources.files(sigstore) / "recorded" / name).read_bytes()


def _changed(document: bytes, change: _Spoil) -> bytes:
    parsed = json.loads(document)
    change(parsed)
    return json.dumps(parsed).encode()


def _flip(holder: dict[str, Any], name: str) -> None:
    """Flip one bit in the last byte of a base64 value."""
    raw = bytearray(base64.b64decode(holder[name]))
    raw[-1] ^= 1
    holder[name] = base64.b64encode(raw).decode()


def _expire(root: dict[str, Any]) -> None:
    for authority in root["certificateAuthorities"]:
        authority["validFor"] = _LONG_AGO


def _bare(recorded: Recorded) -> SignedEntity:
    return parse_signature_file(SignatureFile(SignatureForm.SIGNATURE, recorded.signature.encode()))


def _trusting(recorded: Recorded) -> TrustedMaterial:
    key = TrustedKey("self-test", base64.b64decode(recorded.key))
    return TrustedMaterial.of("self-test", b"", _MOMENT, (key,))


def _of_two_forms(stranger: Recorded) -> SignedEntity:
    """A bundle with a signature that does not hold, and in the fields of cosign's older bundle one that does, with
    the key to it. What has those fields besides its own cosign does not read as a bundle.
    """
    armoured = f"-----BEGIN PUBLIC KEY-----\n{stranger.key}\n-----END PUBLIC KEY-----\n"
    document = {
        "mediaType": BUNDLE_V03,
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "messageSignature": {
            "messageDigest": {
                "algorithm": "SHA2_256",
                "digest": _base64(bytes.fromhex(digest_of(ARTIFACT)[7:])),
            },
            "signature": _base64(b"nothing"),
        },
        "base64Signature": stranger.signature,
        "cert": _base64(armoured.encode()),
    }
    return parse_bundle(json.dumps(document).encode())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _facts(
    engine: Engine,
    content: SignedEntity,
    material: TrustedMaterial,
    budget: Budget,
    artifact: bytes = ARTIFACT,
) -> SignatureFacts:
    subject = Descriptor("application/octet-stream", digest_of(artifact), len(artifact))
    stored = Descriptor(content.media_type, content.digest, len(content.stored))
    return engine.verify(
        VerifyOptions(_OneFile(artifact), "self-test", subject, stored, content, material, _MOMENT, budget)
    )


def _accepts(
    engine: Engine,
    content: SignedEntity,
    material: TrustedMaterial,
    budget: Budget,
    artifact: bytes = ARTIFACT,
) -> bool:
    try:
        _facts(engine, content, material, budget, artifact)
    except VerificationError:
        return False
    except UnavailableError as error:
        if error.reason is not ReasonCode.ENGINE_UNAVAILABLE:
            raise
        return False
    return True


def _expect_refusal(
    engine: Engine,
    content: SignedEntity,
    material: TrustedMaterial,
    budget: Budget,
    what: str,
    artifact: bytes = ARTIFACT,
) -> None:
    """One of these sentences has to be understood: that cosign could not say is no refusal."""
    try:
        _facts(engine, content, material, budget, artifact)
    except VerificationError:
        return
    raise _surprise(f"a signature {what} was accepted")


def _surprise(problem: str) -> UnavailableError:
    return UnavailableError(
        ReasonCode.ENGINE_UNAVAILABLE, f"self-test of the cosign engine: {problem}; it must not be used"
    )
