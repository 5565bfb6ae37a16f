"""Policies with one authority, as tests of single signatures ask with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers.authority import Authority
from providers.policy import Policy
from providers.requirement import Demand

_OF_AUTHORITIES = frozenset({
    "certificate_identities", "keys", "unsafe_ignore_identities", "verifier_config", "annotations",
})  # fmt: skip


def demand_of(policy: Policy) -> Demand:
    """What one signature has to be to satisfy ``policy``, which has one authority and one requirement."""
    (requirement,) = policy.requirements
    (demand,) = policy.demands(requirement)
    return demand


def authority_of(policy: Policy) -> Authority:
    """Its one authority."""
    return demand_of(policy).authority


def changed(policy: Policy, **fields: Any) -> Policy:
    """``policy`` with other fields, those of its one authority and its one requirement included."""
    (requirement,) = policy.requirements
    (authority,) = requirement.authorities
    own = {name: value for name, value in fields.items() if name in _OF_AUTHORITIES}
    requirement = replace(requirement, authorities=(replace(authority, **own),))
    if "attestation" in fields:
        requirement = replace(requirement, attestation=fields["attestation"])
    rest = {name: value for name, value in fields.items() if name not in {*own, "attestation"}}
    return replace(policy, requirements=(requirement,), **rest)
