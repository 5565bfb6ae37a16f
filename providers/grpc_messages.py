"""Questions as messages, and messages as answers (``proto/providers/v1/providers.proto``)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from .descriptor import Descriptor
from .policy import Policy
from .policy_document import parse_policy
from .subject import Subject
from .trust import TrustedKey, TrustedMaterial
from .v1 import providers_pb2 as pb


def subject_to_message(subject: Subject) -> pb.Subject:
    """What a verdict is wanted on."""
    reference = subject.reference
    return pb.Subject(
        repository=reference.repository if reference.registry else "",
        tag=reference.tag,
        digest=reference.digest,
        namespace=subject.namespace,
        operation=subject.operation.value,
        local_name="" if reference.registry else reference.path,
    )


def descriptor_to_message(descriptor: Descriptor | None) -> pb.Descriptor | None:
    """An artifact, where it is known."""
    if descriptor is None:
        return None
    return pb.Descriptor(
        media_type=descriptor.media_type,
        digest=descriptor.digest,
        size=descriptor.size,
        artifact_type=descriptor.artifact_type,
    )


def material_from_message(message: pb.TrustedMaterial, now: datetime) -> TrustedMaterial:
    """What is trusted.

    Raises:
        ConfigurationError: nothing is, or a key is malformed.
        ValueError: a time is outside the years that there are.
    """
    keys = tuple(
        TrustedKey(
            key.name,
            key.public_key,
            key.hash,
            key.valid_from.ToDatetime(UTC) if key.HasField("valid_from") else None,
            key.valid_until.ToDatetime(UTC) if key.HasField("valid_until") else None,
        )
        for key in message.keys
    )
    loaded_at = message.loaded_at.ToDatetime(UTC) if message.HasField("loaded_at") else now
    return TrustedMaterial.of(message.source, message.trusted_root, loaded_at, keys)


def policies_from_documents(documents: Iterable[str], source: str) -> tuple[Policy, ...]:
    """Policies, each from its document; ``source`` is what they are called in complaints.

    Raises:
        ConfigurationError: one of them is not right.
    """
    return tuple(
        parse_policy(document.encode(), f"{source}[{number}]") for number, document in enumerate(documents)
    )
