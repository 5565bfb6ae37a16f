"""Vulnerability reports. Requirement: fresh, from a scanner we can read, and nothing too bad; unknown is bad."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.conditions_scanners import Severity
from providers.conditions_vulnerabilities import VulnerabilityCondition
from providers.errors import ConfigurationError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"
BELOW_HIGH = VulnerabilityCondition(timedelta(days=7), Severity.HIGH)
ONLY_FIXED = VulnerabilityCondition(timedelta(days=7), Severity.HIGH, ignore_unfixed=True)


def _trivy(*vulnerabilities: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": 2,
        "CreatedAt": "2026-11-20T11:00:00.123456789+01:00",
        "ArtifactName": "ghcr.io/acme/app",
        "ArtifactType": "container_image",
        "Results": [
            {"Target": "app (alpine 3.22)", "Class": "os-pkgs", "Type": "alpine"},
            {
                "Target": "app",
                "Class": "lang-pkgs",
                "Type": "gobinary",
                "Vulnerabilities": list(vulnerabilities),
            },
            {"Target": "key", "Class": "secret"},
        ],
        **changed,
    }


def _of_trivy(severity: Any, fixed: str = "", status: str = "affected") -> dict[str, Any]:
    found = {"VulnerabilityID": "CVE-2026-1", "PkgName": "musl", "Severity": severity, "Status": status}
    return {**found, "FixedVersion": fixed} if fixed else found


def _grype(*matches: dict[str, Any], **changed: Any) -> dict[str, Any]:
    descriptor = {"name": "grype", "version": "0.100.0", "timestamp": "2026-11-20T10:00:00.5Z"}
    return {"matches": list(matches), "source": {"type": "image"}, "descriptor": descriptor, **changed}


def _of_grype(severity: Any, state: str = "not-fixed", versions: tuple[str, ...] = ()) -> dict[str, Any]:
    fix = {"versions": list(versions), "state": state}
    return {
        "vulnerability": {"id": "GHSA-1", "severity": severity, "fix": fix},
        "matchDetails": [],
        "artifact": {"name": "zlib", "version": "1"},
    }


def _report(result: object, finished: object = "2026-11-20T11:00:00Z", **changed: Any) -> dict[str, Any]:
    return {
        "invocation": {"parameters": None, "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {"uri": "pkg:github/aquasecurity/trivy@v0.70.0", "version": "v0.70.0", "result": result},
        "metadata": {"scanStartedOn": "2026-11-20T10:59:00Z", "scanFinishedOn": finished},
        **changed,
    }


def _problem(
    predicate: dict[str, Any], condition: VulnerabilityCondition = BELOW_HIGH, kind: str = VULN
) -> str:
    return condition.problem(predicate, kind, NOW)


@pytest.mark.parametrize(
    "result",
    [
        _trivy(),
        _trivy(Results=[]),
        _trivy(Results=None),
        _trivy(_of_trivy("LOW"), _of_trivy("MEDIUM", "1.2.3", "fixed")),
        _trivy(CreatedAt="0001-01-01T00:00:00Z"),
        _grype(),
        _grype(_of_grype("Negligible"), _of_grype("Medium")),
        _grype(descriptor={"name": "grype", "timestamp": ""}),
    ],
)
def test_reports_that_pass(result: dict[str, Any]) -> None:
    assert _problem(_report(result)) == ""
    assert _problem(_report(result), kind=VULN.removeprefix("https://")) == ""
    listed = _report(result)
    listed["scanners"] = [listed.pop("scanner")]
    assert _problem(listed) == ""


def test_what_is_too_bad_is_named_worst_first() -> None:
    bad = [_of_trivy("HIGH"), _of_trivy("LOW"), {**_of_trivy("CRITICAL"), "VulnerabilityID": "CVE-2026-2"}]
    assert _problem(_report(_trivy(*bad))) == (
        "2 vulnerabilities are not below high: 'CVE-2026-2' in 'musl' (critical), 'CVE-2026-1' in 'musl' (high)"
    )
    assert "'GHSA-1' in 'zlib' (critical)" in _problem(_report(_grype(_of_grype("Critical"))))


def test_a_vulnerability_counts_whatever_kind_of_result_it_stands_in() -> None:
    results = [{"Class": "os-pkgs"}, {"Class": "new-kind", "Vulnerabilities": [_of_trivy("HIGH")]}]
    assert "1 vulnerability is not below high" in _problem(_report(_trivy(Results=results)))


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("below", list(Severity))
def test_below_means_below(severity: Severity, below: Severity) -> None:
    condition = VulnerabilityCondition(timedelta(days=7), below)
    for result in (_trivy(_of_trivy(severity.name)), _grype(_of_grype(severity.name.title()))):
        assert bool(_problem(_report(result), condition)) is (severity >= below)


@pytest.mark.parametrize("severity", ["UNKNOWN", "", None, "SEVERE", "5", "name"])
def test_an_unknown_severity_is_below_nothing(severity: Any) -> None:
    condition = VulnerabilityCondition(timedelta(days=7), Severity.CRITICAL)
    for result in (_trivy(_of_trivy(severity)), _grype(_of_grype(severity))):
        assert "severity unknown" in _problem(_report(result), condition)


@pytest.mark.parametrize(
    ("result", "counts"),
    [
        (_trivy(_of_trivy("HIGH")), False),
        (_trivy(_of_trivy("HIGH", status="will_not_fix")), False),
        (_trivy(_of_trivy("HIGH", status="")), False),
        (_trivy(_of_trivy("HIGH", "1.2.3", "fixed")), True),
        (_trivy(_of_trivy("HIGH", "1.2.3")), True),
        (_trivy(_of_trivy("HIGH", status="fixed")), True),
        (_trivy(_of_trivy("HIGH", status="unknown")), True),
        (_grype(_of_grype("High")), False),
        (_grype(_of_grype("High", "wont-fix")), False),
        (_grype(_of_grype("High", "fixed", ("1.2.3",))), True),
        (_grype(_of_grype("High", "not-fixed", ("1.2.3",))), True),
        (_grype(_of_grype("High", "unknown")), True),
        (_grype(_of_grype("High", "")), True),
    ],
)
def test_unfixed_is_what_the_scanner_says_has_no_fix(result: dict[str, Any], counts: bool) -> None:
    assert bool(_problem(_report(result), ONLY_FIXED)) is counts
    assert _problem(_report(result))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({}, "no report of a known scanner"),
        (None, "no report of a known scanner"),
        ([], "not an object"),
        ("", "not an object"),
        ({"vulnerabilities": []}, "no report of a known scanner"),
        (
            {"runs": [{"tool": {"driver": {"name": "Trivy"}}, "results": []}], "version": "2.1.0"},
            "known scanner",
        ),
        ({"matches": [], "descriptor": {"name": "other"}}, "known scanner"),
        ({**_grype(), **_trivy()}, "known scanner"),
        (_trivy(SchemaVersion=1), "of schema '1', not 2"),
        (_trivy(SchemaVersion=2.0), "not 2"),
        (_trivy(SchemaVersion=True), "not 2"),
        (_trivy(SchemaVersion="2"), "not 2"),
        (_trivy(ArtifactName=""), "what was scanned"),
        (_trivy(ArtifactType=None), "what was scanned"),
        (_trivy(Results={}), "not a list"),
        (_trivy(Results=[{"Target": "key", "Class": "secret"}]), "on no packages"),
        (_trivy(Results=[{"Target": "app"}]), "on no packages"),
        (_trivy(Results=[{"Class": "os-pkgs", "Vulnerabilities": {}}]), "not a list"),
        (_trivy(Results=[{"Class": "os-pkgs", "vulnerabilities": [_of_trivy("HIGH")]}]), "another spelling"),
        ({**{k: v for k, v in _trivy().items() if k != "Results"}, "results": []}, "another spelling"),
        (_trivy({"Severity": 1}), "not text"),
        (_grype(matches=None), "has no matches"),
        (_grype(matches={}), "not a list"),
        (_grype({"vulnerability": "GHSA-1"}), "not an object"),
        (_grype({}), "severity unknown"),
    ],
)
def test_what_is_no_report_of_a_known_scanner_is_a_problem(result: object, words: str) -> None:
    assert words in _problem(_report(result))


@pytest.mark.parametrize(
    ("finished", "words"),
    [
        ("2026-11-13T12:00:00Z", ""),
        ("2026-11-13T11:59:59.999999999Z", "may be 7 days"),
        ("2026-11-13T13:00:00+02:00", "may be 7 days"),
        ("0001-01-01T00:00:00Z", "may be 7 days"),
        ("2026-11-20T12:05:00Z", ""),
        ("2026-11-20T12:05:01Z", "in the future"),
        ("2027-11-20T12:00:00Z", "in the future"),
        ("2026-11-20T11:00:00", "RFC 3339"),
        ("2026-11-20", "RFC 3339"),
        ("20261120T110000Z", "RFC 3339"),
        ("2026-11-31T11:00:00Z", "RFC 3339"),
        ("\u0662026-11-20T11:00:00Z", "RFC 3339"),
        ("yesterday", "RFC 3339"),
        (1795000000, "not text"),
        ("", "does not say when"),
        (None, "does not say when"),
    ],
)
def test_age(finished: object, words: str) -> None:
    problem = _problem(_report(_trivy(CreatedAt=None), finished))
    assert words in problem
    assert bool(problem) is bool(words)


def test_an_old_report_in_a_new_attestation_is_an_old_report() -> None:
    old, future = "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"
    assert "may be 7 days" in _problem(_report(_trivy(CreatedAt=old)))
    assert "may be 7 days" in _problem(_report(_grype(descriptor={"name": "grype", "timestamp": old})))
    assert "in the future" in _problem(_report(_trivy(CreatedAt=future)))
    assert "RFC 3339" in _problem(_report(_trivy(CreatedAt="?")))


def test_every_scanner_counts() -> None:
    for good_first in (True, False):
        results = (
            [_trivy(), _trivy(_of_trivy("HIGH"))] if good_first else [_trivy(_of_trivy("HIGH")), _trivy()]
        )
        scanners = [{"result": result} for result in results]
        assert "1 vulnerability is not below high" in _problem(_report({}, scanner=None, scanners=scanners))
        both = _report({}, scanner=scanners[0], scanners=[scanners[1]])
        assert "1 vulnerability is not below high" in _problem(both)
    assert "names no scanner" in _problem(_report({}, scanner=None, scanners=[]))


@pytest.mark.parametrize("kind", ["", "https://cosign.sigstore.dev/attestation/v1", VULN + "/", "vuln"])
def test_another_type_is_a_problem(kind: str) -> None:
    assert "not the type" in _problem(_report(_trivy()), kind=kind)


@pytest.mark.parametrize("days", [0, -1])
def test_an_age_that_nothing_can_have_is_refused(days: int) -> None:
    with pytest.raises(ConfigurationError, match="not positive"):
        VulnerabilityCondition(timedelta(days=days), Severity.HIGH)
