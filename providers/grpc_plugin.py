"""Providers in another process, asked over gRPC (docs/plugins.md). The one door of this package to gRPC.

A call ends at its deadline, whatever the other side does; the guard around it (`guarded`) sees to the rest.
Answers are kept by their revision, so that the other side need not send, and we need not read, the same again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import grpc

from .answers import shown
from .bounded_file import read_bounded
from .bulkhead import DEFAULT_LIMIT, DEFAULT_SECONDS, Bulkhead
from .descriptor import Descriptor
from .errors import ConfigurationError
from .grpc_messages import (
    descriptor_to_message,
    material_from_message,
    policies_from_documents,
    subject_to_message,
)
from .guarded import GuardedPolicyProvider, GuardedTrustedMaterialProvider
from .policy import Policy, select
from .reasons import ReasonCode
from .refresh import MAX_TRUSTED_ROOT, Clock
from .subject import Subject
from .trust import TrustedMaterial
from .v1 import providers_pb2 as pb
from .v1.providers_pb2_grpc import PolicyProviderStub, TrustedMaterialProviderStub

T = TypeVar("T")

# A trusted root as large as is read from a file, and as many keys beside it.
_MAX_MESSAGE = 2 * MAX_TRUSTED_ROOT
# A certificate has 2 kB.
_MAX_FILE = 1 << 20
# After the other side was away: gRPC alone would wait for up to two minutes.
_MAX_BACKOFF_MS = 5000
# Answers that are kept, and of these how many are offered with a question. A tenant has one of each kind.
_KEPT = 64
_OFFERED = 16

_UNIX = re.compile(r"unix://(/[^\s]+)")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class GrpcAddress:
    """Where the other side listens: ``unix:///path``, or ``host:port`` with TLS.

    ``ca_file`` holds the certificate authorities that its certificate may come from; ``cert_file`` and
    ``key_file``, where given, are what we show of ourselves.

    Raises:
        ConfigurationError: it is neither, or the files do not go with it.
    """

    address: str
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        local = _UNIX.fullmatch(self.address) is not None
        if not local and not _HOST.fullmatch(self.address):
            raise ConfigurationError(
                f"not an address: {self.address[:200]!r}",
                remedy="Write unix:///path/to/socket, or host:port.",
            )
        if local and (self.ca_file or self.cert_file or self.key_file):
            raise ConfigurationError(
                f"{self.address} is not spoken to with TLS", remedy="Leave the files out."
            )
        if not local and self.ca_file is None:
            raise ConfigurationError(
                f"{self.address} is spoken to with TLS, and there is no certificate authority",
                remedy="Name a caFile, or listen on a unix:///path.",
            )
        if (self.cert_file is None) != (self.key_file is None):
            raise ConfigurationError("of certFile and keyFile, one is missing")

    def connect(self) -> grpc.Channel:
        """A channel, which connects when it is used.

        Raises:
            ConfigurationError: a file cannot be read.
        """
        options = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.max_reconnect_backoff_ms", _MAX_BACKOFF_MS),
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
        ]
        if self.ca_file is None:
            return grpc.insecure_channel(f"unix:{self.address.removeprefix('unix://')}", options)
        credentials = grpc.ssl_channel_credentials(
            read_bounded(self.ca_file, _MAX_FILE, remedy="Name certificates in PEM."),
            read_bounded(self.key_file, _MAX_FILE, remedy="Name a private key.") if self.key_file else None,
            read_bounded(self.cert_file, _MAX_FILE, remedy="Name certificates.") if self.cert_file else None,
        )
        return grpc.secure_channel(self.address, credentials, options)


def grpc_trusted_material_provider(
    address: GrpcAddress,
    *,
    seconds: float = DEFAULT_SECONDS,
    limit: int = DEFAULT_LIMIT,
    clock: Clock = lambda: datetime.now(UTC),
) -> GuardedTrustedMaterialProvider:
    """Trusted material from the program at ``address``. At most ``limit`` questions are put to it at a time, for
    ``seconds`` each. It need not be there at the start.
    """
    bulkhead = _bulkhead(address, ReasonCode.TRUST_UNAVAILABLE, seconds, limit)
    name = f"grpc:{address.address}"
    client = _TrustClient(address, bulkhead, clock)
    return GuardedTrustedMaterialProvider(name, client, bulkhead, starts_without=True, clock=clock)


def grpc_policy_provider(
    address: GrpcAddress,
    *,
    seconds: float = DEFAULT_SECONDS,
    limit: int = DEFAULT_LIMIT,
    clock: Clock = lambda: datetime.now(UTC),
) -> GuardedPolicyProvider:
    """Policies from the program at ``address``: see `grpc_trusted_material_provider`."""
    bulkhead = _bulkhead(address, ReasonCode.POLICY_UNAVAILABLE, seconds, limit)
    return GuardedPolicyProvider(
        f"grpc:{address.address}", _PolicyClient(address, bulkhead), bulkhead, clock=clock
    )


def _bulkhead(address: GrpcAddress, reason: ReasonCode, seconds: float, limit: int) -> Bulkhead:
    what = f"the provider at {address.address}"
    return Bulkhead(what, reason, limit=limit, seconds=seconds, ends_by_itself=True)


class _Client:
    """Calls to one service, over one channel."""

    def __init__(
        self, address: GrpcAddress, bulkhead: Bulkhead, service: Callable[[grpc.Channel], Any]
    ) -> None:
        """``service`` makes the stub of the service."""
        self._address = address
        self._bulkhead = bulkhead
        self._service = service
        self._channel: grpc.Channel | None = None
        self._stub: Any = None

    def start(self) -> None:
        """Make the channel.

        Raises:
            ConfigurationError: a file cannot be read.
        """
        self._channel = self._address.connect()
        self._stub = self._service(self._channel)

    def stop(self) -> None:
        """Break off what is going on."""
        if self._channel is not None:
            self._channel.close()

    def _call(self, method: str, request: Any) -> Any:
        """The answer to ``request``.

        Raises:
            UnavailableError: there is none.
        """
        if self._stub is None:
            raise self._bulkhead.unavailable("it was not started")
        try:
            return getattr(self._stub, method)(request, timeout=self._bulkhead.seconds)
        except grpc.RpcError as error:
            failed: Any = error  # a grpc.Call too, which its type does not say
            if failed.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise self._bulkhead.hung() from error
            raise self._bulkhead.unavailable(
                f"{failed.code().name}: {shown(str(failed.details()))}"
            ) from error
        except ValueError as error:  # the channel was closed
            raise self._bulkhead.unavailable(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Held(Generic[T]):
    """Answers of one run of the other side, by their revision. Replaced as a whole."""

    instance: str = ""
    answers: Mapping[str, T] = field(default_factory=dict)

    def known(self) -> pb.Known:
        """A few of the last."""
        return pb.Known(instance=self.instance, revisions=list(self.answers)[-_OFFERED:])

    def get(self, instance: str, revision: str) -> T | None:
        """What that run of the other side answered under ``revision``."""
        return self.answers.get(revision) if instance and instance == self.instance else None

    def having(self, instance: str, revision: str, answer: T) -> _Held[T]:
        """The same, and ``answer``; another run's answers go by other names."""
        kept = dict(self.answers) if instance == self.instance and len(self.answers) < _KEPT else {}
        kept.pop(revision, None)
        return _Held(instance, {**kept, revision: answer})


class _TrustClient(_Client):
    """``interfaces.TrustedMaterialProvider``, by way of the service of that name."""

    def __init__(self, address: GrpcAddress, bulkhead: Bulkhead, clock: Clock) -> None:
        super().__init__(address, bulkhead, TrustedMaterialProviderStub)
        self._clock = clock
        self._held: _Held[TrustedMaterial] = _Held()

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """Ask for it."""
        held = self._held
        answer: pb.GetTrustedMaterialResponse = self._call(
            "GetTrustedMaterial",
            pb.GetTrustedMaterialRequest(
                subject=subject_to_message(subject),
                artifact=descriptor_to_message(artifact_descriptor),
                key_hint=key_hint,
                known=held.known(),
            ),
        )
        if answer.unchanged:
            material = held.get(answer.instance, answer.revision)
            if material is None:
                raise self._bulkhead.unavailable(
                    f"it says that {answer.revision[:100]!r} is known here, and it is not"
                )
            return material
        material = material_from_message(answer.material, self._clock())
        self._held = self._held.having(answer.instance, answer.revision, material)
        return material

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """Ask for all."""
        answer: pb.ListResponse = self._call("List", pb.ListRequest())
        return tuple(material_from_message(material, self._clock()) for material in answer.materials)


class _PolicyClient(_Client):
    """``interfaces.PolicyProvider``, by way of the service of that name."""

    def __init__(self, address: GrpcAddress, bulkhead: Bulkhead) -> None:
        super().__init__(address, bulkhead, PolicyProviderStub)
        self._held: _Held[tuple[Policy, ...]] = _Held()
        self._revision = ""

    @property
    def revision(self) -> str:
        """As it was with the last answer."""
        return self._revision

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        """Ask for them. What does not speak for ``subject`` is left out."""
        held = self._held
        answer: pb.GetPoliciesResponse = self._call(
            "GetPolicies",
            pb.GetPoliciesRequest(
                subject=subject_to_message(subject),
                descriptor=descriptor_to_message(descriptor),
                known=held.known(),
            ),
        )
        policies = held.get(answer.instance, answer.revision) if answer.unchanged else None
        if answer.unchanged and policies is None:
            raise self._bulkhead.unavailable(
                f"it says that {answer.revision[:100]!r} is known here, and it is not"
            )
        if policies is None:
            policies = policies_from_documents(answer.documents, f"grpc:{self._address.address}")
            self._held = self._held.having(answer.instance, answer.revision, policies)
        self._revision = answer.policy_revision
        return select((replace(policy, revision=answer.policy_revision) for policy in policies), subject)
