"""The one command. Sub-commands load lazily: ``--help`` imports no cryptography and no gRPC."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from providers.errors import ConfigurationError, InvalidReferenceError, PycosignError

# name -> (module, function, the line shown in --help)
_COMMANDS = {
    "verify": ("pycosign.cli.verify", "verify", "Verify that images are signed by whom you expect."),
    "verify-attestation": (
        "pycosign.cli.verify",
        "verify_attestation",
        "Verify attestations about images: SBOM, provenance, any type.",
    ),
    "verify-blob": (
        "pycosign.cli.verify_blob",
        "verify_blob",
        "Verify that a file is signed by whom you expect.",
    ),
    "verify-blob-attestation": (
        "pycosign.cli.verify_blob",
        "verify_blob_attestation",
        "Verify an attestation about a file.",
    ),
    "serve": ("pycosign.cli.serve", "serve", "Answer admission questions over gRPC."),
    "demo": ("pycosign.cli.demo", "demo", "See it work: a lab, attacks, a server, verdicts."),
    "lab": ("pycosign.cli.lab", "lab", "Run a Sigstore and a registry on this machine, for tests."),
}

PROGRAM = "pycosign"
USAGE_ERROR = 2
COULD_NOT_CHECK = 3
INTERRUPTED = 130  # as shells say it: 128 and the number of SIGINT

# What a write ends with when nobody reads any more, or nothing more can be stored.
_LOST_OUTPUT = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class _LazyGroup(click.Group):
    """Finds its commands in ``_COMMANDS`` and imports only the one asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, name, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in _COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 allowed, 1 refused, 2 usage or malformed input, 3 could not check, 130 interrupted.",
)
@click.version_option(package_name="pycosign", prog_name=PROGRAM)
def pycosign() -> None:
    """Decide whether an artifact may run, from its cosign and Sigstore signatures, and say why."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The program: ends the process with the exit code of the command in ``arguments`` (else: ``sys.argv``)."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal without a character shows its number, and no traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # A shell asks what could be typed next. It gives no arguments; where there are any, somebody wants a verdict.
    if f"_{PROGRAM.upper()}_COMPLETE" in os.environ and not sys.argv[1:]:
        pycosign.main(prog_name=PROGRAM)
    sys.exit(_delivered(run(pycosign, sys.argv[1:] if arguments is None else arguments)))


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run ``command`` and return its exit code.

    Only a command itself says 0 or 1; click's own way to run one would end with 1, "refused", when it is
    interrupted or fails.
    """
    try:
        with command.make_context(PROGRAM, list(arguments)) as context:
            command.invoke(context)
        return 0
    except click.exceptions.Exit as ending:
        return USAGE_ERROR if ending.exit_code == 0 and _wanted_a_verdict(arguments) else ending.exit_code
    except SystemExit as ending:
        return _code_of(ending)
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return USAGE_ERROR
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", INTERRUPTED)
    except (ConfigurationError, InvalidReferenceError) as error:
        return _complain(str(error), USAGE_ERROR)
    except PycosignError as error:
        return _complain(str(error), COULD_NOT_CHECK)
    except Exception as error:  # noqa: BLE001  (a fault of ours is "could not check" too)
        if isinstance(error, OSError) and error.errno in _LOST_OUTPUT:
            return _complain(f"cannot write: {error.strerror}", COULD_NOT_CHECK)
        return _report_fault(error)


def _delivered(code: int) -> int:
    """``code``, once what was printed has left the process: what nobody could read was not said.

    The interpreter would try again at its end and exit with a code of its own, so what is left is dropped.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if code != COULD_NOT_CHECK:
            return _complain(f"cannot write: {error.strerror}", COULD_NOT_CHECK)
    return code


def _wanted_a_verdict(arguments: Sequence[str]) -> bool:
    """Whether more than help was asked of a command that verifies: a list of images may hold the word ``--help``,
    and help is no "allowed"."""
    words = [word for word in arguments if not word.startswith("-")]
    return bool(words) and words[0].startswith("verify") and len(arguments) > len(("verify", "--help"))


def _code_of(ending: SystemExit) -> int:
    """A command that ends otherwise than with a number has not said that anything is allowed."""
    return ending.code if isinstance(ending.code, int) else COULD_NOT_CHECK


def _complain(message: str, code: int) -> int:
    with suppress(OSError):  # where nobody listens, the exit code still speaks
        click.echo(f"{PROGRAM}: {message}", err=True)
    return code


def _report_fault(error: Exception) -> int:
    """A bug keeps its traceback, so that it can be found; the last lines say whose fault it is."""
    with suppress(OSError):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    kind = f"{type(error).__name__}: {error}".removesuffix(": ")
    return _complain(
        f"internal error: {kind}\n  A fault of pycosign, and no verdict; please report it with the lines above.",
        COULD_NOT_CHECK,
    )
