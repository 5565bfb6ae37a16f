"""The short names of predicate types (cosign ``pkg/cosign/attestation``, ``--type``)."""

from __future__ import annotations

from .errors import ConfigurationError

# What `cosign sign` has written since version 3. It makes a statement a signature, and no attestation.
COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"

PREDICATE_TYPES = {
    "slsaprovenance": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance1": "https://slsa.dev/provenance/v1",
    "spdx": "https://spdx.dev/Document",
    "spdxjson": "https://spdx.dev/Document",
    "cyclonedx": "https://cyclonedx.org/bom",
    "link": "https://in-toto.io/Link/v1",
    "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
    "openvex": "https://openvex.dev/ns",
    "custom": "https://cosign.sigstore.dev/attestation/v1",
}


def predicate_type_of(text: str) -> str:
    """The URI that ``text``, a short name or a URI, stands for.

    Raises:
        ConfigurationError: it is neither.
    """
    if text in PREDICATE_TYPES:
        return PREDICATE_TYPES[text]
    if ":" not in text or not text.isprintable() or " " in text:
        raise ConfigurationError(
            f"not a predicate type: {text[:100]!r}",
            remedy=f"Write a URI, or one of {', '.join(PREDICATE_TYPES)}.",
        )
    return text
