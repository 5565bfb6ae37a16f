"""That an artifact was scanned lately, and nothing too bad was found: cosign's ``vuln`` predicate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .conditions_fields import Fields, UnreadableError, answer, quoted, some
from .conditions_scanners import Finding, Report, Severity, read_report
from .errors import ConfigurationError

# cosign before version 2 wrote it without a scheme.
_TYPES = frozenset(
    {"https://cosign.sigstore.dev/attestation/vuln/v1", "cosign.sigstore.dev/attestation/vuln/v1"}
)
# How far the clock of a scanner may be ahead of ours: what Kerberos allows, and most who followed it.
_SKEW = timedelta(minutes=5)
# RFC 3339; ``datetime.fromisoformat`` reads much else.
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class VulnerabilityCondition:
    """That a scan is at most ``max_age`` old and found only what is ``below`` a severity. A vulnerability of
    unknown severity is not below anything. With ``ignore_unfixed`` those do not count of which the scanner says
    that no fix exists.

    Raises:
        ConfigurationError: ``max_age`` is not positive.
    """

    max_age: timedelta
    below: Severity
    ignore_unfixed: bool = False

    def __post_init__(self) -> None:
        if self.max_age <= timedelta(0):
            raise ConfigurationError(
                "the greatest age of a vulnerability report is not positive", remedy="Give it a day or more."
            )

    @property
    def name(self) -> str:
        """What checks call it."""
        return "vulnerabilities"

    def problem(self, predicate: Mapping[str, Any], predicate_type: str, time: datetime) -> str:
        """See ``requirement.Condition``."""
        return answer(lambda: self._problem(predicate, predicate_type, time))

    def _problem(self, predicate: Mapping[str, Any], predicate_type: str, time: datetime) -> str:
        if predicate_type not in _TYPES:
            return f"{quoted(predicate_type)} is not the type of cosign's vulnerability reports"
        document = Fields.of(predicate, "the predicate")
        reports = _reports(document)
        finished = document.object("metadata").text("scanFinishedOn")
        if not finished:
            return "the report does not say when the scan was finished"
        # An old report in a new attestation is an old report: what the scanner says of the time counts as well.
        times = [_read_time(text) for text in (finished, *(report.time for report in reports)) if text]
        return self._age(times, time) or self._severity(reports)

    def _age(self, times: Iterable[datetime], now: datetime) -> str:
        for time in sorted(times):
            if now - time > self.max_age:
                return f"the scan is from {time}, and may be {self.max_age} old"
            if time - now > _SKEW:
                return f"the scan is from {time}, which is in the future"
        return ""

    def _severity(self, reports: Iterable[Report]) -> str:
        found = [finding for report in reports for finding in report.findings if self._counts(finding)]
        if not found:
            return ""
        found.sort(key=lambda finding: finding.severity or Severity.CRITICAL, reverse=True)
        noun = "vulnerability is" if len(found) == 1 else "vulnerabilities are"
        return f"{len(found)} {noun} not below {self.below.name.lower()}: {some(map(_shown, found), ', ')}"

    def _counts(self, finding: Finding) -> bool:
        if finding.severity is not None and finding.severity < self.below:
            return False
        return not (self.ignore_unfixed and finding.unfixed)


def _shown(finding: Finding) -> str:
    severity = finding.severity.name.lower() if finding.severity else "severity unknown"
    return f"{quoted(finding.id, 40)} in {quoted(finding.package, 60)} ({severity})"


def _reports(document: Fields) -> list[Report]:
    """The reports of all scanners: one ``scanner``, or ``scanners`` as in the specification's first version."""
    scanners = document.objects("scanners")
    if document.value("scanner") is not None:
        scanners = [*scanners, document.object("scanner")]
    if not scanners:
        raise UnreadableError("the predicate names no scanner")
    return [read_report(scanner.object("result")) for scanner in scanners]


def _read_time(text: str) -> datetime:
    if _RFC3339.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    raise UnreadableError(f"the report says {quoted(text, 60)} for a time; RFC 3339 is expected")
