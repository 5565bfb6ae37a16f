"""Several providers as one, each for the repositories it is for.

Trust goes to exactly one provider: the one of the most specific scope. If that has no answer there is none, and
never that of a wider scope: a team's repository would be checked against what everybody is trusted for.

Policies come from every provider whose scopes match, because all of them have to allow.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace

from .descriptor import Descriptor
from .errors import ConfigurationError, UnavailableError
from .interfaces import PolicyProvider, TrustedMaterialProvider
from .policy import Policy
from .reasons import ReasonCode
from .scope import Scope
from .scope_index import ScopeIndex
from .subject import Subject
from .trust import TrustedMaterial

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrustRoute:
    """What is trusted for ``scopes``: ``provider``, or for signatures whose key hint stands in ``hints`` the
    provider beside it.

    The hint comes from the signer. It chooses among what is trusted for these scopes, and nothing else.
    """

    scopes: tuple[Scope, ...]
    provider: TrustedMaterialProvider
    hints: tuple[tuple[str, TrustedMaterialProvider], ...] = ()

    def __post_init__(self) -> None:
        if not self.scopes:
            raise ConfigurationError(
                "a route has no scopes", remedy="Name the repositories it is for, or write '*'."
            )
        names = [hint for hint, _ in self.hints]
        if "" in names or len(names) != len(set(names)):
            raise ConfigurationError("a key hint is empty, or stands twice in one route")


class MuxTrustedMaterialProvider:
    """Trusted material by repository and by key hint."""

    def __init__(self, routes: tuple[TrustRoute, ...]) -> None:
        """Raises ``ConfigurationError`` where two routes have one scope, or there is no route."""
        if not routes:
            raise ConfigurationError("there is no route", remedy="Name scopes, and a provider for each.")
        _check_distinct([scope for route in routes for scope in route.scopes])
        self._routes = routes
        self._index = ScopeIndex(
            (scope, (route.provider, dict(route.hints))) for route in routes for scope in route.scopes
        )

    @property
    def parts(self) -> tuple[TrustedMaterialProvider, ...]:
        """Every provider that may answer."""
        return tuple(
            provider
            for route in self._routes
            for provider in (route.provider, *(other for _, other in route.hints))
        )

    def check(self, material: TrustedMaterial) -> None:
        """Anything may be answered."""

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """What the provider of the most specific scope answers.

        Raises:
            UnavailableError: it has no answer, or nothing is trusted for this repository.
        """
        found = next(self._index.matching(subject.reference), None)
        if found is None:
            raise UnavailableError(
                ReasonCode.TRUST_UNAVAILABLE,
                f"nothing is trusted for {subject.reference.repository}: no scope of the trusted material matches",
            )
        provider, hinted = found
        provider = hinted.get(key_hint, provider)
        return provider.trusted_material(subject, artifact_descriptor, key_hint)

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """Everything that any of the providers may answer with, each revision of each source once."""
        found = {
            (material.source, material.revision): material
            for provider in {id(part): part for part in self.parts}.values()
            for material in provider.materials()
        }
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class PolicyRoute:
    """The policies of ``provider`` for ``scopes``: elsewhere it is not asked, whatever its policies say. ``name``
    stands before their names, which may be the same as those of others.
    """

    name: str
    scopes: tuple[Scope, ...]
    provider: PolicyProvider

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ConfigurationError(f"not a name for a provider of policies: {self.name[:100]!r}")
        if not self.scopes:
            raise ConfigurationError(
                f"provider {self.name!r} has no scopes",
                remedy="Name the repositories it is for, or write '*'.",
            )

    def named(self, policy: Policy) -> Policy:
        """``policy`` under a name that no policy of another provider has."""
        return replace(policy, name=f"{self.name}/{policy.name}")


class MuxPolicyProvider:
    """The policies of several providers."""

    def __init__(self, routes: tuple[PolicyRoute, ...]) -> None:
        """Raises ``ConfigurationError`` where two have one name, or there is none."""
        names = [route.name for route in routes]
        if not routes or len(set(names)) != len(names):
            raise ConfigurationError(
                "providers of policies need names, each its own", remedy="The names appear in verdicts."
            )
        self._routes = routes
        self._index = ScopeIndex(
            (scope, number) for number, route in enumerate(routes) for scope in route.scopes
        )

    @property
    def parts(self) -> tuple[PolicyProvider, ...]:
        """Every provider that may answer."""
        return tuple(route.provider for route in self._routes)

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        """Every policy of every provider whose scopes match.

        Raises:
            UnavailableError: one of them has no answer. What the others say is not enough: that one might have
                spoken, and refused.
        """
        asked = sorted(set(self._index.matching(subject.reference)))
        return tuple(
            route.named(policy)
            for route in (self._routes[number] for number in asked)
            for policy in self._ask(route, subject, descriptor)
        )

    @property
    def revision(self) -> str:
        """The digest of the revisions of all providers. One that cannot say its own costs the others nothing."""
        said = [(route.name, self._revision_of(route)) for route in self._routes]
        return "sha256:" + hashlib.sha256(repr(said).encode()).hexdigest()

    def _ask(self, route: PolicyRoute, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        try:
            return route.provider.policies(subject, descriptor)
        except UnavailableError as error:
            raise UnavailableError(error.reason, f"policies of {route.name}: {error.message}") from error

    def _revision_of(self, route: PolicyRoute) -> str:
        try:
            return route.provider.revision
        except Exception:  # other people's code; its policies are asked for where they are needed
            logger.exception("the provider of policies %s cannot say its revision", route.name)
            return "unknown"


def _check_distinct(scopes: list[Scope]) -> None:
    """Of two providers for one scope, neither is more specific."""
    seen: dict[object, str] = {}
    for scope in scopes:
        for place in [
            (scope.everything, scope.domain, scope.registry, path) for path in scope.paths or ("",)
        ]:
            if place in seen:
                raise ConfigurationError(
                    f"the scope {scope.text!r} has two providers",
                    remedy="Name each scope once; merge providers that are to be trusted together.",
                )
            seen[place] = scope.text
