"""Several providers as one, by repository and by key hint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.mux import MuxPolicyProvider, MuxTrustedMaterialProvider, PolicyRoute, TrustRoute
from providers.reasons import ReasonCode
from providers.scope import Scope
from providers.subject import Subject
from tests.unit.providers.provider_world import (
    SUBJECT,
    Policies,
    Trust,
    material,
    no_policies,
    no_trust,
    policy,
)


def _route(provider: Trust, *scopes: str, **hints: Trust) -> TrustRoute:
    return TrustRoute(tuple(Scope.parse(scope) for scope in scopes), provider, tuple(hints.items()))


def _named(name: str) -> Trust:
    return Trust(material(name, name))


def _answer(mux: MuxTrustedMaterialProvider, reference: str, hint: str = "") -> str:
    return mux.trusted_material(Subject.parse(reference), None, hint).source


def test_the_most_specific_scope_answers() -> None:
    scopes = [
        "*",
        "*.test",
        "*.registry.test",
        "a.registry.test",
        "a.registry.test/team",
        "a.registry.test/team/app",
    ]
    mux = MuxTrustedMaterialProvider(tuple(_route(_named(scope), scope) for scope in scopes))
    assert _answer(mux, "a.registry.test/team/app:v1") == "a.registry.test/team/app"
    assert _answer(mux, "a.registry.test/team/app/sub:v1") == "a.registry.test/team/app"
    assert _answer(mux, "a.registry.test/team/application:v1") == "a.registry.test/team"
    assert _answer(mux, "a.registry.test/teams/app:v1") == "a.registry.test"
    assert _answer(mux, "b.registry.test/team/app:v1") == "*.registry.test"
    assert _answer(mux, "registry.test/team/app:v1") == "*.test"
    assert _answer(mux, "ghcr.io/team/app:v1") == "*"


def test_a_provider_without_an_answer_is_not_replaced_by_that_of_a_wider_scope() -> None:
    """What everybody is trusted for may not stand in for what a team is trusted for."""
    everybody = _named("everybody")
    mux = MuxTrustedMaterialProvider(
        (_route(Trust(no_trust("the team's is away")), "registry.test/team"), _route(everybody, "*"))
    )
    with pytest.raises(UnavailableError, match="the team's is away"):
        _answer(mux, "registry.test/team/app")
    assert everybody.asked == []
    assert _answer(mux, "registry.test/other") == "everybody"


def test_where_no_scope_matches_nothing_is_trusted() -> None:
    mux = MuxTrustedMaterialProvider((_route(_named("a"), "registry.test/team"),))
    with pytest.raises(UnavailableError, match=r"nothing is trusted for registry\.test/other") as caught:
        _answer(mux, "registry.test/other")
    assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE


def test_a_hint_chooses_among_what_is_trusted_for_the_scope() -> None:
    theirs, factory = _named("theirs"), _named("factory")
    mux = MuxTrustedMaterialProvider(
        (
            _route(_named("ours"), "registry.test/team", factory=factory),
            _route(theirs, "registry.test/other", secret=_named("secret")),
        )
    )
    assert _answer(mux, "registry.test/team/app", "factory") == "factory"
    assert factory.asked == ["factory"]
    assert _answer(mux, "registry.test/team/app", "") == "ours"
    # A hint of another scope leads nowhere: the signer wrote it.
    assert _answer(mux, "registry.test/team/app", "secret") == "ours"
    assert _answer(mux, "registry.test/other/app", "factory") == "theirs"


def test_what_answered_is_what_is_named() -> None:
    given = material("source", "key")
    mux = MuxTrustedMaterialProvider((_route(Trust(given), "*"),))
    assert mux.trusted_material(SUBJECT, None, "") is given


def test_materials_are_those_of_every_provider_once() -> None:
    shared = _named("shared")
    mux = MuxTrustedMaterialProvider(
        (
            _route(shared, "registry.test/a", hint=_named("hinted")),
            _route(shared, "registry.test/b"),
            _route(Trust(no_trust()), "registry.test/c"),
        )
    )
    assert [found.source for found in mux.materials()] == ["shared", "hinted"]


@pytest.mark.parametrize(
    "scopes",
    [
        ("*", "*"),
        ("ghcr.io/a", "ghcr.io:443/a"),
        ("docker.io/nginx", "index.docker.io/library/nginx"),
        ("*.a.b", "*.A.b"),
    ],
)
def test_one_scope_has_one_provider(scopes: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="two providers"):
        MuxTrustedMaterialProvider(tuple(_route(_named("a"), scope) for scope in scopes))
    with pytest.raises(ConfigurationError, match="two providers"):
        MuxTrustedMaterialProvider((_route(_named("a"), *scopes),))


def test_routes_that_lead_nowhere_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no scopes"):
        TrustRoute((), _named("a"))
    with pytest.raises(ConfigurationError, match="no route"):
        MuxTrustedMaterialProvider(())
    for hints in ((("", _named("a")),), (("x", _named("a")), ("x", _named("b")))):
        with pytest.raises(ConfigurationError, match="key hint"):
            TrustRoute((Scope.parse("*"),), _named("a"), hints)


def _policies(name: str, provider: Policies, *scopes: str) -> PolicyRoute:
    return PolicyRoute(name, tuple(Scope.parse(scope) for scope in scopes), provider)


def _names(mux: MuxPolicyProvider, reference: str) -> list[str]:
    return [found.name for found in mux.policies(Subject.parse(reference), None)]


def test_policies_of_all_whose_scopes_match() -> None:
    mux = MuxPolicyProvider(
        (
            _policies("cluster", Policies(policy("all"), policy("prod", "registry.test/prod")), "*"),
            _policies("team", Policies(policy("all"), policy("elsewhere", "ghcr.io")), "registry.test/team"),
        )
    )
    assert _names(mux, "registry.test/team/app") == ["cluster/all", "team/all"]
    assert _names(mux, "registry.test/prod/app") == ["cluster/all", "cluster/prod"]
    assert _names(mux, "ghcr.io/team/app") == ["cluster/all"]


def test_a_provider_is_not_asked_outside_its_scopes() -> None:
    """Whatever its policies say: a team's provider may not speak for another's images."""
    team = Policies(policy("everything", "*"))
    mux = MuxPolicyProvider((_policies("team", team, "registry.test/team"),))
    assert _names(mux, "registry.test/other") == []
    assert team.asked == 0


def test_a_provider_that_is_away_costs_its_own_scope_and_no_other() -> None:
    mux = MuxPolicyProvider(
        (
            _policies("cluster", Policies(policy("all")), "*"),
            _policies("team", Policies(error=no_policies("the team's is away")), "registry.test/team"),
        )
    )
    with pytest.raises(UnavailableError, match="policies of team: the team's is away") as caught:
        _names(mux, "registry.test/team/app")
    assert caught.value.reason is ReasonCode.POLICY_UNAVAILABLE
    assert _names(mux, "registry.test/other") == ["cluster/all"]
    assert mux.revision


def test_the_revision_changes_with_any_of_them() -> None:
    cluster, team = Policies(policy("all")), Policies(policy("all"))
    mux = MuxPolicyProvider((_policies("cluster", cluster, "*"), _policies("team", team, "registry.test")))
    before = mux.revision
    assert mux.revision == before
    team.said = "2"
    assert mux.revision != before


def test_only_the_name_changes() -> None:
    given = policy("all")
    mux = MuxPolicyProvider((_policies("cluster", Policies(given), "*"),))
    (found,) = mux.policies(SUBJECT, None)
    assert found == replace(given, name="cluster/all")


def test_routes_of_policies_that_lead_nowhere_are_refused() -> None:
    provider, scope = Policies(policy("all")), Scope.parse("*")
    for name in ("", "a/b"):
        with pytest.raises(ConfigurationError, match="not a name"):
            PolicyRoute(name, (scope,), provider)
    with pytest.raises(ConfigurationError, match="no scopes"):
        PolicyRoute("a", (), provider)
    route = PolicyRoute("a", (scope,), provider)
    for routes in ((), (route, route)):
        with pytest.raises(ConfigurationError, match="names"):
            MuxPolicyProvider(routes)
