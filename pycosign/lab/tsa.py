"""A timestamp authority (RFC 3161) with ESSCertIDv2 (RFC 5816), in DER throughout."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import ClassVar

from asn1crypto import algos, cms, core, tsp  # type: ignore[import-untyped]  # it ships no types
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import names
from .ca import authority_certificate, key_usage
from .clock import FUTURE, PAST, Clock, whole_second
from .errors import LabError
from .keys import sign

_POLICY = "1.3.6.1.4.1.57264.2"  # the policy of Sigstore's own timestamp authority
_IMPRINTS = {"sha256": 32, "sha384": 48, "sha512": 64}
_GRANTED = "granted"


class TimestampAuthority:
    """A leaf (P-256) under a root (P-384)."""

    def __init__(self, *, lab_name: str, clock: Clock) -> None:
        self._clock = clock
        created = whole_second(clock())
        root_key = ec.generate_private_key(ec.SECP384R1())
        self.key = ec.generate_private_key(ec.SECP256R1())
        root_name = names.subject("TSA root", lab_name)
        self.root = authority_certificate(
            root_name, root_name, root_key.public_key(), root_key, created, path_length=0
        )
        self.leaf = self._issue_leaf(lab_name, root_key, created)

    @property
    def chain(self) -> tuple[x509.Certificate, x509.Certificate]:
        """The signing certificate, then the root."""
        return (self.leaf, self.root)

    def answer(self, request: bytes) -> bytes:
        """A TimeStampResp for a TimeStampReq; a request it cannot serve gets a rejection (s2.4.2)."""
        try:
            query = tsp.TimeStampReq.load(request, strict=True)
            # asn1crypto parses lazily: this parses all of it, types included that it knows by name only.
            query.native  # noqa: B018
        except (ValueError, TypeError, AttributeError) as error:
            raise LabError("not a TimeStampReq") from error
        imprint = query["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].native
        if _IMPRINTS.get(algorithm) != len(imprint["hashed_message"].native):
            return bytes(_Refusal({"status": {"status": "rejection", "fail_info": {"bad_alg"}}}).dump())
        token = self._token(query, self._clock())
        return bytes(tsp.TimeStampResp({"status": {"status": _GRANTED}, "time_stamp_token": token}).dump())

    def stamp(self, message: bytes, *, at: datetime | None = None) -> bytes:
        """A TimeStampResp over these bytes, as a client without nonce gets it; `at` sets its time."""
        query = tsp.TimeStampReq(
            {
                "version": "v1",
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": hashlib.sha256(message).digest(),
                },
                "cert_req": False,
            }
        )
        token = self._token(query, at or self._clock())
        return bytes(tsp.TimeStampResp({"status": {"status": _GRANTED}, "time_stamp_token": token}).dump())

    def _token(self, query: tsp.TimeStampReq, moment: datetime) -> cms.ContentInfo:
        time = whole_second(moment)
        info = {
            "version": "v1",
            "policy": query["req_policy"].native or _POLICY,
            "message_imprint": query["message_imprint"],
            "serial_number": secrets.randbits(159),
            "gen_time": time,
            "accuracy": {"seconds": 1},
        }
        if query["nonce"].native is not None:
            info["nonce"] = query["nonce"]
        content = tsp.TSTInfo(info)
        signer = self._signer_info(content.dump(), time)
        signed = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {
                "content_type": "tst_info",
                "content": core.ParsableOctetString(content.dump()),
            },
            "signer_infos": [signer],
        }
        if query["cert_req"].native:
            signed["certificates"] = [self._asn1(certificate) for certificate in self.chain]
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})

    def _signer_info(self, content: bytes, time: datetime) -> cms.SignerInfo:
        leaf = self._asn1(self.leaf)
        certificate_hash = hashlib.sha256(leaf.dump()).digest()
        signing_certificate = tsp.SigningCertificateV2({"certs": [{"cert_hash": certificate_hash}]})
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "signing_time", "values": [core.UTCTime(time)]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {"type": "signing_certificate_v2", "values": [signing_certificate]},
            ]
        )
        # RFC 5652 s5.4: the signature is over the attributes with the tag of a SET OF.
        return cms.SignerInfo(
            {
                "version": "v1",
                "sid": {
                    "issuer_and_serial_number": {"issuer": leaf.issuer, "serial_number": leaf.serial_number}
                },
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                "signature": sign(self.key, attributes.dump()),
            }
        )

    def _issue_leaf(
        self, lab_name: str, root_key: ec.EllipticCurvePrivateKey, created: datetime
    ) -> x509.Certificate:
        public_key = self.key.public_key()
        return (
            x509.CertificateBuilder()
            .serial_number(x509.random_serial_number())
            .subject_name(names.subject("TSA", lab_name))
            .issuer_name(self.root.subject)
            .public_key(public_key)
            .not_valid_before(created - PAST)
            .not_valid_after(created + FUTURE)
            .add_extension(key_usage(signs_data=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
            )
            .sign(root_key, hashes.SHA384())
        )

    @staticmethod
    def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


class _Refusal(core.Sequence):  # type: ignore[misc]  # asn1crypto ships no types
    """A TimeStampResp without token (RFC 3161 s2.4.2); asn1crypto's own insists on one."""

    _fields: ClassVar[list[tuple[str, type]]] = [("status", tsp.PKIStatusInfo)]
