"""The path from the signing certificate to a trusted certificate authority."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.x509 import Certificate, ExtendedKeyUsage
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, VerificationError

from providers.reasons import ReasonCode

from ...facts import Window
from ..evidence import refusal
from .faults import UNREADABLE
from .material import Authority, Material

# The client verifier of cryptography asks for the purpose clientAuth. Fulcio's certificates are for codeSigning,
# which certificate.check_profile asks of the leaf and issuers.check_issuers of all above it; all other default
# policies stay.
_CA_POLICY = ExtensionPolicy.webpki_defaults_ca().may_be_present(ExtendedKeyUsage, Criticality.AGNOSTIC, None)
_LEAF_POLICY = ExtensionPolicy.webpki_defaults_ee().may_be_present(
    ExtendedKeyUsage, Criticality.AGNOSTIC, None
)
_BUILDER = PolicyBuilder().extension_policies(ca_policy=_CA_POLICY, ee_policy=_LEAF_POLICY)


@dataclass(frozen=True, slots=True)
class Path:
    """A proven path under one authority. ``window`` is when the authority and every certificate above the leaf, up
    to its root, were valid; ``issuer_key_hash`` is that of the key of the leaf's issuer.
    """

    authority: Authority
    window: Window
    issuer_key_hash: bytes


def find_paths(leaf: Certificate, material: Material) -> tuple[Path, ...]:
    """The path under each authority that issued ``leaf``; never empty.

    Signatures and extensions do not depend on the time, so the path is built once, at the moment the leaf
    became valid. Whether everything was valid when the signature was made is asked later, of ``Path.window``.

    Raises:
        VerificationError: ``chain-untrusted``.
    """
    found, last = [], "no authority of the trusted root has that name"
    issuer = leaf.issuer
    for authority in material.authorities:
        if issuer not in authority.names:
            continue
        verifier = _BUILDER.time(leaf.not_valid_before_utc).store(authority.store).build_client_verifier()
        try:
            chain = verifier.verify(leaf, []).chain
        except (VerificationError, *UNREADABLE) as error:
            last = str(error)
            continue
        if len(chain) > 1:  # one: the leaf is itself an anchor
            found.append(_path(authority, chain[1]))
    if not found:
        raise refusal(
            ReasonCode.CHAIN_UNTRUSTED,
            f"no trusted authority issued the certificate; it says {issuer.rfc4514_string()}: {last}",
        )
    return tuple(found)


def _path(authority: Authority, issuer: Certificate) -> Path:
    """From ``issuer`` upwards; the root was not compiled before each was found to be issued by the next, and to
    allow it (``issuers``).
    """
    place = authority.chain.index(issuer)
    return Path(authority, authority.windows[place], authority.key_hashes[place])
