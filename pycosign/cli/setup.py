"""Where the verifier of a command comes from: its flags, or the configuration of the service."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import click

from providers.identity import CertificateIdentity
from providers.interfaces import TrustedMaterialProvider
from providers.policy import Policy
from providers.requirement import AttestationRequirement
from providers.scope import Scope
from providers.static import StaticPolicyProvider
from providers.subject import Subject
from providers.trust import TrustedKey
from providers.verifier_config import VerifierConfig
from verifier.app import Engines, assemble
from verifier.core import Verifier
from verifier.discovery import Discovery
from verifier.store import ClosingStore

from .evidence_options import EvidenceOptions, dangers_of, evidence_of
from .run_options import RunOptions
from .signer_options import SignerOptions, signer_of
from .trust_options import TrustOptions, trust_of


class Setup(Protocol):
    """What verifiers are made from."""

    @property
    def describes_registries(self) -> bool:
        """Whether it says itself how registries are spoken to."""
        ...

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

    @property
    def describes_registries(self) -> bool:
        """Other flags do."""
        return False

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
        from .config_file import from_file

        return from_file(flags.run.config, environment)
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
    return Policy.single(
        name="command-line",
        scopes=(Scope.parse("*"),),
        certificate_identities=() if isinstance(signer, TrustedKey) else (signer,),
        keys=(signer.name,) if isinstance(signer, TrustedKey) else (),
        verifier_config=config,
        annotations=annotations,
        attestation=attestation,
        source="command line",
    )
