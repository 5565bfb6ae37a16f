"""Options that say who must have signed: a key, or an identity with whoever vouches for it. One of the two."""

from __future__ import annotations

from dataclasses import dataclass

import click

from providers.errors import ConfigurationError
from providers.identity import CertificateIdentity, StringMatch
from providers.trust import HASHES, TrustedKey

from .arguments import NamedText
from .key_file import read_key


@dataclass(frozen=True, slots=True)
class SignerOptions:
    """The flags, as click hands them over."""

    key: str | None
    signature_digest_algorithm: str | None
    certificate_identity: str | None
    certificate_identity_regexp: str | None
    certificate_oidc_issuer: str | None
    certificate_oidc_issuer_regexp: str | None
    certificate_github_workflow_name: str | None
    certificate_github_workflow_ref: str | None
    certificate_github_workflow_repository: str | None
    certificate_github_workflow_sha: str | None
    certificate_github_workflow_trigger: str | None


SIGNER_OPTIONS = (
    click.option(
        "--key",
        type=NamedText(),
        metavar="FILE",
        help="The public key that must have signed: a file, or env://VARIABLE.",
    ),
    click.option("--signature-digest-algorithm", type=click.Choice(HASHES), hidden=True),
    click.option(
        "--certificate-identity",
        type=NamedText(),
        metavar="SAN",
        help="The signer's identity: a URI or an e-mail address.",
    ),
    click.option(
        "--certificate-identity-regexp",
        type=NamedText(),
        metavar="RE2",
        help="A pattern for the whole identity.",
    ),
    click.option(
        "--certificate-oidc-issuer", type=NamedText(), metavar="URL", help="Who vouches for the identity."
    ),
    click.option(
        "--certificate-oidc-issuer-regexp",
        type=NamedText(),
        metavar="RE2",
        help="A pattern for the whole issuer.",
    ),
    *(
        click.option(
            f"--certificate-github-workflow-{part}",
            type=NamedText(),
            metavar=part.upper(),
            help=f"The {words} that the certificate must state besides.",
        )
        for part, words in {
            "name": "name of the GitHub workflow",
            "ref": "git ref of the GitHub workflow",
            "repository": "repository of the GitHub workflow (owner/name)",
            "sha": "commit of the GitHub workflow",
            "trigger": "event that started the GitHub workflow",
        }.items()
    ),
)

# Flag of cosign -> claim of a certificate, by sigstore-go's name.
_CLAIMS = {
    "certificate_github_workflow_name": "githubWorkflowName",
    "certificate_github_workflow_ref": "githubWorkflowRef",
    "certificate_github_workflow_repository": "githubWorkflowRepository",
    "certificate_github_workflow_sha": "githubWorkflowSHA",
    "certificate_github_workflow_trigger": "githubWorkflowTrigger",
}
_BOTH_NEEDED = "Both identity and issuer are needed: a signature alone only says that somebody signed."


def signer_of(options: SignerOptions) -> TrustedKey | CertificateIdentity:
    """Who must have signed.

    Raises:
        click.UsageError: nobody is named, or two are.
        ConfigurationError: the key cannot be read, or a pattern is none.
    """
    of_certificates = [
        flag_of(name)
        for name in SignerOptions.__dataclass_fields__
        if name.startswith("certificate_") and getattr(options, name) is not None
    ]
    if options.key is not None:
        if of_certificates:
            raise click.UsageError(
                f"--key and {of_certificates[0]} exclude each other: a signature is made with a key, or with a"
                " certificate that names an identity."
            )
        return read_key(options.key, options.signature_digest_algorithm or "")
    if not of_certificates:
        raise click.UsageError(
            "Say who must have signed: --key FILE; or --certificate-identity SAN with --certificate-oidc-issuer"
            " URL (each also as a pattern: --certificate-identity-regexp, --certificate-oidc-issuer-regexp)."
        )
    if options.signature_digest_algorithm is not None:
        raise click.UsageError(
            "--signature-digest-algorithm is for --key; a certificate's key decides itself."
        )
    return _identity(options)


def flag_of(name: str) -> str:
    """The flag behind a field of an options class."""
    return f"--{name.replace('_', '-')}"


def _identity(options: SignerOptions) -> CertificateIdentity:
    return CertificateIdentity(
        subject_alternative_name=_match(
            "--certificate-identity", options.certificate_identity, options.certificate_identity_regexp
        ),
        issuer=_match(
            "--certificate-oidc-issuer",
            options.certificate_oidc_issuer,
            options.certificate_oidc_issuer_regexp,
        ),
        claims=tuple(
            (claim, StringMatch(value=value))
            for name, claim in _CLAIMS.items()
            if (value := getattr(options, name)) is not None
        ),
    )


def _match(flag: str, value: str | None, pattern: str | None) -> StringMatch:
    if (value is None) == (pattern is None):
        raise click.UsageError(f"Give exactly one of {flag} and {flag}-regexp. {_BOTH_NEEDED}")
    try:
        return StringMatch(value=value or "", regexp=pattern or "")
    except ConfigurationError as error:
        raise ConfigurationError(f"{flag}-regexp: {error.problem}", remedy=error.remedy) from error
