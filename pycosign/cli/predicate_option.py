"""``--type``: which kind of attestation is asked for."""

from __future__ import annotations

import click

from providers.predicates import PREDICATE_TYPES, predicate_type_of
from providers.requirement import AttestationRequirement

from .arguments import NamedText

ANY = "any"

TYPE_OPTION = click.option(
    "--type",
    "predicate",
    type=NamedText(),
    default="custom",
    show_default=True,
    metavar="TYPE",
    help=f"The predicate type: {', '.join(PREDICATE_TYPES)}, a URI, or {ANY}.",
)


def attestation_of(predicate: str) -> AttestationRequirement:
    """What ``--type`` asks for.

    Raises:
        ConfigurationError: it is no type.
    """
    return AttestationRequirement(() if predicate == ANY else (predicate_type_of(predicate),))
