"""Who a certificate speaks for, and how Fulcio writes it into the certificate.

The object identifiers and their encodings are those of Fulcio's docs/oid-info.md: .1 to .6 hold raw text,
.8 and above a DER UTF8String.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from asn1crypto.core import UTF8String  # type: ignore[import-untyped]  # it ships no types
from cryptography import x509

from .errors import LabError
from .names import GITHUB_ISSUER

_ARC = "1.3.6.1.4.1.57264.1"
_LAST_RAW = 6

# Claim names as sigstore-go's certificate.Extensions writes them in JSON.
CLAIMS: dict[str, int] = {
    "githubWorkflowTrigger": 2,
    "githubWorkflowSHA": 3,
    "githubWorkflowName": 4,
    "githubWorkflowRepository": 5,
    "githubWorkflowRef": 6,
    "buildSignerURI": 9,
    "buildSignerDigest": 10,
    "runnerEnvironment": 11,
    "sourceRepositoryURI": 12,
    "sourceRepositoryDigest": 13,
    "sourceRepositoryRef": 14,
    "sourceRepositoryIdentifier": 15,
    "sourceRepositoryOwnerURI": 16,
    "sourceRepositoryOwnerIdentifier": 17,
    "buildConfigURI": 18,
    "buildConfigDigest": 19,
    "buildTrigger": 20,
    "runInvocationURI": 21,
    "sourceRepositoryVisibilityAtSigning": 22,
}

_EMAIL = re.compile(r"[^@/:\s]+@[^@/:\s]+")


@dataclass(frozen=True, slots=True)
class Identity:
    """The subject alternative name, the issuer and the claims of a certificate."""

    name: str
    issuer: str
    claims: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, name: str, issuer: str, claims: Mapping[str, str] | None = None) -> Identity:
        """An identity with claims by name (the keys of CLAIMS). Raises LabError for an unknown claim."""
        given = dict(claims or {})
        if unknown := sorted(given.keys() - CLAIMS.keys()):
            raise LabError(f"unknown certificate claims: {', '.join(unknown)}")
        return cls(name, issuer, tuple(sorted(given.items(), key=lambda claim: CLAIMS[claim[0]])))

    def alternative_name(self) -> x509.GeneralName:
        """An address as rfc822Name, everything else as a URI. Raises LabError."""
        try:
            if _EMAIL.fullmatch(self.name):
                return x509.RFC822Name(self.name)
            return x509.UniformResourceIdentifier(self.name)
        except ValueError as error:
            raise LabError(f"{self.name!r} cannot stand in a certificate: {error}") from error

    def extensions(self) -> tuple[x509.UnrecognizedExtension, ...]:
        """Fulcio's extensions: the issuer in both forms, then the claims."""
        numbered = [(1, self.issuer), *((CLAIMS[name], value) for name, value in self.claims)]
        numbered.append((8, self.issuer))
        return tuple(_extension(number, value) for number, value in sorted(numbered))


def _extension(number: int, value: str) -> x509.UnrecognizedExtension:
    data = value.encode() if number <= _LAST_RAW else bytes(UTF8String(value).dump())
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{_ARC}.{number}"), data)


def github_identity(token: Mapping[str, object]) -> Identity:
    """The identity Fulcio derives from a GitHub Actions token (fulcio pkg/identity/github).

    Raises LabError when one of the claims it needs is missing.
    """

    def claim(name: str) -> str:
        value = token.get(name)
        if not isinstance(value, str):
            raise LabError(f"a GitHub token needs the claim {name}")
        return value

    forge = "https://github.com"
    workflow = f"{forge}/{claim('job_workflow_ref')}"
    run = f"{forge}/{claim('repository')}/actions/runs/{claim('run_id')}/attempts/{claim('run_attempt')}"
    claims = {
        "githubWorkflowTrigger": claim("event_name"),
        "githubWorkflowSHA": claim("sha"),
        "githubWorkflowName": claim("workflow"),
        "githubWorkflowRepository": claim("repository"),
        "githubWorkflowRef": claim("ref"),
        "buildSignerURI": workflow,
        "buildSignerDigest": claim("job_workflow_sha"),
        "runnerEnvironment": claim("runner_environment"),
        "sourceRepositoryURI": f"{forge}/{claim('repository')}",
        "sourceRepositoryDigest": claim("sha"),
        "sourceRepositoryRef": claim("ref"),
        "sourceRepositoryIdentifier": claim("repository_id"),
        "sourceRepositoryOwnerURI": f"{forge}/{claim('repository_owner')}",
        "sourceRepositoryOwnerIdentifier": claim("repository_owner_id"),
        "buildConfigURI": f"{forge}/{claim('workflow_ref')}",
        "buildConfigDigest": claim("workflow_sha"),
        "buildTrigger": claim("event_name"),
        "runInvocationURI": run,
        "sourceRepositoryVisibilityAtSigning": claim("repository_visibility"),
    }
    return Identity.of(workflow, GITHUB_ISSUER, claims)
