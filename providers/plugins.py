"""Other people's providers, found by the name that their distribution gave them (docs/plugins.md).

One is loaded when the configuration names it, and never because it is installed.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from .bulkhead import DEFAULT_LIMIT, DEFAULT_SECONDS, Bulkhead
from .errors import ConfigurationError
from .guarded import GuardedPolicyProvider, GuardedTrustedMaterialProvider
from .reasons import ReasonCode
from .refresh import Clock

TRUST_GROUP = "pycosign.trusted_material_providers"
POLICY_GROUP = "pycosign.policy_providers"

# The methods of each contract, and how many arguments each is called with.
_METHODS: Mapping[str, Mapping[str, int]] = {
    TRUST_GROUP: {"trusted_material": 3, "materials": 0},
    POLICY_GROUP: {"policies": 2},
}
_OPTIONAL = {"start": 0, "stop": 0}


def trusted_material_plugin(
    name: str,
    options: Mapping[str, Any],
    *,
    seconds: float = DEFAULT_SECONDS,
    limit: int = DEFAULT_LIMIT,
    clock: Clock = lambda: datetime.now(UTC),
) -> GuardedTrustedMaterialProvider:
    """The provider of trusted material called ``name``, made with ``options``: what the configuration says to it,
    as it is. At most ``limit`` questions are put to it at a time, for ``seconds`` each.

    Raises:
        ConfigurationError: there is none or more than one, it cannot be loaded or made, or it lacks a method.
    """
    provider = _load(TRUST_GROUP, name, options)
    bulkhead = Bulkhead(f"plug-in {name}", ReasonCode.TRUST_UNAVAILABLE, limit=limit, seconds=seconds)
    return GuardedTrustedMaterialProvider(f"plugin:{name}", provider, bulkhead, clock=clock)


def policy_plugin(
    name: str,
    options: Mapping[str, Any],
    *,
    seconds: float = DEFAULT_SECONDS,
    limit: int = DEFAULT_LIMIT,
    clock: Clock = lambda: datetime.now(UTC),
) -> GuardedPolicyProvider:
    """The provider of policies called ``name``: see `trusted_material_plugin`.

    Raises:
        ConfigurationError: there is none or more than one, it cannot be loaded or made, or it lacks a method.
    """
    provider = _load(POLICY_GROUP, name, options)
    bulkhead = Bulkhead(f"plug-in {name}", ReasonCode.POLICY_UNAVAILABLE, limit=limit, seconds=seconds)
    return GuardedPolicyProvider(f"plugin:{name}", provider, bulkhead, clock=clock)


def _load(group: str, name: str, options: Mapping[str, Any]) -> Any:
    """Make the provider that is called ``name`` among the entry points of ``group``."""
    make = _factory(group, name)
    try:
        provider = make(copy.deepcopy(dict(options)))
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"the plug-in {name!r} refuses its configuration: {type(error).__name__}: {error}",
            remedy="Its documentation says what 'with' holds.",
        ) from error
    for method, count in _METHODS[group].items():
        _check(name, provider, method, count)
    for method, count in _OPTIONAL.items():
        if hasattr(provider, method):
            _check(name, provider, method, count)
    if group == POLICY_GROUP:
        _check_revision(name, provider)
    return provider


def _factory(group: str, name: str) -> Callable[[dict[str, Any]], Any]:
    found = metadata.entry_points(group=group)
    named = found.select(name=name)
    if not named:
        installed = ", ".join(sorted(found.names)) or "none"
        raise ConfigurationError(
            f"there is no plug-in {name!r} among the entry points {group}",
            remedy=f"Install the distribution that has it. Installed are: {installed}.",
        )
    if len(named) > 1:
        owners = ", ".join(sorted(point.dist.name if point.dist else "?" for point in named))
        raise ConfigurationError(
            f"the plug-in {name!r} is there {len(named)} times ({owners})", remedy="Uninstall all but one."
        )
    (point,) = named
    try:
        loaded = point.load()
    except Exception as error:
        raise ConfigurationError(
            f"the plug-in {name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}",
            remedy="Its distribution, or something that it needs, is not installed as it should be.",
        ) from error
    if not callable(loaded):
        raise ConfigurationError(
            f"the plug-in {name!r} ({point.value}) is no class and no function that makes a provider",
            remedy="See docs/plugins.md.",
        )
    make: Callable[[dict[str, Any]], Any] = loaded
    return make


def _check(name: str, provider: object, method: str, count: int) -> None:
    """That ``method`` is there, and can be called with ``count`` arguments."""
    problem = ""
    found = getattr(provider, method, None)
    if not callable(found) or inspect.iscoroutinefunction(found):
        problem = f"has no method {method}"
    else:
        try:
            inspect.signature(found).bind(*([None] * count))
        except TypeError as error:
            problem = f"has a method {method} that cannot be called as it should be: {error}"
        except ValueError:
            pass  # written in C: it says nothing of its arguments
    if problem:
        raise ConfigurationError(
            f"the plug-in {name!r} {problem}", remedy="See docs/plugins.md for the contract."
        )


def _check_revision(name: str, provider: object) -> None:
    try:
        revision = getattr(provider, "revision", None)
    except Exception as error:
        raise ConfigurationError(
            f"the plug-in {name!r} cannot say its revision: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(revision, str):
        raise ConfigurationError(
            f"the plug-in {name!r} has no text called revision",
            remedy="See docs/plugins.md for the contract.",
        )
