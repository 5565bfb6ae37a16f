"""How much evidence a signature needs: logs, proofs of time, certificate transparency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .errors import ConfigurationError

# sigstore-go internal/limits: 32 entries and 32 timestamps a bundle.
_MAX_THRESHOLD = 32


@dataclass(frozen=True, slots=True)
class VerifierConfig:
    """How much evidence a signature needs (sigstore-go ``VerifierConfig``). Thresholds count distinct logs and
    authorities: observer timestamps are signed ones (RFC 3161) and integrated ones (promised by a log) together.

    With ``unsafe_use_current_time`` a certificate, or a key with a window, that nothing proves to have been valid
    when it signed, passes when it is valid at the time of the request. ``unsafe_ignore_tlog`` says that
    ``require_tlog_entries`` is false on purpose: keys need both.

    Raises:
        ConfigurationError: options contradict each other.
    """

    require_observer_timestamps: bool = True
    observer_timestamp_threshold: int = 1
    require_tlog_entries: bool = True
    tlog_entries_threshold: int = 1
    require_scts: bool = True
    ctlog_entries_threshold: int = 1
    require_signed_timestamps: bool = False
    signed_timestamp_threshold: int = 1
    require_integrated_timestamps: bool = False
    integrated_timestamp_threshold: int = 1
    unsafe_use_current_time: bool = False
    unsafe_ignore_tlog: bool = False

    @classmethod
    def for_keys(cls, *, unsafe_ignore_tlog: bool = False, require_signed_timestamps: bool = False) -> Self:
        """What a signature with a key needs: a log entry, and no more. There is no certificate to be transparent
        about, and a key needs proof of time only where it is not trusted always.
        """
        return cls(
            require_observer_timestamps=False,
            require_scts=False,
            require_tlog_entries=not unsafe_ignore_tlog,
            unsafe_ignore_tlog=unsafe_ignore_tlog,
            require_signed_timestamps=require_signed_timestamps,
        )

    @property
    def proof_of_time(self) -> bool:
        """Whether any is required."""
        return (
            self.require_observer_timestamps
            or self.require_signed_timestamps
            or self.require_integrated_timestamps
        )

    @property
    def needs_trusted_root(self) -> bool:
        """Whether it asks for anything that only a trusted root can vouch for."""
        return self.require_tlog_entries or self.require_scts or self.proof_of_time

    def __post_init__(self) -> None:
        self._check_thresholds()
        if self.unsafe_use_current_time and self.proof_of_time:
            raise ConfigurationError(
                "unsafeUseCurrentTime, and proof of time is required",
                remedy="Where timestamps are required the present is never asked: set requireObserverTimestamps to"
                " false and leave the other two out, or leave unsafeUseCurrentTime out.",
            )
        if self.unsafe_ignore_tlog and self.require_tlog_entries:
            raise ConfigurationError(
                "unsafeIgnoreTlog, and log entries are required",
                remedy="Leave one of unsafeIgnoreTlog and requireTlogEntries out.",
            )
        if self.require_integrated_timestamps and not self.require_tlog_entries:
            raise ConfigurationError(
                "requireIntegratedTimestamps, and no log entry is required",
                remedy="Only a log entry carries an integrated time; set requireTlogEntries to true.",
            )

    def _check_thresholds(self) -> None:
        """Each is a number that can be reached, and is counted at all."""
        for name, threshold, requirement, required in (
            (
                "observerTimestampThreshold",
                self.observer_timestamp_threshold,
                "requireObserverTimestamps",
                self.require_observer_timestamps,
            ),
            (
                "tlogEntriesThreshold",
                self.tlog_entries_threshold,
                "requireTlogEntries",
                self.require_tlog_entries,
            ),
            ("ctlogEntriesThreshold", self.ctlog_entries_threshold, "requireSCTs", self.require_scts),
            (
                "signedTimestampThreshold",
                self.signed_timestamp_threshold,
                "requireSignedTimestamps",
                self.require_signed_timestamps,
            ),
            (
                "integratedTimestampThreshold",
                self.integrated_timestamp_threshold,
                "requireIntegratedTimestamps",
                self.require_integrated_timestamps,
            ),
        ):
            if not 1 <= threshold <= _MAX_THRESHOLD:
                raise ConfigurationError(
                    f"{name} is {threshold}; a threshold is 1 to {_MAX_THRESHOLD}",
                    remedy=f"To ask for none, set {requirement} to false.",
                )
            if threshold > 1 and not required:
                raise ConfigurationError(
                    f"{name} is {threshold}, and what it counts is not required",
                    remedy=f"Set {requirement} to true, or leave the threshold out.",
                )

    def check_for(self, policy: str, *, certificates: bool) -> None:
        """Check it for the signers of ``policy``: certificates, or else keys.

        Raises:
            ConfigurationError: it asks for what they cannot have, or for too little.
        """
        if certificates and not (self.proof_of_time or self.unsafe_use_current_time):
            raise ConfigurationError(
                f"policy {policy!r}: no proof of time is required",
                remedy="A short-lived certificate needs one: leave requireObserverTimestamps at true.",
            )
        if not certificates and self.require_scts:
            raise ConfigurationError(
                f"policy {policy!r} asks for keys, and requires SCTs",
                remedy="Only certificates are in certificate transparency logs; set requireSCTs to false.",
            )
        if not certificates and not self.require_tlog_entries and not self.unsafe_ignore_tlog:
            raise ConfigurationError(
                f"policy {policy!r} asks for keys, and for no log entry",
                remedy="Its owner could never notice what a stolen key signs. If that is meant, set"
                " unsafeIgnoreTlog to true.",
            )
