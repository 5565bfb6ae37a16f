"""A trusted root, compiled once: keys, certificate stores and verifiers, each with its window of validity.

sigstore-python keeps the windows of CAs and logs but does not look at them, and reads the clock to drop keys that
are not valid yet. Here every authority keeps its window and is held against the times of the signature.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate, Name, load_der_x509_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Store
from rfc3161_client import VerifierBuilder
from rfc3161_client.verify import Verifier as TimestampVerifier
from sigstore._internal.trust import Key
from sigstore_models.common.v1 import TimeRange
from sigstore_models.trustroot.v1 import CertificateAuthority, TransparencyLogInstance, TrustedRoot

from providers.errors import ConfigurationError, PycosignError
from providers.trust import TrustedMaterial

from ...facts import Window
from ...formats.strict_json import parse_object
from .issuers import check_issuers

_MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
# providers/static.py reads no larger file.
_MAX_TRUSTED_ROOT = 4 << 20
# One root for each instance and tenant, with the one before it while it is being replaced.
_KEPT = 64


@dataclass(frozen=True, slots=True)
class LogKey:
    """The key of one transparency log. ``note_id`` are the four bytes that name it in a checkpoint.

    ``log_id`` is what the log is counted by: of the ids under which the root lists this key, the first. One key
    under two names is one log.
    """

    log_id: bytes
    note_id: bytes
    uri: str
    key: Key
    window: Window


@dataclass(frozen=True, slots=True)
class Authority:
    """One certificate authority; ``store`` holds its chain, intermediates included, as anchors. ``names``,
    ``key_hashes`` (SHA-256 of the SubjectPublicKeyInfo, RFC 6962 section 3.2) and ``windows`` belong to the chain,
    certificate by certificate: cryptography makes them anew each time it is asked. Each of ``windows`` says when
    the certificate, all above it and the authority (its ``window``) were valid.
    """

    uri: str
    chain: tuple[Certificate, ...]
    names: tuple[Name, ...]
    key_hashes: tuple[bytes, ...]
    windows: tuple[Window, ...]
    store: Store
    window: Window


@dataclass(frozen=True, slots=True)
class StampAuthority:
    """One timestamp authority. ``name`` is what distinct authorities are counted by: of those under which the root
    lists its key, the first.
    """

    name: str
    uri: str
    leaf: Certificate
    verifier: TimestampVerifier
    window: Window


@dataclass(frozen=True, slots=True)
class Material:
    """A compiled trusted root. Several keys may go by one log id; each has its own window."""

    authorities: tuple[Authority, ...]
    logs: dict[bytes, tuple[LogKey, ...]]
    ct_logs: dict[bytes, tuple[LogKey, ...]]
    stamp_authorities: tuple[StampAuthority, ...]


def compile_material(material: TrustedMaterial) -> Material:
    """Parse the trusted root and build everything that verification needs of it.

    Raises:
        ConfigurationError: it does not parse, one of its authorities is broken, or it holds no certificate
            authority or no transparency log.
    """
    try:
        root = _parse(material.trusted_root)
        compiled = Material(
            authorities=tuple(_authority(entry) for entry in root.certificate_authorities),
            logs=_log_keys(root.tlogs),
            ct_logs=_log_keys(root.ctlogs),
            stamp_authorities=_stamp_authorities(root.timestamp_authorities),
        )
    except ConfigurationError:
        raise
    except PycosignError as error:
        raise _refused(str(error)) from error
    except Exception as error:  # pydantic, cryptography and sigstore each raise their own kinds
        raise _refused(f"{type(error).__name__}: {error}") from error
    if not (compiled.authorities or compiled.logs or compiled.stamp_authorities):
        raise _refused("it holds no certificate authority, no transparency log and no timestamp authority")
    return compiled


def _refused(problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"it is no trusted root that can be used: {problem[:500]}",
        remedy="Take trusted_root.json as the instance publishes it or 'cosign trusted-root create' writes it.",
    )


def _parse(data: bytes) -> TrustedRoot:
    """Read protojson: what it leaves out (empty lists, empty names) is put back for sigstore_models."""
    document = parse_object(data, max_size=_MAX_TRUSTED_ROOT)
    if document.get("mediaType") != _MEDIA_TYPE:
        raise ConfigurationError(
            f"a trusted root of type {str(document.get('mediaType'))[:100]!r} cannot be read",
            remedy=f"Its mediaType must be {_MEDIA_TYPE}.",
        )
    for name in ("tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"):
        document.setdefault(name, [])
    for name in ("certificateAuthorities", "timestampAuthorities"):
        for authority in document[name]:
            subject: dict[str, Any] = authority.setdefault("subject", {})
            subject.setdefault("organization", "")
            subject.setdefault("commonName", "")
    return TrustedRoot.from_json(json.dumps(document))


def _window(given: TimeRange | None) -> Window:
    window = Window(given.start, given.end) if given else Window(None, None)
    if any(time is not None and time.tzinfo is None for time in (window.start, window.end)):
        raise ConfigurationError(
            "a validity time has no time zone", remedy="Write it as 2026-01-31T00:00:00Z."
        )
    return window


def _log_keys(instances: Iterable[TransparencyLogInstance]) -> dict[bytes, tuple[LogKey, ...]]:
    """By log id. sigstore's ``Keyring`` is not used: it tries every key when it does not know the id."""
    found: dict[bytes, tuple[LogKey, ...]] = {}
    ids: dict[bytes, bytes] = {}
    for instance in instances:
        log_id = instance.log_id.key_id
        note_id = (instance.checkpoint_key_id or instance.log_id).key_id[:4]
        key = Key(instance.public_key)
        counted_as = ids.setdefault(_key_hash(key.key), log_id)
        window = _window(instance.public_key.valid_for)
        listed = LogKey(counted_as, note_id, instance.base_url, key, window)
        found[log_id] = (*found.get(log_id, ()), listed)
    return found


def _chain(entry: CertificateAuthority) -> tuple[Certificate, ...]:
    """The certificates, leaf first. Each must be issued by the next: checked here once, not at each signature."""
    chain = tuple(load_der_x509_certificate(item.raw_bytes) for item in entry.cert_chain.certificates)
    if not chain:
        raise ConfigurationError(
            "an authority has no certificate", remedy="Remove it or complete its certChain."
        )
    for issued, issuer in pairwise(chain):
        issued.verify_directly_issued_by(issuer)
    return chain


def _authority(entry: CertificateAuthority) -> Authority:
    chain = _chain(entry)
    check_issuers(_known_as(entry, chain[0]), chain, ExtendedKeyUsageOID.CODE_SIGNING)
    names = tuple(certificate.subject for certificate in chain)
    hashes = tuple(_key_hash(certificate.public_key()) for certificate in chain)
    window = _window(entry.valid_for)
    return Authority(
        entry.uri or "", chain, names, hashes, _windows(chain, window), Store(list(chain)), window
    )


def _windows(chain: tuple[Certificate, ...], window: Window) -> tuple[Window, ...]:
    found: list[Window] = []
    for certificate in reversed(chain):
        own = Window(certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        window = window.intersection(own)
        found.append(window)
    return tuple(reversed(found))


def _known_as(entry: CertificateAuthority, first: Certificate) -> str:
    return entry.uri or first.subject.rfc4514_string()


def _key_hash(key: CertificatePublicKeyTypes) -> bytes:
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()


def _stamp_authorities(entries: Iterable[CertificateAuthority]) -> tuple[StampAuthority, ...]:
    names: dict[bytes, str] = {}
    return tuple(_stamp_authority(entry, names) for entry in entries)


def _stamp_authority(entry: CertificateAuthority, names: dict[bytes, str]) -> StampAuthority:
    """``names`` are those that keys were found under before."""
    leaf, *others = _chain(entry)
    if not others:
        raise ConfigurationError(
            "a timestamp authority has one certificate only",
            remedy="Its certChain needs the signing certificate and the root.",
        )
    known_as = _known_as(entry, leaf)
    check_issuers(known_as, others, ExtendedKeyUsageOID.TIME_STAMPING)
    builder = VerifierBuilder().tsa_certificate(leaf).add_root_certificate(others[-1])
    for intermediate in others[:-1]:
        builder = builder.add_intermediate_certificate(intermediate)
    name = names.setdefault(_key_hash(leaf.public_key()), known_as)
    return StampAuthority(name, entry.uri or "", leaf, builder.build(), _window(entry.valid_for))


class Compiled:
    """Compiled roots by revision: the ``_KEPT`` used last. Safe to share between threads."""

    def __init__(self, compiler: Callable[[TrustedMaterial], Material] = compile_material) -> None:
        self._compiler = compiler
        self._kept: OrderedDict[str, tuple[bytes, Material]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, material: TrustedMaterial) -> Material:
        """The compiled ``material``.

        A revision that comes with other content than before is compiled anew: its name promised too much.

        Raises:
            ConfigurationError: it does not compile.
        """
        with self._lock:
            found = self._kept.get(material.revision)
            if found is not None and found[0] == material.trusted_root:
                self._kept.move_to_end(material.revision)
                return found[1]
        compiled = self._compiler(material)
        with self._lock:
            self._kept[material.revision] = (material.trusted_root, compiled)
            self._kept.move_to_end(material.revision)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return compiled
