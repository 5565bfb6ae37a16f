"""The answer of a verifying command: what it prints, where, and the exit code it ends with."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import click

from verifier.results import TrustUsed, ValidationResult
from verifier.verdict import Outcome

from .render import advice, render_json, render_text, trusted

EXIT_CODES_TOLD = (
    "Exit codes: 0 all are allowed, 1 one is refused, 2 usage or malformed input, 3 one could not be checked,"
    " 130 interrupted."
)
EXIT_CODES = {Outcome.ALLOWED: 0, Outcome.REFUSED: 1, Outcome.COULD_NOT_CHECK: 3}


@dataclass(slots=True)
class Answer:
    """Verdicts, with the seconds that each took, and what was trusted. ``advising``: whether flags could change
    anything.
    """

    results: list[ValidationResult] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    trust: tuple[TrustUsed, ...] = ()
    advising: bool = True

    def add(self, ask: Callable[[], ValidationResult]) -> ValidationResult:
        """Ask, and keep the verdict."""
        started = time.monotonic()
        result = ask()
        self.results.append(result)
        self.seconds.append(time.monotonic() - started)
        return result

    def give(self, output: str) -> NoReturn:
        """Print it as ``output`` says, and end the command with its exit code. With JSON, what is no part of the
        result object of the gRPC service goes to stderr.
        """
        beside = advice(self.results, self.trust) if self.advising else []
        if output == "json":
            click.echo(render_json(self.results, self.seconds))
            click.echo("\n".join([*trusted(self.trust), *beside]), err=True)
        else:
            click.echo("\n".join([render_text(self.results, self.trust), *beside]))
        sys.exit(exit_code(self.results))


def exit_code(results: list[ValidationResult]) -> int:
    """1 if any is refused, else 3 if any could not be checked, else 0. Of nothing, nothing was found out: 3."""
    codes = {EXIT_CODES[result.outcome] for result in results} or {EXIT_CODES[Outcome.COULD_NOT_CHECK]}
    return next((code for code in (1, 3) if code in codes), 0)
