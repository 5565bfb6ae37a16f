"""4. Thresholds count distinct logs, authorities and signers: one key under two names is one.

With the real engines on the whole line, for certificates and for keys; what cosign stored before has room for one
entry and one timestamp. Seen to fail without each protection: ``tests/protections``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from providers.reasons import ReasonCode
from providers.trust import TrustedKey
from pycosign.lab import Lab
from pycosign.lab.clock import rfc3339
from pycosign.lab.ctlog import CtLog
from pycosign.lab.keys import spki_pem
from pycosign.lab.proposals import intoto_proposal
from pycosign.lab.wire import b64, unbase64
from tests.unit.requirements.world import (
    ALLOWED,
    KEY,
    LAB,
    NOW,
    OTHER_KEY,
    OTHER_LAB,
    SECOND,
    TRUSTED_KEY,
    Line,
    Signature,
    Way,
    body_of,
    edited,
    entry_of,
    refused,
)
from verifier.facts import TIMESTAMP_AUTHORITY

SIGNERS = [Way("certificate", "statement"), Way("key", "statement")]
by_both = pytest.mark.parametrize("way", SIGNERS, ids=str)
by_every_form = pytest.mark.parametrize(
    "way", [*SIGNERS, *(Way(way.signer, form) for way in SIGNERS for form in ("sig", "att"))], ids=str
)
TWO_LOGS = {"tlog_entries_threshold": 2}
TWO_STAMPS = {"require_signed_timestamps": True, "signed_timestamp_threshold": 2}
TWO_PROMISES = {"require_integrated_timestamps": True, "integrated_timestamp_threshold": 2}
TWO_OBSERVERS = {"require_observer_timestamps": True, "observer_timestamp_threshold": 2}
TOO_FEW = refused(ReasonCode.THRESHOLD_NOT_MET)


def _root(change: Callable[[dict[str, Any]], object], *also: Lab) -> bytes:
    """The lab's trusted root, with its JSON changed."""
    document = json.loads(LAB.trusted_root(also=also))
    change(document)
    return json.dumps(document).encode()


def _stamps(signature: Signature | dict[str, Any]) -> list[dict[str, str]]:
    """The timestamps of a bundle."""
    document = json.loads(signature) if isinstance(signature, bytes) else signature
    assert isinstance(document, dict)
    found: list[dict[str, str]] = document["verificationMaterial"]["timestampVerificationData"][
        "rfc3161Timestamps"
    ]
    return found


# Logs


def _logged_twice(line: Line, way: Way) -> Signature:
    """Two entries of one log, of kind dsse and of kind intoto: nothing about them is the same but the log."""
    once = line.sign(way)
    assert isinstance(once, bytes)
    pem = unbase64(body_of(once)["spec"]["signatures"][0]["verifier"], "verifier")
    more = LAB.rekor1.submit(intoto_proposal(json.loads(once)["dsseEnvelope"], pem))[1]
    return edited(once, lambda d: d["verificationMaterial"]["tlogEntries"].append(more.to_protojson()))


@by_both
def test_requirement_4_entries_of_two_logs_are_two(line: Line, way: Way) -> None:
    line.root = LAB.trusted_root(also=[OTHER_LAB])
    for log in (LAB.rekor2, OTHER_LAB.rekor1):
        assert line.answer(way, line.sign(way, further_logs=[log]), config=TWO_LOGS) == ALLOWED
    promised = line.sign(way, further_logs=[OTHER_LAB.rekor1])
    assert line.answer(way, promised, config=TWO_PROMISES) == ALLOWED


@by_both
def test_requirement_4_two_entries_of_one_log_are_one(line: Line, way: Way) -> None:
    both = _logged_twice(line, way)
    result = line.validate(way, both, config=TWO_LOGS)
    assert (result.outcome, result.reason) == TOO_FEW
    assert len(result.results[0].detail[0].verified_log_entries) == 2
    assert line.answer(way, both, config=TWO_PROMISES) == TOO_FEW
    assert line.answer(way, both) == ALLOWED


@by_both
def test_requirement_4_a_log_under_two_ids_is_one(line: Line, way: Way) -> None:
    """The root lists one key twice; an entry carries either id. Rekor v2 promises nothing that would bind it."""

    def listed_twice(root: dict[str, Any]) -> None:
        log = json.loads(json.dumps(root["tlogs"][1]))
        log["logId"]["keyId"] = b64(LAB.rekor2.log_id[:4] + bytes(28))
        root["tlogs"].append(log)

    ours = line.sign(way, log="rekor2", further_logs=[LAB.rekor2])

    def renamed(document: dict[str, Any]) -> None:
        second = document["verificationMaterial"]["tlogEntries"][1]
        second["logId"]["keyId"] = b64(LAB.rekor2.log_id[:4] + bytes(28))

    line.root = _root(listed_twice)
    assert line.answer(way, edited(ours, renamed), config=TWO_LOGS) == TOO_FEW


@by_both
def test_requirement_4_the_same_entry_twice_is_refused(line: Line, way: Way) -> None:
    ours = line.sign(way)
    twice = edited(ours, lambda d: d["verificationMaterial"]["tlogEntries"].append(entry_of(d)))
    assert line.answer(way, twice) == refused(ReasonCode.DUPLICATE_LOG_ENTRY)


@by_every_form
def test_requirement_4_two_signatures_lend_each_other_nothing(line: Line, way: Way) -> None:
    """Each has one log entry and one time; what is asked of one is not gathered from several."""
    for config in (TWO_LOGS, TWO_PROMISES, TWO_OBSERVERS):
        assert line.answer(way, line.sign(way), line.sign(way), config=config) == TOO_FEW


# Timestamp authorities


@by_both
def test_requirement_4_stamps_of_two_authorities_are_two(line: Line, way: Way) -> None:
    line.root = LAB.trusted_root(also=[OTHER_LAB])
    ours = line.sign(way, timestamp=True, further_tsas=[OTHER_LAB.tsa])
    assert line.answer(way, ours, config=TWO_STAMPS) == ALLOWED


@by_both
def test_requirement_4_two_stamps_of_one_authority_are_one(line: Line, way: Way) -> None:
    """Two tokens, of different times."""
    ours = line.sign(way, timestamp=True, further_tsas=[LAB.tsa])
    first, second = _stamps(ours)
    assert first != second
    result = line.validate(way, ours, config=TWO_STAMPS)
    assert (result.outcome, result.reason) == TOO_FEW
    assert len(result.results[0].detail[0].verified_timestamps) == 3
    assert line.answer(way, ours, config=TWO_OBSERVERS) == ALLOWED  # the log is the other observer


@by_both
def test_requirement_4_an_authority_under_two_names_is_one(line: Line, way: Way) -> None:
    """Its key is listed under one address until now, and under another from then on; there is a token of each."""
    later = NOW + 60 * SECOND
    ours = line.sign(way, timestamp=True)
    assert isinstance(ours, bytes)
    signature = unbase64(json.loads(ours)["dsseEnvelope"]["signatures"][0]["sig"], "signature")
    token = {"signedTimestamp": b64(LAB.tsa.stamp(signature, at=later))}

    def listed_twice(root: dict[str, Any]) -> None:
        (first,) = root["timestampAuthorities"]
        second = first | {"uri": "https://elsewhere.test", "validFor": {"start": rfc3339(later)}}
        first["validFor"]["end"] = rfc3339(NOW)
        root["timestampAuthorities"].append(second)

    line.root = _root(listed_twice)
    result = line.validate(way, edited(ours, lambda d: _stamps(d).append(token)), config=TWO_STAMPS)
    assert (result.outcome, result.reason) == TOO_FEW
    proven = result.results[0].detail[0].verified_timestamps
    assert len({stamp.uri for stamp in proven if stamp.type == TIMESTAMP_AUTHORITY}) == 2


@by_both
def test_requirement_4_the_same_stamp_twice_is_refused(line: Line, way: Way) -> None:
    twice = edited(line.sign(way, timestamp=True), lambda d: _stamps(d).append(_stamps(d)[0]))
    assert line.answer(way, twice) == refused(ReasonCode.TIMESTAMP_INVALID)


# Certificate transparency logs


def test_requirement_4_scts_of_two_logs_are_two_and_of_one_log_one(line: Line) -> None:
    way, two = SIGNERS[0], {"ctlog_entries_threshold": 2}
    line.root = LAB.trusted_root(also=[OTHER_LAB])
    ours, theirs = LAB.ct_logs[0], OTHER_LAB.ct_logs[0]
    assert line.answer(way, line.sign(way, ct_logs=[ours, theirs]), config=two) == ALLOWED
    assert line.answer(way, line.sign(way, ct_logs=[ours, ours]), config=two) == TOO_FEW


def test_requirement_4_a_ct_log_under_two_ids_is_one(line: Line) -> None:
    alias = CtLog(host="alias", clock=LAB.clock)
    alias.key = LAB.ct_logs[0].key

    def listed_twice(root: dict[str, Any]) -> None:
        (log,) = root["ctlogs"]
        root["ctlogs"].append(log | {"logId": {"keyId": b64(alias.log_id)}})

    line.root = _root(listed_twice)
    way = SIGNERS[0]
    ours = line.sign(way, ct_logs=[LAB.ct_logs[0], alias])
    assert line.answer(way, ours, config={"ctlog_entries_threshold": 2}) == TOO_FEW


# Signers


def test_requirement_4_one_key_under_two_names_is_one_signer(line: Line) -> None:
    """Whatever it is called, it has one id; and the name of the policy is the one that is told."""
    way = SIGNERS[1]
    line.keys = (replace(TRUSTED_KEY, name="other"), TRUSTED_KEY)
    result = line.validate(way, line.sign(way), line.sign(way))
    details = [verification.detail[0] for verification in result.results]
    assert len(details) == 2
    assert len({detail.key_id for detail in details}) == 1
    assert {detail.verified_key for detail in details} == {"release"}


def test_requirement_4_signers_are_told_apart_by_their_keys(line: Line) -> None:
    """Two keys under one name, while one replaces the other."""
    way = SIGNERS[1]
    line.keys = (TRUSTED_KEY, TrustedKey("release", spki_pem(OTHER_KEY.public_key())))
    result = line.validate(way, line.sign(way, key=KEY), line.sign(way, key=OTHER_KEY))
    details = [verification.detail[0] for verification in result.results]
    assert len({detail.key_id for detail in details}) == 2
    assert {detail.verified_key for detail in details} == {"release"}
