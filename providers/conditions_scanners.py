"""What scanners found: the JSON of Trivy (schema 2) and of Grype, as values.

A report is read only when it says itself what wrote it. Severities and states that are not known here stay
unknown: whoever asks has to treat them as the worst.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from .conditions_fields import Fields, UnreadableError, quoted


class Severity(IntEnum):
    """How bad; Trivy has no negligible."""

    NEGLIGIBLE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """A vulnerability in a package. ``severity`` is None when the scanner does not know it; ``unfixed`` only when
    the scanner says that there is no fix.
    """

    id: str
    package: str
    severity: Severity | None
    unfixed: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What one scanner found. ``time`` is when it says it wrote that, as written; empty when it does not say."""

    scanner: str
    time: str
    findings: tuple[Finding, ...]


# Trivy, ``pkg/types/result.go``: the classes of results that are about packages.
_PACKAGES = frozenset({"os-pkgs", "lang-pkgs"})
# Trivy-db, ``pkg/types/status.go``: no fix exists. Nothing: reports from before there were states.
_TRIVY_UNFIXED = frozenset(
    {"", "affected", "under_investigation", "will_not_fix", "fix_deferred", "end_of_life"}
)
_GRYPE_UNFIXED = frozenset({"not-fixed", "wont-fix"})
# Go's zero time, which old versions write for none.
_NO_TIME = "0001-01-01T00:00:00Z"


def read_report(result: Fields) -> Report:
    """The report of a scanner.

    Raises:
        UnreadableError: the scanner is not known, or this is not what it writes.
    """
    trivy = result.value("SchemaVersion") is not None
    grype = result.object("descriptor").text("name") == "grype"
    if trivy and not grype:
        return _trivy(result)
    if grype and not trivy:
        return _grype(result)
    raise UnreadableError(f"{result.place} is no report of a known scanner (Trivy or Grype, JSON)")


def _severity(text: str) -> Severity | None:
    return Severity.__members__.get(text.upper())


def _time(text: str) -> str:
    return "" if text == _NO_TIME else text


def _trivy(result: Fields) -> Report:
    version = result.value("SchemaVersion")
    if version != 2 or isinstance(version, (bool, float)):
        raise UnreadableError(f"{result.place} is a Trivy report of schema {quoted(str(version), 20)}, not 2")
    if not (result.text("ArtifactName") and result.text("ArtifactType")):
        raise UnreadableError(f"{result.place} is no whole Trivy report: it does not say what was scanned")
    results = result.objects("Results")
    classes = {entry.text("Class") for entry in results}
    if classes and not classes & _PACKAGES:
        raise UnreadableError(f"{result.place} is a Trivy report on no packages; scan for vulnerabilities")
    findings = (finding for entry in results for finding in _trivy_findings(entry))
    return Report("Trivy", _time(result.text("CreatedAt")), tuple(findings))


def _trivy_findings(entry: Fields) -> Iterator[Finding]:
    for found in entry.objects("Vulnerabilities"):
        unfixed = not found.text("FixedVersion") and found.text("Status") in _TRIVY_UNFIXED
        severity = _severity(found.text("Severity"))
        yield Finding(found.text("VulnerabilityID"), found.text("PkgName"), severity, unfixed)


def _grype(result: Fields) -> Report:
    if result.value("matches") is None:  # Grype writes an empty list for none
        raise UnreadableError(f"{result.place} is no whole Grype report: it has no matches")
    findings = (_grype_finding(entry) for entry in result.objects("matches"))
    return Report("Grype", _time(result.object("descriptor").text("timestamp")), tuple(findings))


def _grype_finding(entry: Fields) -> Finding:
    found = entry.object("vulnerability")
    fix = found.object("fix")
    unfixed = fix.text("state") in _GRYPE_UNFIXED and not fix.value("versions")
    severity = _severity(found.text("severity"))
    return Finding(found.text("id"), entry.object("artifact").text("name"), severity, unfixed)
