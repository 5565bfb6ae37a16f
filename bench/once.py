"""Part 2: keyrings, chains and timestamp verifiers are built once for each revision of what is trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from providers.trust import TrustedMaterial
from pycosign.lab import Lab
from verifier.engines.keyring import compile_keyring
from verifier.engines.sigstore.material import compile_material

from . import subjects
from .cases import Case, trusted
from .effort import Effort
from .keyed import keyed_cases
from .keyless import keyless_cases
from .rounds import Subject, interleaved
from .table import columns, heading, line

_KEYLESS = ("Rekor v1, DSSE", "Rekor v1 and RFC 3161, DSSE", "Rekor v2 and RFC 3161, DSSE")
_KEYED = ("P-256, alone, DSSE", "P-256, Rekor v1 and RFC 3161, DSSE")
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def run(effort: Effort) -> None:
    lab = Lab()
    cases = {case.title: case for case in (*keyless_cases(lab), *keyed_cases(lab))}
    heading(
        "2. Built once for each revision of what is trusted",
        "First: nothing is compiled yet. Later: every other verification against the same trust.",
    )
    columns("first", "later")
    for title in (*_KEYLESS, *_KEYED):
        case = cases[title]
        both: dict[str, Subject] = {"first": subjects.ours_at_first(case), "later": subjects.ours(case)}
        measured = interleaved(both, rounds=effort.rounds, calls=effort.calls)
        line(title, measured, "first", "later", "us")
    columns("ours first", "bare first")
    for title in _KEYLESS:
        case = cases[title]
        both = {"ours": subjects.ours_at_first(case), "bare": subjects.bare_with_new_root(case)}
        measured = interleaved(both, rounds=effort.rounds, calls=effort.calls)
        line(title, measured, "ours", "bare", "us")
    _count([cases[title] for title in _KEYLESS], [cases[title] for title in _KEYED[1:]], effort)


def _count(keyless: list[Case], keyed: list[Case], effort: Effort) -> None:
    """Both engines verify everything again and again, against one trust and then against the next."""
    built: Counter[str] = Counter()
    ready = subjects.engines(
        _counted("trusted roots", built, compile_material), _counted("keyrings", built, compile_keyring)
    )
    first = keyed[0].material
    second = trusted(first.trusted_root + b"\n", *(replace(key, name="successor") for key in first.keys))
    number = 0

    def verify_all(material: TrustedMaterial) -> None:
        nonlocal number
        for case in (*keyless, *keyed) * (effort.rounds * effort.calls):
            subjects.verify(ready, case, material)
            number += 1

    for revision, material in enumerate((first, second), start=1):
        verify_all(material)
        told = ", ".join(f"{name} {times}" for name, times in built.items())
        print(f"  verifications so far {number}, revisions of trust {revision}; compiled: {told}")
        if set(built.values()) != {revision}:
            raise RuntimeError(f"not built once for each revision: {built}")


def _counted(
    name: str, built: Counter[str], compiler: Callable[[_Given], _Made]
) -> Callable[[_Given], _Made]:
    def count(given: _Given) -> _Made:
        built[name] += 1
        return compiler(given)

    return count
