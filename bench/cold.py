"""Part 1: cold verification in process, ours against bare sigstore-python."""

from __future__ import annotations

from pycosign.lab import Lab

from . import subjects
from .cases import Case, lab_cases, recorded_cases, sign
from .effort import Effort
from .rounds import interleaved
from .table import columns, heading, line

AIM = 1.1


def run(effort: Effort) -> None:
    lab = Lab()
    cases = [*lab_cases(lab), *recorded_cases()]
    heading(
        "1. Cold verification in process: ours against bare sigstore-python",
        f"{effort.rounds} interleaved rounds of {effort.calls} calls each; no results are kept by either side.",
        f"Aim: {AIM}x or less against bare. The bound is the public-key operations alone.",
    )
    columns("ours", "bare")
    worst = max(_verification(case, effort) for case in cases)
    print(f"  {worst:.2f}x at worst; aim {AIM}x: {'met' if worst <= AIM else 'NOT met'}")
    columns("core", "bare")
    for case in cases:
        if case.by_lab and case.envelope:
            _core(lab, case, effort)
    columns("ours", "bare")
    for case in cases:
        if case.envelope:
            _new_root(case, effort)


def _verification(case: Case, effort: Effort) -> float:
    measured = interleaved(
        {"ours": subjects.ours(case), "bare": subjects.bare(case), "bound": case.needed.prepare()},
        rounds=effort.rounds,
        calls=effort.calls,
    )
    ratio = line(case.title, measured, "ours", "bare", "us")
    line("  ours against the bound", measured, "ours", "bound", "us")
    line("  bare against the bound", measured, "bare", "bound", "us")
    return ratio


def _new_root(case: Case, effort: Effort) -> None:
    """The root is parsed and compiled, and nothing is kept from before."""
    measured = interleaved(
        {"ours": subjects.ours_with_new_root(case), "bare": subjects.bare_with_new_root(case)},
        rounds=effort.rounds,
        calls=effort.calls,
    )
    line(f"new root: {case.title}", measured, "ours", "bare", "us")


def _core(lab: Lab, case: Case, effort: Effort) -> None:
    """The core resolves, lists, fetches twice and judges; bare sigstore-python only verifies."""
    validate = subjects.whole_core(lambda image: sign(lab, case, image.digest), case.trusted_root)
    measured = interleaved(
        {"core": validate, "bare": subjects.bare(case)}, rounds=effort.rounds, calls=effort.calls
    )
    line(f"whole core: {case.title}", measured, "core", "bare", "us")
