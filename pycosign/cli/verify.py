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

from .arguments import Duration, NamedPath
from .render import advice, render_json, render_text, trusted


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


EXIT_CODES_TOLD = (
    "Exit codes: 0 all are allowed, 1 one is refused, 2 usage or malformed input, 3 one could not be checked,"
    " 130 interrupted."
)
EXIT_CODES = {Outcome.ALLOWED: 0, Outcome.REFUSED: 1, Outcome.COULD_NOT_CHECK: 3}

# Flags that weaken a check, and what they let pass.
_DANGERS = {
    "insecure_ignore_sct": "no proof of certificate transparency is asked for: a certificate that was issued in"
    " secret passes.",
    "insecure_ignore_tlog": "no entry in a transparency log is asked for: a signature that its owner could never"
    " have noticed passes.",
    "allow_http_registry": "registries are spoken to in plain HTTP: whoever is on the way can choose what a tag"
    " means, hide signatures and read along.",
}


@click.command(epilog=EXIT_CODES_TOLD)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--certificate-identity", metavar="SAN", help="The signer's identity: a URI or an e-mail address."
)
@click.option("--certificate-identity-regexp", metavar="RE2", help="A pattern for the whole identity.")
@click.option("--certificate-oidc-issuer", metavar="URL", help="Who vouches for the identity.")
@click.option("--certificate-oidc-issuer-regexp", metavar="RE2", help="A pattern for the whole issuer.")
@click.option(
    "--trusted-root",
    type=NamedPath(),
    metavar="FILE",
    help="A trusted_root.json. Default: the public-good root that the sigstore package brings.",
)
@click.option("--insecure-ignore-sct", is_flag=True, help="Do not ask for proof of certificate transparency.")
@click.option("--insecure-ignore-tlog", is_flag=True, help="Do not ask for a transparency log entry.")
@click.option("--use-signed-timestamps", is_flag=True, help="Ask for a timestamp of a trusted authority.")
@click.option("--allow-http-registry", is_flag=True, help="Speak plain HTTP to the registries named.")
@click.option("--registry-cacert", type=NamedPath(), metavar="FILE", help="PEM of further CAs.")
@click.option(
    "-t",
    "--timeout",
    type=Duration(0.1, 3600),
    default="60s",
    show_default=True,
    metavar="DURATION",
    help="For each image: 90s, 3m, 1m30s, 500ms, or plain seconds.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def verify(images: tuple[str, ...], output: str, timeout: float, **flags: Any) -> None:
    """Verify that every IMAGE is signed by the identity you name.

    IMAGE is a tag or a digest. Both an identity and its issuer are required. Loopback registries are spoken to
    in plain HTTP unless --registry-cacert is given.
    """
    options = _Options(**flags)
    policy = _policy(options)
    _warn_of_dangers(options)
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
    if output == "json":
        click.echo(render_json(results, seconds))
        click.echo("\n".join([*trusted(trust), *advice(results, trust)]), err=True)
    else:
        click.echo("\n".join([render_text(results, trust), *advice(results, trust)]))
    sys.exit(exit_code(results))


def exit_code(results: list[ValidationResult]) -> int:
    """1 if any is refused, else 3 if any could not be checked, else 0. Of nothing, nothing was found out: 3."""
    codes = {EXIT_CODES[result.outcome] for result in results} or {EXIT_CODES[Outcome.COULD_NOT_CHECK]}
    return next((code for code in (1, 3) if code in codes), 0)


def _warn_of_dangers(options: _Options) -> None:
    """On stderr, where a log of CI keeps it, whatever form the verdict is printed in."""
    for name, danger in _DANGERS.items():
        if getattr(options, name):
            click.echo(f"WARNING: --{name.replace('_', '-')}: {danger}", err=True)


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
    try:
        return StringMatch(value=value or "", regexp=pattern or "")
    except ConfigurationError as error:
        raise ConfigurationError(f"{flag}-regexp: {error.problem}", remedy=error.remedy) from error


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
