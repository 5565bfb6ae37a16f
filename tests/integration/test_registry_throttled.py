"""Registries that limit requests: waited for within the deadline, and never taken for "no signature"."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.subject import Subject
from tests.faulty_registry import (
    INDEX,
    OK,
    Call,
    FaultyRegistry,
    Operation,
    fetch,
    index,
    referrers,
    resolve,
    response,
    says,
    tagged,
)
from tests.integration.registry_verdicts import verifying
from verifier.budget import Budget
from verifier.oci import RegistryLimits, RegistryOptions, RegistryStore
from verifier.oci.client import RegistryClient, Request
from verifier.oci.credentials import NoCredentials
from verifier.oci.dial import system_lookup
from verifier.oci.proxies import Proxies
from verifier.verdict import Outcome

# Nothing here takes so long.
LONG = 30.0
BUSY = {
    "429": (response(429), ReasonCode.REGISTRY_THROTTLED),
    "429, and no time that can be read": (response(429, Retry_After="soon"), ReasonCode.REGISTRY_THROTTLED),
    "429 for ever": (response(429, Retry_After="0"), ReasonCode.REGISTRY_THROTTLED),
    "429 for an hour": (response(429, Retry_After="3600"), ReasonCode.REGISTRY_THROTTLED),
    "503 for ever": (response(503, Retry_After="0"), ReasonCode.REGISTRY_THROTTLED),
    "503 for an hour": (response(503, Retry_After="3600"), ReasonCode.REGISTRY_THROTTLED),
    "503": (response(503), ReasonCode.REGISTRY_UNAVAILABLE),
}


def error(
    store: RegistryStore, operation: Operation, address: str, seconds: float = LONG
) -> UnavailableError:
    with pytest.raises(UnavailableError) as refused:
        operation(store, address, Budget(seconds))
    return refused.value


@pytest.mark.parametrize("operation", [resolve, fetch, referrers, tagged])
@pytest.mark.parametrize("how", BUSY)
def test_requirement_10_whatever_is_asked_a_busy_registry_is_called_busy(
    operation: Operation, how: str
) -> None:
    answer, reason = BUSY[how]
    with (
        FaultyRegistry(says(answer)) as registry,
        RegistryStore(plain_http={registry.address}) as store,
    ):
        assert error(store, operation, registry.address).reason is reason
        assert len(registry.calls) == (3 if how.endswith("for ever") else 1)


@pytest.mark.parametrize("busy", ["/referrers/", ".sig", "both"])
@pytest.mark.parametrize("status", [429, 503])
def test_requirement_10_a_busy_registry_never_means_no_signature(busy: str, status: int) -> None:
    """Whichever of the two places cannot be searched, the verdict is "could not check"."""

    def behave(call: Call) -> None:
        place = next((place for place in ("/referrers/", ".sig") if place in call.path), "")
        if place and busy in (place, "both"):
            call.send(response(status, Retry_After="0"))
        elif place == "/referrers/":
            call.send(response(200, index(), Content_Type=INDEX))
        else:
            call.send(response(404) if place else OK)

    with (
        FaultyRegistry(behave) as registry,
        verifying(RegistryStore(plain_http={registry.address})) as verifier,
    ):
        result = verifier.validate(Subject.parse(f"{registry.address}/demo/app:v1"), Budget(LONG))
    assert (result.outcome, result.reason) == (Outcome.COULD_NOT_CHECK, ReasonCode.REGISTRY_THROTTLED)
    assert not result.admitted


def test_a_busy_token_server_is_waited_for_and_called_busy() -> None:
    answers = [response(429, Retry_After="0"), response(503, Retry_After="0"), b""]

    def behave(call: Call) -> None:
        if call.path.startswith("/token"):
            call.send(answers.pop(0) or response(200, json.dumps({"token": "t"}).encode()))
        elif call.fields.get("authorization"):
            call.send(OK)
        else:
            realm = f"http://{call.fields['host']}/token"
            call.send(response(401, WWW_Authenticate=f'Bearer realm="{realm}"'))

    with FaultyRegistry(behave) as registry, RegistryStore(plain_http={registry.address}) as store:
        assert resolve(store, registry.address, Budget(LONG)).digest
    answers = [response(503, Retry_After="0")] * 3
    with FaultyRegistry(behave) as registry, RegistryStore(plain_http={registry.address}) as store:
        assert error(store, resolve, registry.address).reason is ReasonCode.REGISTRY_THROTTLED


def test_a_throttled_answer_is_not_remembered() -> None:
    answers = [response(429), OK]
    with (
        FaultyRegistry(lambda call: call.send(answers.pop(0))) as registry,
        RegistryStore(plain_http={registry.address}) as store,
    ):
        assert error(store, resolve, registry.address).reason is ReasonCode.REGISTRY_THROTTLED
        assert resolve(store, registry.address, Budget(LONG)).digest


def _client(registry: FaultyRegistry, jitter: Callable[[], float]) -> RegistryClient:
    return RegistryClient(
        RegistryLimits(),
        RegistryOptions(plain_http=frozenset({registry.address})),
        credentials=NoCredentials(),
        proxies=Proxies.parse({}),
        lookup=system_lookup,
        jitter=jitter,
    )


def test_waits_are_never_shorter_than_asked_and_not_all_the_same() -> None:
    arrivals: list[float] = []

    def behave(call: Call) -> None:
        arrivals.append(time.monotonic())
        call.send(response(429, Retry_After="1") if len(arrivals) % 2 else OK)

    with FaultyRegistry(behave) as registry:
        for share in (0.0, 1.0):
            client = _client(registry, lambda share=share: share)  # type: ignore[misc]
            try:
                target = client.target(registry.address, "demo/app", "manifests/v1")
                client.get(Request(registry.address, "demo/app", target, "*/*", 1 << 20), Budget(LONG))
            finally:
                client.close()
    first, second = arrivals[1] - arrivals[0], arrivals[3] - arrivals[2]
    assert first >= 1
    assert second >= 1.25


def test_so_many_wait_for_one_registry_and_the_others_are_told_at_once() -> None:
    """Those who sleep until the registry is ready hold threads that others could use."""
    limits = RegistryLimits(waiting_per_host=2)
    with (
        FaultyRegistry(says(response(429, Retry_After="9"))) as registry,
        RegistryStore(plain_http={registry.address}, limits=limits) as store,
        ThreadPoolExecutor(6) as pool,
    ):
        budgets = [Budget(LONG) for _ in range(6)]
        asked = [pool.submit(error_of, store, registry.address, budget) for budget in budgets]
        until = time.monotonic() + LONG / 2
        while sum(future.done() for future in asked) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert sum(future.done() for future in asked) == 4
        assert {future.result() for future in asked if future.done()} == {ReasonCode.REGISTRY_THROTTLED}
        (report,) = store.hosts
        assert report.waiting == 2
        for budget in budgets:
            budget.end()
    assert [future.result() for future in asked].count(ReasonCode.DEADLINE_EXCEEDED) == 2


def error_of(store: RegistryStore, address: str, budget: Budget) -> ReasonCode:
    with pytest.raises(UnavailableError) as refused:
        resolve(store, address, budget)
    return refused.value.reason


def test_a_caller_who_hangs_up_ends_the_wait() -> None:
    with (
        FaultyRegistry(says(response(429, Retry_After="9"))) as registry,
        RegistryStore(plain_http={registry.address}) as store,
    ):
        budget = Budget(10 * LONG)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(error_of, store, registry.address, budget)
            threading.Timer(0.2, budget.end).start()
            assert asked.result(timeout=6) is ReasonCode.DEADLINE_EXCEEDED  # not after nine seconds
        assert len(registry.calls) == 1


def test_nobody_waits_for_longer_than_makes_sense() -> None:
    with (
        FaultyRegistry(says(response(429, Retry_After="11"))) as registry,
        RegistryStore(plain_http={registry.address}) as store,
    ):
        assert error(store, resolve, registry.address, 10 * LONG).reason is ReasonCode.REGISTRY_THROTTLED
        assert len(registry.calls) == 1
