"""Keys and times: what counts as one, and when the key was trusted."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial
from pycosign.lab import Lab, LegacyLayer, TrustWindows, Window
from tests.unit.engines.keyed import (
    NAME,
    NOW,
    PREDICATE,
    Form,
    by_key,
    key_of,
    layer_entity,
    refused,
    trusted,
    trusted_key,
    verdict,
)
from tests.unit.engines.world import DIGEST, failed, question
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import Compiled, RootProver
from verifier.engines.sigstore.material import Material, StampAuthority, compile_material
from verifier.facts import TIMESTAMP_AUTHORITY, CheckStatus
from verifier.formats.entity import SignedEntity

TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def material(lab: Lab) -> TrustedMaterial:
    return trusted(trusted_key(key_of("p256")), root=lab.trusted_root())


class TestTimestamps:
    @pytest.mark.parametrize(
        "form",
        ["bundle of an image", "bundle of a file", ".sig layer", ".att layer", ".sig file", ".att file"],
    )
    def test_one(self, keys: KeyEngine, lab: Lab, material: TrustedMaterial, form: Form) -> None:
        facts = keys.verify(question(by_key(lab, form, log=None, timestamp=True), material))
        assert [stamp.type for stamp in facts.timestamps] == [TIMESTAMP_AUTHORITY]
        ignored: dict[str, Any] = {"require_tlog_entries": False, "unsafe_ignore_tlog": True}
        assert verdict(facts, require_signed_timestamps=True, **ignored) == "ok"

    def test_several(self, keys: KeyEngine, lab: Lab, stranger: Lab) -> None:
        root = lab.trusted_root(also=[stranger])
        entity = by_key(lab, timestamp=True, further_tsas=[stranger.tsa])
        facts = keys.verify(question(entity, trusted(trusted_key(key_of("p256")), root=root)))
        assert len(facts.timestamps) == 3  # the log promises a time as well
        assert verdict(facts, require_signed_timestamps=True, signed_timestamp_threshold=2) == "ok"
        # Two of one authority are one.
        entity = by_key(lab, timestamp=True, further_tsas=[lab.tsa])
        facts = keys.verify(question(entity, trusted(trusted_key(key_of("p256")), root=root)))
        assert len(facts.timestamps) == 3
        answer = verdict(facts, require_signed_timestamps=True, signed_timestamp_threshold=2)
        assert answer == "threshold-not-met"
        # And one that is there twice is a mistake or an attempt.
        twice = dataclasses.replace(entity, timestamps=entity.timestamps[:1] * 2)
        material = trusted(trusted_key(key_of("p256")), root=root)
        assert refused(keys, twice, material) is ReasonCode.TIMESTAMP_INVALID

    def test_an_authority_outside_its_window(self, keys: KeyEngine, lab: Lab) -> None:
        root = lab.trusted_root(windows=TrustWindows(tsa=Window(NOW - 9 * DAY, NOW - DAY)))
        entity = by_key(lab, log=None, timestamp=True)
        facts = keys.verify(question(entity, trusted(trusted_key(key_of("p256")), root=root)))
        assert (facts.timestamps, failed(facts)) == ((), {"timestamp": "no-timestamp"})

    @pytest.mark.parametrize("over", ["signature", "envelope"])
    def test_what_cosign_stamps_of_an_att_layer(
        self, keys: KeyEngine, lab: Lab, material: TrustedMaterial, over: str
    ) -> None:
        """Version 3 the signature, the ones before the envelope as it is stored."""
        layer, other = (_attested(lab) for _ in range(2))
        signature = base64.b64decode(json.loads(layer.data)["signatures"][0]["sig"])
        stamped = signature if over == "signature" else layer.data
        facts = keys.verify(question(_stamped(lab, layer, stamped), material))
        assert [stamp.type for stamp in facts.timestamps] == [TIMESTAMP_AUTHORITY]
        # It says nothing of another one.
        facts = keys.verify(question(_stamped(lab, other, stamped), material))
        assert (facts.timestamps, failed(facts)) == ((), {"timestamp": "no-timestamp"})
        # Nor of the same content written in another way, unless it is over the signature.
        spaced = dataclasses.replace(layer, data=layer.data.replace(b'","', b'", "'))
        facts = keys.verify(question(_stamped(lab, spaced, stamped), material))
        assert bool(facts.timestamps) is (over == "signature")

    def test_of_a_sig_layer_only_the_signature_is_stamped(
        self, keys: KeyEngine, lab: Lab, material: TrustedMaterial
    ) -> None:
        """The payload says nothing of who signed it: it may have been stamped long before."""
        layer = lab.sign_image_legacy(DIGEST, reference="r", key=key_of("p256"), keyless=False, log=None)
        assert keys.verify(question(_stamped(lab, layer, layer.data), material)).timestamps == ()

    def test_each_token_is_verified_once(self, lab: Lab, stranger: Lab) -> None:
        """Also where the root lists its authority several times, each with its own window."""
        counted: list[Any] = []
        compiled = Compiled(lambda material: _counting(compile_material(material), counted))
        engine = KeyEngine(lambda: RootProver(compiled))
        root = json.loads(lab.trusted_root(also=[stranger]))
        again = copy.deepcopy(root["timestampAuthorities"])
        for entry in again:
            entry["validFor"] = {"start": "2001-01-01T00:00:00Z", "end": "2002-01-01T00:00:00Z"}
        root["timestampAuthorities"] = again + root["timestampAuthorities"]
        material = trusted(trusted_key(key_of("p256")), root=json.dumps(root).encode())
        entity = by_key(lab, timestamp=True, further_tsas=[stranger.tsa, lab.tsa])
        facts = engine.verify(question(entity, material))
        assert sum(stamp.type == TIMESTAMP_AUTHORITY for stamp in facts.timestamps) == 3
        assert len(counted) == len(set(counted)) == 3


def _attested(lab: Lab) -> LegacyLayer:
    return lab.attest_legacy(
        DIGEST, predicate_type=PREDICATE, predicate={}, key=key_of("p256"), keyless=False, log=None
    )


def _stamped(lab: Lab, layer: LegacyLayer, over: bytes) -> SignedEntity:
    token = base64.b64encode(lab.tsa.stamp(over)).decode()
    return layer_entity(layer, **{TIMESTAMP: json.dumps({"SignedRFC3161Timestamp": token})})


class _Counting:
    """A verifier of timestamps that notes what it is given."""

    def __init__(self, authority: StampAuthority, counted: list[Any]) -> None:
        self._verifier = authority.verifier
        self._counted = counted

    def verify(self, response: Any, digest: bytes) -> bool:
        self._counted.append(response.time_stamp_token())
        return self._verifier.verify(response, digest)


def _counting(material: Material, counted: list[Any]) -> Material:
    wrapped: Callable[[StampAuthority], Any] = lambda authority: _Counting(authority, counted)  # noqa: E731
    authorities = tuple(
        dataclasses.replace(authority, verifier=wrapped(authority))
        for authority in material.stamp_authorities
    )
    return dataclasses.replace(material, stamp_authorities=authorities)


class TestWindows:
    """When a key is trusted, held against every time that is proven."""

    TIMES = pytest.mark.parametrize(
        ("form", "options"),
        [
            ("bundle of an image", {"log": "rekor1"}),
            ("bundle of an image", {"log": "rekor2"}),
            ("bundle of a file", {"log": None, "timestamp": True}),
            (".sig layer", {}),
            (".att layer", {"log": None, "timestamp": True}),
        ],
    )

    @TIMES
    @pytest.mark.parametrize(
        ("start", "end", "holds"),
        [
            (None, None, True),
            (-1, None, True),
            (None, 1, True),
            (-1, 1, True),
            (1, None, False),
            (None, -1, False),
            (-2, -1, False),
        ],
    )
    def test_a_proven_time(
        self,
        keys: KeyEngine,
        lab: Lab,
        form: Form,
        options: dict[str, Any],
        start: int | None,
        end: int | None,
        holds: bool,
    ) -> None:
        window: dict[str, Any] = {
            "valid_from": None if start is None else NOW + start * DAY,
            "valid_until": None if end is None else NOW + end * DAY,
        }
        material = trusted(trusted_key(key_of("p256"), **window), root=lab.trusted_root())
        entity = by_key(lab, form, **options)
        if holds:
            assert keys.verify(question(entity, material)).timestamps
        else:
            assert refused(keys, entity, material) is ReasonCode.TIME_OUTSIDE_VALIDITY

    def test_both_ends_are_in_it(self, keys: KeyEngine, lab: Lab) -> None:
        entity = by_key(lab, log=None, timestamp=True, timestamped_at=NOW)
        second = timedelta(seconds=1)
        for start, end, holds in (
            (NOW, NOW, True),
            (NOW + second, None, False),
            (None, NOW - second, False),
        ):
            key = trusted_key(key_of("p256"), valid_from=start, valid_until=end)
            material = trusted(key, root=lab.trusted_root())
            if holds:
                assert keys.verify(question(entity, material)).timestamps
            else:
                assert refused(keys, entity, material) is ReasonCode.TIME_OUTSIDE_VALIDITY

    def test_one_time_outside_is_enough(self, keys: KeyEngine, lab: Lab) -> None:
        """Whatever the others say."""
        key = trusted_key(key_of("p256"), valid_until=NOW + DAY)
        material = trusted(key, root=lab.trusted_root())
        entity = by_key(lab, timestamp=True, timestamped_at=NOW + 2 * DAY)
        assert refused(keys, entity, material) is ReasonCode.TIME_OUTSIDE_VALIDITY

    def test_a_time_that_nobody_trusted_states_is_none(
        self, keys: KeyEngine, lab: Lab, stranger: Lab
    ) -> None:
        key = trusted_key(key_of("p256"), valid_until=NOW - DAY)
        material = trusted(key, root=lab.trusted_root())
        entity = by_key(lab, log=None, timestamp=True, tsa=stranger.tsa, timestamped_at=NOW - 2 * DAY)
        facts = keys.verify(question(entity, material))
        assert facts.timestamps == ()
        assert verdict(facts, require_tlog_entries=False, unsafe_ignore_tlog=True) == "no-timestamp"

    @pytest.mark.parametrize("with_root", [True, False])
    def test_without_a_time_the_window_stays_open(self, keys: KeyEngine, lab: Lab, with_root: bool) -> None:
        entity = by_key(lab, log=None)
        root = lab.trusted_root() if with_root else b""
        ignored: dict[str, Any] = {"require_tlog_entries": False, "unsafe_ignore_tlog": True}
        cases: list[tuple[dict[str, Any], str, str]] = [
            ({}, "ok", "ok"),
            ({"valid_until": NOW + DAY}, "no-timestamp", "ok"),
            ({"valid_until": NOW - DAY}, "no-timestamp", "time-outside-validity"),
            ({"valid_from": NOW - DAY}, "no-timestamp", "ok"),
        ]
        for window, answer, at_present in cases:
            key = trusted_key(key_of("p256"), **window)
            facts = keys.verify(question(entity, trusted(key, root=root)))
            assert facts.timestamps == ()
            assert [(name.name, name.window.end) for name in facts.key_names] == [
                (NAME, window.get("valid_until"))
            ]
            assert verdict(facts, **ignored) == answer
            assert verdict(facts, unsafe_use_current_time=True, **ignored) == at_present
            validity = {check.id: check.status for check in facts.checks}["validity"]
            assert validity is CheckStatus.SKIPPED

    def test_a_log_key_that_was_retired(self, keys: KeyEngine, lab: Lab) -> None:
        retired = TrustWindows(
            rekor1=Window(NOW - 9 * DAY, NOW - DAY), rekor2=Window(NOW - 9 * DAY, NOW - DAY)
        )
        material = trusted(trusted_key(key_of("p256")), root=lab.trusted_root(windows=retired))
        for log in ("rekor1", "rekor2"):
            assert refused(keys, by_key(lab, log=log), material) is ReasonCode.LOG_UNTRUSTED
        facts = keys.verify(question(by_key(lab, log="rekor2", timestamp=False), material))
        assert verdict(facts) == "no-timestamp"  # when it was logged, and so whether in time, nothing says


class TestRotation:
    """One name, one key after the other."""

    @pytest.fixture
    def rotated(self, lab: Lab) -> TrustedMaterial:
        return trusted(
            trusted_key(key_of("p256"), valid_until=NOW),
            trusted_key(key_of("p384"), valid_from=NOW - DAY),
            root=lab.trusted_root(),
        )

    @pytest.mark.parametrize(
        ("kind", "day", "holds"),
        [("p256", -3, True), ("p256", 1, False), ("p384", -3, False), ("p384", 3, True)],
    )
    def test_each_in_its_time(
        self, keys: KeyEngine, lab: Lab, rotated: TrustedMaterial, kind: str, day: int, holds: bool
    ) -> None:
        options: dict[str, Any] = {"log": None, "timestamp": True, "timestamped_at": NOW + day * DAY}
        entity = by_key(lab, key=key_of(kind), **options)
        if holds:
            facts = keys.verify(question(entity, rotated))
            assert [name.name for name in facts.key_names] == [NAME]
        else:
            assert refused(keys, entity, rotated) is ReasonCode.TIME_OUTSIDE_VALIDITY

    def test_one_key_under_two_names(self, keys: KeyEngine, lab: Lab) -> None:
        key = key_of("p256")
        material = trusted(
            trusted_key(key, "then", valid_until=NOW - 2 * DAY),
            trusted_key(key, "now", valid_from=NOW - DAY),
            root=lab.trusted_root(),
        )

        def at(*days: int) -> SignedEntity:
            stamps = [by_key(lab, log=None)]
            tokens = tuple(lab.tsa.stamp(stamps[0].content.signature, at=NOW + day * DAY) for day in days)
            return dataclasses.replace(stamps[0], timestamps=tokens)

        assert [name.name for name in keys.verify(question(at(-5), material)).key_names] == ["then"]
        assert [name.name for name in keys.verify(question(at(0), material)).key_names] == ["now"]
        assert [name.name for name in keys.verify(question(at(), material)).key_names] == ["then", "now"]
        for times in ([-5, 0], [0, -5], [-1, -2, 0]):  # no one of them covers both
            assert refused(keys, at(*times), material) is ReasonCode.TIME_OUTSIDE_VALIDITY
