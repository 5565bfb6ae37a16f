"""The one table from ``type:`` to a provider. Nothing else names the concrete classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .document import Document
from .interfaces import PolicyProvider, TrustedMaterialProvider
from .spec import Location, Spec, StaticPolicySpec, StaticTrustSpec, to_policy
from .static import StaticPolicyProvider, StaticTrustedMaterialProvider


def _static_trust(spec: StaticTrustSpec, document: Document, location: Location) -> TrustedMaterialProvider:
    path = Path(document.file).parent / spec.trusted_root
    with document.at((*location, "trustedRoot")):
        return StaticTrustedMaterialProvider.from_file(path)


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


def policy_provider(spec: StaticPolicySpec, document: Document, location: Location) -> PolicyProvider:
    """The provider that ``spec``, standing at ``location`` of ``document``, describes.

    Raises:
        ConfigurationError: with file and line.
    """
    provider: PolicyProvider = POLICY_PROVIDERS[type(spec)](spec, document, location)
    return provider
