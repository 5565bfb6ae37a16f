"""Keys of logs: several windows for one key, and several names for one key."""

from __future__ import annotations

import base64
import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pycosign.lab import Lab
from tests.unit.engines.world import DIGEST, question, suffices
from verifier.engine import EvidenceError
from verifier.engines.sigstore import SigstoreEngine

LONG_AGO = {"start": "2001-01-01T00:00:00Z", "end": "2002-01-01T00:00:00Z"}
LOGS = ["rekor1", "rekor2"]


def signed(lab: Lab, log: Any, *, promise: bool = True) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(lab.sign_image(DIGEST, log=log, timestamp=True))
    if not promise:
        document["verificationMaterial"]["tlogEntries"][0].pop("inclusionPromise", None)
    return document


def root_of(lab: Lab) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(lab.trusted_root())
    return document


def ask(engine: SigstoreEngine, bundle: dict[str, Any], root: dict[str, Any]) -> Any:
    return engine.verify(question(json.dumps(bundle).encode(), json.dumps(root).encode()))


def with_windows(root: dict[str, Any], log: str, *windows: dict[str, str]) -> dict[str, Any]:
    """``root`` with the key of ``log`` listed once for each window."""
    place = LOGS.index(log)
    listed = [copy.deepcopy(root["tlogs"][place]) for _ in windows]
    for entry, window in zip(listed, windows, strict=True):
        entry["publicKey"]["validFor"] = window
    return {**root, "tlogs": [*root["tlogs"][:place], *listed, *root["tlogs"][place + 1 :]]}


class TestWindows:
    """One key, listed once for each time in which it was trusted."""

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize("promise", [True, False])
    @pytest.mark.parametrize("log", LOGS)
    def test_one_window_suffices(
        self, engine: SigstoreEngine, lab: Lab, log: str, promise: bool, order: int
    ) -> None:
        windows = [LONG_AGO, {"start": "2020-01-01T00:00:00Z"}][::order]
        root = with_windows(root_of(lab), log, *windows)
        assert suffices(ask(engine, signed(lab, log, promise=promise), root))

    @pytest.mark.parametrize("promise", [True, False])
    @pytest.mark.parametrize("log", LOGS)
    def test_none_is_too_little(self, engine: SigstoreEngine, lab: Lab, log: str, promise: bool) -> None:
        later = {"start": "2002-06-01T00:00:00Z", "end": "2003-01-01T00:00:00Z"}
        root = with_windows(root_of(lab), log, LONG_AGO, later)
        with pytest.raises(EvidenceError) as caught:
            ask(engine, signed(lab, log, promise=promise), root)
        assert str(caught.value.reason) == "log-untrusted"

    def test_one_window_covers_all_times(self, engine: SigstoreEngine, lab: Lab) -> None:
        # Two timestamps of one signature, a minute apart, and a key whose windows meet between them.
        def at(minute: int) -> datetime:
            return datetime.now(UTC).replace(second=0, microsecond=0, minute=minute)

        first, second = signed_twice(lab, at(10), at(11))
        between = at(10).replace(second=30).isoformat().replace("+00:00", "Z")
        halves = ({"start": "2020-01-01T00:00:00Z", "end": between}, {"start": between})
        for bundle in (first, second):
            assert suffices(ask(engine, bundle, with_windows(root_of(lab), "rekor2", *halves)))
        both = copy.deepcopy(first)
        stamps = both["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
        stamps += second["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
        assert len(ask(engine, both, root_of(lab)).timestamps) == 2
        with pytest.raises(EvidenceError) as caught:
            ask(engine, both, with_windows(root_of(lab), "rekor2", *halves))
        assert str(caught.value.reason) == "log-untrusted"


def signed_twice(lab: Lab, first: datetime, second: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """One signature with a timestamp at either time."""
    bundle = json.loads(lab.sign_image(DIGEST, log="rekor2", issued_at=first, timestamped_at=first))
    other = copy.deepcopy(bundle)
    signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    token = base64.b64encode(lab.tsa.stamp(signature, at=second)).decode()
    other["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] = [
        {"signedTimestamp": token}
    ]
    return bundle, other


class TestNames:
    """One key is one log, under however many names it is listed."""

    @pytest.mark.parametrize("twin_first", [True, False])
    @pytest.mark.parametrize("log", LOGS)
    def test_two_ids(self, engine: SigstoreEngine, lab: Lab, log: str, twin_first: bool) -> None:
        root, bundle = root_of(lab), signed(lab, log, promise=False)
        listed = root["tlogs"][LOGS.index(log)]
        twin = copy.deepcopy(listed)
        key_id = base64.b64decode(listed["logId"]["keyId"])
        twin["logId"]["keyId"] = base64.b64encode(key_id[:4] + b"x" * 28).decode()
        root["tlogs"].insert(0 if twin_first else 2, twin)
        entries = bundle["verificationMaterial"]["tlogEntries"]
        entries.append({**entries[0], "logId": twin["logId"]})
        facts = ask(engine, bundle, root)
        first = twin if twin_first else listed
        assert {entry.log_id for entry in facts.log_entries} == {
            base64.b64decode(first["logId"]["keyId"]).hex()
        }

    def test_two_ids_and_a_promise(self, engine: SigstoreEngine, lab: Lab) -> None:
        root, bundle = root_of(lab), signed(lab, "rekor1")
        twin = copy.deepcopy(root["tlogs"][0])
        twin["logId"]["keyId"] = base64.b64encode(b"x" * 32).decode()
        root["tlogs"].insert(0, twin)
        facts = ask(engine, bundle, root)
        counted = {stamp.authority for stamp in facts.timestamps if stamp.type == "Tlog"}
        assert counted == {entry.log_id for entry in facts.log_entries} == {(b"x" * 32).hex()}

    def test_two_ct_logs(self, engine: SigstoreEngine) -> None:
        lab = Lab(ct_logs=2)
        lab.ct_logs[1].key = lab.ct_logs[0].key
        facts = engine.verify(question(lab.sign_image(DIGEST), lab.trusted_root()))
        assert len(facts.scts) == 2
        assert {sct.log_id for sct in facts.scts} == {lab.ct_logs[0].log_id.hex()}

    def test_two_names_of_a_timestamp_authority(self, engine: SigstoreEngine, lab: Lab) -> None:
        root, now = root_of(lab), datetime.now(UTC).replace(microsecond=0)
        bundle, other = signed_twice(lab, now, now)
        stamps = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
        stamps += other["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
        root["timestampAuthorities"][0]["validFor"] = LONG_AGO
        root["timestampAuthorities"].append(json.loads(lab.trusted_root())["timestampAuthorities"][0])
        root["timestampAuthorities"][1]["uri"] = "https://another-name.test"
        counted = {stamp.authority for stamp in ask(engine, bundle, root).timestamps}
        assert counted == {root["timestampAuthorities"][0]["uri"]}
