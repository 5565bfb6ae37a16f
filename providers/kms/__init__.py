"""Public keys that a cloud's key management keeps, named as cosign names them (docs/kms.md).

Only the public key is read, through that cloud's own library; signatures are verified here. Each library is an
extra, imported when a key of its cloud is named.
"""

from __future__ import annotations

from ..errors import ConfigurationError
from .key import KmsKey, KmsPublicKey

__all__ = ["SCHEMES", "KmsKey", "KmsPublicKey", "open_key"]

# What to install for each: `pip install 'pycosign[aws]'`.
SCHEMES = {"awskms": "aws", "gcpkms": "gcp", "azurekms": "azure", "hashivault": "vault"}


def open_key(uri: str) -> KmsKey:
    """The key that ``uri`` names. Nothing is connected yet.

    Raises:
        ConfigurationError: it is no URI of the four kinds, or the library for it is not installed.
    """
    scheme = uri.partition("://")[0]
    if scheme not in SCHEMES:
        raise ConfigurationError(
            f"not the URI of a key: {uri[:200]!r}",
            remedy=f"It starts with one of {', '.join(f'{known}://' for known in SCHEMES)}.",
        )
    try:
        return _open(scheme, uri)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{uri}: the library that reads it is not installed ({error.name})",
            remedy=f"Install the extra {SCHEMES[scheme]}: pip install 'pycosign[{SCHEMES[scheme]}]'.",
        ) from error


def _open(scheme: str, uri: str) -> KmsKey:
    # Each of these libraries takes a quarter of a second to import.
    if scheme == "awskms":
        from .aws import AwsKey  # noqa: PLC0415

        return AwsKey(uri)
    if scheme == "gcpkms":
        from .gcp import GcpKey  # noqa: PLC0415

        return GcpKey(uri)
    if scheme == "azurekms":
        from .azure import AzureKey  # noqa: PLC0415

        return AzureKey(uri)
    from .vault import VaultKey  # noqa: PLC0415

    return VaultKey(uri)
