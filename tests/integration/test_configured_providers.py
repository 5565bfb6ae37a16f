"""Providers that the configuration names are started, asked, and stopped: keys and policies from folders that
change while the verifier is in use.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.errors import ConfigurationError
from providers.reasons import ReasonCode
from providers.subject import Subject
from pycosign.lab import Lab, MemoryRegistry, attach_bundle, push_image
from pycosign.lab.keys import new_key, spki_pem
from tests.memory_store import MemoryStore
from verifier.budget import Budget
from verifier.config import load
from verifier.configured import from_configuration
from verifier.core import Verifier
from verifier.store import Together, in_turn
from verifier.verdict import Outcome

KEY = new_key()
POLICY = """\
apiVersion: pycosign.dev/v1alpha1
kind: ClusterVerificationPolicy
metadata: {name: release}
spec:
  scopes: [reg.test]
  keys: [release]
  verifierConfig: {unsafeIgnoreTlog: true}
"""
CONFIGURATION = """\
apiVersion: pycosign.dev/v1alpha1
kind: VerifierConfiguration
metadata: {name: folders}
spec:
  trustedMaterialProvider:
    type: mux
    providers:
      team: {type: keys, keys: [{folder: keys}]}
      public: {type: trusted-root, file: trusted_root.json, pollSeconds: 0.1}
    routes:
      - scopes: ["*"]
        provider: public
      - scopes: [reg.test/app]
        merge: [{provider: team, take: [keys]}, {provider: public, take: [root]}]
  policyProvider: {type: files, folder: policies}
"""


class Closing(MemoryStore):
    @property
    def together(self) -> Together:
        return in_turn

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "release.pub").write_bytes(spki_pem(KEY.public_key()))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "release.yaml").write_text(POLICY)
    (tmp_path / "trusted_root.json").write_bytes(Lab(name="root").trusted_root())
    (tmp_path / "verifier.yaml").write_text(CONFIGURATION)
    return tmp_path


@pytest.fixture
def verifier(folder: Path) -> Iterator[Verifier]:
    registry = MemoryRegistry()
    image = push_image(registry, "app", tag="v1")
    bundle = Lab(name="line").sign_image(image.digest, key=KEY, keyless=False, log=None)
    attach_bundle(registry, "app", image, bundle)
    configuration, document = load(folder / "verifier.yaml")
    with from_configuration(configuration.spec, document, store=Closing(registry)) as made:
        yield made


def _answer(verifier: Verifier) -> tuple[Outcome, ReasonCode]:
    result = verifier.validate(Subject.parse("reg.test/app:v1"), Budget(60))
    return result.outcome, result.reason


def test_what_the_file_names_is_started_and_stopped(folder: Path) -> None:
    before = set(threading.enumerate())
    configuration, document = load(folder / "verifier.yaml")
    with from_configuration(configuration.spec, document, store=Closing(MemoryRegistry())) as verifier:
        assert verifier.trust_in_use()
        assert set(threading.enumerate()) > before
    assert not [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]


def test_a_signature_by_a_key_from_a_folder_is_allowed(verifier: Verifier) -> None:
    assert _answer(verifier) == (Outcome.ALLOWED, ReasonCode.OK)


def test_a_key_that_is_taken_away_is_trusted_no_more(folder: Path, verifier: Verifier) -> None:
    assert _answer(verifier)[0] is Outcome.ALLOWED
    (folder / "keys" / "release.pub").write_bytes(spki_pem(new_key().public_key()))
    until = time.monotonic() + 60
    while _answer(verifier)[0] is Outcome.ALLOWED and time.monotonic() < until:
        time.sleep(0.2)
    assert _answer(verifier) == (Outcome.REFUSED, ReasonCode.SIGNATURE_INVALID)


@pytest.mark.parametrize(
    ("name", "content"),
    [("policies/release.yaml", "spec: ["), ("trusted_root.json", "{}"), ("keys/release.pub", "x")],
)
def test_what_is_wrong_at_the_start_is_refused(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    configuration, document = load(folder / "verifier.yaml")
    with pytest.raises(ConfigurationError), from_configuration(configuration.spec, document):
        pass
