"""The names the lab gives itself. Each one says that it is not a real Sigstore."""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.x509.oid import NameOID

from .errors import LabError

ORGANIZATION = "pycosign lab (NOT A REAL SIGSTORE)"
WARNING = (
    "WARNING: this is the pycosign lab, NOT A REAL SIGSTORE. It certifies every identity it is asked for "
    "and its keys live in this process only. Never trust its root outside a test."
)
# ".test" is reserved for this purpose (RFC 6761 s6.2): no real service can have such a name.
DOMAIN = "not-a-real-sigstore.test"
DEFAULT_IDENTITY = "https://ci.lab.test/wf@refs/heads/main"
DEFAULT_ISSUER = "https://oidc.lab.test"
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
AUDIENCE = "sigstore"

_LAB_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?")


def checked_lab_name(name: str) -> str:
    """The name, which must be a host label of at most 20 characters: it becomes part of host names and of
    X.509 common names (64 characters at most, RFC 5280 appendix A.1).
    """
    if not _LAB_NAME.fullmatch(name):
        raise LabError(f"a lab's name is a host label of at most 20 characters, not {name!r}")
    return name


def host(service: str, lab_name: str) -> str:
    """The host name under which a service appears in the trusted root and in its own signatures."""
    return f"{service}.{lab_name}.{DOMAIN}"


def subject(role: str, lab_name: str) -> x509.Name:
    """The X.509 name of one of the lab's authorities."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{lab_name} {role} NOT A REAL SIGSTORE"),
        ]
    )
