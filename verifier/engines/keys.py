"""The engine for signatures that were made with a public key the operator trusts.

sigstore-python is imported only when there is a trusted root to hold log entries and timestamps against: a key by
itself needs ``cryptography`` and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from cryptography import __version__ as cryptography_version

from providers.errors import ConfigurationError, UnavailableError, VerificationError
from providers.reasons import ReasonCode
from providers.trust import TrustedKey, TrustedMaterial

from ..engine import VerifyOptions
from ..facts import KeyName, SignatureFacts, VerifiedLogEntry, VerifiedTimestamp, Window
from ..formats.entity import SignedEntity
from ..formats.log_entry import refuse_repeated
from . import evidence
from .evidence import Record, faults_are_ours, refusal
from .keyring import Keyring, KnownKey, compile_keyring, with_certificate
from .keys_selftest import run_self_test
from .signature import Message, SignedContent, needs_artifact, verify_over
from .signer import Signer
from .subject import bind

logger = logging.getLogger(__name__)

# Keyrings kept: one for each source of keys, with the one before it while it is being replaced.
_KEPT = 64


class Proven(Protocol):
    """Log entries and times that hold (``sigstore.proofs.Proven``)."""

    @property
    def timestamps(self) -> tuple[VerifiedTimestamp, ...]:
        """The times."""
        ...

    @property
    def log_facts(self) -> tuple[VerifiedLogEntry, ...]:
        """The log entries."""
        ...

    @property
    def log_windows(self) -> tuple[tuple[Window, ...], ...]:
        """When the keys are trusted by which each of the entries is proven."""
        ...

    def check_log_keys(self) -> None:
        """Raises unless the keys of the logs were trusted at the times."""
        ...


class Prover(Protocol):
    """Holds the evidence of one signature against a trusted root (``sigstore.prover.RootProver``)."""

    def accept(self, material: TrustedMaterial) -> None:
        """Prepare the trusted root of ``material``."""
        ...

    def prove(
        self,
        options: VerifyOptions,
        content: SignedContent,
        signer: Signer,
        check_time: Callable[[datetime, str], None],
        record: Record,
    ) -> Proven:
        """What logs and timestamp authorities prove."""
        ...


class KeyEngine:
    """Verifies signatures by the trusted keys (``verifier.engine.Engine``).

    1. One of the trusted keys made the signature. A key or a certificate that travels with it plays no part.
    2. What was signed is the artifact asked about.
    3. Log entries record this very signature with this key, and trusted logs hold them.
    4. Trusted authorities state when it was made.
    5. At each of these times the key, and the keys of the logs, were trusted.

    Without a trusted root, steps 3 to 5 are not made, and nothing is a fact but the signature itself.

    Facts without a timestamp mean that step 5 could not be made: ``key_names`` then say when the key is trusted,
    and whoever judges the facts must ask for more unless that is always.
    """

    def __init__(
        self,
        prover: Callable[[], Prover],
        compiler: Callable[[tuple[TrustedKey, ...]], Keyring] = compile_keyring,
    ) -> None:
        """``prover`` is called when there is a trusted root to prove something against."""
        self._prover = prover
        self._keyring = lru_cache(maxsize=_KEPT)(compiler)

    @property
    def name(self) -> str:
        """cryptography and its version."""
        return f"cryptography {cryptography_version}"

    @property
    def type(self) -> str:
        """The kind of engine."""
        return "keys"

    def takes(self, content: SignedEntity, material: TrustedMaterial) -> bool:
        """Where there are keys: what no certificate was given for, or none can be trusted for, or one for a
        trusted key (cosign sign --key K --certificate C): the key alone counts.
        """
        if not material.keys or not (content.leaf_certificate and material.trusted_root):
            return bool(material.keys)
        return self._keyring(material.keys).holds_key_of(content.leaf_certificate)

    def accept(self, material: TrustedMaterial) -> None:
        """Parse the keys and the trusted root.

        Raises:
            ConfigurationError: one of them does not parse, or is of a kind that is not accepted.
        """
        self._keyring(material.keys)
        if material.keys and material.trusted_root:
            self._prover().accept(material)

    def self_test(self) -> None:
        """Verify recorded good signatures and refuse bad ones.

        Raises:
            PycosignError: the engine must not be used.
        """
        run_self_test(self)

    def verify(self, options: VerifyOptions) -> SignatureFacts:
        """Establish the facts of one signature.

        The artifact itself is read from ``options.store`` only for an artifact signature that cannot be held
        against its SHA-256 digest: the key uses another hash, or the bundle states another kind of digest.

        Raises:
            EvidenceError: the signature does not hold.
            UnavailableError: ``trust-unavailable``; why the artifact could not be read; ``deadline-exceeded``;
                ``internal-error``.
        """
        try:
            keyring = self._keyring(options.trusted_material.keys)
        except ConfigurationError as error:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, str(error)) from error
        with faults_are_ours(logger):
            return self._verify(options, keyring)

    def _verify(self, options: VerifyOptions, keyring: Keyring) -> SignatureFacts:
        record, entity, subject = Record(evidence.OF_KEYS), options.content, options.subject_descriptor
        # 1
        with record.step(evidence.SIGNATURE):
            key, content = _find_key(options, keyring)
            names = key.names
            record.passed(evidence.SIGNATURE, f"made with key {_listed(names)}")
        # 2
        with record.step(evidence.SUBJECT):
            binding = bind(content, subject, options.read_subject)
            record.passed(evidence.SUBJECT, f"signed digest {subject.digest}")
        # 3, 4, 5
        timestamps: tuple[VerifiedTimestamp, ...] = ()
        log_entries: tuple[VerifiedLogEntry, ...] = ()
        log_windows: tuple[tuple[Window, ...], ...] = ()
        if options.trusted_material.trusted_root:
            signer = with_certificate(key.signer, entity.leaf_certificate)
            proven = self._prover().prove(options, content, signer, _within(names), record)
            with record.step(evidence.VALIDITY):
                proven.check_log_keys()
                names = _valid_names(names, proven.timestamps, record)
            timestamps, log_entries = proven.timestamps, proven.log_facts
            log_windows = proven.log_windows
        else:
            with record.step(evidence.LOG):
                refuse_repeated(entity.log_entries)
            for check in (evidence.LOG, evidence.TIMESTAMP, evidence.VALIDITY):
                record.skipped(check, "there is no trusted root to hold log entries and timestamps against")
        return SignatureFacts(
            media_type=entity.media_type,
            digest=entity.digest,
            certificate=None,
            key_id=key.signer.key_id,
            predicate_type=binding.predicate_type,
            annotations=binding.annotations,
            statement=binding.statement,
            timestamps=timestamps,
            log_entries=log_entries,
            scts=(),
            checks=record.checks,
            key_names=names,
            known_as=key.known_as,
            windows=tuple(name.window for name in names),
            log_windows=log_windows,
        )


def _find_key(options: VerifyOptions, keyring: Keyring) -> tuple[KnownKey, SignedContent]:
    """The one of the keys that made the signature.

    Raises:
        VerificationError: ``signature-invalid``: none did; ``subject-digest-mismatch``.
        UnavailableError: none of those did that can do without the artifact, which cannot be read;
            ``deadline-exceeded``.
    """
    content, digest = options.content.content, bytes.fromhex(options.subject_descriptor.hex)
    message = Message.of(content, options.read_subject)
    obstacle: UnavailableError | None = None
    for key in keyring.starting_with(options.content.key_hint):
        options.budget.seconds_left()  # many keys of a slow kind take their time
        if obstacle is not None and needs_artifact(key.signer, content):
            continue
        try:
            return key, verify_over(message, key.signer, content, digest)
        except UnavailableError as error:
            obstacle = error
        except VerificationError as error:
            if error.reason is not ReasonCode.SIGNATURE_INVALID:
                raise
    if obstacle is not None:
        raise obstacle
    names = ", ".join(keyring.names)
    raise refusal(
        ReasonCode.SIGNATURE_INVALID, f"the signature is not by a trusted key ({names}) over this content"
    )


def _listed(names: tuple[KeyName, ...]) -> str:
    return ", ".join(dict.fromkeys(name.name for name in names))


def _within(names: tuple[KeyName, ...]) -> Callable[[datetime, str], None]:
    """Raises ``time-outside-validity`` for a time at which the key was trusted under none of ``names``."""

    def check(time: datetime, source: str) -> None:
        if not any(key.window.contains(time) for key in names):
            listed = " or ".join(f"{key.name} from {key.window}" for key in names)
            raise refusal(
                ReasonCode.TIME_OUTSIDE_VALIDITY, f"{source} says {time}; the key is trusted as {listed}"
            )

    return check


def _valid_names(
    names: tuple[KeyName, ...], timestamps: tuple[VerifiedTimestamp, ...], record: Record
) -> tuple[KeyName, ...]:
    """Those under which the key was trusted at every proven time.

    Raises:
        VerificationError: ``time-outside-validity``: there is none.
    """
    times = [stamp.time for stamp in timestamps]
    for stamp in timestamps:
        _within(names)(stamp.time, stamp.uri or stamp.authority)
    valid = tuple(key for key in names if all(map(key.window.contains, times)))
    if not valid:
        raise refusal(
            ReasonCode.TIME_OUTSIDE_VALIDITY, "the key was trusted under no one name at all proven times"
        )
    if times:
        record.passed(evidence.VALIDITY, f"the key was trusted at {', '.join(map(str, times))}")
    else:
        record.skipped(evidence.VALIDITY, "no time is established at which the key could have been trusted")
    return valid
