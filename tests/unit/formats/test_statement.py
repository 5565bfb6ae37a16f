"""in-toto statements of both versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from providers.errors import VerificationError
from providers.reasons import ReasonCode
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from verifier.formats.limits import MAX_TYPE_NAME
from verifier.formats.statement import (
    MAX_ANNOTATION_BYTES,
    STATEMENT_V01,
    STATEMENT_V1,
    StatementSubject,
    parse_statement,
)

HEX = "ab" * 32
GOOD: dict[str, Any] = {
    "_type": STATEMENT_V1,
    "subject": [{"digest": {"sha256": HEX}}],
    "predicateType": "https://example.test/p/v1",
    "predicate": {},
}


def statement(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def subjects(*listed: Any) -> bytes:
    return statement(subject=list(listed))


def test_what_cosign_signs() -> None:
    parsed = parse_statement(
        subjects({"digest": {"sha256": HEX}, "annotations": {"b": "2", "a": "1", "n": 3}})
    )
    assert parsed.subjects == (StatementSubject("", HEX, (("a", "1"), ("b", "2"))),)
    assert parsed.predicate_type == GOOD["predicateType"]


def test_what_cosign_attests() -> None:
    parsed = parse_statement(
        statement(_type=STATEMENT_V01, subject=[{"name": "n", "digest": {"sha256": HEX}}], predicate="text")
    )
    assert (parsed.type, parsed.subjects[0].name) == (STATEMENT_V01, "n")


def test_digests_of_other_kinds() -> None:
    parsed = parse_statement(subjects({"digest": {"gitCommit": "1" * 40}}, {"digest": {"sha256": HEX}}))
    assert [subject.sha256 for subject in parsed.subjects] == ["", HEX]


def test_a_predicate_is_read_as_its_own_type_wants() -> None:
    environment = {"PATH": "/bin", "Path": "C:\\", "nested": [{"a": 1, "A": 2}]}
    parsed = parse_statement(statement(predicate={"environment": environment, "Environment": {}}))
    assert parsed.predicate_type == GOOD["predicateType"]


def test_annotations_that_differ_in_case_are_different() -> None:
    parsed = parse_statement(subjects({"digest": {"sha256": HEX}, "annotations": {"Env": "1", "env": "2"}}))
    assert parsed.subjects[0].annotations == (("Env", "1"), ("env", "2"))


def annotated(**annotations: str) -> bytes:
    return subjects({"digest": {"sha256": HEX}, "annotations": annotations})


def test_annotations_have_a_size() -> None:
    most = parse_statement(annotated(a="x" * 1000, b="x" * (MAX_ANNOTATION_BYTES - 1002)))
    assert len(most.subjects[0].annotations) == 2


MALFORMED = {
    "large annotations": annotated(a="x" * 1000, b="x" * (MAX_ANNOTATION_BYTES - 1001)),
    "large annotations of few characters": annotated(a="é" * (MAX_ANNOTATION_BYTES // 2)),
    "large names of annotations": annotated(**{"x" * MAX_ANNOTATION_BYTES: "x"}),
    "a subject list in another case": statement(Subject=[{"digest": {"sha256": "cd" * 32}}]),
    "a type in another case": statement(_Type=STATEMENT_V01),
    "a predicate type in another case": statement(predicatetype="https://example.test/other"),
    "two predicates": statement(Predicate={}),
    "a digest set in another case": subjects({"digest": {"sha256": HEX}, "Digest": {"sha256": "cd" * 32}}),
    "a name in another case": subjects({"digest": {"sha256": HEX}, "name": "x", "NAME": "y"}),
    "a repeated key in the predicate": statement()[:-2] + b'{"a":1,"a":2}}',
    "no subject": subjects(),
    "a subject that is text": subjects("x"),
    "no digest": subjects({"name": "x"}),
    "an empty digest set": subjects({"digest": {}}),
    "upper case": subjects({"digest": {"sha256": HEX.upper()}}),
    "a short digest": subjects({"digest": {"sha256": "ab"}}),
    "a digest that is a number": subjects({"digest": {"sha256": 1}}),
    "too many subjects": subjects(*[{"digest": {"sha256": HEX}}] * 1025),
    "too many digests": subjects({"digest": {f"d{n}": "x" for n in range(33)}}),
    "too many annotations": subjects(
        {"digest": {"sha256": HEX}, "annotations": {str(n): "" for n in range(257)}}
    ),
    "annotations that are a list": subjects({"digest": {"sha256": HEX}, "annotations": []}),
    "no predicate type": statement(predicateType=""),
    "a long predicate type": statement(predicateType="x" * (MAX_TYPE_NAME + 1)),
    "annotations that are null": subjects({"digest": {"sha256": HEX}, "annotations": None}),
    "a digest that is null": subjects({"digest": {"sha256": None}}),
    "a name that is a number": subjects({"digest": {"sha256": HEX}, "name": 1}),
    "a deep predicate": statement()[:-3] + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}",
    "a repeated subject list": statement()[:-1] + b',"subject":[]}',
    "a repeated digest": b'{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":'
    b'[{"digest":{"sha256":"' + b"ab" * 32 + b'","SHA256":"' + b"cd" * 32 + b'"}}]}',
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(what: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_statement(MALFORMED[what])
    assert caught.value.reason is ReasonCode.MALFORMED


def test_another_version() -> None:
    with pytest.raises(VerificationError) as caught:
        parse_statement(statement(_type="https://in-toto.io/Statement/v2"))
    assert caught.value.reason is ReasonCode.UNSUPPORTED


COSIGN = subjects({"digest": {"sha256": HEX}, "annotations": {"a": "1"}})
ATTESTED = statement(
    _type=STATEMENT_V01,
    subject=[{"name": "n", "digest": {"sha256": HEX, "sha512": "00"}}],
    predicate={"environment": {"PATH": "/bin", "Path": [None, 1.5]}},
)


@given(mutants(COSIGN, ATTESTED))
def test_any_change_gives_a_statement_or_our_error(data: bytes) -> None:
    assert refusal_of(lambda: parse_statement(data)) in UNREAD
