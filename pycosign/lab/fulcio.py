"""Fulcio's signing request (fulcio.proto, CreateSigningCertificateRequest): who may have which certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from .ca import CertificateAuthority, pem
from .ctlog import CtLog
from .errors import LabError
from .keys import PublicKey, accepted, signed_with
from .oidc import OidcIssuer
from .wire import decoded, find, text


class Fulcio:
    """Certifies the identity of a token's holder for a key the holder proves to have."""

    def __init__(self, *, ca: CertificateAuthority, ct_logs: Sequence[CtLog], oidc: OidcIssuer) -> None:
        self._ca = ca
        self._ct_logs = ct_logs
        self._oidc = oidc

    def signing_certificate(self, request: Mapping[str, object], bearer: str | None) -> dict[str, object]:
        """The answer to POST /api/v2/signingCert.

        1. Verify the token: from the request or, as sigstore-python sends it, from the Authorization header.
        2. Take the key: from a certificate signing request or, as cosign sends it, with a signature over the
           subject of the token.
        3. Issue the certificate with an SCT of each log.
        Raises LabError.
        """
        in_request = find(request, "credentials", "oidcIdentityToken")
        token = in_request if isinstance(in_request, str) else bearer
        if not token:
            raise LabError("there is no identity token")
        identity, challenge = self._oidc.verify(token)  # 1
        key = _requested_key(request, challenge)  # 2
        leaf = self._ca.issue(key, identity, ct_logs=self._ct_logs)  # 3
        chain = [pem([certificate]).decode("ascii") for certificate in (leaf, *self._ca.chain)]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def trust_bundle(self) -> dict[str, object]:
        """The answer to GET /api/v2/trustBundle."""
        certificates = [pem([certificate]).decode("ascii") for certificate in self._ca.chain]
        return {"chains": [{"certificates": certificates}]}


def _requested_key(request: Mapping[str, object], challenge: str) -> PublicKey:
    try:
        if find(request, "certificateSigningRequest") is not None:
            signing_request = x509.load_pem_x509_csr(decoded(request, "certificateSigningRequest"))
            if not signing_request.is_signature_valid:
                raise LabError("the certificate signing request is not signed by its key")
            return accepted(signing_request.public_key())
        content = text(request, "publicKeyRequest", "publicKey", "content")
        key = accepted(load_pem_public_key(content.encode()))
    except LabError:
        raise
    except ValueError as error:
        raise LabError("the request holds no readable key") from error
    proof = decoded(request, "publicKeyRequest", "proofOfPossession")
    if signed_with(key, proof, challenge.encode()) is None:
        raise LabError("the proof of possession does not verify")
    return key
