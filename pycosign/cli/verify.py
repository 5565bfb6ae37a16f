"""``pycosign verify``: cosign's flags, the verifier's verdict."""

from __future__ import annotations

import ipaddress
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from providers.errors import ConfigurationError
from providers.policy import CertificateIdentity, Policy, StringMatch, VerifierConfig
from providers.reference import Reference
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from verifier.app import Reach, assemble, public_good_material
from verifier.budget import Budget
from verifier.results import ValidationResult
from verifier.verdict import Outcome

from .render import render_json, render_text


@dataclass(frozen=True, slots=True)
class _Options:
    """The flags, as click hands them over."""

    certificate_identity: str | None
    certificate_identity_regexp: str | None
    certificate_oidc_issuer: str | None
    certificate_oidc_issuer_regexp: str | None
    trusted_root: Path | None
    insecure_ignore_sct: bool
    insecure_ignore_tlog: bool
    use_signed_timestamps: bool
    allow_http_registry: bool
    registry_cacert: Path | None


EXIT_CODES = {Outcome.ALLOWED: 0, Outcome.REFUSED: 1, Outcome.COULD_NOT_CHECK: 3}


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--certificate-identity", metavar="SAN", help="The signer's identity: a URI or an e-mail address."
)
@click.option("--certificate-identity-regexp", metavar="RE2", help="A pattern for the whole identity.")
@click.option("--certificate-oidc-issuer", metavar="URL", help="Who vouches for the identity.")
@click.option("--certificate-oidc-issuer-regexp", metavar="RE2", help="A pattern for the whole issuer.")
@click.option(
    "--trusted-root",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A trusted_root.json. Default: the public-good root that the sigstore package brings.",
)
@click.option("--insecure-ignore-sct", is_flag=True, help="Do not ask for proof of certificate transparency.")
@click.option("--insecure-ignore-tlog", is_flag=True, help="Do not ask for a transparency log entry.")
@click.option("--use-signed-timestamps", is_flag=True, help="Ask for a timestamp of a trusted authority.")
@click.option("--allow-http-registry", is_flag=True, help="Speak plain HTTP to the registries named.")
@click.option(
    "--registry-cacert", type=click.Path(path_type=Path), metavar="FILE", help="PEM of further CAs."
)
@click.option(
    "-t",
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="For each image.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def verify(images: tuple[str, ...], output: str, timeout: float, **flags: Any) -> None:
    """Verify that every IMAGE is signed by the identity you name.

    IMAGE is a tag or a digest. Both an identity and its issuer are required. Loopback registries are spoken to
    in plain HTTP unless --registry-cacert is given.
    """
    options = _Options(**flags)
    policy = _policy(options)
    subjects = [Subject.parse(image) for image in images]
    with assemble(
        trust=_trust(options.trusted_root),
        policies=StaticPolicyProvider((policy,)),
        plain_http=_plain_http([subject.reference for subject in subjects], options),
        ca_file=options.registry_cacert,
        furthest=Reach.RESTRICTED,  # the command line goes where its user typed
    ) as verifier:
        results, seconds = [], []
        for subject in subjects:
            started = time.monotonic()
            results.append(verifier.validate(subject, Budget(timeout)))
            seconds.append(time.monotonic() - started)
        trust = verifier.trust_in_use()
    click.echo(render_json(results, seconds) if output == "json" else render_text(results, trust))
    sys.exit(exit_code(results))


def exit_code(results: list[ValidationResult]) -> int:
    """1 if any is refused, else 3 if any could not be checked, else 0."""
    codes = {EXIT_CODES[result.outcome] for result in results}
    return next((code for code in (1, 3) if code in codes), 0)


def _trust(trusted_root: Path | None) -> StaticTrustedMaterialProvider:
    if trusted_root is not None:
        return StaticTrustedMaterialProvider.from_file(trusted_root)
    return StaticTrustedMaterialProvider(public_good_material())


def _policy(options: _Options) -> Policy:
    identity = CertificateIdentity(
        subject_alternative_name=_match(
            "--certificate-identity", options.certificate_identity, options.certificate_identity_regexp
        ),
        issuer=_match(
            "--certificate-oidc-issuer",
            options.certificate_oidc_issuer,
            options.certificate_oidc_issuer_regexp,
        ),
    )
    return Policy(
        name="command-line",
        scopes=(Scope.parse("*"),),
        certificate_identities=(identity,),
        verifier_config=VerifierConfig(
            require_tlog_entries=not options.insecure_ignore_tlog,
            require_scts=not options.insecure_ignore_sct,
            require_signed_timestamps=options.use_signed_timestamps,
        ),
        source="command line",
    )


def _match(flag: str, value: str | None, pattern: str | None) -> StringMatch:
    if bool(value) == bool(pattern):
        raise ConfigurationError(
            f"give exactly one of {flag} and {flag}-regexp",
            remedy="Both identity and issuer are needed: a signature alone only says that somebody signed.",
        )
    return StringMatch(value=value or "", regexp=pattern or "")


def _plain_http(references: list[Reference], options: _Options) -> frozenset[str]:
    """The registries spoken to without TLS: those on this machine, and with the flag all that were named."""
    registries = {reference.registry for reference in references}
    if options.allow_http_registry:
        return frozenset(registries)
    if options.registry_cacert:
        return frozenset()
    return frozenset(registry for registry in registries if _is_loopback(registry))


def _is_loopback(registry: str) -> bool:
    host = registry.rpartition(":")[0] if not registry.endswith("]") and ":" in registry else registry
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
