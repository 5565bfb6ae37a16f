"""Lines a person can read."""

from __future__ import annotations

from .rounds import Rounds

_UNITS = {"us": 1e6, "ms": 1e3}


def heading(text: str, *notes: str) -> None:
    print(f"\n{text}")
    for note in notes:
        print(f"  {note}")


def columns(ours: str, baseline: str, bound: str = "") -> None:
    """The head of lines by ``line``, or by ``bounded`` where there is a bound."""
    more = f" {bound:>10} {f'{ours}/{bound}':>11}" if bound else ""
    print(f"  {'':<46} {'ratio':>7}  {'quartiles':<13} {ours:>10} {baseline:>10}{more}")


def line(title: str, measured: Rounds, ours: str, baseline: str, unit: str) -> float:
    """One comparison; returns its ratio."""
    ratio = measured.ratio(ours, baseline)
    spread = f"{ratio.low:.2f} - {ratio.high:.2f}"
    print(
        f"  {title:<46} {ratio.middle:>6.2f}x  {spread:<13} "
        f"{_time(measured, ours, unit)} {_time(measured, baseline, unit)} {unit}"
    )
    return ratio.middle


def bounded(title: str, measured: Rounds, ours: str, baseline: str, bound: str, unit: str) -> None:
    """A comparison with a baseline, if it is among what was measured, and with a lower bound."""
    compared = f"  {title:<46} {'-':>7}  {'-':<13} {_time(measured, ours, unit)} {'-':>10}"
    if baseline in measured.seconds:
        ratio = measured.ratio(ours, baseline)
        spread = f"{ratio.low:.2f} - {ratio.high:.2f}"
        compared = (
            f"  {title:<46} {ratio.middle:>6.2f}x  {spread:<13} "
            f"{_time(measured, ours, unit)} {_time(measured, baseline, unit)}"
        )
    over = measured.ratio(ours, bound).middle
    print(f"{compared} {_time(measured, bound, unit)} {over:>10.2f}x {unit}")


def _time(measured: Rounds, subject: str, unit: str) -> str:
    return f"{measured.median(subject) * _UNITS[unit]:>10.1f}"
