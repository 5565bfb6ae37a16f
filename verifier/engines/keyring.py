"""The trusted keys, parsed: made once for each revision of what is trusted."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
from cryptography.x509 import load_der_x509_certificate

from providers.errors import ConfigurationError, VerificationError
from providers.trust import TrustedKey

from ..facts import KeyName, Window
from .evidence import UNREADABLE
from .signature import algorithm_of
from .signer import Signer

_ALGORITHMS = {"": "", "sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}
_ARMOUR = b"-----BEGIN"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One key with the one hash it is used with, and all the names under which it is trusted so. ``known_as`` are
    its names with any hash.

    ``hint`` is what cosign writes of it into a bundle: the SHA-256 of its SubjectPublicKeyInfo, in base64.
    """

    signer: Signer
    hint: str
    names: tuple[KeyName, ...]
    known_as: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every key, each once."""

    keys: tuple[KnownKey, ...]

    def starting_with(self, hint: str) -> tuple[KnownKey, ...]:
        """All keys, in the order in which to try them. The hint comes with the signature: it chooses nothing but
        which is tried first.
        """
        return tuple(sorted(self.keys, key=lambda key: key.hint != hint))

    def holds_key_of(self, certificate: bytes) -> bool:
        """Whether ``certificate``, in DER, is for one of the keys."""
        theirs = _key_of(certificate)
        return any(key.signer.spki == theirs for key in self.keys)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name once."""
        return tuple(dict.fromkeys(name.name for key in self.keys for name in key.names))


def compile_keyring(trusted: tuple[TrustedKey, ...]) -> Keyring:
    """Parse ``trusted``.

    Raises:
        ConfigurationError: one of them does not parse, or is of a kind that is not accepted.
    """
    signers: dict[tuple[bytes, str], Signer] = {}
    names: dict[tuple[bytes, str], tuple[KeyName, ...]] = {}
    known_as: dict[str, tuple[str, ...]] = {}
    for entry in trusted:
        signer, algorithm = _parse(entry)
        used = (signer.spki, algorithm)
        signers.setdefault(used, signer)
        named = KeyName(entry.name, Window(entry.valid_from, entry.valid_until))
        names[used] = (*names.get(used, ()), named)
        known_as[signer.key_id] = (*known_as.get(signer.key_id, ()), entry.name)
    return Keyring(
        tuple(
            KnownKey(signer, _hint_of(signer), names[used], known_as[signer.key_id])
            for used, signer in signers.items()
        )
    )


def _hint_of(signer: Signer) -> str:
    return base64.b64encode(bytes.fromhex(signer.key_id)).decode("ascii")


def _parse(trusted: TrustedKey) -> tuple[Signer, str]:
    """The key, and the hash it is used with."""
    given = trusted.public_key
    if given.count(_ARMOUR) > 1:
        raise ConfigurationError(
            f"key {trusted.name!r} holds several PEM blocks",
            remedy="Give each key by itself, under one name.",
        )
    try:
        key = load_pem_public_key(given) if _ARMOUR in given else load_der_public_key(given)
        signer = Signer.of_key(key, _ALGORITHMS[trusted.hash])
        return signer, algorithm_of(signer)
    except (ValueError, UnsupportedAlgorithm, VerificationError) as error:
        raise ConfigurationError(
            f"key {trusted.name!r} cannot be used: {str(error)[:300]}",
            remedy="Give a public key in PEM: ECDSA P-256, P-384 or P-521, RSA of 2048 to 4096 bits, or Ed25519,"
            " which takes no hash. 'cosign public-key' prints that of a private key.",
        ) from error


def with_certificate(signer: Signer, certificate: bytes) -> Signer:
    """``signer``, and ``certificate`` if that is for its key: a log then recorded it in place of the key."""
    if certificate and _key_of(certificate) == signer.spki:
        return replace(signer, certificate=certificate)
    return signer


def _key_of(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo in a certificate, empty when it cannot be read."""
    try:
        return Signer.of_key(load_der_x509_certificate(certificate).public_key()).spki
    except UNREADABLE:
        return b""
