"""A campaign: every target in a process of its own, so many at a time, and a table at the end.

Where atheris has a wheel, its coverage chooses which inputs to change next; elsewhere the same targets run on
plain random changes of their seeds, and the table says so.
"""

from __future__ import annotations

import importlib
import mmap
import os
import shutil
import signal
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from .mutation import Mutator
from .target import Target, UnfitError, attempt

# Seconds and MB for one input, far above what any needs: what goes beyond grows with the square of something.
_TIMEOUT, _MEMORY = 30, 4096
# libFuzzer also counts inputs that could not be handed to the parser; these are a few in a hundred.
_SURPLUS = 4


class Tally:
    """What a process did, in memory that it shares with its parent: it may end in any way."""

    _FORM = struct.Struct("qqdd")

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, self._FORM.size)
        self._found: set[tuple[str, str]] = set()

    def add(self, seconds: float, findings: int) -> int:
        """One more input; the number of inputs so far."""
        inputs, found, total, slowest = self._FORM.unpack_from(self._shared)
        values = (inputs + 1, found + findings, total + seconds, max(slowest, seconds))
        self._FORM.pack_into(self._shared, 0, *values)
        return values[0]

    def is_new(self, kind: str, place: str) -> bool:
        """Whether nothing was found there before."""
        known = (kind, place) in self._found
        self._found.add((kind, place))
        return not known

    @property
    def inputs(self) -> int:
        """How many inputs were tried."""
        return int(self._FORM.unpack_from(self._shared)[0])

    @property
    def findings(self) -> int:
        """How many different findings there are."""
        return int(self._FORM.unpack_from(self._shared)[1])

    @property
    def slowest(self) -> float:
        """The seconds that the slowest input took."""
        return float(self._FORM.unpack_from(self._shared)[3])


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``note`` says how the process ended, where it was not by itself."""

    target: str
    inputs: int
    seconds: float
    slowest: float
    findings: int
    note: str = ""


def find_atheris() -> Any:
    """The module; None where it cannot be installed."""
    try:
        return importlib.import_module("atheris")
    except ImportError:
        return None


def try_input(target: Target, data: bytes, tally: Tally, folder: Path) -> int:
    """Try one input and count it; the number of inputs so far."""
    started = time.perf_counter()
    try:
        finding = attempt(target, data)
    except UnfitError:
        return tally.inputs
    seconds = time.perf_counter() - started
    is_new = finding is not None and tally.is_new(finding.kind, finding.place)
    if finding is not None and is_new:
        finding.write(folder)
    return tally.add(seconds, int(is_new))


def run_plain(target: Target, runs: int, seed: int, tally: Tally, folder: Path) -> None:
    """``runs`` random changes of the seeds of ``target``, the seeds themselves first."""
    dice, mutator = Random(seed), Mutator(target.seeds)  # noqa: S311  (not for secrets)
    for data in target.seeds[:runs]:
        try_input(target, data, tally, folder)
    while tally.inputs < runs:
        data = dice.choice(target.seeds)
        for _ in range(dice.choice((1, 1, 2, 4))):
            data = mutator.mutate(data, dice)
        try_input(target, data[: target.largest], tally, folder)


def run_guided(
    atheris: Any, target: Target, runs: int, seed: int, tally: Tally, folders: tuple[Path, Path]
) -> None:
    """``runs`` inputs that atheris chooses by coverage. Does not return: libFuzzer ends the process."""
    folder, mutator = folders[0], Mutator(target.seeds)

    def one_input(data: bytes) -> None:
        if try_input(target, data, tally, folder) >= runs:
            os._exit(0)

    def change(data: bytes, size: int, seed: int) -> bytes:
        dice = Random(seed)  # noqa: S311  (not for secrets)
        # A share for libFuzzer's own changes: it knows what the code compared the input with.
        changed = atheris.Mutate(data, size) if dice.random() < 0.15 else mutator.mutate(data, dice)
        return bytes(changed) if len(changed) <= size else data

    corpus = folders[1] / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(content)
    options = {
        "runs": runs * _SURPLUS,
        "seed": seed,
        "max_len": target.largest,
        "timeout": _TIMEOUT,
        "rss_limit_mb": _MEMORY,
        "verbosity": 1,
        "artifact_prefix": f"{folder}/{target.name}.",
    }
    folder.mkdir(parents=True, exist_ok=True)  # libFuzzer writes there what ends the process
    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([target.name, *arguments, str(corpus)], one_input, custom_mutator=change)
    atheris.Fuzz()


class Campaign:
    """Runs targets in processes of their own, ``jobs`` at a time."""

    def __init__(self, *, folder: Path, corpus: Path, jobs: int, seed: int, atheris: Any) -> None:
        """Findings are kept in ``folder``; ``corpus`` is for inputs that reached something new, and for logs."""
        self._folder = folder
        self._corpus = corpus
        self._jobs = jobs
        self._seed = seed
        self._atheris = atheris
        self._running: dict[int, tuple[Target, Tally, float]] = {}

    def run(self, targets: Iterable[tuple[Target, int]], report: Callable[[Row], None]) -> list[Row]:
        """Run each target for so many inputs; ``report`` hears of each when it has ended."""
        rows = []
        try:
            for target, runs in targets:
                if len(self._running) >= self._jobs:
                    rows.append(self._wait(report))
                self._start(target, runs)
            while self._running:
                rows.append(self._wait(report))
        finally:
            for process in self._running:  # interrupted: they would go on
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
        return rows

    def _start(self, target: Target, runs: int) -> None:
        tally = Tally()
        sys.stdout.flush()
        process = os.fork()
        if process:
            self._running[process] = (target, tally, time.perf_counter())
            return
        status = 1
        try:
            self._child(target, runs, tally)
            status = 0
        finally:
            os._exit(status)

    def _child(self, target: Target, runs: int, tally: Tally) -> None:
        # libFuzzer tells of its progress; when it ends the process, the last lines say why.
        with self._log(target).open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        warnings.simplefilter("ignore")  # cryptography has something to say about odd certificates
        if self._atheris is None:
            run_plain(target, runs, self._seed, tally, self._folder)
        else:
            run_guided(self._atheris, target, runs, self._seed, tally, (self._folder, self._corpus))

    def _log(self, target: Target) -> Path:
        return self._corpus / f"{target.name}.log"

    def _wait(self, report: Callable[[Row], None]) -> Row:
        process, status = os.waitpid(-1, 0)
        target, tally, started = self._running.pop(process)
        code = os.waitstatus_to_exitcode(status)
        # 0: all inputs were tried. Anything else is libFuzzer's word for a crash, a hang or too much memory.
        note = ""
        if code != 0:
            self._folder.mkdir(parents=True, exist_ok=True)
            kept = shutil.copy(self._log(target), self._folder)
            note = f"ended with {code}, see {kept}"
        seconds = time.perf_counter() - started
        findings = tally.findings + (code != 0)
        row = Row(target.name, tally.inputs, seconds, tally.slowest, findings, note)
        report(row)
        return row


def split(targets: Sequence[Target], runs: int) -> list[tuple[Target, int]]:
    """How many of ``runs`` inputs each target gets: by its share, and together not one less."""
    total = sum(target.share for target in targets)
    return [(target, max(1, -(-runs * target.share // total))) for target in targets]
