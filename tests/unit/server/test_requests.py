from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import InvalidReferenceError
from providers.subject import Operation
from tests.unit.server.fakes import DIGEST
from verifier.server.requests import MAX_REQUEST_ID, Undecodable, question_of, reader, subject_of
from verifier.v1 import verifier_pb2 as pb

OTHER = "sha256:" + "cd" * 32


def verify_request(**changes: object) -> pb.VerifyRequest:
    descriptor = {"media_type": "application/vnd.oci.image.manifest.v1+json", "size": 7}
    fields: dict[str, object] = {
        "repository": "ghcr.io/org/app",
        "subject_descriptor": pb.Descriptor(digest=DIGEST, **descriptor),  # type: ignore[arg-type]
        "artifact_descriptor": pb.Descriptor(digest=OTHER, **descriptor),  # type: ignore[arg-type]
        "namespace": "prod",
        "operation": pb.OPERATION_CREATE,
    }
    return pb.VerifyRequest(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_subject_is_normalised() -> None:
    subject = subject_of(
        pb.ValidateRequest(reference="nginx", namespace="prod", operation=pb.OPERATION_UPDATE, request_id="1")
    )
    assert str(subject.reference) == "docker.io/library/nginx:latest"
    assert (subject.namespace, subject.operation) == ("prod", Operation.UPDATE)


@pytest.mark.parametrize(
    "fields",
    [
        {"reference": ""},
        {"reference": "UPPER"},
        {"reference": "x" * 100_000},
        {"reference": "nginx@sha256:1"},
        {"reference": "nginx", "namespace": "Not A Namespace"},
        {"reference": "nginx", "namespace": "a" * 64},
        {"reference": "nginx", "operation": 17},
        {"reference": "nginx", "request_id": "x" * (MAX_REQUEST_ID + 1)},
    ],
)
def test_malformed_subjects(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        subject_of(pb.ValidateRequest(**fields))  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300


def test_a_question_names_the_subject_by_digest() -> None:
    subject, subject_descriptor, artifact = question_of(verify_request())
    assert str(subject.reference) == f"ghcr.io/org/app@{DIGEST}"
    assert (subject_descriptor.digest, artifact.digest) == (DIGEST, OTHER)
    assert (subject.namespace, subject.operation) == ("prod", Operation.CREATE)


@pytest.mark.parametrize(
    "changes",
    [
        {"repository": ""},
        {"repository": "ghcr.io/org/app:1"},
        {"repository": f"ghcr.io/org/app@{OTHER}"},
        {"repository": "a" * 300},
        {"subject_descriptor": None},
        {"artifact_descriptor": None},
        {"subject_descriptor": pb.Descriptor()},
        {"artifact_descriptor": pb.Descriptor(media_type="a/b", digest=DIGEST, size=-1)},
        {"artifact_descriptor": pb.Descriptor(media_type="a/b", digest="md5:00", size=1)},
        {"operation": 9},
        {"namespace": "-"},
    ],
)
def test_malformed_questions(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidReferenceError):
        question_of(verify_request(**changes))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_undecodable(data: bytes) -> None:
    read = reader(pb.ValidateRequest)(data)
    if isinstance(read, Undecodable):
        assert read.message == "the request is not a pycosign.verifier.v1.ValidateRequest"
        return
    with suppress(InvalidReferenceError):
        subject_of(read)
