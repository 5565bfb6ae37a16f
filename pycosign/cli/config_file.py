"""The verifier of a command that is given the configuration of the service (--config)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import click

from providers import factory
from providers.document import Document
from providers.errors import ConfigurationError
from providers.policy_spec import StaticPolicySpec
from providers.subject import Subject
from verifier.config import VerifierSpec, load
from verifier.configured import from_configuration
from verifier.core import Verifier
from verifier.discovery import Discovery
from verifier.printable import printable
from verifier.store import ClosingStore

from .image_options import REPOSITORY_VARIABLE
from .trust_options import variables_in

# What may stand beside --config: what is asked about, and where the answer goes. All else is for the file to say.
_BESIDE_CONFIG = frozenset({
    "images", "blob", "bundle", "signature", "certificate", "rfc3161_timestamp", "digest", "digest_alg",
    "config", "timeout", "output", "offline", "rekor_url", "max_workers",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class FromFile:
    """What the service would be started with."""

    spec: VerifierSpec
    document: Document

    @property
    def describes_registries(self) -> bool:
        """The file does."""
        return True

    def verifier(
        self, store: ClosingStore | None, discovery: Discovery | None
    ) -> AbstractContextManager[Verifier]:
        """A verifier over ``store``, or over the registries as the file describes them. Signatures are looked for
        where the file says.

        Raises:
            PycosignError: see ``verifier.configured.from_configuration``.
        """
        del discovery
        return from_configuration(self.spec, self.document, store=store)

    def check(self, subject: Subject, *, attestation: bool) -> None:
        """Who asks for an attestation must not be let through by policies that ask for none, nor who asks for a
        signature by such that do not.

        Raises:
            ConfigurationError: of the policies that speak for ``subject``, none asks for that.
        """
        given = self.spec.policy_provider
        if not isinstance(given, StaticPolicySpec):
            return  # what the others say is known once they are started
        policies = factory.policy_provider(given, self.document, ("spec", "policyProvider")).policies(
            subject, None
        )
        asked = [policy.wants_attestations if attestation else policy.wants_signatures for policy in policies]
        if not asked or any(asked):
            return
        if attestation:
            what, remedy = (
                "an attestation",
                (
                    "Add 'attestation:' to one of them; for signatures, use the command without '-attestation'."
                ),
            )
        else:
            what, remedy = "a signature", "For attestations, use the command with '-attestation'."
        name = printable(str(subject.reference))
        raise ConfigurationError(
            f"no policy that speaks for {name} asks for {what}", file=self.document.file, remedy=remedy
        )


def from_file(path: Path, environment: Mapping[str, str]) -> FromFile:
    """What ``path`` configures.

    Raises:
        click.UsageError: a flag beside it says what the file is for.
        ConfigurationError: with file and line.
    """
    context = click.get_current_context()
    typed = [
        parameter
        for parameter in context.command.params
        if parameter.name not in _BESIDE_CONFIG
        and context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
    ]
    if typed:
        raise click.UsageError(
            f"--config and {typed[0].opts[-1]} exclude each other: the file says what is trusted and asked for."
        )
    unused = [*variables_in(environment), *(name for name in (REPOSITORY_VARIABLE,) if environment.get(name))]
    if unused:
        click.echo(
            f"--config {printable(str(path))} is used; {', '.join(unused)} in the environment is not.",
            err=True,
        )
    configuration, document = load(path)
    return FromFile(configuration.spec, document)
