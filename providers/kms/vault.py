"""Keys in the transit engine of HashiCorp Vault, or OpenBao. The one door to hvac.

As with cosign: VAULT_ADDR and VAULT_TOKEN (or ~/.vault-token) say where and as whom, TRANSIT_SECRET_ENGINE_PATH
where the engine is mounted; the newest version of the key counts, and everything but Ed25519 signs SHA-256.
"""

from __future__ import annotations

import base64
import os
import re
from typing import Any

import hvac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .key import READ_SECONDS, KmsPublicKey, parse_uri, translated, unavailable

_URI = re.compile(r"hashivault://(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)")
_FORM = "hashivault://NAME"
_PEM = "-----BEGIN PUBLIC KEY-----"


class VaultKey:
    """A key of the transit engine by name."""

    def __init__(self, uri: str) -> None:
        """Raises ``ConfigurationError`` for what is not such a URI."""
        self._uri = uri
        self._name = parse_uri(_URI, uri, _FORM)["name"]
        self._client: Any = None

    @property
    def uri(self) -> str:
        """As it was given."""
        return self._uri

    def read(self) -> KmsPublicKey:
        """Ask for the newest version of the public key.

        Raises:
            UnavailableError: it cannot be had now.
        """
        with translated(self._uri):
            if self._client is None:
                self._client = self._connect()
            mount = os.environ.get("TRANSIT_SECRET_ENGINE_PATH") or "transit"
            answer = self._client.secrets.transit.read_key(name=self._name, mount_point=mount.strip("/"))
            newest = answer["data"]["keys"][str(answer["data"]["latest_version"])]
            return self._parse(newest["public_key"])

    def close(self) -> None:
        """Let go of connections."""
        client, self._client = self._client, None
        if client is not None:
            client.adapter.close()

    def _connect(self) -> Any:
        address = os.environ.get("VAULT_ADDR")
        if not address:
            raise unavailable(self._uri, "VAULT_ADDR is not set")
        # The token goes into a header of its own, which would be sent along to wherever an answer redirects.
        return hvac.Client(
            url=address,
            timeout=READ_SECONDS,
            allow_redirects=False,
            namespace=os.environ.get("VAULT_NAMESPACE") or None,
        )

    def _parse(self, content: object) -> KmsPublicKey:
        """PEM; of Ed25519, base64 of the 32 bytes."""
        if not isinstance(content, str) or not content:
            raise unavailable(self._uri, "it has no public half")
        if content.lstrip().startswith(_PEM):
            return KmsPublicKey(content.encode(), "sha256")
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(content, validate=True))
        return KmsPublicKey(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
