"""How providers live: started before the first question, stopped at the end, and what they say of themselves.

Most providers answer from values; some have something to read and to keep fresh. What is put together from others
(`parts`) is started, stopped and described by way of them, each once, however often it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

from .interfaces import PolicyProvider, TrustedMaterialProvider
from .policy import Policy
from .refresh import Accept, TrustStatus
from .trust import TrustedMaterial

# Raises ConfigurationError for a policy that cannot be used, for example one that names a key nobody knows.
AcceptPolicy = Callable[[Policy], None]


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """What a provider of policies answers with at the moment, and how it came by it.

    ``problems`` name every part that is not in force as it is written now. ``usable`` is whether anything is.
    """

    source: str
    revision: str
    last_success: datetime | None = None
    last_failure: datetime | None = None
    failure: str = ""
    failures: int = 0
    problems: tuple[str, ...] = ()
    usable: bool = True


@runtime_checkable
class Stopped(Protocol):
    """What has to be stopped."""

    def stop(self, timeout: timedelta = ...) -> bool:
        """End what runs in the background, and say whether it ended in time."""
        ...


@runtime_checkable
class StartedTrust(Stopped, Protocol):
    """A provider of trusted material with something to keep fresh."""

    def start(self, accept: Accept, *, background: bool = True) -> None:
        """Take up the first material; then keep it fresh in the background.

        Raises:
            ConfigurationError: the operator has to mend something first.
        """
        ...

    def status(self) -> TrustStatus:
        """What it answers with; no I/O."""
        ...


@runtime_checkable
class StartedPolicies(Stopped, Protocol):
    """A provider of policies with something to keep fresh."""

    def start(self, accept: AcceptPolicy, *, background: bool = True) -> None:
        """Take up the first policies; then keep them fresh in the background.

        Raises:
            ConfigurationError: the operator has to mend something first.
        """
        ...

    def status(self) -> PolicyStatus:
        """What it answers with; no I/O."""
        ...


@runtime_checkable
class TrustOfParts(Protocol):
    """Trusted material put together from that of others."""

    @property
    def parts(self) -> tuple[TrustedMaterialProvider, ...]:
        """The others."""
        ...

    def check(self, material: TrustedMaterial) -> None:
        """Raises ``ConfigurationError`` for what one of the parts may not answer with here."""
        ...


@runtime_checkable
class PoliciesOfParts(Protocol):
    """Policies put together from those of others."""

    @property
    def parts(self) -> tuple[PolicyProvider, ...]:
        """The others."""
        ...


def start_trust(provider: TrustedMaterialProvider, accept: Accept, *, background: bool = True) -> None:
    """Start ``provider``, or everything that it is put together from. If one refuses, none is left running.

    Raises:
        ConfigurationError: one of them refuses.
    """
    running: list[Stopped] = []
    try:
        for leaf, checks in _trust_leaves(provider):
            if isinstance(leaf, StartedTrust):
                running.append(leaf)
                leaf.start(_all_of((*checks, accept)), background=background)
            else:
                for material in leaf.materials():
                    _all_of(checks)(material)
    except BaseException:
        _stop(running, timedelta(0))
        raise


def start_policies(provider: PolicyProvider, accept: AcceptPolicy, *, background: bool = True) -> None:
    """Start ``provider``, or everything that it is put together from. If one refuses, none is left running.

    Raises:
        ConfigurationError: one of them refuses.
    """
    running: list[Stopped] = []
    try:
        for leaf in _policy_leaves(provider):
            if isinstance(leaf, StartedPolicies):
                running.append(leaf)
                leaf.start(accept, background=background)
    except BaseException:
        _stop(running, timedelta(0))
        raise


def stop_trust(provider: TrustedMaterialProvider, timeout: timedelta = timedelta(seconds=5)) -> bool:
    """Stop what `start_trust` started, and say whether all of it ended in time."""
    return _stop([leaf for leaf, _ in _trust_leaves(provider) if isinstance(leaf, Stopped)], timeout)


def stop_policies(provider: PolicyProvider, timeout: timedelta = timedelta(seconds=5)) -> bool:
    """Stop what `start_policies` started, and say whether all of it ended in time."""
    return _stop([leaf for leaf in _policy_leaves(provider) if isinstance(leaf, Stopped)], timeout)


def trust_statuses(provider: TrustedMaterialProvider, now: datetime | None = None) -> tuple[TrustStatus, ...]:
    """What is trusted, from where and how old: one status for everything that has a source of its own."""
    found: list[TrustStatus] = []
    for leaf, _ in _trust_leaves(provider):
        if isinstance(leaf, StartedTrust):
            found.append(leaf.status())
        else:
            found += [_status_of(material, now or datetime.now(UTC)) for material in leaf.materials()]
    return tuple(found)


def policy_statuses(provider: PolicyProvider) -> tuple[PolicyStatus, ...]:
    """The status of everything that policies come from."""
    return tuple(
        leaf.status()
        if isinstance(leaf, StartedPolicies)
        else PolicyStatus(type(leaf).__name__, leaf.revision)
        for leaf in _policy_leaves(provider)
    )


def _trust_leaves(
    provider: TrustedMaterialProvider,
) -> Iterator[tuple[TrustedMaterialProvider, tuple[Accept, ...]]]:
    """Each provider that is not put together from others, once, with the checks of all that use it."""
    found: dict[int, tuple[TrustedMaterialProvider, list[Accept]]] = {}

    def walk(at: TrustedMaterialProvider, checks: tuple[Accept, ...]) -> None:
        if isinstance(at, TrustOfParts):
            for part in at.parts:
                walk(part, (*checks, at.check))
        else:
            found.setdefault(id(at), (at, []))[1].extend(checks)

    walk(provider, ())
    for leaf, checks in found.values():
        yield leaf, tuple(dict.fromkeys(checks))


def _policy_leaves(provider: PolicyProvider) -> Iterator[PolicyProvider]:
    found: dict[int, PolicyProvider] = {}

    def walk(at: PolicyProvider) -> None:
        if isinstance(at, PoliciesOfParts):
            for part in at.parts:
                walk(part)
        else:
            found[id(at)] = at

    walk(provider)
    yield from found.values()


def _all_of(checks: tuple[Accept, ...]) -> Accept:
    def accept(material: TrustedMaterial) -> None:
        for check in checks:
            check(material)

    return accept


def _stop(running: list[Stopped], timeout: timedelta) -> bool:
    # All of them, also after one that does not end.
    return all([leaf.stop(timeout) for leaf in running])  # noqa: C419


def _status_of(material: TrustedMaterial, now: datetime) -> TrustStatus:
    """Of what was read once."""
    return TrustStatus(
        source=material.source,
        revision=material.revision,
        last_success=material.loaded_at,
        last_failure=None,
        failure="",
        failures=0,
        age=now - material.loaded_at,
        expires=None,
        usable=True,
    )
