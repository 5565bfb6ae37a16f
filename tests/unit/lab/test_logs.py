from __future__ import annotations

import base64
import copy
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from pycosign.lab import Lab, LabError
from pycosign.lab.errors import LabConflictError
from pycosign.lab.keys import key_details, sign, spki_der, spki_pem
from pycosign.lab.proposals import (
    dsse_proposal,
    hashedrekord_proposal,
    intoto_001_proposal,
    intoto_proposal,
    pae,
)
from pycosign.lab.rekor2 import hashedrekord_request

KEY = ec.generate_private_key(ec.SECP256R1())
MESSAGE = b"message"
DETAILS = key_details(KEY.public_key())
DIGEST = hashlib.sha256(MESSAGE).digest()


def _hashedrekord() -> dict[str, Any]:
    return hashedrekord_proposal(DIGEST, sign(KEY, MESSAGE), spki_pem(KEY.public_key()), "sha256")


def _envelope() -> dict[str, Any]:
    signature = sign(KEY, pae("t", b"payload"))
    b64 = base64.b64encode
    return {
        "payload": b64(b"payload").decode(),
        "payloadType": "t",
        "signatures": [{"sig": b64(signature).decode()}],
    }


def test_an_entry_is_found_again(lab: Lab) -> None:
    uuid, entry = lab.rekor1.submit(_hashedrekord())
    assert (
        lab.rekor1.find(uuid) == lab.rekor1.find(uuid[16:]) == lab.rekor1.at(entry.log_index) == (uuid, entry)
    )
    assert entry.log_index != entry.proof.log_index
    body = json.loads(entry.body)
    assert body["spec"]["data"]["hash"]["value"] == DIGEST.hex()


@pytest.mark.parametrize("index", [0, 1004, 10**9])
def test_an_entry_that_is_not_there(lab: Lab, index: int) -> None:
    assert lab.rekor1.at(index) is None
    assert lab.rekor1.find("0" * 64) is None


def test_the_same_entry_is_taken_once(lab: Lab) -> None:
    proposal = _hashedrekord()
    uuid, _ = lab.rekor1.submit(proposal)
    with pytest.raises(LabConflictError) as conflict:
        lab.rekor1.submit(proposal)
    assert conflict.value.location.endswith(uuid)


def test_dsse_is_logged_without_its_payload(lab: Lab) -> None:
    _, entry = lab.rekor1.submit(dsse_proposal(_envelope(), spki_pem(KEY.public_key())))
    spec = json.loads(entry.body)["spec"]
    assert spec["payloadHash"]["value"] == hashlib.sha256(b"payload").hexdigest()
    assert set(spec) == {"envelopeHash", "payloadHash", "signatures"}


def test_signatures_are_checked(lab: Lab) -> None:
    other = spki_pem(ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(LabError, match="does not verify"):
        lab.rekor1.submit(hashedrekord_proposal(DIGEST, sign(KEY, MESSAGE), other, "sha256"))
    with pytest.raises(LabError, match="does not verify"):
        lab.rekor1.submit(dsse_proposal(_envelope(), other))
    request = hashedrekord_request(
        b"\0" * 32, sign(KEY, MESSAGE), spki_der(KEY.public_key()), DETAILS, certificate=False
    )
    with pytest.raises(LabError, match="does not verify"):
        lab.rekor2.submit(request)


def test_rsa_is_logged(lab: Lab) -> None:
    key = rsa.generate_private_key(65537, 2048)
    signature = key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    lab.rekor1.submit(hashedrekord_proposal(DIGEST, signature, spki_pem(key.public_key()), "sha256"))


def test_checkpoints_are_signed_over_the_state(lab: Lab) -> None:
    state = lab.rekor1.state()
    origin, size, root, _, signature, _ = str(state["signedTreeHead"]).split("\n")
    assert origin == lab.rekor1.origin
    assert origin.rpartition(" - ")[2].isdecimal()
    assert int(size) == state["treeSize"]
    assert base64.b64decode(root).hex() == state["rootHash"]
    dash, name, blob = signature.split(" ")
    assert (dash, name) == ("\u2014", lab.rekor1.host)
    assert base64.b64decode(blob)[:4] == lab.rekor1.log_id[:4]
    origin, size, root, _, signature, _ = lab.rekor2.checkpoint().split("\n")
    raw = base64.b64decode(signature.split(" ")[2])
    assert raw[:4] == lab.rekor2.log_id[:4]
    lab.rekor2.key.public_key().verify(raw[4:], f"{origin}\n{size}\n{root}\n".encode())


JUNK: st.SearchStrategy[object] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.just([])
    | st.just({})
    | st.just([{}])
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += _places(inner, (*path, name))
    return found


def _with(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    target = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return changed


LOG = Lab(name="junk")
REQUESTS: list[tuple[Any, dict[str, Any]]] = [
    (LOG.rekor1, _hashedrekord()),
    (LOG.rekor1, dsse_proposal(_envelope(), spki_pem(KEY.public_key()))),
    (LOG.rekor1, intoto_proposal(_envelope(), spki_pem(KEY.public_key()))),
    (LOG.rekor1, intoto_001_proposal(_envelope(), spki_pem(KEY.public_key()))),
    (
        LOG.rekor2,
        hashedrekord_request(
            DIGEST, sign(KEY, MESSAGE), spki_der(KEY.public_key()), DETAILS, certificate=False
        ),
    ),
]


@given(st.data())
def test_a_changed_request_is_refused(data: st.DataObject) -> None:
    log, request = data.draw(st.sampled_from(REQUESTS))
    changed = _with(request, data.draw(st.sampled_from(_places(request))), data.draw(JUNK))
    try:
        log.submit(changed)
    except LabError:
        return
    pytest.fail(f"taken: {changed}")
