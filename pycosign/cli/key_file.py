"""``--key``: a public key in a file, or in a variable of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from providers.bounded_file import read_bounded
from providers.errors import ConfigurationError
from providers.trust import MAX_KEY_FILE, TrustedKey
from verifier.printable import printable

_VARIABLE = "env://"
# cosign's other forms: https://…, k8s://…, gitlab://…, awskms:///…, hashivault://…, pkcs11:…
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*://.*|pkcs11:.*")
_REMEDY = "Name a file that holds a public key in PEM, or env://VARIABLE. 'cosign public-key' prints one."
# providers/trust.py takes no longer name for a key.
_SHOWN = 253


def read_key(given: str, hash_function: str = "") -> TrustedKey:
    """The key that ``given`` names, trusted under that very name. Whether it parses is for the engine to say.

    Raises:
        ConfigurationError: it is not there, or is something else than a public key.
    """
    content = _content(given)
    if b"PRIVATE KEY-----" in content:
        raise ConfigurationError(
            f"--key {printable(given)}: this is a private key",
            remedy="Verifying takes the public one, which lies beside it or is printed by 'cosign public-key --key"
            " FILE'. Keep the private key where only its owner can read it.",
        )
    if b"-----BEGIN CERTIFICATE-----" in content:
        raise ConfigurationError(
            f"--key {printable(given)}: this is a certificate, not a public key",
            remedy="For signatures with certificates of Sigstore, name whom they are for: --certificate-identity"
            " and --certificate-oidc-issuer.",
        )
    return TrustedKey(printable(given, _SHOWN), content, hash_function)


def _content(given: str) -> bytes:
    if given.lstrip().startswith("-----BEGIN"):
        raise ConfigurationError("--key: this is a key itself, not the name of one", remedy=_REMEDY)
    if given.startswith(_VARIABLE):
        return _from_environment(given.removeprefix(_VARIABLE), os.environ)
    if _ELSEWHERE.fullmatch(given):
        raise ConfigurationError(
            f"--key {printable(given)}: keys are read from files and variables only",
            remedy="Save the public key in a file: cosign public-key --key REFERENCE > key.pub",
        )
    return read_bounded(Path(given), MAX_KEY_FILE, remedy=_REMEDY)


def _from_environment(name: str, environment: Mapping[str, str]) -> bytes:
    content = environment.get(name, "").encode(errors="surrogateescape")
    if not content:
        raise ConfigurationError(
            f"--key {_VARIABLE}{printable(name)}: this variable is not set, or is empty", remedy=_REMEDY
        )
    if len(content) > MAX_KEY_FILE:
        raise ConfigurationError(
            f"--key {_VARIABLE}{printable(name)}: {len(content)} bytes are no public key"
        )
    return content
