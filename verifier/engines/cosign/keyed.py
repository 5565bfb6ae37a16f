"""Signatures by the trusted keys.

1. cosign is asked about one key after another, the one that the signature hints at first, with all the evidence
   that the trusted root could vouch for. What it does not find of timestamps is a failed check, and it is asked
   again without. Where it does not find the log entry, it is asked once more whether it is this key at all.
2. What was signed is the artifact asked about.
3. The evidence that cosign found holds here, too, and the key and the keys of the logs were trusted at every time
   it proves: cosign knows no windows of keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ...engine import EvidenceError
from ...facts import KeyName, SignatureFacts
from ...formats.bundle import BUNDLE_MEDIA_TYPES
from .. import evidence
from ..evidence import Record, refusal
from ..keyring import Keyring, KnownKey
from ..signature import algorithm_of
from ..sigstore.material import Material
from ..sigstore.proofs import Proven
from ..subject import bind
from .command import Asked, Matter, unable
from .corroboration import askable, corroborate
from .inquiry import LOG_REASONS, Inquiry, check_of
from .schemes import untried_scheme

# Each is a process or two of 50 milliseconds. A bundle hints at its key; of the older forms nothing does.
MAX_KEYS_TRIED = 16


def verify_keyed(inquiry: Inquiry, keyring: Keyring, material: Material | None) -> SignatureFacts:
    """Establish the facts of one signature. ``material`` is the compiled trusted root, None when there is none.

    Raises:
        EvidenceError: it does not hold.
        UnavailableError: cosign cannot say.
    """
    record, options = Record(evidence.OF_KEYS), inquiry.options
    with record.step(evidence.SUBJECT):
        matter = inquiry.matter()
    # 1
    key, found = _Search(inquiry, matter, material, record).find(keyring)
    names = ", ".join(dict.fromkeys(name.name for name in key.names))
    record.passed(evidence.SIGNATURE, f"made with key {names}, says cosign")
    # 2
    content = inquiry.signed_content(key.signer)
    with record.step(evidence.SUBJECT):
        binding = bind(content, options.subject_descriptor, options.read_subject)
        record.passed(evidence.SUBJECT, f"signed digest {options.subject_descriptor.digest}")
    # 3
    proven = Proven((), ())
    if material is not None:
        check_time = _within(key.names)
        proven = corroborate(matter, content, key.signer, check_time, material, found, record)
    else:
        for check in (evidence.LOG, evidence.TIMESTAMP):
            record.skipped(check, "there is no trusted root to hold log entries and timestamps against")
    valid = _valid_names(key.names, proven, record)
    return SignatureFacts(
        media_type=options.content.media_type,
        digest=options.content.digest,
        certificate=None,
        key_id=key.signer.key_id,
        predicate_type=binding.predicate_type,
        annotations=binding.annotations,
        statement=binding.statement,
        timestamps=proven.timestamps,
        log_entries=proven.log_facts,
        scts=(),
        checks=record.checks,
        key_names=valid,
        known_as=key.known_as,
        windows=tuple(name.window for name in valid),
        log_windows=proven.log_windows,
    )


class _Search:
    """The search for the key that made one signature."""

    def __init__(self, inquiry: Inquiry, matter: Matter, material: Material | None, record: Record) -> None:
        self._inquiry = inquiry
        self._matter = matter
        self._material = material
        self._record = record

    def find(self, keyring: Keyring) -> tuple[KnownKey, Asked]:
        """The key by which cosign verified it, and the evidence that it found.

        Raises:
            EvidenceError: there is none.
            UnavailableError: cosign cannot say.
        """
        entity = self._matter.entity
        if entity.leaf_certificate and entity.media_type in BUNDLE_MEDIA_TYPES:
            raise unable("cosign holds no key against a bundle with a certificate")
        keys = keyring.starting_with(entity.key_hint)
        for key in keys[:MAX_KEYS_TRIED]:
            asked = askable(self._matter, self._material, algorithm_of(key.signer), None)
            found = self._made_by(key, asked)
            if found is not None:
                return key, found
        if len(keys) > MAX_KEYS_TRIED:
            raise unable(
                f"{len(keys)} keys are trusted; cosign is asked about {MAX_KEYS_TRIED} of them at most"
            )
        for key in keys:
            scheme = untried_scheme(key.signer, entity.content, self._inquiry.signed_message())
            if scheme:
                raise unable(
                    f"cosign does not verify {scheme}, with which key {key.names[0].name} signed this"
                )
        with self._record.step(evidence.SIGNATURE):
            names = ", ".join(keyring.names)
            raise refusal(
                ReasonCode.SIGNATURE_INVALID,
                f"cosign: the signature is not by a trusted key ({names}) over this content",
            )

    def _made_by(self, key: KnownKey, asked: Asked) -> Asked | None:
        """The evidence of what is ``asked`` for that cosign found with ``key``; None when the signature is not by
        it.

        Raises:
            EvidenceError: it is, and does not hold for another reason.
            UnavailableError: cosign cannot say.
        """
        try:
            self._inquiry.ask(self._matter, self._inquiry.key(key.signer), asked)
        except VerificationError as error:
            if error.reason is ReasonCode.SIGNATURE_INVALID:
                return None
            if error.reason is ReasonCode.TIMESTAMP_INVALID and asked.timestamp:
                found = self._made_by(key, replace(asked, timestamp=False))
                if found is not None:
                    self._record.failed(evidence.TIMESTAMP, error.reason, error.message)
                return found
            # The entry of another key is as wrong to cosign as a wrong one.
            if error.reason in LOG_REASONS and asked.log and self._made_by(key, Asked()) is None:
                return None
            raise self._refusal(error) from error
        return asked

    def _refusal(self, error: VerificationError) -> EvidenceError | UnavailableError:
        check = check_of(error.reason)
        if check not in evidence.OF_KEYS:
            return unable(f"cosign speaks of a certificate where it was asked about a key: {error.message}")
        try:
            with self._record.step(check):
                raise error
        except EvidenceError as refused:
            return refused


def _within(names: tuple[KeyName, ...]) -> Callable[[datetime, str], None]:
    """Raises ``time-outside-validity`` for a time at which the key was trusted under none of ``names``."""

    def check(time: datetime, source: str) -> None:
        if not any(name.window.contains(time) for name in names):
            listed = " or ".join(f"{name.name} from {name.window}" for name in names)
            raise refusal(
                ReasonCode.TIME_OUTSIDE_VALIDITY, f"{source} says {time}; the key is trusted as {listed}"
            )

    return check


def _valid_names(names: tuple[KeyName, ...], proven: Proven, record: Record) -> tuple[KeyName, ...]:
    """Those under which the key was trusted at every proven time."""
    times = ", ".join(map(str, proven.times))
    with record.step(evidence.VALIDITY):
        valid = tuple(name for name in names if all(map(name.window.contains, proven.times)))
        if not valid:
            raise refusal(ReasonCode.TIME_OUTSIDE_VALIDITY, f"the key was not trusted at {times}")
        proven.check_log_keys()
        if times:
            record.passed(evidence.VALIDITY, f"the key was trusted at {times}")
        else:
            record.skipped(
                evidence.VALIDITY, "no time is established at which the key could have been trusted"
            )
    return valid
