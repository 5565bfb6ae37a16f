"""A second opinion: other engines verify the same bytes, and must agree.

Asked only about signatures that would decide, so that whoever attaches signatures makes nobody work. It has to say
the same of who signed and what, and to find each kind of evidence that the first engine found: a log that holds
the signature, a proof of when it was made, an SCT. How many of each a policy wants, the first engine counts.

An engine that refuses what another has proven, or finds something else, has it refused with ``engines-disagree``;
one that cannot say leaves it unchecked: who asked for a second opinion is not let through without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sized
from dataclasses import replace

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from .engine import Engine, EvidenceError, VerifyOptions
from .facts import Check, CheckStatus, SignatureFacts
from .printable import printable

CROSS_CHECK = "cross-check"
# Each kind of evidence, the check that finds it, and where facts have it.
_EVIDENCE: tuple[tuple[str, str, Callable[[SignatureFacts], Sized]], ...] = (
    ("a log that holds the signature", "log", lambda facts: facts.log_entries),
    ("a proof of when it was made", "timestamp", lambda facts: facts.timestamps),
    ("an SCT", "sct", lambda facts: facts.scts),
)


# A signer's signatures of one thing that are put to the other engines, for one request. Whoever may attach
# signatures can attach variants of a genuine one, which differ in what is not signed; each costs a process.
_EACH_SIGNER = 4


class Confirmations:
    """What was put to other engines for one request."""

    def __init__(self) -> None:
        self._asked: Counter[tuple[str, str, bytes]] = Counter()

    def confirm(
        self, facts: SignatureFacts, options: VerifyOptions, engines: tuple[Engine, ...]
    ) -> SignatureFacts:
        """``confirmed``, for a bounded number of signatures of one signer.

        Raises:
            EvidenceError: ``engines-disagree``.
            UnavailableError: ``limit-exceeded``; why an engine could not find out.
        """
        signed = (options.subject_descriptor.digest, facts.signer, facts.statement)
        self._asked[signed] += 1
        if self._asked[signed] > _EACH_SIGNER:
            raise UnavailableError(
                ReasonCode.LIMIT_EXCEEDED,
                f"{_EACH_SIGNER} signatures of this signer were put to the other engine; this one was not",
            )
        return confirmed(facts, options, engines)


def confirmed(facts: SignatureFacts, options: VerifyOptions, engines: tuple[Engine, ...]) -> SignatureFacts:
    """``facts``, with a check for each of ``engines``, which found the same.

    Raises:
        EvidenceError: ``engines-disagree``, with the checks of ``facts`` and those of the engines up to that one.
        UnavailableError: ``engine-unavailable``, or why one of them could not find out.
    """
    for engine in engines:
        try:
            difference = _difference(facts, options, engine)
        except UnavailableError as error:
            text = f"{engine.name} is to confirm every signature, and could not say: {error.message}"
            raise UnavailableError(error.reason, printable(text)) from error
        if difference:
            text = printable(f"{engine.name} {difference}")
            failed = Check(CROSS_CHECK, CheckStatus.FAIL, text, ReasonCode.ENGINES_DISAGREE)
            raise EvidenceError(ReasonCode.ENGINES_DISAGREE, text, (*facts.checks, failed))
        agreed = Check(CROSS_CHECK, CheckStatus.PASS, f"{engine.name} agrees")
        facts = replace(facts, checks=(*facts.checks, agreed))
    return facts


def _difference(facts: SignatureFacts, options: VerifyOptions, engine: Engine) -> str:
    """What ``engine`` says otherwise; empty when it agrees.

    Raises:
        UnavailableError: it cannot say.
    """
    if not engine.takes(options.content, options.trusted_material):
        raise _unable(f"it does not verify signatures of type {facts.media_type}")
    try:
        others = engine.verify(options)
    except VerificationError as error:
        return f"refuses it: {error.reason}: {error.message}"
    if others.certificate != facts.certificate or others.key_id != facts.key_id:
        return f"finds another signer: {_signer(others)}, not {_signer(facts)}"
    # A time that one of them does not see rules no name out for it.
    if not _names(facts) <= _names(others):
        return "finds the key trusted under other names"
    if (others.predicate_type, others.annotations) != (facts.predicate_type, facts.annotations):
        return "finds that something else was signed"
    return _missing(facts, others)


def _missing(facts: SignatureFacts, others: SignatureFacts) -> str:
    """The kind of evidence that ``facts`` rest on and that does not hold for ``others``; empty when there is none.

    Raises:
        UnavailableError: the other engine did not look.
    """
    for noun, check_id, found_in in _EVIDENCE:
        if not found_in(facts) or found_in(others):
            continue
        looked = [c for c in others.checks if c.id == check_id and c.status is CheckStatus.FAIL]
        if not looked:
            raise _unable(f"it does not look for {noun} in a signature of type {facts.media_type}")
        return f"does not find {noun}: {looked[0].evidence}"
    return ""


def _names(facts: SignatureFacts) -> set[str]:
    return {key.name for key in facts.key_names}


def _signer(facts: SignatureFacts) -> str:
    if facts.certificate is None:
        return f"key {facts.key_id}"
    return f"{facts.certificate.subject_alternative_name} for {facts.certificate.issuer}"


def _unable(sentence: str) -> UnavailableError:
    return UnavailableError(ReasonCode.ENGINE_UNAVAILABLE, sentence)
