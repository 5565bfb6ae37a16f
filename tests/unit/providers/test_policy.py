"""Scopes, patterns and what a policy must say. Requirement: anchored, linear-time patterns, both parts named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers.authority import Authority
from providers.errors import ConfigurationError, InvalidReferenceError
from providers.identity import CertificateIdentity, StringMatch
from providers.platforms import Coverage, Platform, Platforms
from providers.policy import Policy, select
from providers.predicates import COSIGN_SIGN, PREDICATE_TYPES, predicate_type_of
from providers.reference import Reference
from providers.requirement import AttestationRequirement, DenyList, Requirement, SigningTime
from providers.scope import Scope
from providers.static import StaticPolicyProvider
from providers.subject import Operation, Subject
from providers.verifier_config import VerifierConfig
from tests.single import authority_of

FOR_KEYS = VerifierConfig.for_keys()
ANYONE = CertificateIdentity(StringMatch(regexp=".+"), StringMatch(regexp=".+"))


@pytest.mark.parametrize(
    ("scope", "reference", "matches"),
    [
        ("*", "nginx", True),
        ("ghcr.io", "ghcr.io/org/app", True),
        ("ghcr.io", "ghcr.io:443/org/app", True),
        ("ghcr.io/org", "ghcr.io:0443/org/app", True),
        ("ghcr.io/org", "GHCR.io/org/app", True),
        ("ghcr.io:443/org", "ghcr.io/org/app", True),
        ("ghcr.io/org", "ghcr.io:8443/org/app", False),
        ("reg.example:5000/prod", "reg.example:05000/prod/app", True),
        ("[::1]:5000/prod", "[0:0:0:0:0:0:0:1]:5000/prod/app", True),
        ("127.0.0.1:5000/prod", "[::ffff:7f00:1]:5000/prod/app", True),
        ("127.0.0.1:5000/prod", "[::ffff:127.0.0.1]:5000/prod/app", True),
        ("docker.io/prod/app", "registry-1.docker.io/prod/app", True),
        ("docker.io/prod/app", "Index.docker.io:443/prod/app", True),
        ("index.docker.io", "nginx", True),
        ("registry-1.docker.io/prod", "prod/app", True),
        ("docker.io/acme", "docker.io/acme/app", True),
        ("docker.io/acme", "docker.io/library/acme", True),
        ("docker.io/acme", "docker.io/library/other", False),
        ("docker.io/library", "nginx", True),
        ("ghcr.io/org", "ghcr.io/org/app", True),
        ("ghcr.io/org", "ghcr.io/org", True),
        ("ghcr.io/org", "ghcr.io/org-evil/app", False),
        ("ghcr.io/org", "ghcr.io/organisation", False),
        ("ghcr.io/org", "evil.test/ghcr.io/org/app", False),
        ("ghcr.io/org/app", "ghcr.io/org/app:v1", True),
        ("docker.io/library/nginx", "nginx", True),
        ("127.0.0.1:5000", "127.0.0.1:5000/app", True),
        ("*.example.com", "reg.example.com/app", True),
        ("*.example.com", "reg.example.com:5000/app", True),
        ("*.example.com", "a.b.example.com/app", True),
        ("*.example.com", "example.com/app", False),
        ("*.example.com", "evilexample.com/app", False),
        ("*.example.com", "reg.example.com.evil.test/app", False),
    ],
)
def test_scopes_match_on_boundaries(scope: str, reference: str, matches: bool) -> None:
    assert Scope.parse(scope).matches(Reference.parse(reference)) is matches


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ghcr.io/org*",
        "ghcr.io/*",
        "*example.com",
        "*.",
        "nginx",
        "a b",
        "**",
        "ghcr..io",
        "-x-.",
        "reg:99999",
        "http://ghcr.io",
        "ghcr.io/ORG",
        "*.docker.io",
    ],
)
def test_scopes_that_cannot_mean_anything_are_refused(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        Scope.parse(text)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("https://github\\.com/org/.*", "https://github.com/org/app", True),
        ("https://github\\.com/org/.*", "https://evil.test/?https://github.com/org/app", False),
        ("org", "organisation", False),
        ("a|b", "ax", False),
        ("a|b", "xb", False),
        ("a|b", "b", True),
        ("(?i)ALICE@x", "alice@x", True),
        (".*", "", False),
        ("a", "a\n", False),
    ],
)
def test_patterns_match_the_whole_text(pattern: str, text: str, matches: bool) -> None:
    assert StringMatch(regexp=pattern).matches(text) is matches


def test_a_value_is_compared_exactly() -> None:
    match = StringMatch(value="https://issuer.test")
    assert match.matches("https://issuer.test")
    for other in ("https://issuer.test/", "https://Issuer.test", "", "https://issuer.test\x00"):
        assert not match.matches(other)


def test_a_hostile_pattern_takes_linear_time() -> None:
    """Backtracking takes 2**60 steps here: with it, this test never ends."""
    assert not StringMatch(regexp="(a+)+b").matches("a" * 60)


@pytest.mark.parametrize("pattern", ["(", "a{1001}", "(?=x)", "\\1", "x" * 3000, "((a{100}){100}){100}"])
def test_patterns_that_are_not_re2_are_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError):
        StringMatch(regexp=pattern)


@pytest.mark.parametrize("both", [{}, {"value": "a", "regexp": "a"}, {"value": ""}, {"regexp": ""}])
def test_neither_and_both_and_empty_are_refused(both: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        StringMatch(**both)


def _policy(**changes: object) -> Policy:
    fields: dict[str, object] = {
        "name": "p",
        "scopes": (Scope.parse("*"),),
        "certificate_identities": (ANYONE,),
    }
    return Policy.single(**(fields | changes))  # type: ignore[arg-type]  # a table of fields


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"scopes": ()},
        {"certificate_identities": ()},
        {"unsafe_ignore_identities": True},
        {"keys": ("k",), "verifier_config": FOR_KEYS},
        {
            "keys": ("k",),
            "verifier_config": FOR_KEYS,
            "certificate_identities": (),
            "unsafe_ignore_identities": True,
        },
        {"keys": ("k",), "certificate_identities": ()},
        {"verifier_config": FOR_KEYS},
        {"annotations": (("", "x"),)},
        {"annotations": (("a", "x"), ("a", "y"))},
    ],
)
def test_a_policy_that_means_nothing_or_anything_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        _policy(**changes)


def test_a_policy_may_ask_for_keys() -> None:
    asked = _policy(certificate_identities=(), keys=("k",), verifier_config=FOR_KEYS)
    assert authority_of(asked).keys == ("k",)


@pytest.mark.parametrize("uri", [COSIGN_SIGN, "spdxjson", "", "no uri", "a b:c", "\n:"])
def test_what_is_no_type_of_an_attestation(uri: str) -> None:
    """Least of all what cosign writes into signatures."""
    with pytest.raises(ConfigurationError) as caught:
        AttestationRequirement((PREDICATE_TYPES["custom"], uri))
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["", "spdx-json", "no uri", "a b:c", "\n:", "SPDXJSON"])
def test_what_is_neither_a_short_name_nor_a_uri(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a predicate type"):
        predicate_type_of(text)


def test_short_names_stand_for_uris() -> None:
    assert predicate_type_of("slsaprovenance1") == "https://slsa.dev/provenance/v1"
    assert predicate_type_of("https://slsa.dev/provenance/v1") == "https://slsa.dev/provenance/v1"
    AttestationRequirement(tuple(PREDICATE_TYPES.values()))


def _names(policies: list[Policy], *subject: str) -> list[str]:
    return [policy.name for policy in select(policies, Subject.parse(*subject))]


def test_namespaces_and_operations_narrow() -> None:
    policies = [_policy(namespaces=("prod",), operations=(Operation.CREATE,))]
    assert _names(policies, "nginx", "prod", "CREATE") == ["p"]
    assert _names(policies, "nginx", "dev", "CREATE") == []
    assert _names(policies, "nginx", "prod", "UPDATE") == []


def test_what_the_caller_leaves_out_is_no_way_round_a_policy() -> None:
    everywhere, prod = _policy(name="everywhere"), _policy(name="prod", namespaces=("prod",))
    create = _policy(name="create", operations=(Operation.CREATE,))
    assert _names([everywhere, prod, create], "nginx") == ["everywhere", "prod", "create"]
    assert _names([everywhere, prod], "nginx", "dev") == ["everywhere"]
    assert _names([prod, create], "nginx") == []  # and it lets nobody through either


@pytest.mark.parametrize("namespace", ["Prod", "prod-*", "*", "", "a b"])
def test_a_namespace_that_cannot_be_is_refused(namespace: str) -> None:
    with pytest.raises(InvalidReferenceError):
        _policy(namespaces=(namespace,))


def test_a_claim_that_no_certificate_has_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="githubWorkflowRepository"):
        CertificateIdentity(
            StringMatch(value="a"), StringMatch(value="b"), (("nonsense", StringMatch(value="c")),)
        )


def test_two_policies_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        StaticPolicyProvider((_policy(), _policy()))


def test_the_revision_follows_the_content() -> None:
    one, same, other = (
        StaticPolicyProvider((policy,)) for policy in (_policy(), _policy(), _policy(namespaces=("x",)))
    )
    assert one.revision == same.revision != other.revision


# Requirements


def _by(name: str, *identities: str, keys: tuple[str, ...] = ()) -> Authority:
    """An authority for exact identities, patterns (in slashes) or keys."""
    named = tuple(
        CertificateIdentity(
            StringMatch(regexp=each[1:-1]) if each.startswith("/") else StringMatch(value=each),
            StringMatch(value="https://issuer.test"),
        )
        for each in identities
    )
    return Authority(name, named, keys, verifier_config=FOR_KEYS if keys else VerifierConfig())


@pytest.mark.parametrize(
    ("authorities", "threshold", "says"),
    [
        ((), 1, "none"),
        ((_by("a", "x"),), 0, "0 of 1"),
        ((_by("a", "x"),), 2, "2 of 1"),
        ((_by("a", "x"), _by("a", "y")), 1, "twice"),
        ((_by("a", "x"), _by("b", "x")), 2, "1 different signer"),
        ((_by("a", "x"), _by("b", "x"), _by("c", "x", "y")), 3, "2 different signers"),
        ((_by("a", keys=("k",)), _by("b", keys=("k",))), 2, "1 different signer"),
        (tuple(_by(f"a{n}", f"x{n}") for n in range(65)), 1, "at most 64"),
    ],
)
def test_requirements_that_could_never_hold_are_refused(
    authorities: tuple[Authority, ...], threshold: int, says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Requirement(authorities, threshold)


@pytest.mark.parametrize(
    ("authorities", "threshold"),
    [
        ((_by("a", "x"), _by("b", "x")), 1),
        ((_by("a", "x", "y"), _by("b", "x")), 2),
        ((_by("a", "/x.*/"), _by("b", "/x.*/")), 2),
        ((_by("a", "x"), _by("b", keys=("x",))), 2),
        ((_by("a", keys=("j", "k")), _by("b", keys=("k",))), 2),
        ((_by("a", "x"), Authority("b", unsafe_ignore_identities=True)), 2),
    ],
)
def test_requirements_that_could_hold(authorities: tuple[Authority, ...], threshold: int) -> None:
    assert Requirement(authorities, threshold).threshold == threshold


def test_requirements_say_what_they_ask_for() -> None:
    four = tuple(_by(name, name) for name in ("ci", "security", "release", "audit"))
    assert str(Requirement(four[:3], 2)) == "signatures by 2 of 3 (ci, security, release)"
    assert str(Requirement(four, 4)) == "signatures by 4 of 4 (ci, security, release, …)"
    assert str(Requirement(four[:1])) == "signatures by ci"
    spdx = AttestationRequirement((PREDICATE_TYPES["spdxjson"],))
    assert str(Requirement(four[:1], 1, spdx)) == "attestations of type https://spdx.dev/Document by ci"
    many = AttestationRequirement(count=3)
    assert str(Requirement(four[:1], 1, many)) == "3 different attestations by ci"


@pytest.mark.parametrize("count", [0, -1, 65])
def test_how_many_attestations_are_possible(count: int) -> None:
    with pytest.raises(ConfigurationError, match="1 to 64"):
        AttestationRequirement(count=count)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(-1), timedelta(days=36_501), timedelta.max])
def test_ages_that_cannot_be_computed_with_are_refused(age: timedelta) -> None:
    """Before the year 1 there are no times."""
    with pytest.raises(ConfigurationError, match="above zero"):
        SigningTime(max_age=age)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="zone"):
        SigningTime(earliest=datetime(2026, 1, 1))  # noqa: DTZ001  (that is the point)
    assert SigningTime(earliest=datetime(2026, 1, 1, tzinfo=UTC)).asked


def test_the_revision_is_the_same_in_every_process() -> None:
    """Replicas compare it, and what Python says of a set depends on the seed of the process's hashes."""
    denied = DenyList(("sha256:" + "0" * 64,), (ANYONE,), ("k",))
    whole = replace(
        _policy(attestation=AttestationRequirement(("u:x",))),
        denied=denied,
        platforms=Platforms(Coverage.LISTED, (Platform("linux", "amd64"),)),
        signing_time=SigningTime(max_age=timedelta(1)),
    )
    assert "set(" not in repr(whole)
    assert " at 0x" not in repr(whole)
