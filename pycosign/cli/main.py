"""The one command. Sub-commands load lazily: ``--help`` imports no cryptography and no gRPC."""

from __future__ import annotations

import importlib
from importlib import metadata

import click

from providers.errors import ConfigurationError, InvalidReferenceError, PycosignError

# name -> (module, function, the line shown in --help)
_COMMANDS = {
    "verify": ("pycosign.cli.verify", "verify", "Verify that images are signed by whom you expect."),
    "serve": ("pycosign.cli.serve", "serve", "Answer admission questions over gRPC."),
    "demo": ("pycosign.cli.demo", "demo", "See it work: a lab, attacks, a server, verdicts."),
    "lab": ("pycosign.cli.lab", "lab", "Run a Sigstore and a registry on this machine, for tests."),
}

USAGE_ERROR = 2


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

    def invoke(self, ctx: click.Context) -> object:
        """Our errors become one message and an exit code; anything else is a bug and keeps its traceback."""
        try:
            return super().invoke(ctx)
        except (ConfigurationError, InvalidReferenceError) as error:
            click.echo(f"pycosign: {error}", err=True)
            ctx.exit(USAGE_ERROR)
        except PycosignError as error:
            click.echo(f"pycosign: {error}", err=True)
            ctx.exit(3)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 allowed, 1 refused, 2 usage or malformed input, 3 could not check.",
)
@click.version_option(metadata.version("pycosign"), prog_name="pycosign")
def main() -> None:
    """Decide whether an artifact may run, from its cosign and Sigstore signatures, and say why."""
