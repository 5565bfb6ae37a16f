"""Providers of parts are started, stopped and described by way of their parts, each once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from providers.errors import ConfigurationError
from providers.life import (
    AcceptPolicy,
    PolicyStatus,
    policy_statuses,
    start_policies,
    start_trust,
    stop_policies,
    stop_trust,
    trust_statuses,
)
from providers.merge import MergedPart, MergedTrustedMaterialProvider
from providers.mux import MuxPolicyProvider, MuxTrustedMaterialProvider, PolicyRoute, TrustRoute
from providers.refresh import Accept, TrustStatus
from providers.scope import Scope
from tests.unit.providers.provider_world import AT, Policies, Trust, accept_all, material, policy, root


class Living(Trust):
    """Trust with something to keep fresh."""

    def __init__(self, name: str, trusted_root: bytes = b"{}", error: Exception | None = None) -> None:
        super().__init__(material(name, trusted_root=trusted_root))
        self.name = name
        self.error = error
        self.said: list[str] = []
        self.ends = True

    def start(self, accept: Accept, *, background: bool = True) -> None:
        self.said.append(f"start {background}")
        if self.error:
            raise self.error
        accept(self.materials()[0])

    def stop(self, timeout: timedelta = timedelta(seconds=5)) -> bool:
        self.said.append("stop")
        return self.ends

    def status(self) -> TrustStatus:
        return TrustStatus(self.name, "r", None, None, "", 0, timedelta(0), None, usable=True)


class LivingPolicies(Policies):
    """Policies with something to keep fresh."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        super().__init__(policy(name))
        self.name = name
        self.refusal = error
        self.calls: list[str] = []

    def start(self, accept: AcceptPolicy, *, background: bool = True) -> None:
        self.calls.append(f"start {background}")
        if self.refusal:
            raise self.refusal

    def stop(self, timeout: timedelta = timedelta(seconds=5)) -> bool:
        self.calls.append("stop")
        return True

    def status(self) -> PolicyStatus:
        return PolicyStatus(self.name, self.revision)


EVERYTHING = (Scope.parse("*"),)
ELSEWHERE = (Scope.parse("ghcr.io"),)


def _merged(*parts: Trust) -> MergedTrustedMaterialProvider:
    return MergedTrustedMaterialProvider(tuple(MergedPart(part) for part in parts))


def test_each_part_lives_once_however_often_it_is_used() -> None:
    shared, other, still = Living("shared", root()), Living("other", root()), Trust(material("still", "key"))
    mux = MuxTrustedMaterialProvider(
        (TrustRoute(EVERYTHING, _merged(shared, still)), TrustRoute(ELSEWHERE, _merged(shared, other)))
    )
    start_trust(mux, accept_all, background=False)
    assert [status.source for status in trust_statuses(mux, AT + timedelta(hours=1))] == [
        "shared",
        "still",
        "other",
    ]
    assert trust_statuses(mux, AT + timedelta(hours=1))[1].age == timedelta(hours=1)
    assert stop_trust(mux)
    assert shared.said == other.said == ["start False", "stop"]


def test_one_provider_by_itself() -> None:
    provider = Living("alone")
    start_trust(provider, accept_all)
    assert stop_trust(provider)
    assert provider.said == ["start True", "stop"]
    start_trust(Trust(material("still", "key")), accept_all)
    assert stop_trust(Trust(material("still", "key")))


def test_one_that_refuses_to_start_leaves_none_running() -> None:
    first, second, third = Living("1"), Living("2", error=ConfigurationError("no")), Living("3")
    routes = [TrustRoute((Scope.parse(f"r{n}.test"),), part) for n, part in enumerate((first, second, third))]
    with pytest.raises(ConfigurationError, match="no"):
        start_trust(MuxTrustedMaterialProvider(tuple(routes)), accept_all)
    assert (first.said, second.said, third.said) == (["start True", "stop"], ["start True", "stop"], [])


def test_all_are_stopped_also_after_one_that_does_not_end() -> None:
    first, second = Living("1", root()), Living("2", root())
    first.ends = False
    assert not stop_trust(_merged(first, second))
    assert second.said == ["stop"]


def test_what_is_merged_has_to_be_fit_for_it_from_the_start_and_later() -> None:
    """A part that were replaced by something else would take the answers of all with it."""
    with pytest.raises(ConfigurationError, match="cannot be merged"):
        start_trust(_merged(Living("1", root()), Living("2", b"{}")), accept_all)
    with pytest.raises(ConfigurationError, match="cannot be merged"):
        start_trust(_merged(Living("1", root()), Trust(material("2", trusted_root=b"{}"))), accept_all)
    start_trust(_merged(Living("1", b"{}")), accept_all)


def test_what_engines_cannot_use_is_refused() -> None:
    def refuse(_: object) -> None:
        raise ConfigurationError("no engine reads it")

    with pytest.raises(ConfigurationError, match="no engine"):
        start_trust(_merged(Living("1", root()), Living("2", root())), refuse)


def test_policies_of_parts() -> None:
    shared, still = LivingPolicies("shared"), Policies(policy("still"), revision="7")
    mux = MuxPolicyProvider(
        (
            PolicyRoute("a", EVERYTHING, shared),
            PolicyRoute("b", ELSEWHERE, shared),
            PolicyRoute("c", ELSEWHERE, still),
        )
    )
    start_policies(mux, accept_all)
    assert [(status.source, status.revision) for status in policy_statuses(mux)] == [
        ("shared", "1"),
        ("Policies", "7"),
    ]
    assert stop_policies(mux)
    assert shared.calls == ["start True", "stop"]


def test_policies_that_refuse_to_start_leave_none_running() -> None:
    first, second = LivingPolicies("1"), LivingPolicies("2", ConfigurationError("no"))
    mux = MuxPolicyProvider((PolicyRoute("a", EVERYTHING, first), PolicyRoute("b", EVERYTHING, second)))
    with pytest.raises(ConfigurationError):
        start_policies(mux, accept_all)
    assert first.calls == second.calls == ["start True", "stop"]
