"""What the fuzzer changes: that it gets inside, and makes every kind of change."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pycosign.lab import Lab
from tests.fuzz import der
from tests.fuzz.mutation import Members, Mutator, parse, write

LAB = Lab(name="mutation")
BUNDLE = LAB.sign_image("sha256:" + "ab" * 32, timestamp=True)
CERTIFICATE = base64.b64decode(json.loads(BUNDLE)["verificationMaterial"]["certificate"]["rawBytes"])
PEM = LAB.pem_files()["fulcio-chain.pem"]


def changed(seed: bytes, count: int, *others: bytes) -> list[bytes]:
    dice, mutator = Random(1), Mutator((seed, *others))  # noqa: S311  (not for secrets)
    return [mutator.mutate(seed, dice) for _ in range(count)]


def readable(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def payload_of(document: Any) -> Any:
    try:
        return readable(base64.b64decode(document["dsseEnvelope"]["payload"]))
    except (KeyError, TypeError, ValueError):
        return None


def test_chance_repeats_itself() -> None:
    assert changed(BUNDLE, 20) == changed(BUNDLE, 20)


def test_most_changes_leave_json() -> None:
    documents = [document for document in map(readable, changed(BUNDLE, 500)) if document is not None]
    assert len(documents) > 350
    assert sum(document != json.loads(BUNDLE) for document in documents) > 300


def test_what_is_inside_of_base64_is_changed_too() -> None:
    original = payload_of(json.loads(BUNDLE))
    payloads = [payload_of(readable(data)) for data in changed(BUNDLE, 2000)]
    assert sum(payload is not None and payload != original for payload in payloads) > 10


def test_every_kind_of_change_comes_up() -> None:
    small = b'{"mediaType":"text","number":7,"list":[{"a":1}],"Other":{"x":"QUJDREVGR0hJSktM"}}'
    texts = [data.decode(errors="replace") for data in changed(small, 3000, b'{"foreign":"value"}')]
    documents = [
        document for text in texts if isinstance(document := readable(text.encode(errors="replace")), dict)
    ]
    assert any("number" not in document for document in documents)
    assert any(document.get("mediaType", "") is None for document in documents)
    assert any(isinstance(document.get("number"), str | list) for document in documents)
    assert any(document.get("foreign") == "value" for document in documents)
    assert any(text.count('"number":') == 2 for text in texts)
    assert any('"NUMBER":' in text for text in texts)
    assert any("9" * 40 in text for text in texts)
    assert any("[" * 70 in text for text in texts)
    assert any("NaN" in text for text in texts)
    assert any("\\ud800" in text for text in texts)
    assert any("\\u00e9" in text for text in texts)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(_VALUES)
def test_what_is_not_changed_is_written_as_it_was(value: Any) -> None:
    assert json.loads(write(parse(json.dumps(value)))) == value


def test_a_key_may_stand_twice() -> None:
    assert write(parse('{"a":1,"a":[{}]}')) == '{"a":1,"a":[{}]}'
    assert write(Members([("a", Members())])) == '{"a":{}}'


def test_der_is_put_together_as_it_was() -> None:
    nodes = der.read(CERTIFICATE)
    assert nodes is not None
    assert der.write(nodes) == CERTIFICATE
    assert der.read(CERTIFICATE[:-1]) is None
    assert der.read(b"\x30\x80\x00\x00") is None


def test_changed_der_is_der() -> None:
    dice = Random(1)  # noqa: S311  (not for secrets)
    found = [der.mutate(CERTIFICATE, dice) for _ in range(300)]
    assert len({*found}) > 200
    assert sum(data is not None and der.read(data) is not None for data in found) > 250
    assert der.mutate(b"no DER", dice) is None


def test_certificates_are_changed_inside_of_pem() -> None:
    kept = [data for data in changed(PEM, 300) if b"-----BEGIN" in data and b"-----END" in data]
    assert len(kept) > 150
    assert len({*kept}) > 100


@given(st.binary(max_size=60), st.integers(0, 1000))
def test_any_bytes_can_be_changed(data: bytes, chance: int) -> None:
    assert isinstance(Mutator((data,)).mutate(data, Random(chance)), bytes)  # noqa: S311  (not for secrets)
