"""6. Times are held against the certificate, all above it, trusted keys and the keys of logs and authorities;
where no time is proven, the policy says what then, and the present is never taken silently.

With the real engines on the whole line, for certificates and keys, bundles and what cosign stored before. Seen to
fail without each protection: ``tests/protections``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from providers.reasons import ReasonCode
from pycosign.lab import TrustWindows, Window
from pycosign.lab.ca import CertificateAuthority, pem
from pycosign.lab.clock import FUTURE
from tests.unit.requirements.world import (
    ALLOWED,
    HOUR,
    LAB,
    NOW,
    SECOND,
    TRUSTED_KEY,
    WAYS,
    Line,
    Way,
    refused,
)

CERTIFIED = [way for way in WAYS if way.keyless]
KEYED = [way for way in WAYS if not way.keyless]
with_certificates = pytest.mark.parametrize("way", CERTIFIED, ids=str)
with_keys = pytest.mark.parametrize("way", KEYED, ids=str)
MINUTE = timedelta(minutes=1)
BEFORE, AFTER = Window(NOW - HOUR, NOW - SECOND), Window(NOW + SECOND, NOW + HOUR)
UNTIMED: dict[str, Any] = {"log": None, "timestamp": False}
IGNORE_LOG = {"require_tlog_entries": False, "unsafe_ignore_tlog": True}
TAKE_NOW = {"require_observer_timestamps": False, "unsafe_use_current_time": True}
OUTSIDE = refused(ReasonCode.TIME_OUTSIDE_VALIDITY)
NO_TIME = refused(ReasonCode.NO_TIMESTAMP)


# Certificates, and all above them


@with_certificates
def test_requirement_6_a_certificate_is_valid_for_ten_minutes(line: Line, way: Way) -> None:
    """Valid at the time that the log or the authority states; when the request is made plays no part."""
    line.now = NOW + 24 * HOUR
    for issued, expected in (
        (NOW, ALLOWED),
        (NOW - 10 * MINUTE, ALLOWED),
        (NOW - 10 * MINUTE - SECOND, OUTSIDE),
        (NOW + SECOND, OUTSIDE),
    ):
        assert line.answer(way, line.sign(way, issued_at=issued)) == expected


@with_certificates
def test_requirement_6_any_trusted_time_outside_refuses(line: Line, way: Way) -> None:
    """The log says a good time; an authority that is trusted as well says another."""
    assert line.answer(way, line.sign(way, timestamp=True, timestamped_at=NOW + HOUR)) == OUTSIDE


@with_certificates
def test_requirement_6_the_authority_was_trusted_then(line: Line, way: Way) -> None:
    ours = line.sign(way)
    line.now = NOW + HOUR
    for window, expected in (
        (Window(NOW, NOW), ALLOWED),
        (BEFORE, refused(ReasonCode.CHAIN_UNTRUSTED)),
        (AFTER, refused(ReasonCode.CHAIN_UNTRUSTED)),
    ):
        line.root = LAB.trusted_root(windows=TrustWindows(ca=window))
        assert line.answer(way, ours) == expected


@pytest.mark.parametrize("late", [timedelta(0), SECOND])
@with_certificates
def test_requirement_6_the_intermediate_was_valid_then(line: Line, way: Way, late: timedelta) -> None:
    """It expired while the certificate was still valid; the trusted root names no end."""
    old = CertificateAuthority(lab_name="old", clock=lambda: NOW - late - FUTURE)
    assert old.intermediate.not_valid_after_utc == NOW - late
    root = json.loads(LAB.trusted_root())
    chain = [
        {"rawBytes": _der(text)} for text in pem(old.chain).decode().split("-----END CERTIFICATE-----")[:-1]
    ]
    root["certificateAuthorities"][0]["certChain"]["certificates"] = chain
    line.root = json.dumps(root).encode()
    ours = line.sign(way, ca=old, issued_at=NOW - 5 * MINUTE)
    assert line.answer(way, ours) == (refused(ReasonCode.CHAIN_UNTRUSTED) if late else ALLOWED)


def _der(text: str) -> str:
    return "".join(text.split("-----BEGIN CERTIFICATE-----")[1].split())


# Keys


@with_keys
def test_requirement_6_a_key_was_trusted_then(line: Line, way: Way) -> None:
    """At the time that the log or the authority states, both ends included."""
    ours = line.sign(way)
    line.now = NOW + HOUR
    for start, end, expected in (
        (None, NOW, ALLOWED),
        (NOW, None, ALLOWED),
        (NOW, NOW, ALLOWED),
        (None, NOW - SECOND, OUTSIDE),
        (NOW + SECOND, None, OUTSIDE),
    ):
        line.keys = (replace(TRUSTED_KEY, valid_from=start, valid_until=end),)
        assert line.answer(way, ours) == expected


@with_keys
def test_requirement_6_any_trusted_time_outside_refuses_a_key_too(line: Line, way: Way) -> None:
    line.keys = (replace(TRUSTED_KEY, valid_until=NOW + MINUTE),)
    assert line.answer(way, line.sign(way, timestamp=True, timestamped_at=NOW + HOUR)) == OUTSIDE


@with_keys
def test_requirement_6_a_window_of_another_name_is_not_the_policy_s(line: Line, way: Way) -> None:
    """The same key is trusted under another name for longer: for policies that ask for that one."""
    line.keys = (replace(TRUSTED_KEY, valid_until=NOW - SECOND), replace(TRUSTED_KEY, name="other"))
    assert line.answer(way, line.sign(way)) == refused(ReasonCode.SIGNATURE_INVALID)
    assert line.answer(way, line.sign(way), keys=("other",)) == ALLOWED


# Timestamp authorities


@pytest.mark.parametrize("way", [way for way in CERTIFIED if way.log == "rekor2"], ids=str)
def test_requirement_6_the_timestamp_authority_was_trusted_then(line: Line, way: Way) -> None:
    ours = line.sign(way)
    for window, expected in ((Window(NOW, NOW), ALLOWED), (BEFORE, NO_TIME), (AFTER, NO_TIME)):
        line.root = LAB.trusted_root(windows=TrustWindows(tsa=window))
        assert line.answer(way, ours) == expected


@pytest.mark.parametrize("way", [way for way in KEYED if way.log == "rekor2"], ids=str)
def test_requirement_6_a_time_by_nobody_is_none_for_a_key_with_a_window(line: Line, way: Way) -> None:
    line.keys = (replace(TRUSTED_KEY, valid_until=NOW + HOUR),)
    ours = line.sign(way)
    assert line.answer(way, ours) == ALLOWED
    line.root = LAB.trusted_root(windows=TrustWindows(tsa=BEFORE))
    assert line.answer(way, ours) == NO_TIME


# No time at all


@with_certificates
def test_requirement_6_no_time_is_no_time_for_a_certificate(line: Line, way: Way) -> None:
    """It is valid now, and nobody asked for a log: still nothing shows that it was valid when it signed."""
    ours = line.sign(way, **UNTIMED)
    assert line.answer(way, ours, config=IGNORE_LOG) == NO_TIME
    assert line.answer(way, ours, config=IGNORE_LOG | TAKE_NOW) == ALLOWED
    line.now = NOW + HOUR
    assert line.answer(way, ours, config=IGNORE_LOG | TAKE_NOW) == OUTSIDE
    line.now = NOW
    line.root = LAB.trusted_root(windows=TrustWindows(ca=BEFORE))
    assert line.answer(way, ours, config=IGNORE_LOG | TAKE_NOW) == OUTSIDE


@with_keys
def test_requirement_6_no_time_is_no_time_for_a_key_with_a_window(line: Line, way: Way) -> None:
    ours = line.sign(way, **UNTIMED)
    assert line.answer(way, ours) == refused(ReasonCode.NO_LOG_ENTRY)
    assert line.answer(way, ours, config=IGNORE_LOG) == ALLOWED  # trusted always: any time will do
    line.keys = (replace(TRUSTED_KEY, valid_until=NOW + MINUTE),)
    assert line.answer(way, ours, config=IGNORE_LOG) == NO_TIME
    assert line.answer(way, ours, config=IGNORE_LOG | TAKE_NOW) == ALLOWED
    line.now = NOW + HOUR
    assert line.answer(way, ours, config=IGNORE_LOG | TAKE_NOW) == OUTSIDE


@with_keys
def test_requirement_6_without_a_trusted_root_there_is_no_time_and_no_log(line: Line, way: Way) -> None:
    """What a signature says of logs and times is then held against nothing, and counts as nothing."""
    ours = line.sign(way, timestamp=True)
    line.root = b""
    assert line.answer(way, ours) == refused(ReasonCode.NO_LOG_ENTRY)
    assert line.answer(way, ours, config=IGNORE_LOG) == ALLOWED
    line.keys = (replace(TRUSTED_KEY, valid_until=NOW + MINUTE),)
    assert line.answer(way, ours, config=IGNORE_LOG) == NO_TIME
