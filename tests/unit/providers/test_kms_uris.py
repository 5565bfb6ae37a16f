"""The names of keys that clouds keep, spelt as cosign spells them."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.key_sources import KeyTerms, RemoteKey
from providers.kms import SCHEMES, KmsPublicKey, open_key
from providers.reasons import ReasonCode

ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = "arn:aws:kms:us-east-2:111122223333"
GCP = "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k"


@pytest.mark.parametrize(
    "uri",
    [
        f"awskms:///{ID}",
        f"awskms:///mrk-{ID.replace('-', '')}",
        f"awskms://localhost:4566/{ID}",
        f"awskms:///{ARN}:key/{ID}",
        f"awskms://localhost:4566/{ARN}:key/{ID}",
        "awskms:///alias/ExampleAlias",
        "awskms://localhost:4566/alias/Example/Alias_1",
        f"awskms:///{ARN}:alias/ExampleAlias",
        "awskms:///arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/a",
        "awskms://[::1]:4566/alias/a",
        GCP,
        f"{GCP}/versions/1",
        f"{GCP}/cryptoKeyVersions/12",
        GCP.replace("projects/p", "projects/example.com:p"),
        "azurekms://my-vault.vault.azure.net/release",
        "azurekms://my-vault.vault.azure.net/release/",
        "azurekms://my-vault.vault.azure.net/release/0123456789abcdef",
        "hashivault://a",
        "hashivault://release-1.key_2",
    ],
)
def test_a_key(uri: str) -> None:
    assert open_key(uri).uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "release.pub",
        "k8s://namespace/key",
        "awskms://",
        f"awskms://{ID}",
        "awskms:///",
        "awskms:///not-an-id",
        "awskms:///alias/",
        "awskms:///alias/a?b",
        "awskms:///alias/a b",
        f"awskms://user@host/{ID}",
        f"awskms://host#/{ID}",
        f"awskms://-host/{ID}",
        f"awskms:///{ARN}:key/alias",
        f"awskms:///{ID}\n",
        "gcpkms://projects/p",
        GCP + "/versions/",
        GCP + "/versions/latest",
        GCP + "/../other",
        GCP.replace("locations/l", "locations/../l"),
        "azurekms://vault",
        "azurekms:///release",
        "azurekms://vault/release/version/more",
        "azurekms://user@vault/release",
        "azurekms://vault?/release",
        "azurekms://vault/re%6Cease",
        "hashivault://",
        "hashivault://a/b",
        "hashivault://-a",
        "hashivault://a-",
        "hashivault://../a",
    ],
)
def test_what_names_no_key(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="not the URI of a key"):
        open_key(uri)


@pytest.mark.parametrize(
    ("uri", "module", "extra"),
    [
        (f"awskms:///{ID}", "boto3", "aws"),
        (GCP, "google.cloud", "gcp"),
        ("azurekms://vault/release", "azure.keyvault.keys", "azure"),
        ("hashivault://release", "hvac", "vault"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, uri: str, module: str, extra: str
) -> None:
    door = f"providers.kms.{extra}"
    monkeypatch.delitem(sys.modules, door, raising=False)
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == module:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=rf"pip install 'pycosign\[{extra}\]'") as caught:
        open_key(uri)
    assert module in str(caught.value)
    assert set(SCHEMES.values()) == {"aws", "gcp", "azure", "vault"}


def test_after_a_failure_the_next_attempt_begins_afresh() -> None:
    class Key:
        uri = "hashivault://a"
        closed = 0
        error: Exception | None = None

        def read(self) -> KmsPublicKey:
            if self.error is not None:
                raise self.error
            return KmsPublicKey(b"key", "sha256")

        def close(self) -> None:
            self.closed += 1
            raise OSError("gone already")

    key = Key()
    source = RemoteKey(key, KeyTerms("a"))
    source.read()
    assert key.closed == 0
    key.error = UnavailableError(ReasonCode.TRUST_UNAVAILABLE, "away")
    (found,) = source.read().values()
    assert found is key.error
    assert key.closed == 1
