"""Acme's trust and policies, from two files that its own tools write. Made from docs/plugins.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from providers.errors import UnavailableError
from providers.policy import Policy, select
from providers.policy_document import parse_policy
from providers.reasons import ReasonCode
from providers.trust import TrustedKey, TrustedMaterial


class AcmeTrust:
    """``keys.json``: the name of each team, and the public key of each of its people. A repository belongs to the
    team that its path begins with.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._file = Path(options["keys"])
        self._teams: dict[str, TrustedMaterial] = {}

    def start(self) -> None:
        teams = json.loads(self._file.read_text("utf-8"))
        now = datetime.now(UTC)
        self._teams = {
            team: TrustedMaterial.of(
                f"acme:{team}", b"", now, tuple(TrustedKey(name, key.encode()) for name, key in keys.items())
            )
            for team, keys in teams.items()
        }

    def trusted_material(self, subject: Any, artifact_descriptor: Any, key_hint: str) -> TrustedMaterial:
        team = subject.reference.path.partition("/")[0]
        if team not in self._teams:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, f"acme knows no team {team}")
        return self._teams[team]

    def materials(self) -> tuple[TrustedMaterial, ...]:
        return tuple(self._teams.values())


class AcmePolicies:
    """Policies in one file, a list of documents."""

    def __init__(self, options: dict[str, Any]) -> None:
        content = Path(options["policies"]).read_bytes()
        self._policies = tuple(
            parse_policy(json.dumps(document).encode(), f"acme policy {number}")
            for number, document in enumerate(json.loads(content))
        )

    def policies(self, subject: Any, descriptor: Any) -> tuple[Policy, ...]:
        return select(self._policies, subject)

    @property
    def revision(self) -> str:
        return f"{len(self._policies)} policies"
