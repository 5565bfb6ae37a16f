"""Reason codes: why an artifact was allowed, refused, or could not be checked.

The codes are a closed enumeration and part of the wire contract (``proto/verifier/v1/verifier.proto``).
The number of a code is also its order of precedence: of several signatures that failed, the one whose
code has the highest number got furthest, and its code is the reason of the whole verdict. Gaps leave room
for codes to come; a number is never used again for another meaning.
"""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class ReasonCode(IntEnum):
    """One reason for one verdict. ``str(code)`` is its public spelling, for example ``signature-invalid``."""

    OK = 1

    # Refused before any signature was looked at.
    INVALID_REFERENCE = 100
    NO_POLICY = 110
    NO_SIGNATURE = 120
    NO_ATTESTATION = 130

    # Refused by the evidence, in the order in which an engine establishes it.
    MALFORMED = 200
    UNSUPPORTED = 210
    NO_CERTIFICATE = 220
    CHAIN_UNTRUSTED = 230
    CERTIFICATE_INVALID = 240
    SIGNATURE_INVALID = 250
    SUBJECT_DIGEST_MISMATCH = 260
    DUPLICATE_LOG_ENTRY = 270
    LOG_ENTRY_MISMATCH = 280
    LOG_UNTRUSTED = 290
    TIMESTAMP_INVALID = 300
    TIME_OUTSIDE_VALIDITY = 310
    SCT_UNTRUSTED = 320

    # Refused by the policy, on evidence that holds.
    PREDICATE_TYPE_MISMATCH = 400
    NO_LOG_ENTRY = 410
    NO_TIMESTAMP = 420
    IDENTITY_MISMATCH = 430
    ANNOTATION_MISMATCH = 440
    CONDITION_NOT_MET = 450
    TOO_OLD = 460
    ENGINES_DISAGREE = 470
    THRESHOLD_NOT_MET = 480
    DENY_LISTED = 490

    # Could not check.
    INTERNAL_ERROR = 600
    OVERLOADED = 610
    DEADLINE_EXCEEDED = 620
    POLICY_UNAVAILABLE = 630
    IMAGE_NOT_FOUND = 640
    REGISTRY_UNAVAILABLE = 650
    REGISTRY_UNAUTHORIZED = 660
    REGISTRY_THROTTLED = 670
    REGISTRY_INVALID_RESPONSE = 680
    CONTENT_MISMATCH = 690
    LIMIT_EXCEEDED = 700
    TRUST_UNAVAILABLE = 710
    ENGINE_UNAVAILABLE = 720

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")

    @property
    def could_not_check(self) -> bool:
        """Whether the code says that nothing was found out, rather than what was found out."""
        return self >= ReasonCode.INTERNAL_ERROR
