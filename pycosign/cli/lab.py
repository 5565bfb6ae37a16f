"""``pycosign lab``: a Sigstore and a registry on this machine."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from providers.errors import ConfigurationError
from pycosign.lab import LabError
from pycosign.lab.names import DEFAULT_IDENTITY, DEFAULT_ISSUER
from pycosign.lab.serve import serve_directory

from .arguments import NamedPath

_PORT = click.IntRange(0, 65535)


@click.group()
def lab() -> None:
    """A whole Sigstore and an OCI registry on this machine, to test policies with. Never a real root."""


@lab.command(short_help="Serve a lab until interrupted.")
@click.argument("directory", type=NamedPath(file_okay=False))
@click.option("--port", type=_PORT, default=0, metavar="PORT", help="Of the Sigstore. Default: a free one.")
@click.option(
    "--registry-port", type=_PORT, default=0, metavar="PORT", help="Of the registry. Default: a free one."
)
@click.option(
    "--no-referrers-api",
    is_flag=True,
    help="Be a registry from before OCI 1.1: signatures are found by the tag schema only.",
)
@click.option(
    "--identity",
    default=DEFAULT_IDENTITY,
    show_default=True,
    metavar="SAN",
    help="Whom the token in DIRECTORY speaks for: a URI or an e-mail address.",
)
@click.option(
    "--issuer",
    default=DEFAULT_ISSUER,
    show_default=True,
    metavar="URL",
    help="Who vouches for that identity, as certificates then name it.",
)
def serve(
    directory: Path,
    port: int,
    registry_port: int,
    no_referrers_api: bool,  # noqa: FBT001  (click passes flags by name)
    identity: str,
    issuer: str,
) -> None:
    """Serve a lab on loopback until interrupted.

    Its trusted root, keys, a token and the commands to use them (commands.txt) are written to DIRECTORY, which
    is made if need be; files of the same names are replaced. The keys behind them end with the lab.
    """
    logging.basicConfig(level=logging.ERROR)  # the lab's warning is printed, and needs no second place
    try:
        serve_directory(
            directory,
            out=sys.stdout,
            port=port,
            registry_port=registry_port,
            referrers_api=not no_referrers_api,
            identity=identity,
            issuer=issuer,
        )
    except LabError as error:
        raise ConfigurationError(str(error)) from error
