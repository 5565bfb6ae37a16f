from __future__ import annotations

import dataclasses
import subprocess
import sys
from enum import Enum, IntEnum

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor as MessageDescriptor
from google.protobuf.descriptor import EnumDescriptor

from providers.descriptor import Descriptor
from providers.errors import InvalidReferenceError, UnavailableError
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Mode
from providers.reasons import ReasonCode
from providers.subject import Operation
from tests.unit.server.fakes import DIGEST, MOMENT
from verifier.facts import CertificateSummary, Check, CheckStatus, VerifiedLogEntry, VerifiedTimestamp
from verifier.results import (
    CosignVerificationResult,
    PolicyVerdict,
    RequirementVerdict,
    TrustUsed,
    ValidationResult,
    VerificationResult,
    VerifierInfo,
)
from verifier.server import convert
from verifier.server.answers import validation_result_from_message, verification_result_from_message
from verifier.v1 import verifier_pb2 as pb
from verifier.verdict import Outcome

CLAIMS = tuple(sorted((name, f"value of {name}") for name in convert.CLAIM_FIELDS))

DESCRIPTOR = Descriptor(
    "application/vnd.oci.image.manifest.v1+json",
    DIGEST,
    7,
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    (("a", "1"), ("b", "2")),
)
DETAIL = CosignVerificationResult(
    media_type="application/vnd.dev.sigstore.bundle.v0.3+json",
    digest=DIGEST,
    outcome=Outcome.ALLOWED,
    reason=ReasonCode.OK,
    certificate=CertificateSummary("CN=ca", "https://x/y", "URI", "https://issuer", MOMENT, MOMENT, CLAIMS),
    verified_timestamps=(VerifiedTimestamp("Tlog", "https://log", MOMENT, "log-1"),),
    verified_log_entries=(VerifiedLogEntry("ab", 12, "hashedrekord/0.0.1", "https://log"),),
    verified_identity=CertificateIdentity(
        StringMatch(regexp="https://.*"),
        StringMatch(value="https://issuer"),
        (
            ("githubWorkflowRef", StringMatch(value="refs/heads/main")),
            ("runnerEnvironment", StringMatch("x")),
        ),
    ),
    predicate_type="https://slsa.dev/provenance/v1",
    annotations=(("k", "v"), ("l", "w")),
    verified_key="release",
    authority="ci",
    checks=(
        Check("identity", CheckStatus.SKIPPED, "ignored", ReasonCode.OK),
        Check("log", CheckStatus.FAIL, "nobody's log", ReasonCode.LOG_UNTRUSTED),
    ),
)
BY_KEY = dataclasses.replace(DETAIL, certificate=None, key_id="SHA256:abc", verified_identity=None)
RESULT = VerificationResult(
    Outcome.REFUSED,
    ReasonCode.IDENTITY_MISMATCH,
    "somebody else signed",
    "in words",
    VerifierInfo("sigstore-python 4.5.1", "sigstore"),
    DESCRIPTOR,
    "release",
    (DETAIL, BY_KEY),
    "r1",
    (TrustUsed("file", DIGEST, MOMENT),),
)
REQUIREMENT = RequirementVerdict(
    "signatures by 1 of 1 (ci)", Outcome.ALLOWED, ReasonCode.OK, ("ci",), "linux/arm64"
)
VERDICT = PolicyVerdict(
    "release", Mode.WARN, Outcome.REFUSED, ReasonCode.TOO_OLD, "file", "r1", (REQUIREMENT,)
)
VALIDATION = ValidationResult(
    outcome=Outcome.REFUSED,
    admitted=True,
    reason=ReasonCode.IDENTITY_MISMATCH,
    message="somebody else signed",
    reference="docker.io/library/nginx:1",
    subject=DESCRIPTOR,
    warnings=("would be refused", "twice"),
    policies=(
        PolicyVerdict(
            "release", Mode.WARN, Outcome.REFUSED, ReasonCode.TOO_OLD, "file", "r1", (REQUIREMENT,)
        ),
    ),
    trust=(TrustUsed("file", DIGEST, MOMENT),),
    results=(RESULT,),
    policy_revision="r1",
)


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (ReasonCode, pb.ReasonCode.DESCRIPTOR, "REASON_CODE_"),
        (Outcome, pb.Outcome.DESCRIPTOR, "OUTCOME_"),
        (CheckStatus, pb.CheckStatus.DESCRIPTOR, "CHECK_STATUS_"),
        (Mode, pb.Mode.DESCRIPTOR, "MODE_"),
        (Operation, pb.Operation.DESCRIPTOR, "OPERATION_"),
    ],
)
def test_enumerations_agree_both_ways(ours: type[Enum], theirs: EnumDescriptor, prefix: str) -> None:
    wire = {name.removeprefix(prefix): value.number for name, value in theirs.values_by_name.items()}
    assert wire.pop("UNSPECIFIED") == 0
    names = [member.name for member in ours if member.name != "UNSPECIFIED"]
    assert sorted(wire) == sorted(names)
    if issubclass(ours, IntEnum):
        assert wire == {member.name: member.value for member in ours}


def test_every_member_converts_to_its_number() -> None:
    assert [convert.reason_to_proto(code) for code in ReasonCode] == [int(code) for code in ReasonCode]
    assert [convert.outcome_to_proto(outcome) for outcome in Outcome] == [1, 2, 3]
    assert [convert.mode_to_proto(mode) for mode in Mode] == [1, 2, 3]
    assert [convert.status_to_proto(status) for status in CheckStatus] == [1, 2, 3]
    assert [convert.operation_to_proto(operation) for operation in Operation] == [0, 1, 2, 3, 4]
    assert [convert.operation_from_proto(number) for number in range(5)] == list(Operation)


def test_an_unknown_operation_is_malformed() -> None:
    for number in (5, -1, 1 << 30):
        with pytest.raises(InvalidReferenceError):
            convert.operation_from_proto(number)


# Fields that are called otherwise, or not on the wire: and why.
OTHERWISE = {
    (VerifiedTimestamp, "time"): "timestamp",
    (CertificateSummary, "claims"): None,  # a field each, below
    (CosignVerificationResult, "certificate"): "signature",
    (CosignVerificationResult, "key_id"): "signature",
}
ONLY_SENT = {  # about the call
    (ValidationResult, "request_id"),
    (ValidationResult, "elapsed"),
    (VerificationResult, "elapsed"),
}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ValidationResult, pb.ValidationResult.DESCRIPTOR),
        (VerificationResult, pb.VerificationResult.DESCRIPTOR),
        (CosignVerificationResult, pb.CosignVerificationResult.DESCRIPTOR),
        (PolicyVerdict, pb.PolicyVerdict.DESCRIPTOR),
        (RequirementVerdict, pb.RequirementVerdict.DESCRIPTOR),
        (TrustUsed, pb.TrustUsed.DESCRIPTOR),
        (VerifierInfo, pb.VerifierInfo.DESCRIPTOR),
        (Descriptor, pb.Descriptor.DESCRIPTOR),
        (CertificateSummary, pb.CertificateSummary.DESCRIPTOR),
        (CertificateIdentity, pb.CertificateIdentity.DESCRIPTOR),
        (StringMatch, pb.StringMatch.DESCRIPTOR),
        (Check, pb.Check.DESCRIPTOR),
        (VerifiedTimestamp, pb.VerifiedTimestamp.DESCRIPTOR),
        (VerifiedLogEntry, pb.VerifiedLogEntry.DESCRIPTOR),
    ],
)
def test_every_field_is_in_the_contract_and_back(ours: type, theirs: MessageDescriptor) -> None:
    expected = set()
    for field in dataclasses.fields(ours):
        if field.name.startswith("_"):  # derived from the others
            continue
        name = OTHERWISE.get((ours, field.name), field.name)
        expected |= {name} if name is not None else set(convert.CLAIM_FIELDS.values())
    expected |= {name for owner, name in ONLY_SENT if owner is ours}
    assert expected == {field.name for field in theirs.fields}


def test_all_claims_of_fulcio_have_a_field() -> None:
    """Fulcio docs/oid-info.md: .2 to .6 and .9 to .22; their names follow from the fields'."""
    assert len(convert.CLAIM_FIELDS) == 19
    fields = pb.CertificateSummary.DESCRIPTOR.fields_by_name
    assert [fields[name].number for name in convert.CLAIM_FIELDS.values()] == list(range(7, 26))
    for claim, field in convert.CLAIM_FIELDS.items():
        assert claim.lower() == field.replace("_", "")


def test_a_full_value_survives_the_wire() -> None:
    message = convert.validation_result_to_message(VALIDATION, request_id="r", elapsed=1.25)
    sent = pb.ValidationResult.FromString(message.SerializeToString())
    assert validation_result_from_message(sent) == VALIDATION
    assert (sent.request_id, sent.elapsed.ToMilliseconds()) == ("r", 1250)
    assert json_format.Parse(json_format.MessageToJson(message), pb.ValidationResult()) == message


def test_every_field_of_the_full_message_is_set() -> None:
    """So that a field added to a dataclass and forgotten in the conversion is noticed."""
    message = convert.validation_result_to_message(VALIDATION, request_id="r", elapsed=1.25)
    unset = {
        f"{one.DESCRIPTOR.name}.{field.name}"
        for one in (
            message,
            message.policies[0],
            message.policies[0].requirements[0],
            message.trust[0],
            message.results[0],
            message.results[0].detail[0],
            message.results[0].detail[0].signature.certificate,
            message.results[0].detail[0].verified_timestamps[0],
            message.results[0].detail[0].verified_log_entries[0],
            message.results[0].detail[0].verified_identity,
            message.results[0].detail[0].checks[1],
            message.results[0].artifact,
        )
        for field in one.DESCRIPTOR.fields
        if field not in [present for present, _ in one.ListFields()]
    }
    assert unset == {"VerificationResult.elapsed"}  # it is inside another answer
    alone = convert.verification_result_to_message(RESULT, elapsed=0.5)
    assert alone.elapsed.ToMilliseconds() == 500


def test_an_empty_value_survives_the_wire() -> None:
    empty = ValidationResult(Outcome.REFUSED, False, ReasonCode.NO_POLICY, "", "")
    assert validation_result_from_message(convert.validation_result_to_message(empty)) == empty


def test_err_is_absent_when_verified() -> None:
    verified = dataclasses.replace(
        RESULT, outcome=Outcome.ALLOWED, reason=ReasonCode.OK, err="", artifact=None
    )
    message = convert.verification_result_to_message(verified)
    assert not message.HasField("err")
    assert not message.HasField("artifact")
    assert verification_result_from_message(message) == verified


def test_a_signature_that_does_not_hold_has_no_signer() -> None:
    nobody = dataclasses.replace(BY_KEY, key_id="")
    message = convert.verification_result_to_message(dataclasses.replace(RESULT, detail=(nobody,)))
    assert not message.detail[0].HasField("signature")


def test_a_claim_of_the_future_is_left_out() -> None:
    certificate = CertificateSummary("", "x", "URI", "i", MOMENT, MOMENT, (("somethingNew", "1"), *CLAIMS))
    detail = dataclasses.replace(DETAIL, certificate=certificate)
    message = convert.verification_result_to_message(dataclasses.replace(RESULT, detail=(detail,)))
    (read,) = verification_result_from_message(message).detail
    assert read.certificate is not None
    assert read.certificate.claims == CLAIMS


@pytest.mark.parametrize("outcome", [0, 4, 99])
def test_an_answer_without_a_known_outcome_is_no_answer(outcome: int) -> None:
    message = convert.validation_result_to_message(VALIDATION)
    message.outcome = outcome  # type: ignore[assignment]  # what a server of the future may send
    with pytest.raises(UnavailableError):
        validation_result_from_message(message)


def test_an_answer_with_an_unknown_reason_deep_inside_is_no_answer() -> None:
    message = convert.validation_result_to_message(VALIDATION)
    message.results[0].detail[0].checks[0].reason = 7  # type: ignore[assignment]
    with pytest.raises(UnavailableError):
        validation_result_from_message(message)


def test_converting_needs_no_grpc() -> None:
    code = "import sys, verifier.server.convert, verifier.server.answers; print('grpc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
