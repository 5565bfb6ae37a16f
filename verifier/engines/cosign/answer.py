"""What cosign said: verified, refused for a reason, or nothing that decides.

Only what is expected word for word is "verified". A refusal is one of the sentences below, read in the sources of
cosign 3.1 and sigstore-go 1.2 and seen in tests. Anything else leaves the question open: a program that failed, or
a version that says it in other words, has not refused a signature.
"""

from __future__ import annotations

import json
import re

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ...printable import printable
from ..evidence import refusal
from .command import Answer, Asked, Command, Matter, Signatory, unable
from .process import Finished

_ERROR = "error during command execution: "
_WRAPPER = re.compile(r"no matching (?:signatures|attestations): ")
# cmd/cosign/errors: 1 for any error, 10 to 13 for those that `cosign verify` tells apart.
_REFUSING = frozenset({1, 10, 11, 12, 13})
# Each begins its message. The first that fits counts.
_REFUSALS = tuple(
    (re.compile(text), reason)
    for text, reason in (
        # sigstore-go pkg/verify, for bundles
        ("failed to verify signature: could not verify envelope: accepted signatures do not match threshold",
         ReasonCode.SIGNATURE_INVALID),
        ("failed to verify signature: could not verify message: ", ReasonCode.SIGNATURE_INVALID),
        ("failed to verify signature: artifact (does not match digest|digest does not match message digest)",
         ReasonCode.SUBJECT_DIGEST_MISMATCH),
        ("failed to verify signature: provided artifact digests? (does|do) not match",
         ReasonCode.SUBJECT_DIGEST_MISMATCH),
        ("failed to verify leaf certificate: ", ReasonCode.CHAIN_UNTRUSTED),
        ("failed to verify certificate identity: ", ReasonCode.IDENTITY_MISMATCH),
        ("failed to verify signed certificate timestamp: only able to verify 0 ", ReasonCode.SCT_UNTRUSTED),
        ("failed to verify timestamps: threshold not met for verified signed timestamps",
         ReasonCode.TIMESTAMP_INVALID),
        ("failed to verify timestamps: threshold not met for verified log entry", ReasonCode.NO_TIMESTAMP),
        ("failed to verify log inclusion: duplicate tlog entries found", ReasonCode.DUPLICATE_LOG_ENTRY),
        ("failed to verify log inclusion: transparency log ", ReasonCode.LOG_ENTRY_MISMATCH),
        ("failed to verify log inclusion: integrated time outside certificate validity",
         ReasonCode.TIME_OUTSIDE_VALIDITY),
        ("failed to verify log inclusion: not enough verified log entries", ReasonCode.LOG_UNTRUSTED),
        ("failed to verify log inclusion: (calculated root:|signature on checkpoint|proof root hash)",
         ReasonCode.LOG_UNTRUSTED),
        ("failed to verify log inclusion: verifying log entry: (verifying inclusion|unverified checkpoint)",
         ReasonCode.LOG_UNTRUSTED),
        # cosign pkg/cosign, for the older forms
        ("accepted signatures do not match threshold", ReasonCode.SIGNATURE_INVALID),
        (r"invalid signature when validating (ASN\.1|IEEE_P1363) encoded signature", ReasonCode.SIGNATURE_INVALID),
        ("ecdsa: Invalid IEEE_P1363 encoded bytes", ReasonCode.SIGNATURE_INVALID),
        ("crypto/rsa: verification error", ReasonCode.SIGNATURE_INVALID),
        (r"failed to verify signature\Z", ReasonCode.SIGNATURE_INVALID),  # sigstore pkg/signature, Ed25519
        ("invalid or missing digest in claim", ReasonCode.SUBJECT_DIGEST_MISMATCH),
        ("no matching subject digest found", ReasonCode.SUBJECT_DIGEST_MISMATCH),
        ("leaf certificate verification failed", ReasonCode.CHAIN_UNTRUSTED),
        ("none of the expected identities matched", ReasonCode.IDENTITY_MISMATCH),
        ("certificate does not include required embedded SCT", ReasonCode.SCT_UNTRUSTED),
        ("only able to verify 0 SCT", ReasonCode.SCT_UNTRUSTED),
        ("unable to verify RFC3161 timestamp bundle", ReasonCode.TIMESTAMP_INVALID),
        ("checking expiry on certificate", ReasonCode.TIME_OUTSIDE_VALIDITY),
        ("expected a signed timestamp to verify an expired certificate", ReasonCode.NO_TIMESTAMP),
        ("error verifying bundle: (signature in bundle does not match|matching bundle to payload)",
         ReasonCode.LOG_ENTRY_MISMATCH),
        ("error verifying bundle: (comparing public key|both public key and certificate)",
         ReasonCode.LOG_ENTRY_MISMATCH),
        ("error verifying bundle: verifying bundle with trusted root: ", ReasonCode.LOG_UNTRUSTED),
        # either
        ("(invalid predicate type, expected|none of the attestations matched the predicate type)",
         ReasonCode.PREDICATE_TYPE_MISMATCH),
    )
)  # fmt: skip
# It took a bundle for something else.
_NO_BUNDLE = re.compile(r"--trusted-root only supported|open sha256:[0-9a-f]{64}: ")
_CLAIMS = "  - The cosign claims were validated"
_IN_LOG = "  - Existence of the claims in the transparency log was verified offline"
_BY_KEY = "  - The signatures were verified against the specified public key"
_BY_CERTIFICATE = (
    "  - The code-signing certificate was verified using trusted certificate authority certificates"
)


def require_verified(
    finished: Finished, command: Command, matter: Matter, signatory: Signatory, asked: Asked
) -> None:
    """Return when cosign verified ``matter``, as ``command`` asked it to.

    Raises:
        VerificationError: it refused.
        UnavailableError: ``deadline-exceeded``; ``engine-unavailable``: it said anything else.
    """
    if finished.status != 0:
        raise _refused(finished)
    said = finished.stderr.decode("utf-8", "replace").splitlines()
    if command.answer is Answer.OK:
        verified = not finished.stdout and "Verified OK" in said
    else:
        expected = {_CLAIMS, _BY_KEY if signatory.key else _BY_CERTIFICATE}
        if asked.log:
            expected.add(_IN_LOG)
        if command.answer is Answer.PAYLOAD:
            printed = _names(finished.stdout, matter.subject.digest)
        else:
            printed = finished.stdout.strip() == matter.entity.stored.strip()
        verified = printed and expected <= {*said}
    if not verified:
        raise unable(f"cosign ends well without saying what it verified: {_shown(finished)}")


def _names(stdout: bytes, digest: str) -> bool:
    """Whether it printed one payload, and that is about ``digest``."""
    try:
        (payload,) = json.loads(stdout)
        return bool(payload["critical"]["image"]["docker-manifest-digest"] == digest)
    except (TypeError, KeyError, ValueError, RecursionError):
        return False


def _refused(finished: Finished) -> VerificationError | UnavailableError:
    words = "\n" + finished.stderr.decode("utf-8", "replace").strip()
    if finished.status not in _REFUSING:
        return unable(f"cosign ends with status {finished.status}: {_shown(finished)}")
    _, found, message = words.rpartition(f"\n{_ERROR}")
    if not found:
        return unable(f"cosign fails without saying why: {_shown(finished)}")
    message = _WRAPPER.sub("", message, count=1)
    if message.endswith("context deadline exceeded"):
        return UnavailableError(ReasonCode.DEADLINE_EXCEEDED, "cosign did not finish before the deadline")
    if _NO_BUNDLE.match(message):
        return unable("cosign cannot read the bundle")
    for pattern, reason in _REFUSALS:
        if pattern.match(message):
            return refusal(reason, f"cosign: {message}")
    return unable(f"cosign says neither yes nor no: {printable(message)}")


def _shown(finished: Finished) -> str:
    return printable((finished.stderr or finished.stdout)[-500:].decode("utf-8", "replace").strip())
