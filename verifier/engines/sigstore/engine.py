"""The sigstore engine: one keyless signature, from a parsed bundle to facts."""

from __future__ import annotations

import logging
from datetime import datetime

from cryptography.x509 import Certificate
from sigstore import __version__ as sigstore_version

from providers.errors import ConfigurationError, PycosignError, UnavailableError
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial

from ...engine import VerifyOptions
from ...facts import TLOG, SignatureFacts, VerifiedLogEntry, VerifiedTimestamp
from ...formats.bundle import BUNDLE_MEDIA_TYPES, Bundle
from . import certificate as leaf_certificate
from . import evidence
from .body import kind_of
from .chain import Path, find_paths
from .evidence import Record, refusal
from .log import ProvenEntry, check_windows, prove_entries
from .material import Compiled, Material
from .sct import verify_scts
from .selftest import run_self_test
from .signature import SignedContent, verify_signature
from .subject import bind
from .timestamps import check_validity, verify_timestamps

logger = logging.getLogger(__name__)


class SigstoreEngine:
    """Verifies keyless signatures in Sigstore bundles (``verifier.engine.Engine``).

    1. The certificate is there, parses, and has Fulcio's profile.
    2. It chains to a certificate authority of the trusted root.
    3. Its key made the signature.
    4. What was signed is the artifact asked about.
    5. Log entries record this very signature, and trusted logs hold them.
    6. Trusted authorities state when the signature was made.
    7. At each of these times the certificate, all above it, and the keys of the logs were valid.
    8. Trusted CT logs have seen the certificate.

    Steps 1 to 4 and 7 hold, or the signature is refused. Steps 5, 6 and 8 count what they find: an untrusted log
    is a failed check and no fact, and how many are needed is for the policy to say. A log entry of a trusted log
    that does not hold is refused.

    It opens nothing itself: the one thing it may have to read besides the bundle, the artifact (step 3), comes
    from the store that it is given.

    Facts without a timestamp mean that step 7 could not be made (its check is skipped): nothing shows that the
    certificate was ever valid when its key was used, so whoever judges the facts must refuse them.
    """

    def __init__(self) -> None:
        self._compiled = Compiled()

    @property
    def name(self) -> str:
        """sigstore-python and its version."""
        return f"sigstore-python {sigstore_version}"

    @property
    def type(self) -> str:
        """The kind of engine."""
        return "sigstore"

    @property
    def artifact_types(self) -> tuple[str, ...]:
        """The media types of bundles."""
        return BUNDLE_MEDIA_TYPES

    def accept(self, material: TrustedMaterial) -> None:
        """Compile ``material`` and keep it.

        Raises:
            ConfigurationError: it does not parse, one of its authorities is broken (``issuers``), or it holds no
                certificate authority or no log.
        """
        self._compiled.get(material)

    def self_test(self) -> None:
        """Verify the recorded good bundles and refuse the bad ones.

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
            UnavailableError: ``trust-unavailable``; why the artifact could not be read; ``internal-error``: a
                fault of ours (``evidence`` says what is one).
        """
        try:
            material = self._compiled.get(options.trusted_material)
        except ConfigurationError as error:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, str(error)) from error
        try:
            return _verify(options, material)
        except (PycosignError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a fault of ours; a panic of a library in Rust is no Exception
            logger.exception("a fault in the engine")
            raise UnavailableError(
                ReasonCode.INTERNAL_ERROR, f"{type(error).__name__} in the engine"
            ) from error


def _verify(options: VerifyOptions, material: Material) -> SignatureFacts:
    record, bundle, subject = Record(), options.content, options.subject_descriptor
    # 1
    with record.step(evidence.CERTIFICATE):
        certificate, summary = leaf_certificate.read(bundle.leaf_certificate)
        signer = f"{summary.subject_alternative_name} for {summary.issuer}"
        record.passed(evidence.CERTIFICATE, f"issued to {signer}")
    # 2
    with record.step(evidence.CHAIN):
        paths = find_paths(certificate, material)
        record.passed(evidence.CHAIN, f"issued by {summary.certificate_issuer}, which the trusted root holds")
    # 3
    with record.step(evidence.SIGNATURE):
        digest = bytes.fromhex(subject.hex)
        content = verify_signature(certificate, bundle.content, digest, lambda: _read(options))
        record.passed(evidence.SIGNATURE, "made with the key of the certificate")
    # 4
    with record.step(evidence.SUBJECT):
        binding = bind(content, subject)
        record.passed(evidence.SUBJECT, f"signed digest {subject.digest}")
    # 5
    with record.step(evidence.LOG):
        entries = prove_entries(bundle.log_entries, content, bundle.leaf_certificate, material, record)
    # 6
    with record.step(evidence.TIMESTAMP):
        timestamps = _times(bundle, content, certificate, entries, material, record)
    # 7
    path = _check_validity(certificate, paths, entries, timestamps, record)
    # 8
    with record.step(evidence.SCT):
        scts = verify_scts(certificate, path.issuer_key_hash, material, record)
    return SignatureFacts(
        media_type=bundle.media_type,
        digest=bundle.digest,
        certificate=summary,
        key_id="",
        predicate_type=binding.predicate_type,
        annotations=binding.annotations,
        timestamps=timestamps,
        log_entries=tuple(map(_log_fact, entries)),
        scts=scts,
        checks=record.checks,
    )


def _read(options: VerifyOptions) -> bytes:
    return options.store.fetch(options.repository, options.subject_descriptor, options.budget)


def _log_fact(proven: ProvenEntry) -> VerifiedLogEntry:
    return VerifiedLogEntry(proven.key.log_id.hex(), proven.index, kind_of(proven.entry), proven.key.uri)


def _times(
    bundle: Bundle,
    content: SignedContent,
    certificate: Certificate,
    entries: tuple[ProvenEntry, ...],
    material: Material,
    record: Record,
) -> tuple[VerifiedTimestamp, ...]:
    """Signed timestamps, and the times that logs promised."""
    found = list(
        verify_timestamps(
            bundle.timestamps, content.signature, certificate, material.stamp_authorities, record
        )
    )
    for entry in entries:
        if entry.time is not None:
            name = entry.key.log_id.hex()
            record.passed(
                evidence.TIMESTAMP, f"{entry.key.uri or name} took the signature in at {entry.time}"
            )
            found.append(VerifiedTimestamp(TLOG, entry.key.uri, entry.time, name))
    if not found:
        record.failed(
            evidence.TIMESTAMP, ReasonCode.NO_TIMESTAMP, "nothing trusted says when the signature was made"
        )
    return tuple(found)


def _check_validity(
    certificate: Certificate,
    paths: tuple[Path, ...],
    entries: tuple[ProvenEntry, ...],
    timestamps: tuple[VerifiedTimestamp, ...],
    record: Record,
) -> Path:
    """Step 7: choose the path that was valid at every established time."""
    times = [stamp.time for stamp in timestamps]
    with record.step(evidence.VALIDITY):
        for stamp in timestamps:
            check_validity(stamp.time, certificate, stamp.uri or stamp.authority)
        valid = [path for path in paths if all(path.covers(time) for time in times)]
        if not valid:
            windows = "; ".join(f"{path.authority.uri} from {path.authority.window}" for path in paths)
            raise refusal(
                ReasonCode.CHAIN_UNTRUSTED, f"no authority was trusted at {_list(times)}: {windows}"
            )
        check_windows(entries, times)
        if times:
            record.passed(evidence.VALIDITY, f"the certificate and all above it were valid at {_list(times)}")
        else:
            record.skipped(
                evidence.VALIDITY, "no time is established at which anything could have been valid"
            )
    return valid[0]


def _list(times: list[datetime]) -> str:
    return ", ".join(str(time) for time in times)
