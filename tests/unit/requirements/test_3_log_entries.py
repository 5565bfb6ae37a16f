"""3. A log entry counts for the signature, the signer and the content that it records, and for no other; and only
when its proof, or its promise, is by a key of a trusted log that was trusted at that time.

With the real engines on the whole line, for certificates and keys, bundles and what cosign stored before. Seen to
fail without each protection: ``tests/protections``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from providers.reasons import ReasonCode
from pycosign.lab import TrustWindows, Window
from pycosign.lab.checkpoint import signed_note
from pycosign.lab.keys import sign
from pycosign.lab.rekor1 import promised_bytes
from tests.unit.requirements.world import (
    ALLOWED,
    HOUR,
    LAB,
    NOW,
    OTHER_KEY,
    OTHER_LAB,
    SECOND,
    WAYS,
    Line,
    Signature,
    Way,
    body_of,
    edited,
    entry_of,
    logged,
    mixed,
    promise_of,
    refused,
    with_entry,
    with_promise,
)

of_every_way = pytest.mark.parametrize("way", WAYS, ids=str)
with_a_promise = pytest.mark.parametrize("way", [way for way in WAYS if way.log == "rekor1"], ids=str)
with_a_proof = pytest.mark.parametrize("way", [way for way in WAYS if not way.legacy], ids=str)


@of_every_way
def test_requirement_3_an_entry_counts_for_its_own_signature(line: Line, way: Way) -> None:
    assert line.answer(way, line.sign(way)) == ALLOWED


@pytest.mark.parametrize("part", ["signature", "verifier", "digest"])
@of_every_way
def test_requirement_3_an_entry_that_records_something_else(line: Line, way: Way, part: str) -> None:
    """The log holds it and promises it; but one part of it is of another signature."""
    ours, theirs = line.sign(way), line.sign(way, line.other, key=OTHER_KEY)
    forged = with_entry(ours, logged(mixed(body_of(ours), body_of(theirs), part)))
    assert line.answer(way, forged) == refused(ReasonCode.LOG_ENTRY_MISMATCH)


@of_every_way
def test_requirement_3_the_entry_of_another_signature_of_the_same(line: Line, way: Way) -> None:
    """By the same signer over the same content, made a moment later."""
    forged = with_entry(line.sign(way), entry_of(line.sign(way)))
    assert line.answer(way, forged) == refused(ReasonCode.LOG_ENTRY_MISMATCH)


def _of_another_entry(ours: Signature, later: Signature) -> Signature:
    return with_promise(ours, promise_of(later))


def _by_another_log(ours: Signature, _: Signature) -> Signature:
    """Over the very same, but not with the log's key."""
    entry = entry_of(ours)
    text = promised_bytes(
        base64.b64decode(entry["canonicalizedBody"]),
        int(entry["integratedTime"]),
        base64.b64decode(entry["logId"]["keyId"]),
        int(entry["logIndex"]),
    )
    return with_promise(ours, sign(OTHER_LAB.rekor1.key, text))


def _for_another_time(ours: Signature, _: Signature) -> Signature:
    return with_entry(ours, entry_of(ours) | {"integratedTime": str(int(NOW.timestamp()) + 60)})


def _for_another_place(ours: Signature, _: Signature) -> Signature:
    return with_entry(ours, entry_of(ours) | {"logIndex": "1"})


@pytest.mark.parametrize("forge", [_of_another_entry, _by_another_log, _for_another_time, _for_another_place])
@with_a_promise
def test_requirement_3_a_promise_is_the_log_s_and_of_this_entry(
    line: Line, way: Way, forge: Callable[[Signature, Signature], Signature]
) -> None:
    forged = forge(line.sign(way), line.sign(way))
    assert line.answer(way, forged) == refused(ReasonCode.LOG_UNTRUSTED)


def _another_hash(ours: Signature, _: Signature) -> Signature:
    """A step of the proof that leads elsewhere."""

    def change(document: dict[str, object]) -> None:
        proof = entry_of(document)["inclusionProof"]
        proof["hashes"][0] = proof["rootHash"]

    return edited(ours, change)


def _another_tree(ours: Signature, later: Signature) -> Signature:
    """A checkpoint that the log signed, when it had grown."""
    checkpoint = entry_of(later)["inclusionProof"]["checkpoint"]
    return edited(ours, lambda document: entry_of(document)["inclusionProof"].update(checkpoint=checkpoint))


def _another_signer(ours: Signature, _: Signature) -> Signature:
    """The log's own text, under the log's name and key id, signed by another log."""

    def change(document: dict[str, object]) -> None:
        entry = entry_of(document)
        log, other = (
            (LAB.rekor1, OTHER_LAB.rekor1) if "inclusionPromise" in entry else (LAB.rekor2, OTHER_LAB.rekor2)
        )
        text = entry["inclusionProof"]["checkpoint"]["envelope"].partition("\n\n")[0] + "\n"
        signature = sign(other.key, text.encode())
        note = signed_note(text, name=log.host, key_hash=log.log_id, signature=signature)
        entry["inclusionProof"]["checkpoint"]["envelope"] = note

    return edited(ours, change)


@pytest.mark.parametrize("forge", [_another_hash, _another_tree, _another_signer])
@with_a_proof
def test_requirement_3_a_proof_leads_to_a_checkpoint_that_the_log_signed(
    line: Line, way: Way, forge: Callable[[Signature, Signature], Signature]
) -> None:
    forged = forge(line.sign(way), line.sign(way))
    assert line.answer(way, forged) == refused(ReasonCode.LOG_UNTRUSTED)


@of_every_way
def test_requirement_3_the_log_s_key_was_trusted_then(line: Line, way: Way) -> None:
    """Then is the time of its promise, or of a timestamp; that it ended since does not matter."""
    ours = line.sign(way)
    line.now = NOW + HOUR
    for window, expected in (
        (Window(NOW, NOW), ALLOWED),
        (Window(NOW - HOUR, NOW - SECOND), refused(ReasonCode.LOG_UNTRUSTED)),
        (Window(NOW + SECOND), refused(ReasonCode.LOG_UNTRUSTED)),
    ):
        line.root = LAB.trusted_root(windows=TrustWindows(rekor1=window, rekor2=window))
        assert line.answer(way, ours) == expected


@pytest.mark.parametrize("form", ["statement", "message"])
def test_requirement_3_a_retired_log_vouches_for_nothing_without_a_time(line: Line, form: str) -> None:
    """A key that is trusted always needs no proof of time; but whoever has the key of a retired log makes entries
    to this day.
    """
    way = next(way for way in WAYS if (way.signer, way.form, way.log) == ("key", form, "rekor2"))
    untimed, timed = line.sign(way, timestamp=False), line.sign(way, timestamp=True)
    line.now = NOW + HOUR
    assert line.answer(way, untimed) == ALLOWED
    line.root = LAB.trusted_root(windows=TrustWindows(rekor2=Window(NOW - HOUR, NOW)))
    assert line.answer(way, untimed) == refused(ReasonCode.NO_TIMESTAMP)
    assert line.answer(way, timed) == ALLOWED


@of_every_way
def test_requirement_3_the_same_entry_of_a_log_that_nobody_trusts(line: Line, way: Way) -> None:
    rekor = OTHER_LAB.rekor1 if way.log == "rekor1" else OTHER_LAB.rekor2
    assert line.answer(way, line.sign(way, rekor=rekor, timestamp=True)) == refused(ReasonCode.LOG_UNTRUSTED)
