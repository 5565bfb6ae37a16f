"""One policy as a document of its own."""

from __future__ import annotations

import json

import pytest

from providers.errors import ConfigurationError
from providers.policy import Mode
from providers.policy_document import parse_policy, scopes_of

GOOD = """\
apiVersion: pycosign.dev/v1alpha1
kind: ClusterVerificationPolicy
metadata:
  name: release
  labels:
    team: a
  annotations:
    note: for people
spec:
  mode: warn
  scopes: [ghcr.io/org, "*.example.com"]
  keys: [release]
"""


def test_a_policy() -> None:
    policy = parse_policy(GOOD.encode(), "policies/release.yaml")
    assert (policy.name, policy.mode) == ("release", Mode.WARN)
    assert [scope.text for scope in policy.scopes] == ["ghcr.io/org", "*.example.com"]
    (authority,) = policy.authorities
    assert (authority.name, authority.keys) == ("release", ("release",))
    assert policy.source == "policies/release.yaml:9"


def test_json_is_as_good() -> None:
    document = {
        "apiVersion": "pycosign.dev/v1alpha1",
        "kind": "ClusterVerificationPolicy",
        "metadata": {"name": "release"},
        "spec": {"scopes": ["ghcr.io"], "keys": ["release"]},
    }
    assert parse_policy(json.dumps(document).encode(), "f").name == "release"


@pytest.mark.parametrize(
    ("before", "after", "line", "why"),
    [
        ("v1alpha1", "v1", 1, "v1alpha1"),
        ("kind: Cluster", "kind: ", 2, "ClusterVerificationPolicy"),
        ("  name: release\n", "  name: ''\n", 4, "at least 1"),
        ("metadata:\n  name: release\n", "metadata:\n", 3, "missing"),
        ("  mode: warn", "  mode: perhaps", 10, "mode"),
        ("  mode: warn", "  name: other", 10, "stands in its metadata"),
        ("  mode: warn", "  name: release", 10, "stands in its metadata"),
        ("  mode: warn", "  mod: warn", 10, "no field of this name"),
        ("ghcr.io/org", "ghcr.io/*", 11, "stands alone"),
        ("  keys: [release]", "  keys: []", 9, "names no identity and no key"),
        ("  keys: [release]", "  mode: warn", 12, "stands twice"),
        ("  keys: [release]", "  keys: *a", 12, "aliases"),
        ("spec:", "---\nspec:", 9, "another document"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(before: str, after: str, line: int, why: str) -> None:
    assert before in GOOD
    with pytest.raises(ConfigurationError, match=why) as caught:
        parse_policy(GOOD.replace(before, after, 1).encode(), "f.yaml")
    assert (caught.value.file, caught.value.line) == ("f.yaml", line)


@pytest.mark.parametrize(
    ("content", "scopes"),
    [
        (GOOD, ["ghcr.io/org", "*.example.com"]),
        ("spec: {scopes: ['*'], nonsense: 1}", ["*"]),
        ("spec: {scopes: []}", None),
        ("spec: {scopes: ghcr.io}", None),
        ("spec: {scopes: [ghcr.io, 'ghcr.io/*']}", None),  # wants more than can be read
        ("spec: {scopes: [ghcr.io, 1]}", None),
        ("spec: {scopes: [ghcr.io, {}]}", None),
        ("spec: [scopes]", None),
        ("spec: text", None),
        ("kind: Other", None),
        ("- a list", None),
        ("spec: {scopes: [ghcr.io]", None),
        ("", None),
    ],
)
def test_what_a_document_wants_to_speak_for(content: str, scopes: list[str] | None) -> None:
    found = scopes_of(content.encode())
    assert (None if found is None else [scope.text for scope in found]) == scopes
