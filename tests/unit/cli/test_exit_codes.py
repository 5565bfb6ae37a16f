"""Whatever happens to a command, its exit code says what it says and nothing else: 1 is only ever "refused"."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import click
import pytest

from providers.errors import ConfigurationError, InvalidReferenceError, UnavailableError
from providers.reasons import ReasonCode
from pycosign.cli.answer import exit_code
from pycosign.cli.main import main, pycosign, run
from verifier.results import ValidationResult
from verifier.verdict import Outcome


def _raising(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InvalidReferenceError("no such name"), 2, "pycosign: no such name\n"),
        (
            ConfigurationError("wrong", file="a", line=3, remedy="Mend it."),
            2,
            "pycosign: a:3: wrong\n  Mend it.\n",
        ),
        (click.UsageError("no"), 2, "Error: no\n"),
        (click.ClickException("no"), 2, "Error: no\n"),  # click itself would exit with 1
        (UnavailableError(ReasonCode.TRUST_UNAVAILABLE, "gone"), 3, "pycosign: gone\n"),
        (KeyboardInterrupt(), 130, "pycosign: interrupted\n"),
        (click.Abort(), 130, "pycosign: interrupted\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            3,
            "pycosign: cannot write: No space left on device\n",
        ),
    ],
)
def test_an_error_has_its_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(_raising(error), []) == code
    assert capsys.readouterr().err.endswith(said)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("a bug"), AssertionError(), RecursionError(), MemoryError(), OSError("a bug")]
)
def test_a_bug_is_could_not_check_and_can_be_found(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(_raising(error), []) == 3
    told = capsys.readouterr().err
    assert f"pycosign: internal error: {type(error).__name__}" in told.splitlines()[-2]
    assert "in command" in told  # the traceback


def test_a_broken_pipe_is_no_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_raising(BrokenPipeError(errno.EPIPE, "Broken pipe")), []) == 3
    assert capsys.readouterr().err == "pycosign: cannot write: Broken pipe\n"


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_a_command_chooses_its_code(code: int) -> None:
    @click.command()
    @click.pass_context
    def by_context(context: click.Context) -> None:
        context.exit(code)

    @click.command()
    def by_exit() -> None:
        raise SystemExit(code)

    assert run(by_context, []) == code
    assert run(by_exit, []) == code


def test_a_command_that_returns_is_content() -> None:
    assert run(click.Command("nothing", callback=lambda: 1), []) == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        ([], 2),
        (["frobnicate"], 2),
        (["verify"], 2),
        (["verify", "--no"], 2),
        (["verify-attestation"], 2),
        (["verify-blob"], 2),
        (["verify-blob-attestation"], 2),
        (["serve", "--config", ""], 2),
    ],
)
def test_the_program(arguments: list[str], code: int) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == code


A, R, C = Outcome.ALLOWED, Outcome.REFUSED, Outcome.COULD_NOT_CHECK


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["verify", "--help"], 0),
        (["verify", "-h"], 0),
        (["lab", "serve", "--help"], 0),
        (["--version"], 0),
        (["verify-attestation", "--help"], 0),
        (["verify-blob", "-h"], 0),
        (["verify-blob-attestation", "--help"], 0),
        (["verify", "nginx", "--help"], 2),
        (["verify", "--help", "nginx"], 2),
        (["--help", "verify", "nginx"], 2),
        (["--version", "verify", "nginx"], 2),
        (["--help", "verify"], 0),
        (["verify-attestation", "nginx", "--help"], 2),
        (["verify-blob", "file", "--help"], 2),
        (["verify-blob-attestation", "file", "-h"], 2),
    ],
)
def test_help_is_no_verdict(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """An image list may hold the word; whoever asked for verdicts gets none, and must not read "allowed"."""
    assert run(pycosign, arguments) == code
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([A], 0),
        ([R], 1),
        ([C], 3),
        ([A, A], 0),
        ([A, C], 3),
        ([C, R], 1),
        ([R, C], 1),
        ([A, R, C], 1),
        ([], 3),
    ],
)
def test_several_images(outcomes: list[Outcome], code: int) -> None:
    """DESIGN, decision 4; and of no image nothing was found out."""
    answer: Callable[[Outcome], ValidationResult] = lambda outcome: ValidationResult(  # noqa: E731
        outcome, outcome is A, ReasonCode.OK, "", ""
    )
    assert exit_code([answer(outcome) for outcome in outcomes]) == code
