"""A trusted root from PEM files: what cosign's environment variables name (SIGSTORE_ROOT_FILE and the like).

1. Certificates are put in order: a path from each that issued no other up to one that issued itself.
2. Each key becomes a log that goes by the SHA-256 of its SubjectPublicKeyInfo (RFC 6962 section 3.2, Rekor v1).
   A log of Rekor v2 goes by another name, which no PEM file tells: it needs a trusted_root.json.
3. A file says nothing of time, so everything is trusted without limit; certificates keep their own validity.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from .bounded_file import read_bounded
from .errors import ConfigurationError

# A certificate has 2 kB, a key 1 kB; the public-good instance has five of each.
_MAX_FILE = 1 << 20
_MAX_BLOCKS = 64
# Usually one for each certificate; where authorities certify each other there are more.
_MAX_PATHS = 64

_MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
# sigstore_common.proto, TimeRange: the start has to be there.
_ALWAYS = {"start": "1970-01-01T00:00:00Z"}
# sigstore_common.proto, PublicKeyDetails.
_CURVES = {
    "secp256r1": "PKIX_ECDSA_P256_SHA_256",
    "secp384r1": "PKIX_ECDSA_P384_SHA_384",
    "secp521r1": "PKIX_ECDSA_P521_SHA_512",
}
_RSA_SIZES = (2048, 3072, 4096)

# Linear: nothing that repeats can be divided in two ways.
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40}+)-----[A-Za-z0-9+/=\s]*+-----END \1-----")
_BEGIN = b"-----BEGIN "
# What cryptography raises at certificates that it cannot read: in names KeyError and TypeError too.
_UNREADABLE = (ValueError, KeyError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


def trusted_root_from_pem(
    *,
    fulcio: Path | None = None,
    rekor: Path | None = None,
    ctlog: Path | None = None,
    tsa: Path | None = None,
) -> bytes:
    """The JSON of a trusted root (protobuf-specs, ``version=0.1``). What no file is given for is trusted nowhere:
    its list is empty.

    ``fulcio`` and ``tsa`` hold certificates up to their roots, ``rekor`` and ``ctlog`` public keys; each file may
    hold several, in any order.

    Raises:
        ConfigurationError: a file cannot be read, or holds something else; it names the file.
    """
    document = {
        "mediaType": _MEDIA_TYPE,
        "tlogs": _logs(rekor),
        "certificateAuthorities": _authorities(fulcio),
        "ctlogs": _logs(ctlog),
        "timestampAuthorities": _authorities(tsa),
    }
    return json.dumps(document).encode()


def _blocks(path: Path, label: str) -> Iterator[bytes]:
    """The PEM blocks of ``path``, all of which are of kind ``label``."""
    remedy = f"Give PEM, from -----BEGIN {label}----- to its end; several may follow each other."
    content = read_bounded(path, _MAX_FILE, remedy=remedy)
    found = list(_BLOCK.finditer(content))
    if len(found) != content.count(_BEGIN) or not found:
        raise ConfigurationError("the file holds no PEM that can be read", file=str(path), remedy=remedy)
    if len(found) > _MAX_BLOCKS:
        raise ConfigurationError(f"{len(found)} PEM blocks; at most {_MAX_BLOCKS} are read", file=str(path))
    for block in found:
        kind = block[1].decode("ascii")
        if kind != label:
            raise ConfigurationError(
                f"a {kind} stands where a {label} should be", file=str(path), remedy=remedy
            )
        yield block[0]


def _logs(path: Path | None) -> list[dict[str, object]]:
    """One log for each key."""
    if path is None:
        return []
    logs: dict[bytes, dict[str, object]] = {}
    for block in _blocks(path, "PUBLIC KEY"):
        try:
            key = load_pem_public_key(block)
            details = _details(key)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ConfigurationError(f"a public key cannot be used: {error}", file=str(path)) from error
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        log_id = hashlib.sha256(spki).digest()
        logs[log_id] = {
            "baseUrl": "",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": _base64(spki), "keyDetails": details, "validFor": _ALWAYS},
            "logId": {"keyId": _base64(log_id)},
        }
    return list(logs.values())


def _details(key: PublicKeyTypes) -> str:
    """The name of its algorithm.

    Raises:
        ValueError: logs have no such keys.
    """
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_SIZES:
        return f"PKIX_RSA_PKCS1V15_{key.key_size}_SHA256"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "PKIX_ED25519"
    size = getattr(key, "key_size", "?")
    raise ValueError(f"a {type(key).__name__} of {size} bits is no key of a log")


def _authorities(path: Path | None) -> list[dict[str, object]]:
    """One authority for each path."""
    if path is None:
        return []
    try:
        certificates = [_certificate(block) for block in _blocks(path, "CERTIFICATE")]
    except _UNREADABLE as error:
        raise ConfigurationError(f"a certificate cannot be read: {error}", file=str(path)) from error
    return [
        {
            "subject": {"organization": "", "commonName": ""},
            "certChain": {
                "certificates": [{"rawBytes": _base64(item.public_bytes(Encoding.DER))} for item in chain]
            },
            "validFor": _ALWAYS,
        }
        for chain in _chains(list(dict.fromkeys(certificates)), path)
    ]


def _certificate(block: bytes) -> x509.Certificate:
    certificate = x509.load_pem_x509_certificate(block)
    certificate.subject, certificate.issuer  # noqa: B018  parsed on first use
    return certificate


_Chain = tuple[x509.Certificate, ...]


def _chains(certificates: list[x509.Certificate], path: Path) -> list[_Chain]:
    """Every path from a certificate that issued no other of them up to one that issued itself.

    Raises:
        ConfigurationError: one ends before, there are too many, or they lead in a circle.
    """
    issuers = {item: [other for other in certificates if _issued(item, by=other)] for item in certificates}
    issuing = {other for item, found in issuers.items() for other in found if other != item}
    growing: list[_Chain] = [(item,) for item in certificates if item not in issuing]
    chains: list[_Chain] = []
    while growing:  # all paths of one length after those of another, so that their number is bounded at each
        if len(growing) + len(chains) > _MAX_PATHS:
            raise ConfigurationError(f"the certificates form more than {_MAX_PATHS} chains", file=str(path))
        chains += [chain for chain in growing if chain[-1] in issuers[chain[-1]]]
        growing = [
            (*chain, issuer)
            for chain in growing
            if chain[-1] not in issuers[chain[-1]]
            for issuer in _above(chain[-1], issuers, path)
            if issuer not in chain
        ]
    if {item for chain in chains for item in chain} != {*certificates}:
        raise ConfigurationError("the certificates issue each other in a circle", file=str(path))
    return chains


def _above(
    certificate: x509.Certificate, issuers: dict[x509.Certificate, list[x509.Certificate]], path: Path
) -> list[x509.Certificate]:
    if not issuers[certificate]:
        raise ConfigurationError(
            f"no certificate in the file issued {certificate.subject.rfc4514_string()!r}",
            file=str(path),
            remedy="Add the certificates above it, up to the root that issued itself.",
        )
    return issuers[certificate]


def _issued(certificate: x509.Certificate, *, by: x509.Certificate) -> bool:
    if certificate.issuer != by.subject:
        return False
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
