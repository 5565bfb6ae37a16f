"""A registry that is down, slow, dripping, endless or lying: could-not-check, before the client's deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from providers.descriptor import digest_of
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.trust import TrustedMaterial
from pycosign.client import VerifierClient
from pycosign.lab import Lab
from tests.faulty_registry import INDEX, MANIFEST, Call, FaultyRegistry, index, manifest, response
from verifier.app import RegistryStore, assemble
from verifier.server.lifecycle import RpcServer
from verifier.server.options import ServerOptions
from verifier.verdict import Outcome

LAB = Lab()
CLIENT_SECONDS = 2.0


@contextmanager
def serving(registry: str) -> Iterator[VerifierClient]:
    """A server that trusts the lab and accepts anybody's signature of what ``registry`` holds."""
    anyone = CertificateIdentity(StringMatch(regexp=".+"), StringMatch(regexp=".+"))
    policy = Policy.single(name="anyone", scopes=(Scope.parse(registry),), certificate_identities=(anyone,))
    material = TrustedMaterial.of("lab", LAB.trusted_root(), LAB.clock())
    options = ServerOptions(address="127.0.0.1:0", notice_seconds=0, drain_seconds=5)
    with assemble(
        trust=StaticTrustedMaterialProvider(material),
        policies=StaticPolicyProvider((policy,)),
        store=RegistryStore(plain_http=frozenset({registry})),
    ) as verifier:
        server = RpcServer(verifier, options)
        try:
            with VerifierClient(server.start()) as client:
                yield client
        finally:
            server.drain()


def _hang(call: Call) -> None:
    call.hang()


def _drip_headers(call: Call) -> None:
    call.drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000)


def _drip_body(call: Call) -> None:
    call.send(f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\nContent-Length: 1000\r\n\r\n".encode())
    call.drip(b"c" * 1000)


def _endless(call: Call) -> None:
    call.send(f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\n\r\n".encode())
    call.flood(b"c" * 65536, 1 << 28)


def _other_content(call: Call) -> None:
    """Whatever digest is asked for, it answers with the same manifest and says that it is that digest."""
    asked = call.path.rpartition("/")[2]
    call.send(response(200, manifest(), Content_Type=MANIFEST, Docker_Content_Digest=asked))


def _slow_listing(call: Call) -> None:
    """Resolves at once; then hangs."""
    if "/manifests/v1" in call.path:
        call.send(response(200, manifest(), Content_Type=MANIFEST))
    else:
        call.hang()


def _lying_signature(call: Call) -> None:
    """Lists a signature and delivers something else under its digest."""
    if "/referrers/" in call.path:
        call.send(response(200, index(digest_of(b"promised")), Content_Type=INDEX))
    else:
        call.send(response(200, manifest(), Content_Type=MANIFEST))


DIGEST = "@" + digest_of(b"something else")


@pytest.mark.parametrize(
    ("behave", "name", "reasons"),
    [
        (_hang, ":v1", {ReasonCode.DEADLINE_EXCEEDED}),
        (_drip_headers, ":v1", {ReasonCode.DEADLINE_EXCEEDED}),
        (_drip_body, ":v1", {ReasonCode.DEADLINE_EXCEEDED}),
        (_slow_listing, ":v1", {ReasonCode.DEADLINE_EXCEEDED}),
        (_endless, ":v1", {ReasonCode.LIMIT_EXCEEDED}),
        (_other_content, DIGEST, {ReasonCode.CONTENT_MISMATCH}),
        (_lying_signature, ":v1", {ReasonCode.CONTENT_MISMATCH}),
    ],
)
def test_could_not_check_arrives_in_time(
    behave: Callable[[Call], None], name: str, reasons: set[ReasonCode]
) -> None:
    with FaultyRegistry(behave) as registry, serving(registry.address) as client:
        # A deadline that passes raises grpc.RpcError here, and so fails the test.
        answer = client.validate(f"{registry.address}/demo/app{name}", timeout=CLIENT_SECONDS)
    assert answer.outcome is Outcome.COULD_NOT_CHECK
    assert answer.reason in reasons
    assert not answer.admitted


def test_a_registry_that_is_down() -> None:
    with FaultyRegistry(_hang) as registry:
        address = registry.address
    with serving(address) as client:
        answer = client.validate(f"{address}/demo/app:v1", timeout=CLIENT_SECONDS)
    assert answer.reason is ReasonCode.REGISTRY_UNAVAILABLE
    assert (answer.outcome, answer.admitted) == (Outcome.COULD_NOT_CHECK, False)
