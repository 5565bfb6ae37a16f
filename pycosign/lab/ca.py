"""A certificate authority in the image of Fulcio: a root, an intermediate, and ten-minute certificates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import names
from .clock import FUTURE, PAST, Clock, whole_second
from .ctlog import CtLog, sct_extension
from .identity import Identity
from .keys import PublicKey, key_id

# Fulcio's certificate profile: leaf certificates live ten minutes.
LIFETIME = timedelta(minutes=10)


class CertificateAuthority:
    """Issues certificates for whatever identity it is told; see fulcio.py for who may ask."""

    def __init__(self, *, lab_name: str, clock: Clock) -> None:
        self._clock = clock
        created = whole_second(clock())
        self.root_key = ec.generate_private_key(ec.SECP384R1())
        self.key = ec.generate_private_key(ec.SECP384R1())
        root_name = names.subject("root", lab_name)
        self.root = authority_certificate(
            root_name, root_name, self.root_key.public_key(), self.root_key, created, path_length=1
        )
        self.intermediate = authority_certificate(
            names.subject("intermediate", lab_name),
            root_name,
            self.key.public_key(),
            self.root_key,
            created,
            path_length=0,
            usage=ExtendedKeyUsageOID.CODE_SIGNING,
        )

    @property
    def chain(self) -> tuple[x509.Certificate, x509.Certificate]:
        """The intermediate, then the root."""
        return (self.intermediate, self.root)

    def issue(
        self,
        public_key: PublicKey,
        identity: Identity,
        *,
        ct_logs: Sequence[CtLog] = (),
        not_before: datetime | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> x509.Certificate:
        """A code-signing certificate with one embedded SCT of each log.

        1. Build the certificate without an SCT list; its TBSCertificate is what the logs sign (RFC 6962 s3.2).
        2. Build it again with the list as last extension; everything else is the same.
        Raises LabError when the identity cannot be written into a certificate.
        """
        start = whole_second(not_before or self._clock())
        builder = self._leaf(public_key, identity, start, start + lifetime)
        bare = builder.sign(self.key, hashes.SHA384())  # 1
        if not ct_logs:
            return bare
        scts = sct_extension(ct_logs, bare.tbs_certificate_bytes, key_id(self.key.public_key()))
        return builder.add_extension(scts, critical=False).sign(self.key, hashes.SHA384())  # 2

    def _leaf(
        self, public_key: PublicKey, identity: Identity, start: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        issuer_key = self.key.public_key()
        builder = (
            x509.CertificateBuilder()
            .serial_number(x509.random_serial_number())
            .subject_name(x509.Name([]))
            .issuer_name(self.intermediate.subject)
            .public_key(public_key)
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(key_usage(signs_data=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
            .add_extension(x509.SubjectAlternativeName([identity.alternative_name()]), critical=True)
        )
        for extension in identity.extensions():
            builder = builder.add_extension(extension, critical=False)
        return builder


def authority_certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    created: datetime,
    *,
    path_length: int,
    usage: x509.ObjectIdentifier | None = None,
) -> x509.Certificate:
    """A CA certificate with the extensions RFC 5280 s4.2.1 asks of one."""
    builder = (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .not_valid_before(created - PAST)
        .not_valid_after(created + FUTURE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(signs_data=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer_key, hashes.SHA384())


def key_usage(*, signs_data: bool) -> x509.KeyUsage:
    """digitalSignature for a leaf; keyCertSign and cRLSign for an authority."""
    return x509.KeyUsage(
        digital_signature=signs_data,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs_data,
        crl_sign=not signs_data,
        encipher_only=False,
        decipher_only=False,
    )


def pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """The certificates in PEM, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)
