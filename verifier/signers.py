"""Who signed, under a policy: one of those whom an authority names, and none of those whom the operator denies."""

from __future__ import annotations

from collections.abc import Iterable

from providers.authority import Authority
from providers.identity import CertificateIdentity
from providers.reasons import ReasonCode
from providers.requirement import DenyList

from .facts import CertificateSummary, Check, CheckStatus, KeyName, SignatureFacts
from .printable import printable

# More identities, keys or annotations than this do not help a reader.
_SHOWN = 3


def named_signer(
    facts: SignatureFacts, authority: Authority
) -> tuple[CertificateIdentity | None, tuple[KeyName, ...], Check]:
    """Whom of ``authority`` the signature is by: an identity, or a key, under each of its names there; and the
    check that says so.
    """
    if authority.keys:
        keys = tuple(key for key in facts.key_names if key.name in authority.keys)
        return None, keys, _key(facts, keys, authority)
    identity, check = _identity(facts.certificate, authority)
    return identity, (), check


def _key(facts: SignatureFacts, named: tuple[KeyName, ...], authority: Authority) -> Check:
    """Whether one of the policy's keys made it."""
    if named:
        return Check.passed("identity", f"made with key {some((key.name for key in named), ', ')}")
    if facts.certificate is not None:
        who = f"the certificate of {facts.certificate.subject_alternative_name} by {facts.certificate.issuer}"
    else:
        who = f"key {some((key.name for key in facts.key_names), ', ')}"
    text = f"made with {printable(who, 250)}; the policy asks for key {some(authority.keys, ' or ')}"
    return Check.failed("identity", text, ReasonCode.SIGNATURE_INVALID)


def _identity(
    certificate: CertificateSummary | None, authority: Authority
) -> tuple[CertificateIdentity | None, Check]:
    """Whether the certificate names one of the policy's identities, and which."""
    if certificate is None:
        text = "signed with a key; the policy asks for a certificate that names an identity"
        return None, Check.failed("identity", text, ReasonCode.NO_CERTIFICATE)
    if authority.unsafe_ignore_identities:
        text = "the policy sets unsafeIgnoreIdentities: any signer passes"
        return None, Check("identity", CheckStatus.SKIPPED, text)
    found = printable(f"{certificate.subject_alternative_name} by {certificate.issuer}")
    for identity in authority.certificate_identities:
        if _names(certificate, identity):
            return identity, Check.passed("identity", found)
    # Bounded part by part: what a stranger wrote must not push out what was expected.
    evidence = f"signed by {found}; expected {_expected(authority)}"
    return None, Check("identity", CheckStatus.FAIL, evidence, ReasonCode.IDENTITY_MISMATCH)


def _expected(authority: Authority) -> str:
    identities = authority.certificate_identities
    patterns = any(
        match.regexp
        for identity in identities
        for match in (identity.subject_alternative_name, identity.issuer)
    )
    return some(map(str, identities), "; or ") + (" (patterns match the whole text)" if patterns else "")


def _names(certificate: CertificateSummary, identity: CertificateIdentity) -> bool:
    return (
        identity.subject_alternative_name.matches(certificate.subject_alternative_name)
        and identity.issuer.matches(certificate.issuer)
        and all(expected.matches(certificate.claim(name)) for name, expected in identity.claims)
    )


def denied_signer(facts: SignatureFacts, denied: DenyList) -> list[Check]:
    """A signer on the list never counts, whoever else would take the signature; a key goes by all its names."""
    if not (denied.identities or denied.keys):
        return []
    listed = not {*facts.known_as, *(key.name for key in facts.key_names)}.isdisjoint(denied.keys)
    certificate = facts.certificate
    if certificate is not None:
        listed = listed or any(_may_name(certificate, identity) for identity in denied.identities)
    if listed:
        return [Check.failed("deny-list", "the operator has denied this signer", ReasonCode.DENY_LISTED)]
    return [Check.passed("deny-list", "the signer is not on it")]


def _may_name(certificate: CertificateSummary, denied: CertificateIdentity) -> bool:
    """As ``_names``, but that a pattern for anything also means nothing: a certificate without an issuer, say."""
    return (
        denied.subject_alternative_name.covers(certificate.subject_alternative_name)
        and denied.issuer.covers(certificate.issuer)
        and all(expected.covers(certificate.claim(name)) for name, expected in denied.claims)
    )


def some(texts: Iterable[str], between: str) -> str:
    """The first few of ``texts``, and how many there are besides."""
    listed = list(texts)
    more = f"{between}{len(listed) - _SHOWN} others" if len(listed) > _SHOWN else ""
    return between.join(listed[:_SHOWN]) + more
