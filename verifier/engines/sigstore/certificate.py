"""The signing certificate: its profile, and what it says (Fulcio ``docs/certificate-specification.md``)."""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtendedKeyUsageOID

from providers.reasons import ReasonCode

from ...facts import CertificateSummary
from ..evidence import refusal
from ..signer import Signer
from .faults import reading

_ARC = "1.3.6.1.4.1.57264.1."
# What makes a text look other than it is: control characters, line ends, and what turns the direction of writing
# (Unicode's Bidi_Control). The rest of Unicode is for names: str.isprintable() would refuse joined emoji.
_MISLEADING = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_OTHER_NAME = x509.ObjectIdentifier(_ARC + "7")

# Fulcio docs/oid-info.md. 1 to 6 hold the text itself, the later ones a DER UTF8String.
_ISSUER_V1, _ISSUER_V2, _LAST_RAW = 1, 8, 6
_CLAIMS = {
    2: "githubWorkflowTrigger",
    3: "githubWorkflowSHA",
    4: "githubWorkflowName",
    5: "githubWorkflowRepository",
    6: "githubWorkflowRef",
    9: "buildSignerURI",
    10: "buildSignerDigest",
    11: "runnerEnvironment",
    12: "sourceRepositoryURI",
    13: "sourceRepositoryDigest",
    14: "sourceRepositoryRef",
    15: "sourceRepositoryIdentifier",
    16: "sourceRepositoryOwnerURI",
    17: "sourceRepositoryOwnerIdentifier",
    18: "buildConfigURI",
    19: "buildConfigDigest",
    20: "buildTrigger",
    21: "runInvocationURI",
    22: "sourceRepositoryVisibilityAtSigning",
}


def read(der: bytes) -> tuple[x509.Certificate, CertificateSummary]:
    """The leaf certificate, found to have Fulcio's profile, and what it says.

    Raises:
        VerificationError: ``no-certificate``, ``malformed``, ``certificate-invalid``.
    """
    certificate = load(der)
    check_profile(certificate)
    return certificate, summarise(certificate)


def signer(certificate: x509.Certificate, der: bytes) -> Signer:
    """Who signs with ``certificate``.

    Raises:
        VerificationError: ``unsupported``: a key of a kind nobody knows.
    """
    with reading("the key of the certificate", ReasonCode.UNSUPPORTED):
        return Signer(certificate.public_key(), certificate=der)


def load(der: bytes) -> x509.Certificate:
    """Parse the leaf certificate with all its extensions.

    Raises:
        VerificationError: ``no-certificate``, ``malformed``.
    """
    if not der:
        raise refusal(ReasonCode.NO_CERTIFICATE, "the bundle is signed with a key, not with a certificate")
    with reading("the certificate", ReasonCode.MALFORMED):
        certificate = x509.load_der_x509_certificate(der)
        certificate.extensions  # noqa: B018  parsed on first use, duplicates found
    return certificate


def refuse_roots(issuers: tuple[bytes, ...]) -> None:
    """What a bundle brings above the leaf is trusted for nothing. A root among it can only mislead: signers must
    not put one there (``sigstore_bundle.proto``, X509CertificateChain).

    Raises:
        VerificationError: ``malformed``.
    """
    for der in issuers:
        with reading("a certificate above that of the signer", ReasonCode.MALFORMED):
            issuer = x509.load_der_x509_certificate(der)
            self_issued = issuer.issuer == issuer.subject
        if self_issued:
            raise refusal(ReasonCode.MALFORMED, "the bundle brings a root certificate with it")


def check_profile(certificate: x509.Certificate) -> None:
    """Fulcio's profile for signing certificates.

    Raises:
        VerificationError: ``certificate-invalid``.
    """
    extensions = certificate.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise refusal(
            ReasonCode.CERTIFICATE_INVALID, f"the certificate does not say what it is for: {error}"
        ) from error
    if not usage.digital_signature:
        raise refusal(
            ReasonCode.CERTIFICATE_INVALID, "the key usage of the certificate lacks digitalSignature"
        )
    if ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise refusal(
            ReasonCode.CERTIFICATE_INVALID, "the extended key usage of the certificate lacks codeSigning"
        )


def summarise(certificate: x509.Certificate) -> CertificateSummary:
    """What the certificate says of the signer.

    Raises:
        VerificationError: ``certificate-invalid``: not exactly one name, an extension that is no text, or a text
            that would not be shown as it is.
    """
    name, kind = _name(certificate)
    texts = _texts(certificate)
    with reading("the issuer of the certificate", ReasonCode.CERTIFICATE_INVALID):
        issued_by = certificate.issuer.rfc4514_string()
    return CertificateSummary(
        certificate_issuer=issued_by,
        subject_alternative_name=name,
        subject_alternative_name_type=kind,
        issuer=texts.get(_ISSUER_V2) or texts.get(_ISSUER_V1, ""),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        claims=tuple(sorted((_CLAIMS[n], text) for n, text in texts.items() if n in _CLAIMS)),
    )


def _name(certificate: x509.Certificate) -> tuple[str, str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound as error:
        raise refusal(ReasonCode.CERTIFICATE_INVALID, "the certificate names no subject") from error
    names = list(extension.value)
    if len(names) != 1:
        raise refusal(
            ReasonCode.CERTIFICATE_INVALID, f"the certificate names {len(names)} subjects instead of one"
        )
    name = names[0]
    if isinstance(name, x509.UniformResourceIdentifier):
        return _not_empty(name.value), "URI"
    if isinstance(name, x509.RFC822Name):
        return _not_empty(name.value), "email"
    if isinstance(name, x509.OtherName) and name.type_id == _OTHER_NAME:
        return _not_empty(_utf8(name.value, "the subject alternative name")), "otherName"
    raise refusal(ReasonCode.CERTIFICATE_INVALID, f"the subject is named by a {type(name).__name__}")


def _not_empty(name: str) -> str:
    if not name:
        raise refusal(ReasonCode.CERTIFICATE_INVALID, "the certificate names an empty subject")
    return _shown(name, "the subject alternative name")


def _shown(text: str, what: str) -> str:
    """``text``, if a person who sees it sees all of it, in its order."""
    if not text.isprintable() and _MISLEADING.search(text):
        raise refusal(ReasonCode.CERTIFICATE_INVALID, f"{what} of the certificate is not printable: {text!r}")
    return text


def _texts(certificate: x509.Certificate) -> dict[int, str]:
    """Fulcio's extensions by the last number of their identifier."""
    found = {}
    for extension in certificate.extensions:
        number = extension.oid.dotted_string.removeprefix(_ARC)
        if not number.isdecimal() or not isinstance(extension.value, x509.UnrecognizedExtension):
            continue
        last = int(number)
        if last not in _CLAIMS and last not in {_ISSUER_V1, _ISSUER_V2}:
            continue
        raw = extension.value.value
        what = f"extension {number}"
        found[last] = _shown(_text(raw, what) if last <= _LAST_RAW else _utf8(raw, what), what)
    return found


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refusal(ReasonCode.CERTIFICATE_INVALID, f"{what} of the certificate is no text") from error


def _utf8(der: bytes, what: str) -> str:
    try:
        return asn1.decode_der(str, der)
    except ValueError as error:
        raise refusal(
            ReasonCode.CERTIFICATE_INVALID, f"{what} of the certificate is no UTF8String"
        ) from error
