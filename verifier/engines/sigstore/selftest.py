"""The self-test: bundles recorded once, some good and some spoilt, run through the engine at start-up and in CI.

It exists because private names of sigstore-python are used: an upgrade that changes what they mean must be found
before a signature is verified with them, not after.

1. The installed sigstore is of the version range that this code was written for.
2. Each recorded bundle verifies, with everything a policy may ask for.
3. Each way to spoil one is refused, for its own reason.
4. A root in which something is missing or expired yields fewer facts, or refuses.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from sigstore import __version__ as sigstore_version

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode
from providers.reference import Reference
from providers.trust import TrustedMaterial

from ...budget import Budget
from ...engine import Engine, VerifyOptions
from ...facts import SignatureFacts
from ...formats.bundle import parse_bundle

ARTIFACT = b"the artifact of the self-test\n"
ARTIFACT_DIGEST = digest_of(ARTIFACT)
_OTHER_DIGEST = digest_of(b"another artifact\n")

_OLDEST, _FIRST_UNKNOWN = (4, 5, 1), (4, 6)
_DSSE, _MESSAGE, _ROOT = "dsse-rekor1.json", "message-rekor2.json", "trusted_root.json"
# Any: what is verified here rests on proven times.
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_LONG_AGO = {"start": "2001-01-01T00:00:00Z", "end": "2001-12-31T00:00:00Z"}

_Spoil = Callable[[dict[str, Any]], None]


class _NoStore:
    """The recorded bundles are verified by digest alone: a store that is asked is a surprise."""

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        del reference, budget
        raise _surprise("the engine resolved a reference")

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        del repository, subject, artifact_types, budget
        raise _surprise("the engine listed referrers")

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        del repository, tag, budget
        raise _surprise("the engine read a tag")

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        del repository, descriptor, budget
        raise _surprise("the engine fetched content")


def _surprise(problem: str) -> UnavailableError:
    return UnavailableError(
        ReasonCode.ENGINE_UNAVAILABLE,
        f"self-test of the engine with sigstore {sigstore_version}: {problem}; it must not be used",
    )


def run_self_test(engine: Engine) -> None:
    """Run all of it.

    Raises:
        UnavailableError: ``engine-unavailable``: anything was not as expected.
    """
    # 1
    version = tuple(int(part) for part in sigstore_version.split(".")[:3] if part.isdecimal())
    if not _OLDEST <= version < _FIRST_UNKNOWN:
        raise _surprise("this version is not one that was tried")
    root, dsse, message = _read(_ROOT), _read(_DSSE), _read(_MESSAGE)
    # 2
    for name, bundle, signed in ((_DSSE, dsse, (("for", "self-test"),)), (_MESSAGE, message, ())):
        facts = _verify(engine, root, bundle)
        if not (facts.timestamps and facts.log_entries and facts.scts) or facts.annotations != signed:
            raise _surprise(f"the good bundle {name} verified with too few facts")
    # 3
    _expect(engine, root, dsse, ReasonCode.SUBJECT_DIGEST_MISMATCH, "another artifact", _OTHER_DIGEST)
    _expect(engine, root, message, ReasonCode.SUBJECT_DIGEST_MISMATCH, "another artifact", _OTHER_DIGEST)
    for what, reason, spoil in _spoilt(message):
        _expect(engine, root, _changed(dsse, spoil), reason, what)
    # 4
    for list_name, window, reason in (
        ("certificateAuthorities", ("validFor",), ReasonCode.CHAIN_UNTRUSTED),
        ("tlogs", ("publicKey", "validFor"), ReasonCode.LOG_UNTRUSTED),
    ):
        # mypy cannot infer the type of a lambda with default arguments, which a loop's variables need.
        expired = _changed(root, lambda r, n=list_name, w=window: _expire(r[n], w))  # type: ignore[misc]
        _expect(engine, expired, dsse, reason, f"a root whose {list_name} have expired")
    if _verify(engine, _changed(root, lambda r: r.update(ctlogs=[])), dsse).scts:
        raise _surprise("an SCT of an unknown CT log counted")
    if _verify(engine, _changed(root, lambda r: r.update(timestampAuthorities=[])), message).timestamps:
        raise _surprise("a timestamp of an unknown authority counted")


def _spoilt(other: bytes) -> tuple[tuple[str, ReasonCode, _Spoil], ...]:
    """What is done to the good envelope bundle, and why it must be refused. ``other`` is the other bundle."""
    stranger = json.loads(other)["verificationMaterial"]

    def entry(bundle: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = bundle["verificationMaterial"]["tlogEntries"][0]
        return found

    return (
        ("another certificate", ReasonCode.SIGNATURE_INVALID,
         lambda b: b["verificationMaterial"].update(certificate=stranger["certificate"])),
        ("a changed signature", ReasonCode.SIGNATURE_INVALID,
         lambda b: _flip(b["dsseEnvelope"]["signatures"][0], "sig")),
        ("a changed payload", ReasonCode.SIGNATURE_INVALID, lambda b: _flip(b["dsseEnvelope"], "payload")),
        ("the log entry of another signature", ReasonCode.LOG_ENTRY_MISMATCH,
         lambda b: b["verificationMaterial"].update(tlogEntries=stranger["tlogEntries"])),
        ("one log entry twice", ReasonCode.DUPLICATE_LOG_ENTRY,
         lambda b: b["verificationMaterial"]["tlogEntries"].append(entry(b))),
        ("a changed promise", ReasonCode.LOG_UNTRUSTED,
         lambda b: _flip(entry(b)["inclusionPromise"], "signedEntryTimestamp")),
        ("another integrated time", ReasonCode.LOG_UNTRUSTED,
         lambda b: entry(b).update(integratedTime=str(int(entry(b)["integratedTime"]) + 1))),
        ("another root hash", ReasonCode.LOG_UNTRUSTED, lambda b: _flip(entry(b)["inclusionProof"], "rootHash")),
        ("another checkpoint", ReasonCode.LOG_UNTRUSTED,
         lambda b: entry(b)["inclusionProof"].update(
             checkpoint=stranger["tlogEntries"][0]["inclusionProof"]["checkpoint"])),
    )  # fmt: skip


def _read(name: str) -> bytes:
    return (resources.files(__package__) / "recorded" / name).read_bytes()


def _changed(document: bytes, change: _Spoil) -> bytes:
    parsed = json.loads(document)
    change(parsed)
    return json.dumps(parsed).encode()


def _flip(holder: dict[str, Any], name: str) -> None:
    """Flip one bit in the last byte of a base64 value."""
    raw = bytearray(base64.b64decode(holder[name]))
    raw[-1] ^= 1
    holder[name] = base64.b64encode(raw).decode()


def _expire(instances: list[dict[str, Any]], path: tuple[str, ...]) -> None:
    for instance in instances:
        holder = instance
        for name in path[:-1]:
            holder = holder[name]
        holder[path[-1]] = _LONG_AGO


def _verify(engine: Engine, root: bytes, bundle: bytes, digest: str = ARTIFACT_DIGEST) -> SignatureFacts:
    subject = Descriptor("application/octet-stream", digest, len(ARTIFACT))
    content = parse_bundle(bundle)
    artifact = Descriptor(content.media_type, content.digest, len(bundle))
    material = TrustedMaterial.of("self-test", root, _MOMENT)
    return engine.verify(
        VerifyOptions(_NoStore(), "self-test", subject, artifact, content, material, _MOMENT, Budget(60))
    )


def _expect(
    engine: Engine, root: bytes, bundle: bytes, reason: ReasonCode, what: str, digest: str = ARTIFACT_DIGEST
) -> None:
    try:
        _verify(engine, root, bundle, digest)
    except VerificationError as error:
        if error.reason is not reason:
            raise _surprise(f"{what} was refused with {error.reason}, not {reason}") from error
        return
    raise _surprise(f"{what} was accepted")
