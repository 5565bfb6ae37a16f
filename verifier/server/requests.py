"""What clients ask, checked: every string, number and length, before anything is looked up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from providers.descriptor import Descriptor
from providers.errors import InvalidReferenceError
from providers.reference import parse_repository
from providers.subject import Subject
from verifier.v1 import verifier_pb2 as pb

from .convert import descriptor_from_message, operation_from_proto

# Long enough for four UUIDs or a URL; it is kept until its answer is sent, and logged when something breaks.
MAX_REQUEST_ID = 256

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Bytes that are no message of the expected type."""

    message: str


def reader(message_type: type[M]) -> Callable[[bytes], M | Undecodable]:
    """What turns bytes into ``message_type``, and never raises.

    grpcio would answer an exception here with INTERNAL and log a traceback for every one a stranger sends.
    """

    def read(data: bytes) -> M | Undecodable:
        try:
            return message_type.FromString(data)
        except DecodeError:
            return Undecodable(f"the request is not a {message_type.DESCRIPTOR.full_name}")

    return read


def subject_of(request: pb.ValidateRequest) -> Subject:
    """The subject to validate.

    Raises:
        InvalidReferenceError: a field is malformed or too long.
    """
    if len(request.request_id) > MAX_REQUEST_ID:
        raise InvalidReferenceError(f"a request_id has at most {MAX_REQUEST_ID} characters")
    operation = operation_from_proto(request.operation)
    return Subject.parse(request.reference, request.namespace, operation)


def question_of(request: pb.VerifyRequest) -> tuple[Subject, Descriptor, Descriptor]:
    """The subject, its descriptor and that of the signature artifact to verify.

    Raises:
        InvalidReferenceError: a field is malformed or missing.
    """
    operation = operation_from_proto(request.operation)
    parse_repository(request.repository)  # neither tag nor digest may hide in it
    if not request.HasField("subject_descriptor") or not request.HasField("artifact_descriptor"):
        raise InvalidReferenceError("both a subject_descriptor and an artifact_descriptor are needed")
    subject_descriptor = descriptor_from_message(request.subject_descriptor)
    artifact_descriptor = descriptor_from_message(request.artifact_descriptor)
    name = f"{request.repository}@{subject_descriptor.digest}"
    return Subject.parse(name, request.namespace, operation), subject_descriptor, artifact_descriptor
