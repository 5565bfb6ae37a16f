"""Providers that a stranger made, outside our packages and from the documentation alone (``tests/thirdparty``)."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from providers.grpc_plugin import GrpcAddress, grpc_policy_provider, grpc_trusted_material_provider
from providers.guarded import GuardedPolicyProvider, GuardedTrustedMaterialProvider
from providers.mux import MuxPolicyProvider, MuxTrustedMaterialProvider, PolicyRoute, TrustRoute
from providers.plugins import policy_plugin, trusted_material_plugin
from providers.reasons import ReasonCode
from providers.scope import Scope
from pycosign.lab.keys import SigningKey, spki_pem
from tests.integration.keyed_images import Images, engine
from tests.tools import ROOT
from tests.unit.providers.provider_world import PATIENCE, accept_all, wait_for
from verifier.verdict import Outcome

THIRD_PARTY = ROOT / "tests" / "thirdparty"
KEYS: dict[str, SigningKey] = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ours", "theirs")}
PEM = {name: spki_pem(key.public_key()).decode() for name, key in KEYS.items()}


def _document(name: str, key: str, *scopes: str) -> dict[str, Any]:
    return {
        "apiVersion": "pycosign.dev/v1alpha1",
        "kind": "ClusterVerificationPolicy",
        "metadata": {"name": name},
        "spec": {"scopes": scopes, "keys": [key], "verifierConfig": {"unsafeIgnoreTlog": True}},
    }


@pytest.fixture(scope="module")
def images() -> Images:
    return Images.signed_with(KEYS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stranger's package is installed: as pip does it, without a network."""
    work = tmp_path_factory.mktemp("thirdparty")
    source = THIRD_PARTY / "acme"
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(work)]
    subprocess.run(build, cwd=source, check=True, capture_output=True, timeout=PATIENCE)
    (wheel,) = work.glob("*.whl")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--target",
        str(work / "site"),
    ]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=PATIENCE)
    return work / "site"


@pytest.fixture
def installed(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package can be imported; a folder for its files."""
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "acme_providers", raising=False)
    (tmp_path / "keys.json").write_text(json.dumps({name: {name: PEM[name]} for name in KEYS}))
    documents = [
        _document("teams", "ours", "registry.test/ours"),
        _document("all", "theirs", "registry.test/theirs"),
    ]
    (tmp_path / "policies.json").write_text(json.dumps(documents))
    return tmp_path


def test_an_installed_package(installed: Path, images: Images) -> None:
    trust = trusted_material_plugin("acme", {"keys": str(installed / "keys.json")})
    policies = policy_plugin("acme", {"policies": str(installed / "policies.json")})
    trust.start(engine().accept)
    policies.start(accept_all)
    for team in KEYS:
        verdict = images.judged(team, trust, policies)
        assert verdict.outcome is Outcome.ALLOWED
        assert [used.source for used in verdict.trust] == [f"plugin:acme: acme:{team}"]
    assert policies.revision == "2 policies"
    assert trust.stop()
    assert policies.stop()


def test_a_team_is_held_to_its_own_keys(installed: Path, images: Images) -> None:
    (installed / "keys.json").write_text(json.dumps({"ours": {"ours": PEM["theirs"]}}))
    trust = trusted_material_plugin("acme", {"keys": str(installed / "keys.json")})
    policies = policy_plugin("acme", {"policies": str(installed / "policies.json")})
    trust.start(accept_all)
    policies.start(accept_all)
    ours = images.judged("ours", trust, policies)
    assert (ours.outcome, ours.reason) == (Outcome.REFUSED, ReasonCode.SIGNATURE_INVALID)
    theirs = images.judged("theirs", trust, policies)  # acme knows no such team
    assert (theirs.outcome, theirs.reason) == (Outcome.COULD_NOT_CHECK, ReasonCode.TRUST_UNAVAILABLE)
    assert trust.stop()


@dataclass
class Remote:
    """The stranger's program, its state, and where it listens."""

    work: Path
    socket: str

    def holds(self, keys: dict[str, str], *documents: dict[str, Any], instance: str = "1") -> None:
        state = {"instance": instance, "keys": keys, "policies": documents}
        (self.work / "new.json").write_text(json.dumps(state))
        (self.work / "new.json").replace(self.work / "state.json")

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Nothing of ours is in its reach but the folder with the .proto files."""
        shutil.rmtree(self.work / "generated", ignore_errors=True)
        command = [sys.executable, str(THIRD_PARTY / "remote" / "remote_provider.py")]
        with subprocess.Popen(
            [*command, str(ROOT / "proto"), str(self.work), self.socket],
            cwd=self.work,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        ) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    found = Remote(tmp_path, str(tmp_path / "acme.sock"))
    found.holds({"ours": PEM["ours"]}, _document("team", "ours", "registry.test"))
    return found


@contextmanager
def _asked(remote: Remote) -> Iterator[tuple[GuardedTrustedMaterialProvider, GuardedPolicyProvider]]:
    address = GrpcAddress(f"unix://{remote.socket}")
    trust = grpc_trusted_material_provider(address, seconds=PATIENCE)
    policies = grpc_policy_provider(address, seconds=PATIENCE)
    trust.start(accept_all)
    policies.start(accept_all)
    try:
        yield trust, policies
    finally:
        assert trust.stop()
        assert policies.stop()


def test_a_program_of_its_own(remote: Remote, images: Images) -> None:
    with remote.running(), _asked(remote) as (trust, policies):
        assert wait_for(lambda: images.judged("ours", trust, policies).outcome is Outcome.ALLOWED)
        assert (remote.work / "messages").read_text().startswith(str(remote.work))  # its own, and not ours
        again = images.judged("ours", trust, policies)  # by what is known of the last time
        assert again.outcome is Outcome.ALLOWED
        assert [used.source for used in again.trust] == [f"grpc:unix://{remote.socket}: acme"]
        assert images.judged("theirs", trust, policies).reason is ReasonCode.SIGNATURE_INVALID
        remote.holds({"ours": PEM["theirs"]}, _document("team", "ours", "registry.test"))
        assert images.judged("ours", trust, policies).reason is ReasonCode.SIGNATURE_INVALID
        assert images.judged("theirs", trust, policies).outcome is Outcome.ALLOWED
        remote.holds({"ours": PEM["theirs"]})
        assert images.judged("theirs", trust, policies).reason is ReasonCode.NO_POLICY
        remote.holds({}, _document("team", "ours", "registry.test"))
        assert images.judged("theirs", trust, policies).reason is ReasonCode.TRUST_UNAVAILABLE


def test_a_program_that_dies_costs_its_own_scope_and_no_other(
    remote: Remote, images: Images, installed: Path
) -> None:
    plugin = trusted_material_plugin("acme", {"keys": str(installed / "keys.json")})
    documents = policy_plugin("acme", {"policies": str(installed / "policies.json")})
    plugin.start(accept_all)
    documents.start(accept_all)
    ours, everything = (Scope.parse("registry.test/ours"),), (Scope.parse("*"),)
    with _asked(remote) as (their_trust, their_policies):
        trust = MuxTrustedMaterialProvider((TrustRoute(ours, their_trust), TrustRoute(everything, plugin)))
        policies = MuxPolicyProvider(
            (PolicyRoute("remote", ours, their_policies), PolicyRoute("acme", everything, documents))
        )
        with remote.running() as process:
            assert wait_for(lambda: images.judged("ours", trust, policies).outcome is Outcome.ALLOWED)
            process.kill()
            process.wait(PATIENCE)
            lost = images.judged("ours", trust, policies)
            assert (lost.outcome, lost.reason) == (Outcome.COULD_NOT_CHECK, ReasonCode.POLICY_UNAVAILABLE)
            assert images.judged("theirs", trust, policies).outcome is Outcome.ALLOWED
        alone = MuxPolicyProvider((PolicyRoute("acme", everything, documents),))
        lost = images.judged("ours", trust, alone)
        assert (lost.outcome, lost.reason) == (Outcome.COULD_NOT_CHECK, ReasonCode.TRUST_UNAVAILABLE)
        with remote.running():
            assert wait_for(lambda: images.judged("ours", trust, policies).outcome is Outcome.ALLOWED)
    assert plugin.stop()


@pytest.mark.parametrize(
    ("file", "allowed"),
    [
        (
            "acme/acme_providers.py",
            {
                "providers.errors",
                "providers.policy",
                "providers.policy_document",
                "providers.reasons",
                "providers.trust",
            },
        ),
        ("remote/remote_provider.py", set()),
    ],
)
def test_they_use_what_the_documentation_names_and_nothing_else(file: str, allowed: set[str]) -> None:
    tree = ast.parse((THIRD_PARTY / file).read_text("utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    used = {
        name for name in imported if name.partition(".")[0] in ("providers", "verifier", "pycosign", "tests")
    }
    assert used <= allowed
    documented = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    assert {name for name in used if f"`{name}`" not in documented} == set()
