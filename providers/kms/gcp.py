"""Keys in Google Cloud KMS. The one door to google-cloud-kms.

Credentials are the application default ones. As with cosign, a key without a version stands for its newest one
that is enabled.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from google.cloud import kms_v1

from .key import READ_SECONDS, KmsPublicKey, parse_uri, translated, unavailable

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9_.:-]*"
_URI = re.compile(
    rf"gcpkms://(?P<key>projects/{_SEGMENT}/locations/{_SEGMENT}/keyRings/[A-Za-z0-9_-]+/cryptoKeys/[A-Za-z0-9_-]+)"
    r"(?:/(?:versions|cryptoKeyVersions)/(?P<version>[0-9]+))?"
)
_FORM = (
    "gcpkms://projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, then /versions/N or nothing"
)

# The names of algorithms end in their hash.
_ALGORITHM = re.compile(r"(?:EC_SIGN_P[0-9]+|RSA_SIGN_PKCS1_[0-9]+|RSA_SIGN_PSS_[0-9]+)_SHA(256|384|512)")
# Nobody has rotated a key more often. Each version is a few hundred bytes of one list.
_MAX_VERSIONS = 1000

Connect = Callable[[], kms_v1.KeyManagementServiceClient]


class GcpKey:
    """A key by its resource name."""

    def __init__(self, uri: str, *, connect: Connect = kms_v1.KeyManagementServiceClient) -> None:
        """``connect`` makes the client, at the first reading: it looks for credentials, maybe in the network.

        Raises ``ConfigurationError`` for what is not such a URI.
        """
        found = parse_uri(_URI, uri, _FORM)
        self._uri = uri
        self._key = found["key"]
        self._version = found["version"]
        self._connect = connect
        self._client: kms_v1.KeyManagementServiceClient | None = None

    @property
    def uri(self) -> str:
        """As it was given."""
        return self._uri

    def read(self) -> KmsPublicKey:
        """Ask for the public key (GetPublicKey).

        Raises:
            UnavailableError: it cannot be had now, or is no key to sign with.
        """
        with translated(self._uri):
            if self._client is None:
                self._client = self._connect()
            version = self._version or self._newest(self._client)
            name = f"{self._key}/cryptoKeyVersions/{version}"
            answer = self._client.get_public_key(request={"name": name}, timeout=READ_SECONDS)
            if answer.name != name:
                raise unavailable(self._uri, f"asked for {name}, got {answer.name[:200]}")
            return KmsPublicKey(answer.pem.encode(), self._hash(answer.algorithm.name))

    def close(self) -> None:
        """Let go of connections."""
        client, self._client = self._client, None
        if client is not None:
            client.transport.close()  # type: ignore[no-untyped-call]  # its stubs leave it out

    def _newest(self, client: kms_v1.KeyManagementServiceClient) -> str:
        listed = client.list_crypto_key_versions(
            request={"parent": self._key, "filter": "state=ENABLED"}, timeout=READ_SECONDS
        )
        newest = 0
        for count, version in enumerate(listed):
            if count == _MAX_VERSIONS:
                raise unavailable(self._uri, f"it has more than {_MAX_VERSIONS} versions; name one")
            if version.state is kms_v1.CryptoKeyVersion.CryptoKeyVersionState.ENABLED:
                newest = max(newest, int(version.name.rpartition("/")[2]))
        if not newest:
            raise unavailable(self._uri, "it has no version that is enabled")
        return str(newest)

    def _hash(self, algorithm: str) -> str:
        if algorithm == "EC_SIGN_ED25519":
            return ""
        found = _ALGORITHM.fullmatch(algorithm)
        if found is None:
            raise unavailable(self._uri, f"signatures of the kind {algorithm[:60]} are not verified")
        return f"sha{found[1]}"
