"""Time as the lab sees it: a callable, so that a test decides what time it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .errors import LabError

Clock = Callable[[], datetime]

# The lab's authorities are valid for a year before the lab was made, so that a test can sign in the past,
# and for ten years after.
PAST = timedelta(days=365)
FUTURE = timedelta(days=3650)


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def whole_second(moment: datetime) -> datetime:
    """The moment in UTC without fractions: X.509 and RFC 3161 times of the lab carry none."""
    if moment.tzinfo is None:
        raise LabError("the lab's times carry a time zone")
    return moment.astimezone(UTC).replace(microsecond=0)


def rfc3339(moment: datetime) -> str:
    """The moment as protojson writes a Timestamp without fractions."""
    return whole_second(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Window:
    """A validity window of the trusted root (sigstore_common.proto, TimeRange); no end means still valid."""

    start: datetime
    end: datetime | None = None

    def to_json(self) -> dict[str, str]:
        """The window as protojson."""
        ends = {} if self.end is None else {"end": rfc3339(self.end)}
        return {"start": rfc3339(self.start), **ends}
