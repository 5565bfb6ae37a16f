"""Keys in AWS KMS. The one door to boto3.

Credentials come from where boto3 finds them. As with cosign, the region is that of the ARN or of AWS_REGION, and
what stands between ``awskms://`` and the next slash is the host of another endpoint, spoken to with TLS.
"""

from __future__ import annotations

import os
import re
from typing import Any

import boto3
from botocore.config import Config

from .key import CONNECT_SECONDS, HOST, READ_SECONDS, KmsPublicKey, parse_uri, translated, unavailable

_KEY = r"(?:mrk-)?[A-Fa-f0-9]{8}-?[A-Fa-f0-9]{4}-?[A-Fa-f0-9]{4}-?[A-Fa-f0-9]{4}-?[A-Fa-f0-9]{12}"
_ALIAS = r"alias/[A-Za-z0-9/_-]{1,250}"
_URI = re.compile(
    rf"awskms://(?P<endpoint>{HOST})?/"
    rf"(?P<key>{_KEY}|{_ALIAS}|arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):[0-9]{{12}}:(?:key/(?:{_KEY})|{_ALIAS}))"
)
_FORM = (
    "awskms:///ID, awskms:///alias/NAME, or awskms:///ARN of either; awskms://HOST/… names another endpoint"
)
# What AWS calls the ways to sign with a key ends in its hash.
_ALGORITHM = re.compile(r"(?:ECDSA|RSASSA_PKCS1_V1_5|RSASSA_PSS)_SHA_(256|384|512)")
# One repetition; the next refresh is soon.
_ATTEMPTS = 2


class AwsKey:
    """A key by id, alias or ARN. An alias is followed anew each time."""

    def __init__(self, uri: str) -> None:
        """Raises ``ConfigurationError`` for what is not such a URI."""
        found = parse_uri(_URI, uri, _FORM)
        self._uri = uri
        self._endpoint: str | None = f"https://{found['endpoint']}" if found["endpoint"] else None
        self._region: str | None = found["region"] or os.environ.get("AWS_REGION") or None
        self._key = found["key"]
        self._client: Any = None

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
            answer = self._client.get_public_key(KeyId=self._key)
            if answer["KeyUsage"] != "SIGN_VERIFY":
                raise unavailable(self._uri, f"it is for {answer['KeyUsage']}, and not for signatures")
            return KmsPublicKey(answer["PublicKey"], self._hash(answer["SigningAlgorithms"]))

    def close(self) -> None:
        """Let go of connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connect(self) -> Any:
        limits = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        )
        # A session of its own: the one that boto3 keeps for all is not made for several threads.
        session = boto3.session.Session(region_name=self._region)
        return session.client("kms", endpoint_url=self._endpoint, config=limits)

    def _hash(self, algorithms: list[str]) -> str:
        """That of the first way to sign, which is the one that cosign takes."""
        first = algorithms[0]
        if first.startswith("ED25519"):
            return ""
        found = _ALGORITHM.fullmatch(first)
        if found is None:
            raise unavailable(self._uri, f"signatures of the kind {first[:40]} are not verified")
        return f"sha{found[1]}"
