"""Where the verifier of a command comes from: its flags, or the configuration of the service."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import click

from providers import factory
from providers.document import Document
from providers.errors import ConfigurationError
from providers.interfaces import TrustedMaterialProvider
from providers.policy import AttestationRequirement, CertificateIdentity, Policy
from providers.scope import Scope
from providers.static import StaticPolicyProvider
from providers.subject import Subject
from providers.trust import TrustedKey
from providers.verifier_config import VerifierConfig
from verifier.app import Engines, assemble, from_configuration
from verifier.config import VerifierSpec, load
from verifier.core import Verifier
from verifier.discovery import Discovery
from verifier.printable import printable
from verifier.store import ClosingStore

from .evidence_options import EvidenceOptions, dangers_of, evidence_of
from .image_options import REPOSITORY_VARIABLE
from .run_options import RunOptions
from .signer_options import SignerOptions, signer_of
from .trust_options import TrustOptions, trust_of, variables_in

# What may stand beside --config: what is asked about, and where the answer goes. All else is for the file to say.
_BESIDE_CONFIG = frozenset({
    "images", "blob", "bundle", "signature", "certificate", "rfc3161_timestamp", "digest", "digest_alg",
    "config", "timeout", "output", "offline", "rekor_url", "max_workers",
})  # fmt: skip


class Setup(Protocol):
    """What verifiers are made from."""

    def verifier(
        self, store: ClosingStore | None, discovery: Discovery | None
    ) -> AbstractContextManager[Verifier]:
        """A verifier over ``store``."""
        ...

    def check(self, subject: Subject, *, attestation: bool) -> None:
        """Raises unless the question makes sense."""
        ...


@dataclass(frozen=True, slots=True)
class Flags:
    """The options of the command line."""

    signer: SignerOptions
    evidence: EvidenceOptions
    trust: TrustOptions
    run: RunOptions


@dataclass(frozen=True, slots=True)
class FromFlags:
    """One policy and one source of trust, as the flags say."""

    trust: TrustedMaterialProvider
    policy: Policy
    engine: Engines
    cross_check: bool

    def verifier(
        self, store: ClosingStore | None, discovery: Discovery | None
    ) -> AbstractContextManager[Verifier]:
        """A verifier over ``store``.

        Raises:
            PycosignError: see ``verifier.app.assemble``.
        """
        return assemble(
            trust=self.trust,
            policies=StaticPolicyProvider((self.policy,)),
            store=store,
            engines=self.engine,
            cross_check=self.cross_check,
            discovery=discovery,
        )

    def check(self, subject: Subject, *, attestation: bool) -> None:
        """The policy is for this very question."""


@dataclass(frozen=True, slots=True)
class FromFile:
    """What the service would be started with."""

    spec: VerifierSpec
    document: Document

    def verifier(
        self, store: ClosingStore | None, discovery: Discovery | None
    ) -> AbstractContextManager[Verifier]:
        """A verifier over ``store``, or over the registries as the file describes them. Signatures are looked for
        where the file says.

        Raises:
            PycosignError: see ``verifier.app.from_configuration``.
        """
        del discovery
        return from_configuration(self.spec, self.document, store=store)

    def check(self, subject: Subject, *, attestation: bool) -> None:
        """Who asks for an attestation must not be let through by policies that ask for none.

        Raises:
            ConfigurationError: of the policies that speak for ``subject``, none asks for an attestation.
        """
        if not attestation:
            return
        policies = factory.policy_provider(
            self.spec.policy_provider, self.document, ("spec", "policyProvider")
        ).policies(subject, None)
        if policies and not any(policy.attestation for policy in policies):
            raise ConfigurationError(
                f"no policy that speaks for {printable(str(subject.reference))} asks for an attestation",
                file=self.document.file,
                remedy="Add 'attestation:' to one of them; for signatures, use the command without"
                " '-attestation'.",
            )


def setup_of(
    flags: Flags,
    environment: Mapping[str, str],
    *,
    attestation: AttestationRequirement | None = None,
    annotations: tuple[tuple[str, str], ...] = (),
    dangers: Mapping[str, str] | None = None,
) -> Setup:
    """What the command was told to verify with. ``dangers`` are those of its other flags; all are told on stderr.

    Raises:
        click.UsageError: options contradict each other, or something is missing.
        ConfigurationError: a file cannot be read, or holds something else.
    """
    if flags.run.config is not None:
        return _from_file(flags.run.config, environment)
    if flags.run.engine == flags.run.cross_check:
        raise click.UsageError(
            f"--engine {flags.run.engine} and --cross-check {flags.run.engine}: nobody checks itself."
        )
    signer = signer_of(flags.signer)
    config = evidence_of(flags.evidence, signer)
    policy = _policy(signer, config, attestation, annotations)
    for flag, danger in {**dangers_of(flags.evidence, signer), **(dangers or {})}.items():
        click.echo(f"WARNING: {flag}: {danger}", err=True)
    return FromFlags(
        trust_of(flags.trust, signer, config, environment),
        policy,
        Engines(flags.run.engine),
        cross_check=flags.run.cross_check is not None,
    )


def _policy(
    signer: TrustedKey | CertificateIdentity,
    config: VerifierConfig,
    attestation: AttestationRequirement | None,
    annotations: tuple[tuple[str, str], ...],
) -> Policy:
    wanted = dict(annotations)
    for name, value in annotations:
        if wanted[name] != value:
            raise click.UsageError(
                f"--annotations {name}={value} and {name}={wanted[name]} exclude each other."
            )
    return Policy(
        name="command-line",
        scopes=(Scope.parse("*"),),
        certificate_identities=() if isinstance(signer, TrustedKey) else (signer,),
        keys=(signer.name,) if isinstance(signer, TrustedKey) else (),
        verifier_config=config,
        annotations=annotations,
        attestation=attestation,
        source="command line",
    )


def _from_file(path: Path, environment: Mapping[str, str]) -> FromFile:
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
