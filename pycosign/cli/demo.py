"""``pycosign demo``: the main job, on a lab of its own, in a table."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from providers.errors import ConfigurationError
from pycosign import demo as scenario
from pycosign.client import VerifierClient
from pycosign.lab import Lab, LabServer
from verifier.printable import printable

from .arguments import NamedPath
from .render import in_words

_EXIT_WRONG_VERDICT = 1


@click.command()
@click.option(
    "--directory",
    type=NamedPath(file_okay=False),
    metavar="DIR",
    help="Where the configuration goes. Default: a temporary directory that stays.",
)
@click.option("--keep", is_flag=True, help="Keep registry and server running until interrupted.")
def demo(directory: Path | None, keep: bool) -> None:  # noqa: FBT001  (click passes flags by name)
    """Sign, attack and verify on this machine: no cluster, no internet, no other program.

    Exits with 1 when one verdict is not what it must be.
    """
    folder = directory or Path(tempfile.mkdtemp(prefix="pycosign-demo-"))
    with LabServer() as services:
        configuration = _configuration(folder, services.lab, services.registry_address)
        questions = scenario.prepare(services.lab, services.registry, services.registry_address)
        click.echo(f"Sigstore       {services.url} (a lab, not a real one)")
        click.echo(f"registry       {services.registry_address}")
        click.echo(f"configuration  {configuration}")
        with scenario.server_process(configuration) as server, VerifierClient(server) as client:
            click.echo(f"server         {server} (log: {configuration.with_suffix('.log')})")
            client.info()  # the first call pays for the connection
            rows = list(scenario.ask(client, questions))
            Console(width=None if sys.stdout.isatty() else 160).print(table_of(rows))
            click.echo(f"{sum(row.right for row in rows)} of {len(rows)} verdicts are as required.")
            if keep:
                _wait_for_interrupt()
    wrong = [row for row in rows if not row.right]
    for row in wrong:
        click.echo(
            f"WRONG: {row.question.title}: expected {row.question.expected}: {row.answer.message}", err=True
        )
    sys.exit(_EXIT_WRONG_VERDICT if wrong else 0)


def _configuration(folder: Path, lab: Lab, registry: str) -> Path:
    """Writes what the server needs.

    Raises:
        ConfigurationError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return scenario.write_configuration(folder, lab, registry)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be written: {error.strerror}",
            file=str(error.filename or folder),
            remedy="Name a folder that you may write: --directory DIR.",
        ) from error


def _wait_for_interrupt() -> None:
    click.echo("Serving until interrupted (Ctrl-C).")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        click.echo("Stopping.")


def table_of(rows: list[scenario.Row]) -> Table:
    """Artifact, outcome, reason code, signer, signing time, milliseconds."""
    table = Table(show_edge=False, pad_edge=False)
    for name in ("artifact", "outcome", "reason code", "signer", "signed at"):
        table.add_column(name, overflow="fold")
    table.add_column("ms", justify="right")
    for row in rows:
        outcome = in_words(row.answer.outcome)
        table.add_row(
            row.question.title,
            outcome if row.right else f"{outcome} (WRONG)",
            str(row.answer.reason),
            Text(printable(scenario.signer(row.answer)), overflow="fold"),  # a certificate's words: no markup
            scenario.signing_time(row.answer),
            f"{row.milliseconds:.0f}",
            style="" if row.right else "bold red",
        )
    return table
