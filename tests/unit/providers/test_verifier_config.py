"""How much evidence is asked for: what contradicts itself, or the signers, is refused with what to do about it."""

from __future__ import annotations

import pytest

from providers.errors import ConfigurationError
from providers.verifier_config import VerifierConfig


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"tlog_entries_threshold": 0}, "requireTlogEntries to false"),
        ({"observer_timestamp_threshold": -1}, "requireObserverTimestamps to false"),
        ({"ctlog_entries_threshold": 33}, "requireSCTs to false"),
        ({"unsafe_use_current_time": True}, "requireObserverTimestamps to false"),
        (
            {
                "unsafe_use_current_time": True,
                "require_observer_timestamps": False,
                "require_signed_timestamps": True,
            },
            "leave unsafeUseCurrentTime out",
        ),
        ({"unsafe_ignore_tlog": True}, "unsafeIgnoreTlog"),
        (
            {"require_integrated_timestamps": True, "require_tlog_entries": False},
            "requireTlogEntries to true",
        ),
        ({"require_tlog_entries": False, "tlog_entries_threshold": 2}, "requireTlogEntries to true"),
        ({"require_scts": False, "ctlog_entries_threshold": 2}, "requireSCTs to true"),
        ({"signed_timestamp_threshold": 2}, "requireSignedTimestamps to true"),
        ({"integrated_timestamp_threshold": 2}, "requireIntegratedTimestamps to true"),
        (
            {"require_observer_timestamps": False, "observer_timestamp_threshold": 2},
            "requireObserverTimestamps to true",
        ),
    ],
)
def test_options_that_contradict_each_other(changes: dict[str, int], remedy: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        VerifierConfig(**changes)  # type: ignore[arg-type]  # a table of fields
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("config", "certificates", "keys"),
    [
        (VerifierConfig(), True, False),
        (VerifierConfig(require_tlog_entries=False), True, False),
        (VerifierConfig(require_observer_timestamps=False), False, False),
        (VerifierConfig(require_observer_timestamps=False, require_signed_timestamps=True), True, False),
        (VerifierConfig(require_observer_timestamps=False, require_integrated_timestamps=True), True, False),
        (VerifierConfig(require_observer_timestamps=False, unsafe_use_current_time=True), True, False),
        (VerifierConfig(require_scts=False), True, True),
        (VerifierConfig(require_scts=False, require_tlog_entries=False), True, False),
        (VerifierConfig.for_keys(), False, True),
        (VerifierConfig.for_keys(unsafe_ignore_tlog=True), False, True),
        (VerifierConfig.for_keys(require_signed_timestamps=True), True, True),
    ],
)
def test_what_signers_can_have_and_need(config: VerifierConfig, certificates: bool, keys: bool) -> None:
    """Certificates need a proof of time, or a word that says there is none; keys a log entry, or such a word."""
    for certified, fits in ((True, certificates), (False, keys)):
        if fits:
            config.check_for("p", certificates=certified)
            continue
        with pytest.raises(ConfigurationError, match="policy 'p'") as caught:
            config.check_for("p", certificates=certified)
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("config", "needed"),
    [
        (VerifierConfig(), True),
        (VerifierConfig.for_keys(), True),
        (VerifierConfig.for_keys(unsafe_ignore_tlog=True, require_signed_timestamps=True), True),
        (VerifierConfig.for_keys(unsafe_ignore_tlog=True), False),
    ],
)
def test_what_only_a_trusted_root_vouches_for(config: VerifierConfig, needed: bool) -> None:
    assert config.needs_trusted_root is needed
