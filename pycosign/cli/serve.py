"""``pycosign serve``: the verifier behind its gRPC service."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from verifier.server.start import serve_file

from .arguments import NamedPath


@click.command()
@click.option(
    "--config",
    type=NamedPath(),
    required=True,
    metavar="FILE",
    help="The configuration, a VerifierConfiguration in YAML.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
def serve(config: Path, log_level: str) -> None:
    """Answer admission questions over gRPC until SIGTERM, then finish what is in work."""
    logging.basicConfig(
        stream=sys.stderr,
        level=log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    serve_file(config, announce=click.echo)
