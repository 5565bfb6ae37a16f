"""The sigstore engine: one keyless signature, from a parsed bundle to facts."""

from __future__ import annotations

import logging
from datetime import datetime

from sigstore import __version__ as sigstore_version

from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial

from ...engine import VerifyOptions
from ...facts import SignatureFacts, Window
from ...formats.entity import SignedEntity
from .. import evidence
from ..evidence import Record, faults_are_ours, refusal
from ..signature import verify_signature
from ..subject import bind
from . import certificate as leaf_certificate
from .chain import Path, find_paths
from .material import Compiled, Material
from .proofs import Proven, prove
from .sct import verify_scts
from .selftest import run_self_test
from .timestamps import CheckTime

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

    def __init__(self, compiled: Compiled | None = None) -> None:
        self._compiled = compiled or Compiled()

    @property
    def name(self) -> str:
        """sigstore-python and its version."""
        return f"sigstore-python {sigstore_version}"

    @property
    def type(self) -> str:
        """The kind of engine."""
        return "sigstore"

    def takes(self, content: SignedEntity, material: TrustedMaterial) -> bool:
        """What was signed with a certificate, where there is a trusted root."""
        return bool(content.leaf_certificate and material.trusted_root)

    def accept(self, material: TrustedMaterial) -> None:
        """Compile the trusted root of ``material``, if there is one, and keep it.

        Raises:
            ConfigurationError: it does not parse, one of its authorities is broken (``issuers``), or it holds no
                certificate authority or no log.
        """
        if material.trusted_root:
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
        with faults_are_ours(logger):
            return _verify(options, material)


def _verify(options: VerifyOptions, material: Material) -> SignatureFacts:
    record, entity, subject = Record(), options.content, options.subject_descriptor
    # 1
    with record.step(evidence.CERTIFICATE):
        certificate, summary = leaf_certificate.read(entity.leaf_certificate)
        leaf_certificate.refuse_roots(entity.issuers)
        signer = leaf_certificate.signer(certificate, entity.leaf_certificate)
        name = f"{summary.subject_alternative_name} for {summary.issuer}"
        record.passed(evidence.CERTIFICATE, f"issued to {name}")
    # 2
    with record.step(evidence.CHAIN):
        paths = find_paths(certificate, material)
        record.passed(evidence.CHAIN, f"issued by {summary.certificate_issuer}, which the trusted root holds")
    # 3
    with record.step(evidence.SIGNATURE):
        digest = bytes.fromhex(subject.hex)
        content = verify_signature(signer, entity.content, digest, options.read_subject)
        record.passed(evidence.SIGNATURE, "made with the key of the certificate")
    # 4
    with record.step(evidence.SUBJECT):
        binding = bind(content, subject, options.read_subject)
        record.passed(evidence.SUBJECT, f"signed digest {subject.digest}")
    # 5, 6
    validity = Window(summary.not_before, summary.not_after)
    proven = prove(entity, content, signer, within(validity), material, record)
    # 7
    valid = _check_validity(validity, paths, proven, record)
    # 8
    with record.step(evidence.SCT):
        scts = verify_scts(certificate, valid[0].issuer_key_hash, material, record)
    return SignatureFacts(
        media_type=entity.media_type,
        digest=entity.digest,
        certificate=summary,
        key_id="",
        predicate_type=binding.predicate_type,
        annotations=binding.annotations,
        statement=binding.statement,
        timestamps=proven.timestamps,
        log_entries=proven.log_facts,
        scts=scts,
        checks=record.checks,
        windows=tuple(path.window.intersection(validity) for path in valid),
        log_windows=proven.log_windows,
    )


def within(validity: Window) -> CheckTime:
    """Raises ``time-outside-validity`` for a time at which the signing certificate was not valid."""

    def check(time: datetime, source: str) -> None:
        if not validity.contains(time):
            raise refusal(
                ReasonCode.TIME_OUTSIDE_VALIDITY,
                f"{source} says {time}, but the certificate was valid from {validity}",
            )

    return check


def _check_validity(
    validity: Window, paths: tuple[Path, ...], proven: Proven, record: Record
) -> tuple[Path, ...]:
    """Step 7: the paths that were valid at every established time."""
    times = proven.times
    with record.step(evidence.VALIDITY):
        for stamp in proven.timestamps:
            within(validity)(stamp.time, stamp.uri or stamp.authority)
        valid = tuple(path for path in paths if all(path.window.contains(time) for time in times))
        if not valid:
            windows = "; ".join(f"{path.authority.uri} from {path.authority.window}" for path in paths)
            raise refusal(
                ReasonCode.CHAIN_UNTRUSTED, f"no authority was trusted at {_list(times)}: {windows}"
            )
        proven.check_log_keys()
        if times:
            record.passed(evidence.VALIDITY, f"the certificate and all above it were valid at {_list(times)}")
        else:
            record.skipped(
                evidence.VALIDITY, "no time is established at which anything could have been valid"
            )
    return valid


def _list(times: list[datetime]) -> str:
    return ", ".join(str(time) for time in times)
