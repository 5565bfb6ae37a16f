"""Other people's providers, held to the contract."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from providers.bulkhead import Bulkhead
from providers.errors import ConfigurationError, UnavailableError
from providers.guarded import GuardedPolicyProvider, GuardedTrustedMaterialProvider
from providers.mux import MuxPolicyProvider, MuxTrustedMaterialProvider, PolicyRoute, TrustRoute
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.scope import Scope
from providers.subject import Subject
from providers.trust import TrustedKey, TrustedMaterial
from tests.unit.providers.provider_world import (
    AT,
    PATIENCE,
    PEM,
    SUBJECT,
    Policies,
    Trust,
    accept_all,
    accept_pem,
    material,
    no_policies,
    no_trust,
    policy,
)


def _trust(provider: object, *, seconds: float = PATIENCE, **options: Any) -> GuardedTrustedMaterialProvider:
    bulkhead = Bulkhead("the plug-in", ReasonCode.TRUST_UNAVAILABLE, limit=2, seconds=seconds)
    return GuardedTrustedMaterialProvider("plugin:x", provider, bulkhead, **options)  # type: ignore[arg-type]


def _started(provider: object, **options: Any) -> GuardedTrustedMaterialProvider:
    guarded = _trust(provider, **options)
    guarded.start(accept_pem, background=False)
    return guarded


def _policies(provider: object, *, seconds: float = PATIENCE) -> GuardedPolicyProvider:
    bulkhead = Bulkhead("the plug-in", ReasonCode.POLICY_UNAVAILABLE, limit=2, seconds=seconds)
    return GuardedPolicyProvider("plugin:x", provider, bulkhead)  # type: ignore[arg-type]


def _refused(guarded: GuardedTrustedMaterialProvider) -> str:
    with pytest.raises(UnavailableError) as caught:
        guarded.trusted_material(SUBJECT, None, "")
    assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE
    return caught.value.message


def test_an_answer_carries_the_names_of_both() -> None:
    given = material("theirs", "release")
    guarded = _started(Trust(given))
    answer = guarded.trusted_material(SUBJECT, None, "hint")
    assert answer == replace(given, source="plugin:x: theirs")
    assert guarded.trusted_material(SUBJECT, None, "") is answer
    assert guarded.materials() == (answer,)
    assert guarded.status().usable


def test_the_revision_is_made_from_the_content() -> None:
    """What is derived from trusted material is kept by its revision: one that stays while the content changes
    would keep a key in force that was taken back.
    """
    provider = Trust(replace(material("theirs", "old"), revision="v1"))
    guarded = _started(provider)
    before = guarded.trusted_material(SUBJECT, None, "")
    provider.answer = replace(material("theirs", "new"), revision="v1")
    after = guarded.trusted_material(SUBJECT, None, "")
    assert [key.name for key in after.keys] == ["new"]
    assert {before.revision, after.revision, "v1"} == {
        material("", "old").revision,
        material("", "new").revision,
        "v1",
    }


def test_what_it_says_is_shown_without_its_control_characters() -> None:
    provider = Trust(material("a\x1b[2J\n" + "b" * 1000, "release"))
    guarded = _started(provider)
    shown = guarded.trusted_material(SUBJECT, None, "").source
    assert shown.startswith("plugin:x: a [2J b")
    assert len(shown) < 400
    provider.answer = ValueError("\x1b[2J" + "b" * 1000)
    message = _refused(guarded)
    assert "\x1b" not in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "answered with a NoneType"),
        (b"root", "answered with a bytes"),
        (TrustedMaterial("theirs", b"", "r", AT), "nothing is trusted"),
        (TrustedMaterial("theirs", b"", "r", AT, (TrustedKey("a", b"no key"),)), "key 'a' cannot be used"),
        (TrustedMaterial("theirs", b"", "r", AT, [TrustedKey("a", PEM)]), "unhashable"),  # type: ignore[arg-type]
        (TrustedMaterial("theirs", bytearray(b"{}"), "r", AT), "unhashable"),  # type: ignore[arg-type]
        (ValueError("oh"), "ValueError: oh"),
        (KeyError("oh"), "KeyError: 'oh'"),
        (ConfigurationError("theirs"), "theirs"),
        (no_trust("not now"), "not now"),
    ],
)
def test_what_cannot_be_used_is_could_not_check(answer: Any, why: str) -> None:
    provider = Trust(material("theirs", "release"))
    guarded = _started(provider)
    provider.answer = answer
    assert why in _refused(guarded)
    status = guarded.status()
    assert (status.failures, status.usable) == (1, False)
    assert why in status.failure
    provider.answer = material("theirs", "release")
    assert guarded.trusted_material(SUBJECT, None, "").source == "plugin:x: theirs"
    assert guarded.status().failures == 0


def test_it_does_not_start_with_what_cannot_be_used() -> None:
    class Broken(Trust):
        def materials(self) -> tuple[TrustedMaterial, ...]:
            raise ValueError("oh")

    class NotStarting(Trust):
        def start(self) -> None:
            raise OSError("no route")

    good = material("theirs", "release")
    for provider, why in (
        (Broken(good), "ValueError: oh"),
        (NotStarting(good), "OSError: no route"),
        (Trust(TrustedMaterial("theirs", b"", "r", AT, (TrustedKey("a", b"no key"),))), "'a' cannot be used"),
    ):
        guarded = _trust(provider)
        with pytest.raises(ConfigurationError, match=why):
            guarded.start(accept_pem)
        assert "was not started" in _refused(guarded)


def test_one_that_may_be_away_at_the_start() -> None:
    class Away(Trust):
        def materials(self) -> tuple[TrustedMaterial, ...]:
            if isinstance(self.answer, Exception):
                raise self.answer
            return super().materials()

    provider = Away(no_trust())
    guarded = _started(provider, starts_without=True)
    assert not guarded.status().usable
    assert _refused(guarded) == "away"
    provider.answer = material("theirs", "release")
    guarded.refresh()
    assert guarded.status().usable
    provider.answer = no_trust()
    with pytest.raises(UnavailableError):
        guarded.refresh()
    assert [found.source for found in guarded.materials()] == ["plugin:x: theirs"]


def test_what_it_wants_to_do_at_the_start_and_at_the_end() -> None:
    class Living(Trust):
        said: tuple[str, ...] = ()

        def start(self) -> None:
            self.said += ("start",)

        def stop(self) -> None:
            self.said += ("stop",)

    provider = Living(material("theirs", "release"))
    guarded = _started(provider)
    with pytest.raises(RuntimeError):
        guarded.start(accept_all)
    assert guarded.stop()
    assert provider.said == ("start", "stop")


def test_one_that_does_not_stop_is_left_behind() -> None:
    gate = threading.Event()

    class Clinging(Trust):
        def stop(self) -> None:
            gate.wait(PATIENCE)

    guarded = _started(Clinging(material("theirs", "release")))
    assert not guarded.stop(timedelta(seconds=0.05))
    gate.set()


class Hanging(Trust):
    """Answers, until it is told to hang."""

    def __init__(self) -> None:
        super().__init__(material("theirs", "release"))
        self.gate = threading.Event()
        self.hangs = False
        self.entered = threading.Semaphore(0)

    def trusted_material(self, *question: Any) -> TrustedMaterial:
        if self.hangs:
            self.entered.release()
            self.gate.wait(PATIENCE)
        return super().trusted_material(*question)

    def policies(self, *question: Any) -> tuple[Policy, ...]:
        self.trusted_material(*question)
        return (policy("theirs"),)

    revision = "1"


def test_one_that_hangs_costs_its_own_scope_and_no_other() -> None:
    """Whoever asks for the others is answered while it hangs, however many ask for it."""
    hanging = Hanging()
    theirs = _started(hanging, seconds=0.2)
    mux = MuxTrustedMaterialProvider(
        (
            TrustRoute((Scope.parse("registry.test/hanging"),), theirs),
            TrustRoute((Scope.parse("*"),), Trust(material("ours", "release"))),
        )
    )
    hanging.hangs = True
    refused = threading.Semaphore(0)

    def ask() -> None:
        try:
            mux.trusted_material(Subject.parse("registry.test/hanging/app"), None, "")
        except UnavailableError:
            refused.release()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    assert hanging.entered.acquire(timeout=PATIENCE)
    assert mux.trusted_material(SUBJECT, None, "").source == "ours"
    assert [found.source for found in mux.materials()] == ["plugin:x: theirs", "ours"]
    for _ in threads:
        assert refused.acquire(timeout=PATIENCE)
    assert len(hanging.asked) == 0  # none of them has come back
    assert not hanging.gate.is_set()
    assert mux.trusted_material(SUBJECT, None, "").source == "ours"
    hanging.gate.set()
    for thread in threads:
        thread.join(PATIENCE)


def test_policies_that_hang_cost_their_own_scope_and_no_other() -> None:
    hanging = Hanging()
    theirs = _policies(hanging, seconds=0.05)
    theirs.start(accept_all)
    mux = MuxPolicyProvider(
        (
            PolicyRoute("theirs", (Scope.parse("registry.test/hanging"),), theirs),
            PolicyRoute("ours", (Scope.parse("*"),), Policies(policy("all"))),
        )
    )
    hanging.hangs = True
    for _ in range(4):
        with pytest.raises(UnavailableError) as caught:
            mux.policies(Subject.parse("registry.test/hanging/app"), None)
        assert caught.value.reason is ReasonCode.POLICY_UNAVAILABLE
        assert [found.name for found in mux.policies(SUBJECT, None)] == ["ours/all"]
        assert mux.revision
    hanging.gate.set()


def test_policies() -> None:
    provider = Policies(policy("all"), revision="7")
    guarded = _policies(provider)
    guarded.start(accept_all)
    assert guarded.revision == "7"
    assert guarded.policies(SUBJECT, None) == (policy("all"),)
    provider.said = "8"
    guarded.policies(SUBJECT, None)
    assert guarded.revision == guarded.status().revision == "8"
    assert guarded.status().usable
    assert guarded.stop()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "answered with a NoneType"),
        ([policy("a")], "answered with a list"),
        (("all",), "a str is among its policies"),
        ((policy("a"), policy("a", "ghcr.io")), "one name"),
        ((policy("refused"),), "nobody knows its key"),
        (ValueError("oh"), "ValueError: oh"),
        (no_policies("not now"), "not now"),
    ],
)
def test_policies_that_cannot_be_used_are_could_not_check(answer: Any, why: str) -> None:
    """Never "no policy", and never half of them."""

    class Saying(Policies):
        def policies(self, *question: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    def accept(given: Policy) -> None:
        if given.name == "refused":
            raise ConfigurationError("nobody knows its key")

    guarded = _policies(Saying())
    guarded.start(accept)
    with pytest.raises(UnavailableError, match=why) as caught:
        guarded.policies(SUBJECT, None)
    assert caught.value.reason is ReasonCode.POLICY_UNAVAILABLE
    assert not guarded.status().usable


def test_policies_that_do_not_start() -> None:
    guarded = _policies(Policies(error=ValueError("oh")))
    with pytest.raises(ConfigurationError, match="cannot say its revision: ValueError: oh"):
        guarded.start(accept_all)
    with pytest.raises(UnavailableError):
        guarded.policies(SUBJECT, None)
    guarded = _policies(Policies(policy("all")))
    with pytest.raises(UnavailableError, match="not started"):
        guarded.policies(SUBJECT, None)
    guarded.start(accept_all)
    with pytest.raises(RuntimeError):
        guarded.start(accept_all)
