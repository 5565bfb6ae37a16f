"""``pycosign lab``: a Sigstore and a registry on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pycosign.lab.serve import serve_directory


@click.group()
def lab() -> None:
    """A whole Sigstore and an OCI registry on this machine, to test policies with. Never a real root."""


@lab.command(short_help="Serve a lab until interrupted.")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def serve(directory: Path) -> None:
    """Serve a lab on loopback until interrupted; write its trusted root, keys and commands to DIRECTORY."""
    serve_directory(directory, out=sys.stdout)
