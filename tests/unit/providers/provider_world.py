"""Providers, policies and trusted material for tests, in one line each."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.descriptor import Descriptor
from providers.errors import ConfigurationError, UnavailableError
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy, select
from providers.reasons import ReasonCode
from providers.scope import Scope
from providers.subject import Subject
from providers.trust import TrustedKey, TrustedMaterial

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
SUBJECT = Subject.parse("registry.test/team/app:v1")
PATIENCE = 60.0
ROOT = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"


def public_pem() -> bytes:
    """The public half of a new key."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


PEM = public_pem()


def root(**lists: list[object]) -> bytes:
    """A trusted root that lists what is given."""
    return json.dumps({"mediaType": ROOT, **lists}).encode()


def material(source: str, *keys: str, trusted_root: bytes = b"", at: datetime = AT) -> TrustedMaterial:
    """Trusted material with keys of these names."""
    return TrustedMaterial.of(source, trusted_root, at, tuple(TrustedKey(name, PEM) for name in keys))


def policy(name: str, *scopes: str) -> Policy:
    """A policy for ``scopes``."""
    identity = CertificateIdentity(StringMatch("somebody"), StringMatch("somewhere"))
    return Policy.single(name, tuple(Scope.parse(scope) for scope in scopes or ("*",)), (identity,))


def accept_all(_: object) -> None:
    """Nothing is refused."""


def accept_pem(given: TrustedMaterial) -> None:
    """As engines: a key that is no PEM is refused."""
    for key in given.keys:
        if not key.public_key.startswith(b"-----BEGIN PUBLIC KEY-----"):
            raise ConfigurationError(f"key {key.name!r} cannot be used")


class Trust:
    """Answers with ``answer``, or raises it."""

    def __init__(self, answer: TrustedMaterial | Exception) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        self.asked.append(key_hint)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def materials(self) -> tuple[TrustedMaterial, ...]:
        return () if isinstance(self.answer, Exception) else (self.answer,)


class Policies:
    """Answers with those of ``given`` that speak, or raises it."""

    def __init__(self, *given: Policy, error: Exception | None = None, revision: str = "1") -> None:
        self.given = given
        self.error = error
        self.said = revision
        self.asked = 0

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return select(self.given, subject)

    @property
    def revision(self) -> str:
        if self.error is not None:
            raise self.error
        return self.said


def no_trust(why: str = "away") -> UnavailableError:
    return UnavailableError(ReasonCode.TRUST_UNAVAILABLE, why)


def no_policies(why: str = "away") -> UnavailableError:
    return UnavailableError(ReasonCode.POLICY_UNAVAILABLE, why)


def turn(folder: Path, version: str, files: Mapping[str, bytes]) -> None:
    """What the kubelet does to a ConfigMap: write the new content beside the old, and turn the link ``..data``.
    The links to single files follow afterwards, and what is not needed any more goes last.
    """
    folder.mkdir(exist_ok=True)
    data = folder / "..data"
    before = data.readlink() if data.is_symlink() else None
    (folder / version).mkdir()
    for name, content in files.items():
        (folder / version / name).write_bytes(content)
    (folder / "..data_tmp").symlink_to(version)
    (folder / "..data_tmp").replace(data)
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for path in folder.iterdir():
        if path.is_symlink() and not path.exists():
            path.unlink()
    if before is not None:
        for path in (folder / before).iterdir():
            path.unlink()
        (folder / before).rmdir()


def wait_for(condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` comes true at all."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if condition():
            return True
        pause.wait(0.01)
    return condition()
