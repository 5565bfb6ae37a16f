"""What the certificates above a signing certificate may say, checked once, when a trusted root is compiled.

At each signature the path builder goes up to the first certificate that is trusted, and every certificate of an
authority's chain is: going on to the root would cost one more P-384 operation for each step, every time. So what
the certificates of the chain say of those below them would go unheard. It does not change, and is heard here.

For each certificate, from the one that issues signing certificates upwards:

1. basicConstraints say that it is an authority (RFC 5280 4.2.1.9, 6.1.4 (k)).
2. pathLenConstraint allows the authorities below it; those issued to themselves do not count (6.1.4 (l), (m)).
3. keyUsage, where there is one, has keyCertSign (4.2.1.3, 6.1.4 (n)).
4. extendedKeyUsage, where there is one, holds the purpose or anyExtendedKeyUsage. RFC 5280 4.2.1.12 speaks of the
   certificate's own key only; Go, OpenSSL, NSS and so cosign take it in an authority for what may be issued below.
5. No extension is critical but those looked at here (4.2, 6.1.4 (o)): not policies, and not what nobody knows.
6. nameConstraints are only in the certificate that issues signing certificates, where the path builder applies
   them at each signature, and are critical: of others it skips the kinds that it does not know (4.2.1.10).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from providers.errors import ConfigurationError

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_HEARD = frozenset({
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.NAME_CONSTRAINTS,
})  # fmt: skip


def check_issuers(
    authority: str, issuers: Sequence[x509.Certificate], purpose: x509.ObjectIdentifier
) -> None:
    """Check ``issuers``, each issued by the next, the first of which issues certificates for ``purpose``.

    ``authority`` is what a person knows it by.

    Raises:
        ConfigurationError: one of them is broken or says what is not supported.
    """
    below = 0
    for place, certificate in enumerate(issuers):
        problem = _problem(certificate, below, purpose, issues_leaves=place == 0)
        if problem:
            raise ConfigurationError(
                f"authority {authority}: its certificate {certificate.subject.rfc4514_string()!r} {problem}",
                remedy="Ask who runs the authority; take it out of the trusted root, or let it be issued anew.",
            )
        below += certificate.subject != certificate.issuer


def _problem(
    certificate: x509.Certificate, below: int, purpose: x509.ObjectIdentifier, *, issues_leaves: bool
) -> str:
    """What is wrong with one of them, above ``below`` authorities; empty when nothing is."""
    extensions = certificate.extensions
    # 1
    constraints = _value(extensions, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        return "is none of an authority (basicConstraints)"
    # 2
    if constraints.path_length is not None and constraints.path_length < below:
        return f"allows {constraints.path_length} authorities below it, not {below} (pathLenConstraint)"
    # 3
    usage = _value(extensions, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        return "may not sign certificates (keyUsage lacks keyCertSign)"
    # 4
    purposes = _value(extensions, x509.ExtendedKeyUsage)
    if purposes is not None and not {purpose, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & {*purposes}:
        return f"may not issue certificates for this purpose (extendedKeyUsage lacks {purpose.dotted_string})"
    # 5
    for extension in extensions:
        if extension.critical and extension.oid not in _HEARD:
            kind = type(extension.value).__name__
            return f"has a critical extension that is not supported ({kind} {extension.oid.dotted_string})"
    # 6
    for extension in extensions:
        if extension.oid == ExtensionOID.NAME_CONSTRAINTS and not (issues_leaves and extension.critical):
            where = "that are not critical" if issues_leaves else "above the certificate that issues"
            return f"has nameConstraints {where}, which is not supported"
    return ""


def _value(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
