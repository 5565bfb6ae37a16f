"""Providers in another process, over gRPC on loopback."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from providers.descriptor import Descriptor
from providers.errors import ConfigurationError, UnavailableError
from providers.grpc_plugin import GrpcAddress, grpc_policy_provider, grpc_trusted_material_provider
from providers.guarded import GuardedPolicyProvider, GuardedTrustedMaterialProvider
from providers.mux import MuxTrustedMaterialProvider, TrustRoute
from providers.reasons import ReasonCode
from providers.reference import Reference
from providers.scope import Scope
from providers.subject import Operation, Subject
from providers.trust import TrustedKey
from providers.v1 import providers_pb2 as pb
from providers.v1 import providers_pb2_grpc as services
from tests.integration.clouds import self_signed
from tests.unit.providers.provider_world import (
    PATIENCE,
    PEM,
    SUBJECT,
    Trust,
    accept_all,
    accept_pem,
    material,
    wait_for,
)

DIGEST = "sha256:" + "0" * 64
ARTIFACT = Descriptor("application/x", DIGEST, 7, "application/y")


def _document(name: str, *scopes: str, **more: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "pycosign.dev/v1alpha1",
            "kind": "ClusterVerificationPolicy",
            "metadata": {"name": name},
            "spec": {"scopes": scopes or ["*"], "keys": ["release"], **more},
        }
    )


def _material(*names: str, source: str = "theirs") -> pb.TrustedMaterial:
    return pb.TrustedMaterial(
        source=source, keys=[pb.TrustedKey(name=name, public_key=PEM) for name in names]
    )


@dataclass
class Provider(services.TrustedMaterialProviderServicer, services.PolicyProviderServicer):
    """The other side: answers what it is told to, or calls it."""

    trust: pb.GetTrustedMaterialResponse | Callable[[], Any] = field(
        default_factory=lambda: pb.GetTrustedMaterialResponse(
            instance="run 1", revision="1", material=_material("release")
        )
    )
    listed: pb.ListResponse | Callable[[], Any] = field(
        default_factory=lambda: pb.ListResponse(materials=[_material("release")])
    )
    answer: pb.GetPoliciesResponse | Callable[[], Any] = field(
        default_factory=lambda: pb.GetPoliciesResponse(
            instance="run 1", revision="1", documents=[_document("all")], policy_revision="p1"
        )
    )
    asked: list[Any] = field(default_factory=list)
    seconds_left: list[float] = field(default_factory=list)
    abort: grpc.StatusCode | None = None

    def _say(self, request: Any, context: grpc.ServicerContext, answer: Any) -> Any:
        self.asked.append(request)
        left: Any = context.time_remaining()  # None where there is no deadline, which its type does not say
        self.seconds_left.append(math.inf if left is None else left)
        if self.abort is not None:
            context.abort(self.abort, "not\nnow")
        return answer() if callable(answer) else answer

    def GetTrustedMaterial(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._say(request, context, self.trust)

    def List(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._say(request, context, self.listed)

    def GetPolicies(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._say(request, context, self.answer)

    @contextmanager
    def serving(self, address: str, credentials: grpc.ServerCredentials | None = None) -> Iterator[str]:
        """Serve at ``address``; yields where that is."""
        server = grpc.server(ThreadPoolExecutor(32))
        services.add_TrustedMaterialProviderServicer_to_server(self, server)
        services.add_PolicyProviderServicer_to_server(self, server)
        if credentials is None:
            server.add_insecure_port(address.replace("unix://", "unix:"))
        else:
            port = server.add_secure_port(address, credentials)
            address = f"127.0.0.1:{port}"
        server.start()
        try:
            yield address
        finally:
            server.stop(None).wait()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def socket(tmp_path: Path) -> str:
    return f"unix://{tmp_path}/provider.sock"


@pytest.fixture
def address(provider: Provider, socket: str) -> Iterator[str]:
    with provider.serving(socket):
        yield socket


@pytest.fixture
def trust(address: str) -> Iterator[GuardedTrustedMaterialProvider]:
    made = grpc_trusted_material_provider(GrpcAddress(address), seconds=PATIENCE)
    made.start(accept_pem, background=False)
    yield made
    assert made.stop()


@pytest.fixture
def policies(address: str) -> Iterator[GuardedPolicyProvider]:
    made = grpc_policy_provider(GrpcAddress(address), seconds=PATIENCE)
    made.start(accept_all)
    yield made
    assert made.stop()


def _refused(trust: GuardedTrustedMaterialProvider) -> str:
    with pytest.raises(UnavailableError) as caught:
        trust.trusted_material(SUBJECT, None, "")
    assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE
    return caught.value.message


def _keys(trust: GuardedTrustedMaterialProvider) -> list[str]:
    return [key.name for key in trust.trusted_material(SUBJECT, None, "").keys]


def test_what_is_asked(trust: GuardedTrustedMaterialProvider, provider: Provider) -> None:
    reference = Reference.parse(f"nginx:1.2@{DIGEST}")
    trust.trusted_material(Subject(reference, "team-a", Operation.CREATE), ARTIFACT, "hint")
    (asked,) = provider.asked
    assert asked == pb.GetTrustedMaterialRequest(
        subject=pb.Subject(
            repository="docker.io/library/nginx",
            tag="1.2",
            digest=DIGEST,
            namespace="team-a",
            operation="CREATE",
        ),
        artifact=pb.Descriptor(
            media_type="application/x", digest=DIGEST, size=7, artifact_type="application/y"
        ),
        key_hint="hint",
        known=pb.Known(),
    )


def test_what_lies_in_no_registry(policies: GuardedPolicyProvider, provider: Provider) -> None:
    policies.policies(Subject(Reference.local("a file")), None)
    assert provider.asked[0].subject == pb.Subject(local_name="a file")
    assert not provider.asked[0].HasField("descriptor")


def test_what_is_answered(trust: GuardedTrustedMaterialProvider, provider: Provider, address: str) -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    key = pb.TrustedKey(name="release", public_key=PEM, hash="sha384")
    key.valid_from.FromDatetime(start)
    key.valid_until.FromDatetime(end)
    given = pb.TrustedMaterial(source="theirs", trusted_root=b"{}", keys=[key])
    given.loaded_at.FromDatetime(start)
    provider.trust = pb.GetTrustedMaterialResponse(material=given)
    answer = trust.trusted_material(SUBJECT, None, "")
    assert answer.keys == (TrustedKey("release", PEM, "sha384", start, end),)
    assert (answer.trusted_root, answer.loaded_at) == (b"{}", start)
    assert answer.source == f"grpc:{address}: theirs"
    assert answer.revision.startswith("sha256:")


def test_what_is_known_is_not_sent_again(trust: GuardedTrustedMaterialProvider, provider: Provider) -> None:
    first = trust.trusted_material(SUBJECT, None, "")
    provider.trust = pb.GetTrustedMaterialResponse(instance="run 1", revision="1", unchanged=True)
    assert trust.trusted_material(SUBJECT, None, "") is first
    assert provider.asked[1].known == pb.Known(instance="run 1", revisions=["1"])
    provider.trust = pb.GetTrustedMaterialResponse(instance="run 1", revision="2", material=_material("new"))
    assert _keys(trust) == ["new"]
    assert list(_known(provider, trust).revisions) == ["1", "2"]


def _known(provider: Provider, trust: GuardedTrustedMaterialProvider) -> pb.Known:
    trust.trusted_material(SUBJECT, None, "")
    known: pb.Known = provider.asked[-1].known
    return known


@pytest.mark.parametrize(("instance", "revision"), [("run 2", "1"), ("run 1", "2"), ("", ""), ("", "1")])
def test_what_was_said_by_another_run_is_not_what_this_one_means(
    trust: GuardedTrustedMaterialProvider, provider: Provider, instance: str, revision: str
) -> None:
    """A program that counts its revisions from one again each time it starts would bring back what it took
    away.
    """
    trust.trusted_material(SUBJECT, None, "")
    provider.trust = pb.GetTrustedMaterialResponse(instance=instance, revision=revision, unchanged=True)
    assert "and it is not" in _refused(trust)


def test_a_new_run_begins_anew(trust: GuardedTrustedMaterialProvider, provider: Provider) -> None:
    trust.trusted_material(SUBJECT, None, "")
    provider.trust = pb.GetTrustedMaterialResponse(instance="run 2", revision="9", material=_material("new"))
    assert _keys(trust) == ["new"]
    assert _known(provider, trust) == pb.Known(instance="run 2", revisions=["9"])


def test_answers_are_kept_up_to_a_number(trust: GuardedTrustedMaterialProvider, provider: Provider) -> None:
    for number in range(100):
        provider.trust = pb.GetTrustedMaterialResponse(
            instance="run 1", revision=f"{number}", material=_material(f"key-{number}")
        )
        assert _keys(trust) == [f"key-{number}"]
    assert list(_known(provider, trust).revisions) == [f"{number}" for number in range(84, 100)]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (pb.GetTrustedMaterialResponse(), "nothing is trusted"),
        (pb.GetTrustedMaterialResponse(material=_material("")), "not a name for a key"),
        (
            pb.GetTrustedMaterialResponse(
                material=pb.TrustedMaterial(keys=[pb.TrustedKey(name="a", public_key=b"no key")])
            ),
            "key 'a' cannot be used",
        ),
        (
            pb.GetTrustedMaterialResponse(
                material=pb.TrustedMaterial(keys=[pb.TrustedKey(name="a", public_key=PEM, hash="md5")])
            ),
            "no hash function",
        ),
        (
            pb.GetTrustedMaterialResponse(material=_material(*(f"{number}" for number in range(257)))),
            "at most 256",
        ),
        (
            pb.GetTrustedMaterialResponse(material=pb.TrustedMaterial(trusted_root=bytes(9 << 20))),
            "RESOURCE_EXHAUSTED",
        ),
    ],
)
def test_what_cannot_be_used_is_could_not_check(
    trust: GuardedTrustedMaterialProvider, provider: Provider, given: pb.GetTrustedMaterialResponse, why: str
) -> None:
    provider.trust = given
    assert why in _refused(trust)


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL])
def test_any_status_is_could_not_check(
    trust: GuardedTrustedMaterialProvider,
    policies: GuardedPolicyProvider,
    provider: Provider,
    code: grpc.StatusCode,
) -> None:
    provider.abort = code
    assert f"{code.name}: not now" in _refused(trust)
    with pytest.raises(UnavailableError, match=f"{code.name}: not now") as caught:
        policies.policies(SUBJECT, None)
    assert caught.value.reason is ReasonCode.POLICY_UNAVAILABLE


def test_one_that_dies_and_comes_back(provider: Provider, socket: str) -> None:
    trust = grpc_trusted_material_provider(GrpcAddress(socket), seconds=PATIENCE)
    trust.start(accept_pem)  # it need not be there
    assert "UNAVAILABLE" in _refused(trust)
    assert not trust.status().usable
    for _ in range(2):
        with provider.serving(socket):
            assert wait_for(lambda: _answers(trust))
            assert trust.status().usable
        assert "UNAVAILABLE" in _refused(trust)
    assert trust.stop(timedelta(seconds=PATIENCE))
    _refused(trust)


def _answers(trust: GuardedTrustedMaterialProvider) -> bool:
    try:
        trust.trusted_material(SUBJECT, None, "")
    except UnavailableError:
        return False
    return True


def test_one_that_hangs_costs_its_own_scope_and_no_other(provider: Provider, address: str) -> None:
    """However many ask for it: a few calls are under way at a time, each ends at its deadline, and while it hangs
    nobody else is sent after them.
    """
    gate = threading.Event()
    provider.trust = lambda: gate.wait(PATIENCE) and pb.GetTrustedMaterialResponse()
    theirs = grpc_trusted_material_provider(GrpcAddress(address), seconds=0.5, limit=3)
    theirs.start(accept_pem, background=False)
    mux = MuxTrustedMaterialProvider(
        (
            TrustRoute((Scope.parse("registry.test/hanging"),), theirs),
            TrustRoute((Scope.parse("*"),), Trust(material("ours", "release"))),
        )
    )
    told: list[str] = []

    def ask() -> None:
        try:
            mux.trusted_material(Subject.parse("registry.test/hanging/app"), None, "")
        except UnavailableError as error:
            told.append(error.message)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    assert mux.trusted_material(SUBJECT, None, "").source == "ours"
    for thread in threads:
        thread.join(PATIENCE)
    assert len(told) == 16
    assert len(provider.asked) <= 3
    assert max(provider.seconds_left) < 1  # on the wire it is rounded up
    assert any("did not answer within 0.5 s" in message for message in told)
    assert any("places are taken" in message or "left alone" in message for message in told)
    assert mux.trusted_material(SUBJECT, None, "").source == "ours"
    gate.set()
    assert theirs.stop()


def test_what_may_be_answered(
    trust: GuardedTrustedMaterialProvider, provider: Provider, address: str
) -> None:
    assert trust.materials() == ()
    trust.refresh()
    assert [found.source for found in trust.materials()] == [f"grpc:{address}: theirs"]
    provider.listed = pb.ListResponse(materials=[_material("a"), _material()])
    with pytest.raises(ConfigurationError, match="nothing is trusted"):
        trust.refresh()
    assert [key.name for found in trust.materials() for key in found.keys] == ["release"]


def test_policies_that_speak(policies: GuardedPolicyProvider, provider: Provider, address: str) -> None:
    provider.answer = pb.GetPoliciesResponse(
        instance="run 1",
        revision="7",
        policy_revision="p2",
        documents=[_document("all"), _document("elsewhere", "ghcr.io"), _document("a", namespaces=["a"])],
    )
    found = policies.policies(Subject.parse("registry.test/app", "b"), ARTIFACT)
    assert [policy.name for policy in found] == ["all"]
    assert found[0].source == f"grpc:{address}[0]:1"
    assert found[0].revision == policies.revision == "p2"
    assert provider.asked[0].descriptor.digest == DIGEST
    provider.answer = pb.GetPoliciesResponse(
        instance="run 1", revision="7", unchanged=True, policy_revision="p3"
    )
    (again,) = policies.policies(Subject.parse("registry.test/app", "b"), None)
    assert (again.name, again.revision) == ("all", "p3")
    provider.answer = pb.GetPoliciesResponse(instance="run 1", revision="8")
    assert policies.policies(SUBJECT, None) == ()


@pytest.mark.parametrize(
    ("documents", "why"),
    [
        (["{}"], "the field is missing"),
        (["no JSON"], "holds no mapping"),
        ([_document("a"), _document("b", "ghcr.io/*")], "stands alone"),
        ([_document("a"), _document("a")], "one name"),
        ([""], "holds no mapping"),
    ],
)
def test_policies_that_cannot_be_used_are_could_not_check(
    policies: GuardedPolicyProvider, provider: Provider, documents: list[str], why: str
) -> None:
    """Never the rest of them, and never none."""
    provider.answer = pb.GetPoliciesResponse(instance="run 1", revision="1", documents=documents)
    with pytest.raises(UnavailableError, match=why) as caught:
        policies.policies(SUBJECT, None)
    assert caught.value.reason is ReasonCode.POLICY_UNAVAILABLE


def test_policies_that_are_said_to_be_known_and_are_not(
    policies: GuardedPolicyProvider, provider: Provider
) -> None:
    provider.answer = pb.GetPoliciesResponse(instance="run 1", revision="1", unchanged=True)
    with pytest.raises(UnavailableError, match="and it is not"):
        policies.policies(SUBJECT, None)


def _server_credentials(file: Path, *, client: bool) -> grpc.ServerCredentials:
    content = file.read_bytes()
    return grpc.ssl_server_credentials(
        [(content, content)], root_certificates=content if client else None, require_client_auth=client
    )


def test_tls(provider: Provider, tmp_path: Path) -> None:
    """With the authority that the operator named, and with a certificate of our own where one is wanted."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs = self_signed(tmp_path / "ours"), self_signed(tmp_path / "theirs")
    with provider.serving("127.0.0.1:0", _server_credentials(theirs, client=False)) as address:
        assert _over(GrpcAddress(address, theirs)) == "theirs"
        assert "UNAVAILABLE" in _over(GrpcAddress(address, ours))
    with provider.serving("127.0.0.1:0", _server_credentials(theirs, client=True)) as address:
        assert "UNAVAILABLE" in _over(GrpcAddress(address, theirs))
        assert "UNAVAILABLE" in _over(GrpcAddress(address, theirs, ours, ours))
        assert _over(GrpcAddress(address, theirs, theirs, theirs)) == "theirs"


def _over(address: GrpcAddress) -> str:
    trust = grpc_trusted_material_provider(address, seconds=PATIENCE)
    trust.start(accept_pem, background=False)
    try:
        return trust.trusted_material(SUBJECT, None, "").source.rpartition(" ")[2]
    except UnavailableError as error:
        return error.message
    finally:
        trust.stop()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"address": ""}, "not an address"),
        ({"address": "unix:relative"}, "not an address"),
        ({"address": "provider.test"}, "not an address"),
        ({"address": "http://provider.test:1"}, "not an address"),
        ({"address": "dns:///provider.test:1"}, "not an address"),
        ({"address": "provider.test:1"}, "no certificate authority"),
        ({"address": "unix:///a", "ca_file": Path("ca")}, "not spoken to with TLS"),
        ({"address": "provider.test:1", "ca_file": Path("ca"), "key_file": Path("key")}, "one is missing"),
    ],
)
def test_where_it_cannot_be(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        GrpcAddress(**options)


def test_files_that_cannot_be_read_are_said_at_the_start(tmp_path: Path) -> None:
    address = GrpcAddress("provider.test:1", tmp_path / "none")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        grpc_trusted_material_provider(address).start(accept_all)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        grpc_policy_provider(address).start(accept_all)
