"""Signatures by the key of a certificate.

1. The certificate has Fulcio's profile; the names in it are those that cosign is asked for.
2. cosign finds the chain, the signature, the subject, and all the evidence that the trusted root could vouch for.
   What it does not find of timestamps and SCTs is a failed check, and it is asked again without: whoever passes a
   signature on may add such. A log entry of a trusted log has to hold.
3. What was signed is the artifact asked about.
4. The evidence that cosign found holds here, too, and the certificate, all above it and the keys of the logs were
   valid at every time it proves: cosign holds less against the windows of the trusted root.

Where no time is proven, cosign verified the certificate as of the present, and the facts are of this moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ...facts import CertificateSummary, SignatureFacts, VerifiedSct, Window
from .. import evidence
from ..evidence import Record, refusal
from ..signature import algorithm_of
from ..signer import Signer
from ..sigstore import certificate as leaf_certificate
from ..sigstore.chain import Path, find_paths
from ..sigstore.engine import within
from ..sigstore.material import Material
from ..sigstore.proofs import Proven
from ..sigstore.sct import verify_scts
from ..subject import bind
from .command import Asked, Matter, unable
from .corroboration import askable, check_stated_times, corroborate, overlooked
from .inquiry import Inquiry, check_of
from .schemes import untried_scheme


@dataclass(frozen=True, slots=True)
class _Leaf:
    """The signing certificate."""

    certificate: Certificate
    summary: CertificateSummary
    signer: Signer

    @property
    def validity(self) -> Window:
        return Window(self.summary.not_before, self.summary.not_after)


def verify_certified(inquiry: Inquiry, material: Material) -> SignatureFacts:
    """Establish the facts of one signature.

    Raises:
        EvidenceError: it does not hold.
        UnavailableError: cosign cannot say.
    """
    record, options = Record(), inquiry.options
    # 1
    with record.step(evidence.CERTIFICATE):
        leaf = _read(options.content.leaf_certificate)
        leaf_certificate.refuse_roots(options.content.issuers)
        names = f"{leaf.summary.subject_alternative_name} for {leaf.summary.issuer}"
        record.passed(evidence.CERTIFICATE, f"issued to {names}")
    with record.step(evidence.SUBJECT):
        matter = inquiry.matter()
    # 2
    found = _ask(inquiry, matter, leaf, material, record)
    with record.step(evidence.CHAIN):
        paths = find_paths(leaf.certificate, material)
        record.passed(evidence.CHAIN, f"issued by {leaf.summary.certificate_issuer}, says cosign, too")
    record.passed(evidence.SIGNATURE, "made with the key of the certificate, says cosign")
    # 3
    content = inquiry.signed_content(leaf.signer)
    with record.step(evidence.SUBJECT):
        binding = bind(content, options.subject_descriptor, options.read_subject)
        record.passed(evidence.SUBJECT, f"signed digest {options.subject_descriptor.digest}")
    # 4
    check_time = within(leaf.validity)
    proven = corroborate(matter, content, leaf.signer, check_time, material, found, record)
    valid = _valid_paths(paths, proven, record)
    scts = _scts(leaf, valid[0], material, found, record)
    present = Window(None, None) if proven.times else Window(options.time, options.time)
    return SignatureFacts(
        media_type=options.content.media_type,
        digest=options.content.digest,
        certificate=leaf.summary,
        key_id="",
        predicate_type=binding.predicate_type,
        annotations=binding.annotations,
        statement=binding.statement,
        timestamps=proven.timestamps,
        log_entries=proven.log_facts,
        scts=scts,
        checks=record.checks,
        windows=tuple(path.window.intersection(leaf.validity).intersection(present) for path in valid),
        log_windows=proven.log_windows,
    )


def _read(der: bytes) -> _Leaf:
    certificate, summary = leaf_certificate.read(der)
    return _Leaf(certificate, summary, leaf_certificate.signer(certificate, der))


def _ask(inquiry: Inquiry, matter: Matter, leaf: _Leaf, material: Material, record: Record) -> Asked:
    """The evidence that cosign found, which verified the signature.

    Raises:
        EvidenceError: it refused.
        UnavailableError: it cannot say.
    """
    with record.step(evidence.SIGNATURE):
        algorithm = algorithm_of(leaf.signer)
    if matter.is_layer and isinstance(leaf.signer.key, ec.EllipticCurvePublicKey) and algorithm != "SHA2_256":
        raise unable(
            f"cosign verifies certificates' signatures in this form with SHA-256 only, not {algorithm}"
        )
    pem = leaf.certificate.public_bytes(Encoding.PEM)
    signatory = inquiry.certificate(leaf.signer, pem, leaf.summary)
    asked = first = askable(matter, material, algorithm, leaf.certificate)
    while True:
        try:
            inquiry.ask(matter, signatory, asked)
            return asked
        except VerificationError as error:
            less = _without(asked, error.reason)
            if less is None:
                reason = _reason(error.reason, inquiry, matter, leaf, material, asked)
                if reason is ReasonCode.NO_TIMESTAMP and overlooked(matter, material, first):
                    raise unable(
                        "cosign holds timestamps of older attestations against the whole envelope only"
                    ) from error
                with record.step(check_of(reason)):
                    raise refusal(reason, error.message) from error
            record.failed(check_of(error.reason), error.reason, error.message)
            asked = less


def _without(asked: Asked, reason: ReasonCode) -> Asked | None:
    """What is left to ask for, None when it has to be refused. Without a timestamp, an entry of a log that gives
    no time is of no use to cosign.
    """
    if reason is ReasonCode.SCT_UNTRUSTED and asked.sct:
        return replace(asked, sct=False)
    if reason in {ReasonCode.TIMESTAMP_INVALID, ReasonCode.NO_TIMESTAMP}:
        if asked.timestamp:
            return replace(asked, timestamp=False)
        if asked.log:
            return replace(asked, log=False)
    return None


def _reason(
    reason: ReasonCode, inquiry: Inquiry, matter: Matter, leaf: _Leaf, material: Material, asked: Asked
) -> ReasonCode:
    """Why cosign refused. It has one sentence for an unknown authority and for a time outside of any validity.

    Raises:
        UnavailableError: its refusal says nothing about a signature in this scheme.
    """
    content = inquiry.options.content
    if reason is ReasonCode.SIGNATURE_INVALID:
        scheme = untried_scheme(leaf.signer, content.content, inquiry.signed_message())
        if scheme:
            raise unable(f"cosign does not verify {scheme} here, which made this signature")
    if reason is not ReasonCode.CHAIN_UNTRUSTED:
        return reason
    try:
        find_paths(leaf.certificate, material)
        if asked.timestamp:
            check_stated_times(matter, within(leaf.validity), material)
    except VerificationError as error:
        return error.reason
    dated = asked.timestamp or asked.log
    return reason if dated or leaf.validity.contains(inquiry.options.time) else ReasonCode.NO_TIMESTAMP


def _valid_paths(paths: tuple[Path, ...], proven: Proven, record: Record) -> tuple[Path, ...]:
    """Those that were valid at every proven time, at which the certificate was (``corroborate``)."""
    times = ", ".join(map(str, proven.times))
    with record.step(evidence.VALIDITY):
        valid = tuple(path for path in paths if all(map(path.window.contains, proven.times)))
        if not valid:
            raise refusal(ReasonCode.CHAIN_UNTRUSTED, f"no authority was trusted at {times}")
        proven.check_log_keys()
        if times:
            record.passed(evidence.VALIDITY, f"the certificate and all above it were valid at {times}")
        else:
            record.skipped(evidence.VALIDITY, "no time is established; cosign found all valid at present")
    return valid


def _scts(
    leaf: _Leaf, path: Path, material: Material, found: Asked, record: Record
) -> tuple[VerifiedSct, ...]:
    with record.step(evidence.SCT):
        verified = verify_scts(leaf.certificate, path.issuer_key_hash, material, record)
        return verified[:1] if found.sct else ()
