"""Lines a person can read."""

from __future__ import annotations

from .rounds import Rounds

_UNITS = {"us": 1e6, "ms": 1e3}


def heading(text: str, *notes: str) -> None:
    print(f"\n{text}")
    for note in notes:
        print(f"  {note}")


def columns(ours: str, baseline: str) -> None:
    """The head of lines by ``line``."""
    print(f"  {'':<46} {'ratio':>7}  {'quartiles':<13} {ours:>10} {baseline:>10}")


def line(title: str, measured: Rounds, ours: str, baseline: str, unit: str) -> float:
    """One comparison; returns its ratio."""
    ratio = measured.ratio(ours, baseline)
    scale = _UNITS[unit]
    spread = f"{ratio.low:.2f} - {ratio.high:.2f}"
    print(
        f"  {title:<46} {ratio.middle:>6.2f}x  {spread:<13} "
        f"{measured.median(ours) * scale:>10.1f} {measured.median(baseline) * scale:>10.1f} {unit}"
    )
    return ratio.middle
