"""Facts under a policy: does this signature count?

Pure functions. An engine established that the signature holds and signs the subject; what is left is the
operator's question: is it a signature (or the attestation that was asked for), is there enough proof of time and
of logging, was the signer trusted then, is it one of those named and none of those denied, did it sign the
annotations asked for, is it young enough, and does the attestation say what it has to. All thresholds count
*distinct* logs and authorities.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from providers.authority import Authority
from providers.errors import VerificationError
from providers.predicates import COSIGN_SIGN
from providers.reasons import ReasonCode
from providers.requirement import AttestationRequirement, Demand, SigningTime
from providers.verifier_config import VerifierConfig

from .facts import (
    TIMESTAMP_AUTHORITY,
    TLOG,
    Check,
    CheckStatus,
    SignatureFacts,
    Window,
)
from .formats.statement import parse_predicate
from .printable import printable
from .results import CosignVerificationResult
from .signers import denied_signer, named_signer, some
from .verdict import Outcome

logger = logging.getLogger(__name__)

# More identities, keys or annotations than this do not help a reader.
_SHOWN = 3


def judge(
    facts: SignatureFacts,
    demand: Demand,
    time: datetime,
    answered: dict[bytes, tuple[Check, ...]] | None = None,
) -> CosignVerificationResult:
    """The verdict on one signature under ``demand``, with every check made; ``time`` is that of the request.

    All checks are made, so that an owner sees everything that is wrong; the reason is that of the failed one
    with the lowest number: what has to be mended first. Only what a predicate says is not asked of a signature
    that does not count anyway: whoever signs it could have written what takes long to read.

    ``answered`` keeps what the conditions of one requirement say of each statement, from call to call.
    """
    authority = demand.authority
    config = authority.verifier_config
    known = _Known(bool(facts.timestamps), time, unsafe=config.unsafe_use_current_time)
    identity, keys, signer = named_signer(facts, authority)
    judged: tuple[Check, ...] = (
        _kind(facts, demand.attestation),
        *_evidence(facts, config, known),
        _validity(tuple(key.window for key in keys) or facts.windows, known),
        signer,
        *denied_signer(facts, demand.denied),
        *_annotations(facts, authority),
        *_age(facts, demand.signing_time, time),
    )
    if demand.attestation is not None and demand.attestation.conditions:
        judged += _conditions(facts, demand.attestation, time, {} if answered is None else answered, judged)
    failed = _failures(judged)
    return CosignVerificationResult(
        media_type=facts.media_type,
        digest=facts.digest,
        outcome=Outcome.REFUSED if failed else Outcome.ALLOWED,
        reason=min(failed, default=ReasonCode.OK),
        certificate=facts.certificate,
        key_id=facts.key_id,
        verified_timestamps=facts.timestamps,
        verified_log_entries=facts.log_entries,
        verified_identity=identity,
        verified_key=next((key.name for key in keys if known.within(key.window)), ""),
        predicate_type=facts.predicate_type,
        annotations=() if failed else facts.annotations,  # whoever does not count is not quoted at length
        checks=facts.checks + judged,
        authority="" if failed else authority.name,
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of when the signature was made: a proven time, which engines hold everything against; or
    nothing, and whether the policy lets the time of the request, ``now``, stand in for it.
    """

    proven: bool
    now: datetime
    unsafe: bool

    def within(self, window: Window) -> bool:
        """Whether whoever was trusted in ``window`` was trusted when the signature was made."""
        return self.proven or window.unbounded or (self.unsafe and window.contains(self.now))


def _kind(facts: SignatureFacts, attestation: AttestationRequirement | None) -> Check:
    """An attestation never passes for a signature, nor a signature for an attestation, nor an attestation of
    another type for the one asked for (GHSA-vjxv-45g9-9296 is what happens otherwise).
    """
    is_signature = facts.predicate_type in ("", COSIGN_SIGN)
    kind = printable(facts.predicate_type, 200)
    found = "a signature" if is_signature else f"an attestation of type {kind}"
    if attestation is None:
        if is_signature:
            return Check.passed("kind", found)
        return Check.failed("kind", f"{found}; the policy asks for a signature", ReasonCode.NO_SIGNATURE)
    asked = attestation.predicate_types
    wanted = printable(some(asked, " or ") or "any", 200)
    text = f"{found}; the policy asks for an attestation of type {wanted}"
    if is_signature:
        return Check.failed("kind", text, ReasonCode.NO_ATTESTATION)
    if asked and facts.predicate_type not in asked:
        return Check.failed("kind", text, ReasonCode.PREDICATE_TYPE_MISMATCH)
    return Check.passed("kind", found)


@dataclass(frozen=True, slots=True)
class _Threshold:
    """``found`` of ``noun`` where ``needed`` are; ``reason`` when there is none at all."""

    check: str
    required: bool
    needed: int
    found: int
    noun: str
    reason: ReasonCode

    def judge(self) -> Check:
        if not self.required:
            text = f"the policy does not ask for it ({self.found} found)"
            return Check(self.check, CheckStatus.SKIPPED, text)
        evidence = f"{self.found} of {self.needed} distinct {self.noun}"
        if self.found >= self.needed:
            return Check.passed(self.check, evidence)
        return Check.failed(self.check, evidence, ReasonCode.THRESHOLD_NOT_MET if self.found else self.reason)


def _evidence(facts: SignatureFacts, config: VerifierConfig, known: _Known) -> list[Check]:
    """The thresholds of ``config``, each over distinct logs or authorities."""
    signed = {stamp.authority for stamp in facts.timestamps if stamp.type == TIMESTAMP_AUTHORITY}
    integrated = {stamp.authority for stamp in facts.timestamps if stamp.type == TLOG}
    no_log, no_time = _why_no_log(facts), ReasonCode.NO_TIMESTAMP
    thresholds = (
        _Threshold(
            "tlog-threshold",
            config.require_tlog_entries,
            config.tlog_entries_threshold,
            len(_logs(facts, known)),
            "transparency logs hold the signature",
            no_log,
        ),
        _Threshold(
            "observer-timestamp-threshold",
            config.require_observer_timestamps,
            config.observer_timestamp_threshold,
            len(signed | integrated),
            "logs and timestamp authorities prove the time",
            no_time,
        ),
        _Threshold(
            "signed-timestamp-threshold",
            config.require_signed_timestamps,
            config.signed_timestamp_threshold,
            len(signed),
            "timestamp authorities prove the time",
            no_time,
        ),
        _Threshold(
            "integrated-timestamp-threshold",
            config.require_integrated_timestamps,
            config.integrated_timestamp_threshold,
            len(integrated),
            "logs promise the time",
            no_time,
        ),
        _Threshold(
            "sct-threshold",
            config.require_scts and facts.certificate is not None,
            config.ctlog_entries_threshold,
            len({sct.log_id for sct in facts.scts}),
            "certificate transparency logs hold the certificate",
            ReasonCode.SCT_UNTRUSTED,
        ),
    )
    return [threshold.judge() for threshold in thresholds]


def _logs(facts: SignatureFacts, known: _Known) -> set[str]:
    """The logs that vouch for the signature. Where nothing proves when they took it in, only those that are still
    trusted: whoever got hold of a retired key could make an entry to this day.
    """
    if known.proven:
        return {entry.log_id for entry in facts.log_entries}
    return {
        entry.log_id
        for entry, windows in zip(facts.log_entries, facts.log_windows, strict=False)
        if any(window.contains(known.now) for window in windows)
    }


def _why_no_log(facts: SignatureFacts) -> ReasonCode:
    """What the engine said of entries that do not count; else that nothing says when one was made, or that there
    is none.
    """
    failed = [
        check.reason for check in facts.checks if check.id == "log" and check.status is CheckStatus.FAIL
    ]
    return max(failed, default=ReasonCode.NO_TIMESTAMP if facts.log_entries else ReasonCode.NO_LOG_ENTRY)


def _validity(windows: tuple[Window, ...], known: _Known) -> Check:
    """Whoever signed was trusted when they did. The engine held every proven time against that; without any, there
    is nothing but a trust without end, or the present, if the policy says so.
    """
    check = "trusted-when-signed"
    if known.proven:
        return Check.passed(check, "at every proven time")
    if any(window.unbounded for window in windows):
        return Check.passed(check, "the key is trusted without limit of time")
    listed = " or ".join(map(str, windows[:_SHOWN])) or "never"
    if not known.unsafe:
        text = f"nothing proves when it was signed; trusted from {listed}"
        return Check.failed(check, text, ReasonCode.NO_TIMESTAMP)
    if any(map(known.within, windows)):
        return Check.passed(check, f"at the time of the request, {known.now} (unsafe)")
    text = f"trusted from {listed}, not at the time of the request, {known.now}"
    return Check.failed(check, text, ReasonCode.TIME_OUTSIDE_VALIDITY)


def _annotations(facts: SignatureFacts, authority: Authority) -> list[Check]:
    """Every annotation that the policy asks for must be signed; none asked for, no check."""
    if not authority.annotations:
        return []
    signed = dict(facts.annotations)
    missing = [
        f"{name}={signed[name]} is signed, not {name}={value}" if name in signed else f"{name} is not signed"
        for name, value in authority.annotations
        if signed.get(name) != value
    ]
    if missing:
        return [Check.failed("annotations", some(missing, "; "), ReasonCode.ANNOTATION_MISMATCH)]
    asked = some((f"{name}={value}" for name, value in authority.annotations), ", ")
    return [Check.passed("annotations", f"signed: {asked}")]


def _age(facts: SignatureFacts, asked: SigningTime, now: datetime) -> list[Check]:
    """Every proven time lies in the span that the policy allows; a new timestamp makes no old signature young."""
    if not asked.asked:
        return []
    if not facts.timestamps:
        return [Check.failed("age", "nothing proves when it was signed", ReasonCode.NO_TIMESTAMP)]
    signed = min(stamp.time for stamp in facts.timestamps)
    bounds = [bound for bound in (asked.earliest, now - asked.max_age if asked.max_age else None) if bound]
    if signed < max(bounds):
        text = f"signed at {signed}; the policy takes nothing from before {max(bounds)}"
        return [Check.failed("age", text, ReasonCode.TOO_OLD)]
    return [Check.passed("age", f"signed at {signed}, not before {max(bounds)}")]


def _conditions(
    facts: SignatureFacts,
    attestation: AttestationRequirement,
    time: datetime,
    answered: dict[bytes, tuple[Check, ...]],
    judged: tuple[Check, ...],
) -> tuple[Check, ...]:
    """What the predicate must say."""
    if _failures(judged):
        text = "not asked: this attestation does not count in any case"
        return (Check("condition", CheckStatus.SKIPPED, text),)
    if facts.statement not in answered:
        answered[facts.statement] = tuple(_ask(facts, attestation, time))
    return answered[facts.statement]


def _ask(facts: SignatureFacts, attestation: AttestationRequirement, time: datetime) -> Iterator[Check]:
    """Whether each condition holds. A predicate that cannot be read says nothing."""
    try:
        predicate = parse_predicate(facts.statement)
    except VerificationError as error:
        yield Check.failed("condition", error.message, ReasonCode.CONDITION_NOT_MET)
        return
    for condition in attestation.conditions:
        try:
            problem = condition.problem(predicate, facts.predicate_type, time)
        except Exception as error:  # a condition never raises; one that does has not said that it holds
            logger.exception("a fault in the condition %s", condition.name)
            problem = f"cannot be evaluated ({type(error).__name__})"
        if problem:
            text = f"{condition.name}: {problem}"
            yield Check.failed("condition", text, ReasonCode.CONDITION_NOT_MET)
        else:
            yield Check.passed("condition", condition.name)


def _failures(checks: Iterable[Check]) -> list[ReasonCode]:
    return [check.reason for check in checks if check.status is CheckStatus.FAIL]
