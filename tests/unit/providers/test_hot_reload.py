"""Ten thousand requests while root, keys and policies are replaced: each sees one version of each, whole.

Every version of each is marked throughout: all that one request gets of it has to carry one mark.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from providers.errors import PycosignError
from providers.files import FilesPolicyProvider
from providers.key_sources import KeyFolder
from providers.keys import KeysProvider
from providers.life import start_policies, start_trust, stop_policies, stop_trust
from providers.merge import MergedPart, MergedTrustedMaterialProvider
from providers.mux import MuxPolicyProvider, MuxTrustedMaterialProvider, PolicyRoute, TrustRoute
from providers.refresh import Pace
from providers.scope import Scope
from providers.subject import Subject
from providers.watched import WatchedRootProvider
from tests.unit.providers.provider_world import PATIENCE, accept_all, root, turn, wait_for
from tests.unit.providers.test_files import document

REQUESTS = 10_000
VERSIONS = 20
THREADS = 4
PARTS = 5
_PACE = Pace(timedelta(milliseconds=2), retry=timedelta(milliseconds=2))


def _policies(version: int) -> dict[str, bytes]:
    """Some of the names change from version to version, as do files."""
    return {f"{(version + part) % 9}.yaml": document(f"{part}-v{version}") for part in range(PARTS)}


def _keys(version: int) -> dict[str, bytes]:
    return {f"k{(version + part) % 9}.pub": b"v%d" % version for part in range(PARTS)}


def _root(version: int) -> dict[str, bytes]:
    return {
        "trusted_root.json": root(tlogs=[{"version": version}] * 1, ctlogs=[{"version": version, "n": 1}])
    }


@dataclass
class _Seen:
    """What requests got: marks, and what was wrong."""

    marks: set[tuple[str, str]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def check(self, what: str, marks: list[str], count: int) -> None:
        if len(marks) != count or len(set(marks)) != 1:
            self.wrong.append(f"{what}: {marks}")
        self.marks.update((what, mark) for mark in marks)


def _ask(
    seen: _Seen, trust: MuxTrustedMaterialProvider, policies: MuxPolicyProvider, subject: Subject
) -> None:
    """One request."""
    try:
        speaking = policies.policies(subject, None)
        seen.check("policies", [policy.name.rpartition("-")[2] for policy in speaking], PARTS)
        seen.check("revision", [policy.revision for policy in speaking], PARTS)
        material = trust.trusted_material(subject, None, "")
        seen.check("keys", [key.public_key.decode() for key in material.keys], PARTS)
        read = json.loads(material.trusted_root)
        seen.check(
            "root", [f"v{entry['version']}" for name in ("tlogs", "ctlogs") for entry in read[name]], 2
        )
    except PycosignError as error:
        seen.wrong.append(str(error))


def _together(work: Callable[[], None], until: Callable[[], None]) -> None:
    """``work`` in several threads while ``until`` runs here."""
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    until()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_no_request_sees_half_of_a_configuration(tmp_path: Path) -> None:
    makers = {"policies": _policies, "keys": _keys, "root": _root}
    for name, make in makers.items():
        turn(tmp_path / name, "..0", make(0))
    everything = (Scope.parse("*"),)
    merged = MergedTrustedMaterialProvider(
        (
            MergedPart(WatchedRootProvider(tmp_path / "root" / "trusted_root.json", pace=_PACE)),
            MergedPart(KeysProvider(local=(KeyFolder(tmp_path / "keys"),), local_pace=_PACE)),
        )
    )
    trust = MuxTrustedMaterialProvider((TrustRoute(everything, merged),))
    files = FilesPolicyProvider(tmp_path / "policies", pace=_PACE)
    policies = MuxPolicyProvider((PolicyRoute("files", everything, files),))
    start_trust(trust, accept_all)
    start_policies(policies, accept_all)
    seen, subject, replaced = _Seen(), Subject.parse("registry.test/app"), threading.Event()
    asked = itertools.count()

    def work() -> None:
        while next(asked) < REQUESTS or not replaced.is_set():
            _ask(seen, trust, policies, subject)

    def replace_everything() -> None:
        try:
            for version in range(1, VERSIONS):
                for name, make in makers.items():
                    turn(tmp_path / name, f"..{version}", make(version))
                # Of two that follow each other at once, the second comes while the first is being read.
                mark = f"v{version}"
                if version % 2:
                    assert wait_for(lambda mark=mark: {(what, mark) for what in makers} <= seen.marks)  # type: ignore[misc]
        finally:
            replaced.set()

    try:
        _together(work, replace_everything)
    finally:
        assert stop_trust(trust, timedelta(seconds=PATIENCE))
        assert stop_policies(policies, timedelta(seconds=PATIENCE))
    assert next(asked) > REQUESTS
    assert seen.wrong == []
