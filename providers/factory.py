"""The one table from ``type:`` to a provider. Nothing else names the concrete classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .authority_spec import to_config
from .document import Document
from .interfaces import PolicyProvider, TrustedMaterialProvider
from .policy_spec import StaticPolicySpec, authorities_of, keys_of, to_policy
from .spec import Location, Spec, StaticTrustSpec, to_key
from .static import StaticPolicyProvider, StaticTrustedMaterialProvider


def _static_trust(spec: StaticTrustSpec, document: Document, location: Location) -> TrustedMaterialProvider:
    folder = Path(document.file).parent
    keys = []
    for index, key in enumerate(spec.keys):
        with document.at((*location, "keys", index)):
            keys.append(to_key(key, folder))
    with document.at((*location, "trustedRoot")):
        path = folder / spec.trusted_root if spec.trusted_root else None
        return StaticTrustedMaterialProvider.from_files(path, tuple(keys))


def _static_policies(spec: StaticPolicySpec, document: Document, location: Location) -> PolicyProvider:
    policies = tuple(
        to_policy(policy, document, (*location, "policies", index))
        for index, policy in enumerate(spec.policies)
    )
    with document.at((*location, "policies")):
        return StaticPolicyProvider(policies)


_Build = Callable[[Any, Document, Location], Any]

TRUSTED_MATERIAL_PROVIDERS: dict[type[Spec], _Build] = {StaticTrustSpec: _static_trust}
POLICY_PROVIDERS: dict[type[Spec], _Build] = {StaticPolicySpec: _static_policies}


def trusted_material_provider(
    spec: StaticTrustSpec, document: Document, location: Location
) -> TrustedMaterialProvider:
    """The provider that ``spec``, standing at ``location`` of ``document``, describes.

    Raises:
        ConfigurationError: with file and line.
    """
    provider: TrustedMaterialProvider = TRUSTED_MATERIAL_PROVIDERS[type(spec)](spec, document, location)
    return provider


def check_together(
    spec: StaticPolicySpec, trust: TrustedMaterialProvider, document: Document, location: Location
) -> None:
    """Check that what the policies of ``spec``, standing at ``location`` of ``document``, ask for is among what
    ``trust`` may ever answer with: a key that is misspelt would deny everything, or on a deny list nothing, and
    nobody would know why.

    Raises:
        ConfigurationError: with file and line.
    """
    materials = trust.materials()
    known = {key.name for material in materials for key in material.keys}
    rooted = any(material.trusted_root for material in materials)
    for index, policy in enumerate(spec.policies):
        for who, name, place in keys_of(policy, (*location, "policies", index)):
            if name not in known:
                raise document.error(
                    place,
                    f"{who} key {name!r}, and no trusted key is called so",
                    f"Trusted are {', '.join(sorted(known)) or 'none'}; see trustedMaterialProvider.keys.",
                )
        if not rooted and (policy.signed_after or policy.max_age):
            raise document.error(
                (*location, "policies", index, "maxAge" if policy.max_age else "signedAfter"),
                f"{policy.name!r} asks when signatures were made, and only a trusted root can vouch for that",
                "Name a trustedRoot, or leave signedAfter and maxAge out.",
            )
        for who, authority, place in authorities_of(policy, (*location, "policies", index)):
            if not rooted and (not authority.keys or to_config(authority).needs_trusted_root):
                raise document.error(
                    place,
                    f"{who!r} asks for what only a trusted root can vouch for, and there is none",
                    "Name a trustedRoot; or, where keys are asked for, set verifierConfig.unsafeIgnoreTlog to true"
                    " and require no timestamps.",
                )


def policy_provider(spec: StaticPolicySpec, document: Document, location: Location) -> PolicyProvider:
    """The provider that ``spec``, standing at ``location`` of ``document``, describes.

    Raises:
        ConfigurationError: with file and line.
    """
    provider: PolicyProvider = POLICY_PROVIDERS[type(spec)](spec, document, location)
    return provider
