"""sigstore-python signs against the lab's services, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from sigstore.dsse import StatementBuilder, Subject
from sigstore.errors import VerificationError
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken, Issuer
from sigstore.sign import SigningContext
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from pycosign.lab import Lab, LabServer

BLOB = b"some data"
WHO = Identity(identity="https://ci.lab.test/wf@refs/heads/main", issuer="https://oidc.lab.test")


@pytest.fixture(scope="module")
def server() -> Iterator[LabServer]:
    with LabServer() as running:
        yield running


def _config(server: LabServer, rekor: Literal[1, 2] = 1, *, timestamp: bool = True) -> ClientTrustConfig:
    return ClientTrustConfig.from_json(server.client_trust_config(rekor=rekor, timestamp=timestamp).decode())


@pytest.mark.parametrize(("rekor", "timestamp"), [(1, True), (1, False), (2, True)])
def test_signing_and_verifying(server: LabServer, rekor: Literal[1, 2], timestamp: bool) -> None:
    config = _config(server, rekor, timestamp=timestamp)
    verifier = Verifier(trusted_root=config.trusted_root)
    subject = Subject(name="x", digest={"sha256": "00" * 32})  # type: ignore[arg-type]  # pydantic makes the model
    builder = StatementBuilder().subjects([subject]).predicate_type("https://p.test/v1").predicate({"a": 1})
    with SigningContext.from_trust_config(config).signer(IdentityToken(server.lab.token())) as signer:
        blob = signer.sign_artifact(BLOB)
        statement = signer.sign_dsse(builder.build())
    verifier.verify_artifact(BLOB, blob, WHO)
    verifier.verify_dsse(statement, WHO)
    with pytest.raises(VerificationError):
        verifier.verify_artifact(BLOB, blob, Identity(identity="https://else.test"))


def test_a_stranger_does_not_verify_it(server: LabServer) -> None:
    stranger = Lab(name="stranger").client_trust_config(server.url)
    verifier = Verifier(trusted_root=ClientTrustConfig.from_json(stranger.decode()).trusted_root)
    context = SigningContext.from_trust_config(_config(server, 2))
    # The certificate's SCT is of this lab: verified when signing, and again when verifying.
    with context.signer(IdentityToken(server.lab.token())) as signer:
        bundle = signer.sign_artifact(BLOB)
    with pytest.raises(VerificationError):
        verifier.verify_artifact(BLOB, bundle, WHO)


def test_a_strangers_token_gets_no_certificate(server: LabServer) -> None:
    context = SigningContext.from_trust_config(_config(server))
    token = IdentityToken(Lab(name="stranger").token())
    with pytest.raises(Exception) as refused, context.signer(token):
        pytest.fail("a certificate was issued")
    assert type(refused.value).__name__ == "FulcioClientError"


def test_trust_comes_by_tuf(server: LabServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    root = tmp_path / "root.json"
    root.write_bytes(server.tuf.root)
    config = ClientTrustConfig.from_tuf(server.tuf_url, bootstrap_root=root)
    with SigningContext.from_trust_config(config).signer(IdentityToken(server.lab.token())) as signer:
        Verifier(trusted_root=config.trusted_root).verify_artifact(BLOB, signer.sign_artifact(BLOB), WHO)


def test_the_issuer_is_discovered(server: LabServer) -> None:
    found = Issuer(server.url).oidc_config
    assert found.token_endpoint == f"{server.url}/oidc/token"
