"""Sign, change one thing, expect denial.

A changed bundle may still verify where the change touches nothing that proves anything (a key id beside a
signature, a field that is not read) or takes evidence away. So the property is: it is refused, or its facts say
the same of the signer, the artifact and the times, or less; never more, never other.
"""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import VerificationError
from pycosign.lab import Lab
from tests.unit.engines.world import ARTIFACT, DIGEST, question
from verifier.engine import EvidenceError
from verifier.engines.sigstore import SigstoreEngine
from verifier.facts import SignatureFacts

KINDS = ["dsse-rekor1", "dsse-rekor2", "message-rekor1", "message-rekor2"]
HUGE = int("9" * 40)


@pytest.fixture(scope="module")
def signed(lab: Lab) -> dict[str, bytes]:
    return {
        "dsse-rekor1": lab.sign_image(DIGEST, timestamp=True),
        "dsse-rekor2": lab.sign_image(DIGEST, log="rekor2"),
        "message-rekor1": lab.sign_blob(ARTIFACT, timestamp=True),
        "message-rekor2": lab.sign_blob(ARTIFACT, log="rekor2"),
    }


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def changes(value: Any, dice: random.Random) -> Iterator[Any]:
    """The set that found the crashes of sigstore-python."""
    yield from (None, "x", "", -1, [], {}, HUGE, base64.b64encode(b"junk").decode())
    if isinstance(value, list):
        yield value * 2
    if isinstance(value, str) and value:
        yield value[: len(value) // 2]
        yield value[:-1] + "é" + value[-1:]
        yield value + "\x00"
        yield value.swapcase()
        try:
            raw = base64.b64decode(value, validate=True)
        except ValueError:
            return
        for _ in range(6):
            flipped = bytearray(raw)
            if flipped:
                flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
            yield base64.b64encode(flipped).decode()


def mutants(document: dict[str, Any], dice: random.Random) -> Iterator[tuple[str, bytes]]:
    for path in paths(document):
        for change in [..., *changes(_at(document, path), dice)]:
            mutant = copy.deepcopy(document)
            holder = _at(mutant, path[:-1])
            if change is ...:
                del holder[path[-1]]
            else:
                holder[path[-1]] = change
            yield f"{'.'.join(map(str, path))} = {change!r}"[:200], json.dumps(mutant).encode()


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def no_more_than(facts: SignatureFacts, original: SignatureFacts) -> bool:
    return (
        facts.certificate == original.certificate
        and facts.predicate_type == original.predicate_type
        and facts.annotations == original.annotations
        and set(facts.timestamps) <= set(original.timestamps)
        # Without its promise an entry of Rekor v1 keeps the index in its shard only: that one is proven.
        and {(entry.log_id, entry.kind) for entry in facts.log_entries}
        <= {(entry.log_id, entry.kind) for entry in original.log_entries}
        and set(facts.scts) <= set(original.scts)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_changed_in_every_way(
    engine: SigstoreEngine, signed: dict[str, bytes], root: bytes, kind: str
) -> None:
    original = engine.verify(question(signed[kind], root))
    trusted = question(signed[kind], root).trusted_material
    tried = accepted = 0
    dice = random.Random(kind)  # noqa: S311
    for what, mutant in mutants(json.loads(signed[kind]), dice):
        tried += 1
        try:
            facts = engine.verify(question(mutant, trusted))
        except VerificationError:
            continue
        accepted += 1
        assert no_more_than(facts, original), what
    assert tried > 400
    assert accepted < tried / 10


@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_any_byte_changed(
    engine: SigstoreEngine, signed: dict[str, bytes], root: bytes, kind: str, data: st.DataObject
) -> None:
    good = signed[kind]
    original = engine.verify(question(good, root))
    mutant = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        mutant[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        facts = engine.verify(question(bytes(mutant), root))
    except VerificationError:
        return
    assert no_more_than(facts, original)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_lists_every_check(
    engine: SigstoreEngine, signed: dict[str, bytes], root: bytes, kind: str
) -> None:
    names = {"certificate", "chain", "signature", "subject", "log", "timestamp", "validity", "sct"}
    errors = []
    for _, mutant in list(mutants(json.loads(signed[kind]), random.Random(0)))[::7]:  # noqa: S311
        try:
            engine.verify(question(mutant, root))
        except EvidenceError as error:
            errors.append(error)
        except VerificationError:
            pass  # it does not parse: there is nothing to check
    assert errors
    assert all({check.id for check in error.checks} == names for error in errors)
    assert all(error.reason in {check.reason for check in error.checks} for error in errors)
