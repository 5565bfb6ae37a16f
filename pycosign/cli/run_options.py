"""Options that every verifying command has besides what it asks for: where the answer comes from and goes to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from .arguments import Duration, NamedPath
from .go_flags import go_flag


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The flags, as click hands them over. The last three are cosign's and change nothing here: nothing asks a
    log, and signatures are checked one after the other.
    """

    config: Path | None
    engine: str
    cross_check: str | None
    timeout: float
    output: str
    offline: bool
    rekor_url: str | None
    max_workers: int | None


RUN_OPTIONS = (
    click.option(
        "--config",
        type=NamedPath(),
        metavar="FILE",
        help="The configuration of the service (VerifierConfiguration): trust, policies, registries and engines"
        " all come from it, and no flag that speaks of them is accepted beside it.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["native", "cosign"]),
        default="native",
        show_default=True,
        help="What verifies: this program, or the cosign executable.",
    ),
    click.option(
        "--cross-check",
        type=click.Choice(["cosign"]),
        help="What has to agree about every signature that counts.",
    ),
    click.option(
        "-t",
        "--timeout",
        type=Duration(0.1, 3600),
        default="60s",
        show_default=True,
        metavar="DURATION",
        help="For each artifact: 90s, 3m, 1m30s, 500ms, or plain seconds.",
    ),
    click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True),
    go_flag("--offline", hidden=True),
    click.option("--rekor-url", hidden=True),
    click.option("--max-workers", type=int, hidden=True),
)
