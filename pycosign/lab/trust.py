"""The trusted root and the signing configurations of a lab (protobuf-specs sigstore_trustroot.proto)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .ca import CertificateAuthority
from .clock import Window, rfc3339
from .ctlog import CtLog
from .keys import PublicKey, key_details, spki_der
from .names import ORGANIZATION
from .rekor1 import RekorV1
from .rekor2 import RekorV2
from .tsa import TimestampAuthority
from .wire import b64

TRUSTED_ROOT_MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
SIGNING_CONFIG_MEDIA_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
CLIENT_TRUST_MEDIA_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"

RootList = Literal["tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"]


@dataclass(frozen=True, slots=True)
class TrustWindows:
    """Validity windows to write into a trusted root in place of the authorities' own."""

    ca: Window | None = None
    ctlog: Window | None = None
    rekor1: Window | None = None
    rekor2: Window | None = None
    tsa: Window | None = None


@dataclass(frozen=True, slots=True)
class Authorities:
    """What a trusted root vouches for, and the window within which it does."""

    ca: CertificateAuthority
    ct_logs: tuple[CtLog, ...]
    rekor1: RekorV1
    rekor2: RekorV2
    tsa: TimestampAuthority
    hosts: Mapping[Literal["fulcio", "tsa"], str]
    window: Window


def trusted_root(
    vouched: Sequence[Authorities], *, windows: TrustWindows | None = None, without: Collection[RootList] = ()
) -> dict[str, object]:
    """The trusted root as protojson, for everything in `vouched`; lists named in `without` are empty."""
    lists = [_lists(authorities, windows or TrustWindows()) for authorities in vouched]
    kept: dict[str, object] = {
        name: [] if name in without else [entry for one in lists for entry in one[name]] for name in lists[0]
    }
    return {"mediaType": TRUSTED_ROOT_MEDIA_TYPE, **kept}


def _lists(authorities: Authorities, changed: TrustWindows) -> dict[RootList, list[dict[str, object]]]:
    usual = authorities.window
    rekor1, rekor2 = authorities.rekor1, authorities.rekor2
    return {
        "tlogs": [
            _log(rekor1.host, rekor1.key.public_key(), rekor1.log_id, changed.rekor1 or usual),
            _log(rekor2.host, rekor2.key.public_key(), rekor2.log_id, changed.rekor2 or usual),
        ],
        "certificateAuthorities": [
            _authority("fulcio", authorities.hosts["fulcio"], authorities.ca.chain, changed.ca or usual)
        ],
        "ctlogs": [
            _log(log.host, log.key.public_key(), log.log_id, changed.ctlog or usual)
            for log in authorities.ct_logs
        ],
        "timestampAuthorities": [
            _authority("tsa", authorities.hosts["tsa"], authorities.tsa.chain, changed.tsa or usual)
        ],
    }


def _log(host: str, key: PublicKey, log_id: bytes, window: Window) -> dict[str, object]:
    return {
        "baseUrl": f"https://{host}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(spki_der(key)),
            "keyDetails": key_details(key),
            "validFor": window.to_json(),
        },
        "logId": {"keyId": b64(log_id)},
    }


def _authority(name: str, host: str, chain: Sequence[x509.Certificate], window: Window) -> dict[str, object]:
    certificates = [{"rawBytes": b64(certificate.public_bytes(Encoding.DER))} for certificate in chain]
    return {
        "subject": {"organization": ORGANIZATION, "commonName": name},
        "uri": f"https://{host}",
        "certChain": {"certificates": certificates},
        "validFor": window.to_json(),
    }


def signing_config(
    url: str, window: Window, *, rekor: Literal[1, 2] = 1, timestamp: bool = True
) -> dict[str, object]:
    """A signing configuration v0.2 whose services all live at one URL."""

    def service(address: str, version: int) -> dict[str, object]:
        start = {"start": rfc3339(window.start)}
        return {"url": address, "majorApiVersion": version, "validFor": start, "operator": ORGANIZATION}

    return {
        "mediaType": SIGNING_CONFIG_MEDIA_TYPE,
        "caUrls": [service(url, 1)],
        "oidcUrls": [service(url, 1)],
        "rekorTlogUrls": [service(url, rekor)],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [service(f"{url}/api/v1/timestamp", 1)] if timestamp else [],
        "tsaConfig": {"selector": "ANY"},
    }


def client_trust_config(root: Mapping[str, object], signing: Mapping[str, object]) -> dict[str, object]:
    """Both in one document, as sigstore-python's ClientTrustConfig reads it."""
    return {
        "mediaType": CLIENT_TRUST_MEDIA_TYPE,
        "trustedRoot": dict(root),
        "signingConfig": dict(signing),
    }


def pretty(document: Mapping[str, object]) -> bytes:
    """Readable JSON, for files."""
    return json.dumps(document, indent=2).encode() + b"\n"
