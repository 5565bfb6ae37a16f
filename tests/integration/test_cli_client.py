"""The Python client against the real server: our values come back, and what is not understood admits nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import grpc
import pytest

from providers.descriptor import Descriptor
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.trust import TrustedMaterial
from pycosign.client import VerifierClient
from pycosign.demo import IDENTITY, ISSUER, prepare
from pycosign.lab import Lab, MemoryRegistry, serve_registry
from tests.unit.server.fakes import status_of
from verifier.app import RegistryStore, assemble
from verifier.results import ValidationResult, VerificationResult
from verifier.server.lifecycle import RpcServer
from verifier.server.options import ServerOptions
from verifier.v1 import verifier_pb2 as pb
from verifier.verdict import Outcome

SERVICE = "pycosign.verifier.v1.VerifierService"


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


@pytest.fixture(scope="module")
def registry(lab: Lab) -> Iterator[str]:
    """The demonstration's images."""
    images = MemoryRegistry()
    with serve_registry(images) as address:
        prepare(lab, images, address)
        yield address


@pytest.fixture(scope="module")
def client(lab: Lab, registry: str) -> Iterator[VerifierClient]:
    identity = CertificateIdentity(StringMatch(IDENTITY), StringMatch(ISSUER))
    policy = Policy.single(
        name="release",
        scopes=(Scope.parse(f"{registry}/demo"),),
        certificate_identities=(identity,),
        namespaces=("prod",),
    )
    with assemble(
        trust=StaticTrustedMaterialProvider(TrustedMaterial.of("lab", lab.trusted_root(), lab.clock())),
        policies=StaticPolicyProvider((policy,)),
        store=RegistryStore(plain_http=frozenset({registry})),
    ) as verifier:
        server = RpcServer(verifier, ServerOptions(address="127.0.0.1:0", notice_seconds=0, drain_seconds=5))
        try:
            with VerifierClient(server.start()) as client:
                yield client
        finally:
            server.drain()


def test_a_verdict_is_a_value(client: VerifierClient, registry: str) -> None:
    verdict = client.validate(f"{registry}/demo/app:v1", namespace="prod")
    assert isinstance(verdict, ValidationResult)
    assert (verdict.outcome, verdict.admitted, verdict.reason) == (Outcome.ALLOWED, True, ReasonCode.OK)
    certificate = verdict.results[0].detail[0].certificate
    assert certificate is not None
    assert (certificate.subject_alternative_name, certificate.issuer) == (IDENTITY, ISSUER)


def test_a_namespace_is_asked_for(client: VerifierClient, registry: str) -> None:
    verdict = client.validate(f"{registry}/demo/app:v1", namespace="dev")
    assert (verdict.admitted, verdict.reason) == (False, ReasonCode.NO_POLICY)


def test_many_verdicts_each_with_the_name_it_was_asked_by(client: VerifierClient, registry: str) -> None:
    expected = {
        f"{registry}/demo/app:v1": ReasonCode.OK,
        f"{registry}/demo/copied:v1": ReasonCode.SUBJECT_DIGEST_MISMATCH,
        f"{registry}/demo/unsigned:v1": ReasonCode.NO_SIGNATURE,
        f"{registry}/demo/missing:v1": ReasonCode.IMAGE_NOT_FOUND,
        f"{registry}/demo/{'a' * 200}:{'b' * 100}": ReasonCode.IMAGE_NOT_FOUND,  # longer than an identifier may be
        "NOT A NAME": ReasonCode.INVALID_REFERENCE,
    }
    answers = list(client.validate_many(iter(expected), namespace="prod"))
    assert {name: verdict.reason for name, verdict in answers} == expected
    assert {name for name, verdict in answers if verdict.admitted} == {f"{registry}/demo/app:v1"}
    assert len(answers) == len(expected)


def test_of_nothing_there_is_no_verdict(client: VerifierClient) -> None:
    assert list(client.validate_many([])) == []


def test_whoever_has_heard_enough_may_leave(client: VerifierClient, registry: str) -> None:
    answers = client.validate_many([f"{registry}/demo/app:v1"] * 3, namespace="prod")
    assert next(answers)[1].admitted
    answers.close()
    assert client.validate(f"{registry}/demo/app:v1", namespace="prod").admitted


def test_one_artifact_is_asked_about(client: VerifierClient, registry: str) -> None:
    whole = client.validate(f"{registry}/demo/app:v1", namespace="prod")
    artifact = whole.results[0].artifact
    assert whole.subject is not None
    assert artifact is not None
    one = client.verify(f"{registry}/demo/app", whole.subject, artifact, namespace="prod")
    assert isinstance(one, VerificationResult)
    assert (one.outcome, one.reason, one.artifact) == (Outcome.ALLOWED, ReasonCode.OK, artifact)
    other = client.validate(f"{registry}/demo/fork:v1", namespace="prod").results[0].artifact
    assert other is not None
    refused = client.verify(f"{registry}/demo/app", whole.subject, other, namespace="prod")
    assert refused.outcome is not Outcome.ALLOWED


def test_what_the_server_is(client: VerifierClient, lab: Lab) -> None:
    info = client.info()
    assert (info.name, [trust.source for trust in info.trust]) == ("pycosign", ["lab"])
    assert {engine.type for engine in info.engines} == {"keys", "sigstore"}
    assert info.limits.max_deadline.ToSeconds() > 0


def test_a_malformed_question_is_an_rpc_error(client: VerifierClient) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.validate("NOT A NAME")
    assert status_of(caught.value)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_a_server_that_is_not_there_is_an_rpc_error() -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with VerifierClient(f"127.0.0.1:{port}") as client:
        with pytest.raises(grpc.RpcError):
            client.validate("nginx", timeout=0.2)
        with pytest.raises(grpc.RpcError):
            list(client.validate_many(["nginx"], timeout=0.2))


def test_a_verdict_for_each_of_many_threads(client: VerifierClient, registry: str) -> None:
    names = [f"{registry}/demo/{name}:v1" for name in ("app", "copied", "fork")] * 4
    with ThreadPoolExecutor(4) as threads:
        verdicts = list(threads.map(lambda name: client.validate(name, namespace="prod"), names))
    assert [verdict.admitted for verdict in verdicts] == [True, False, False] * 4


# A server from the future, or one that is confused: its words are messages, and prove nothing.
NO_VERDICTS: list[Callable[[pb.ValidationResult], None]] = [
    lambda answer: answer.ClearField("outcome"),
    lambda answer: setattr(answer, "outcome", 9),
    lambda answer: setattr(answer, "reason", 999),
    lambda answer: answer.ClearField("reason"),
    lambda answer: setattr(answer.policies.add(), "mode", 9),
    lambda answer: setattr(answer.results.add().detail.add().checks.add(), "status", 9),
    lambda answer: setattr(answer.subject, "digest", "md5:1"),
]


@contextmanager
def _answering(change: Callable[[Any], None]) -> Iterator[VerifierClient]:
    """A server that admits everything, in an answer that ``change`` has spoilt."""

    def validation(request: pb.ValidateRequest, _context: grpc.ServicerContext) -> pb.ValidationResult:
        answer = pb.ValidationResult(
            outcome=pb.OUTCOME_ALLOWED,
            admitted=True,
            reason=pb.REASON_CODE_OK,
            request_id=request.request_id,
        )
        if "spoilt" in request.reference:
            change(answer)
        return answer

    def stream(
        requests: Iterator[pb.ValidateRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.ValidationResult]:
        for request in requests:
            yield validation(request, context)

    def verification(_request: pb.VerifyRequest, _context: grpc.ServicerContext) -> pb.VerificationResult:
        answer = pb.VerificationResult(outcome=pb.OUTCOME_ALLOWED, reason=pb.REASON_CODE_OK)
        change(answer)
        return answer

    single = grpc.unary_unary_rpc_method_handler(
        validation, pb.ValidateRequest.FromString, pb.ValidationResult.SerializeToString
    )
    artifact = grpc.unary_unary_rpc_method_handler(
        verification, pb.VerifyRequest.FromString, pb.VerificationResult.SerializeToString
    )
    methods = {"Validate": single, "ValidateMany": _streamed(stream), "Verify": artifact}
    with _server(methods) as client:
        yield client


def _streamed(
    answer: Callable[[Iterator[pb.ValidateRequest], grpc.ServicerContext], Iterator[pb.ValidationResult]],
) -> grpc.RpcMethodHandler[Any, Any]:
    return grpc.stream_stream_rpc_method_handler(
        answer, pb.ValidateRequest.FromString, pb.ValidationResult.SerializeToString
    )


@contextmanager
def _server(methods: dict[str, grpc.RpcMethodHandler[Any, Any]]) -> Iterator[VerifierClient]:
    """A client of a server that answers as a test says."""
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with VerifierClient(f"127.0.0.1:{port}") as client:
                yield client
        finally:
            server.stop(None).wait()


def test_whoever_leaves_lets_the_server_stop() -> None:
    stopped = threading.Event()

    def endless(
        requests: Iterator[pb.ValidateRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.ValidationResult]:
        context.add_callback(stopped.set)
        for request in requests:
            yield pb.ValidationResult(request_id=request.request_id)
        stopped.wait(30)

    with _server({"ValidateMany": _streamed(endless)}) as client:
        answers = client.validate_many(["a", "b"], timeout=30)
        next(answers)
        answers.close()
        assert stopped.wait(5)


@pytest.mark.parametrize("change", NO_VERDICTS)
def test_an_answer_that_is_not_understood_admits_nothing(
    change: Callable[[pb.ValidationResult], None],
) -> None:
    with _answering(change) as client:
        assert client.validate("fine").admitted  # the server does answer
        verdict = client.validate("spoilt")
        many = dict(client.validate_many(["fine", "spoilt", "fine too"]))
    assert (verdict.outcome, verdict.admitted) == (Outcome.COULD_NOT_CHECK, False)
    assert verdict.reason is ReasonCode.INTERNAL_ERROR
    assert "not understood" in verdict.message
    assert verdict.reference == "spoilt"
    assert {name: answer.admitted for name, answer in many.items()} == {
        "fine": True,
        "spoilt": False,  # and it hides no other
        "fine too": True,
    }
    assert many["spoilt"] == verdict


@pytest.mark.parametrize(
    "change", [lambda answer: answer.ClearField("outcome"), lambda answer: setattr(answer, "reason", 999)]
)
def test_nor_does_one_about_a_single_artifact(change: Callable[[Any], None]) -> None:
    descriptor = Descriptor("a/b", "sha256:" + "0" * 64, 1)
    with _answering(change) as client:
        result = client.verify("registry.test/a", descriptor, descriptor)
    assert (result.outcome, result.reason) == (Outcome.COULD_NOT_CHECK, ReasonCode.INTERNAL_ERROR)
    assert result.err
    assert result.artifact == descriptor
