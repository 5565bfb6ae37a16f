"""Keys in Azure Key Vault. The one door to azure-keyvault-keys and azure-identity.

As with cosign, AZURE_AUTH_METHOD and AZURE_ENVIRONMENT say how to sign in and to which cloud. Nothing but
AZURE_AUTH_METHOD=cli starts the Azure command line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from azure.core.credentials import TokenCredential
from azure.identity import AzureAuthorityHosts, AzureCliCredential, DefaultAzureCredential
from azure.keyvault.keys import KeyClient
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .key import CONNECT_SECONDS, HOST, READ_SECONDS, KmsPublicKey, parse_uri, translated, unavailable

_URI = re.compile(
    rf"azurekms://(?P<vault>{HOST})/(?P<name>[A-Za-z0-9-]{{1,127}})(?:/(?P<version>[a-z0-9]*))?"
)
_FORM = "azurekms://VAULT.vault.azure.net/NAME, then /VERSION or nothing"

# One repetition; the next refresh is soon.
_RETRIES = 1
_AUTHORITIES = {
    "AZUREUSGOVERNMENT": AzureAuthorityHosts.AZURE_GOVERNMENT,
    "AZUREUSGOVERNMENTCLOUD": AzureAuthorityHosts.AZURE_GOVERNMENT,
    "AZURECHINACLOUD": AzureAuthorityHosts.AZURE_CHINA,
}
_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
# cosign signs with the RS256, RS384 or RS512 that goes with the size.
_HASHES = {2048: "sha256", 3072: "sha384", 4096: "sha512"}

Connect = Callable[[str], KeyClient]


def _connect(vault_url: str) -> KeyClient:
    return KeyClient(
        vault_url,
        _credential(),
        connection_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retry_total=_RETRIES,
    )


def _credential() -> TokenCredential:
    if os.environ.get("AZURE_AUTH_METHOD", "").lower() == "cli":
        return AzureCliCredential()
    return DefaultAzureCredential(
        authority=_AUTHORITIES.get(
            os.environ.get("AZURE_ENVIRONMENT", ""), AzureAuthorityHosts.AZURE_PUBLIC_CLOUD
        ),
        # What is left: the environment, workload identity, managed identity. The others start programs, or read
        # what a person who signed in has left behind.
        exclude_cli_credential=True,
        exclude_developer_cli_credential=True,
        exclude_powershell_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_shared_token_cache_credential=True,
        exclude_broker_credential=True,
    )


class AzureKey:
    """A key by vault, name and version; without a version, the newest."""

    def __init__(self, uri: str, *, connect: Connect = _connect) -> None:
        """``connect`` makes the client for a vault, at the first reading.

        Raises ``ConfigurationError`` for what is not such a URI.
        """
        found = parse_uri(_URI, uri, _FORM)
        self._uri = uri
        self._vault = f"https://{found['vault']}"
        self._name = found["name"]
        self._version = found["version"] or None
        self._connect = connect
        self._client: KeyClient | None = None

    @property
    def uri(self) -> str:
        """As it was given."""
        return self._uri

    def read(self) -> KmsPublicKey:
        """Ask for the public key (Get Key).

        Raises:
            UnavailableError: it cannot be had now, or is no key to sign with.
        """
        with translated(self._uri):
            if self._client is None:
                self._client = self._connect(self._vault)
            return self._parse(self._client.get_key(self._name, self._version).key)

    def close(self) -> None:
        """Let go of connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _parse(self, key: Any) -> KmsPublicKey:
        """RFC 7518 section 6; the kinds of keys in hardware end in -HSM."""
        kind, curve = _text(key.kty).removesuffix("-HSM"), _text(key.crv)
        public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
        if kind == "EC" and curve in _CURVES:
            numbers = ec.EllipticCurvePublicNumbers(_number(key.x), _number(key.y), _CURVES[curve])
            public, used_with = numbers.public_key(), ""
        elif kind == "RSA":
            public = rsa.RSAPublicNumbers(_number(key.e), _number(key.n)).public_key()
            if public.key_size not in _HASHES:
                raise unavailable(self._uri, f"RSA keys of {public.key_size} bits are not verified")
            used_with = _HASHES[public.key_size]
        else:
            raise unavailable(self._uri, f"keys of the kind {kind[:40]} {curve[:40]} are not verified")
        return KmsPublicKey(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), used_with)


def _text(given: object) -> str:
    """A value that the library knows is a member of an enumeration; any other is as it came."""
    return str(given.value if isinstance(given, Enum) else given or "")


def _number(content: bytes | None) -> int:
    if not content:
        raise ValueError("a number of the key is missing")
    return int.from_bytes(content, "big")
