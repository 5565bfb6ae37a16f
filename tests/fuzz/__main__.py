"""``python -m tests.fuzz``: every parser on a great many inputs, and a table of what came of it."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from random import SystemRandom
from typing import Any

from .campaign import Campaign, Row, find_atheris, split
from .target import Target, attempt

_FINDINGS = Path(".cache") / "fuzz"


def main(
    arguments: Sequence[str] | None = None, load: Callable[[Any], Sequence[Target]] | None = None
) -> int:
    """0 when nothing was found, 1 otherwise. ``load`` makes the targets."""
    given = _options().parse_args(arguments)
    atheris = None if given.plain else find_atheris()
    started = time.perf_counter()
    targets = {target.name: target for target in (load or load_targets)(atheris)}
    unknown = [name for name in given.target if name not in targets]
    if unknown:
        _say(f"no target is called {', '.join(unknown)}; there are: {', '.join(targets)}")
        return 2
    chosen = [targets[name] for name in given.target or targets]
    if given.reproduce:
        return _reproduce(chosen, given.reproduce)
    seed = SystemRandom().randrange(1, 1 << 31) if given.seed is None else given.seed
    how = f"atheris {metadata.version('atheris')}" if atheris else "plain random changes (no atheris here)"
    _say(f"{len(chosen)} targets, {given.jobs} at a time, by {how}, seed {seed}")
    _say(f"{'target':<18}{'inputs':>10}{'seconds':>9}{'slowest':>10}{'findings':>10}")
    with tempfile.TemporaryDirectory() as corpus:
        campaign = Campaign(
            folder=given.findings, corpus=Path(corpus), jobs=given.jobs, seed=seed, atheris=atheris
        )
        rows = campaign.run(split(chosen, given.runs), _show)
    inputs, findings = sum(row.inputs for row in rows), sum(row.findings for row in rows)
    _say(f"{'total':<18}{inputs:>10,}{time.perf_counter() - started:>9.1f}{'':>10}{findings:>10}")
    if findings:
        _say(f"the inputs, with tracebacks, are in {given.findings}")
    return 1 if findings else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs in all, over all targets")
    parser.add_argument(
        "--target", action="append", default=[], metavar="NAME", help="only this one (may be repeated)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--seed", type=int, help="where chance starts; any, when not given")
    parser.add_argument(
        "--findings", type=Path, default=_FINDINGS, metavar="FOLDER", help="where findings are kept"
    )
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="one input, again (with --target)")
    return parser


def load_targets(atheris: Any = None) -> tuple[Target, ...]:
    """All targets. Imported here: atheris has to see our packages before anybody else imports them."""
    logging.disable(logging.CRITICAL)  # engines log their faults; here each is a finding, with its traceback
    with contextlib.ExitStack() as stack:
        if atheris is not None:
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))  # a line for each module
            stack.enter_context(atheris.instrument_imports(include=["verifier", "providers"]))
        from .engines import engines  # noqa: PLC0415
        from .parsers import parsers  # noqa: PLC0415
        from .seeds import Seeds  # noqa: PLC0415
    seeds = Seeds.made()
    return (*engines(seeds), *parsers(seeds))


def _reproduce(chosen: Sequence[Target], path: Path) -> int:
    found = [finding for target in chosen if (finding := attempt(target, path.read_bytes()))]
    for finding in found:
        _say(f"{finding}\n{finding.trace}")
    return 1 if found else 0


def _show(row: Row) -> None:
    slowest = f"{row.slowest * 1000:.1f} ms"
    _say(
        f"{row.target:<18}{row.inputs:>10,}{row.seconds:>9.1f}{slowest:>10}{row.findings:>10}  {row.note}".rstrip()
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
