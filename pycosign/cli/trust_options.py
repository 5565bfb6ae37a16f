"""What signatures are held against: a trusted root from a file, from cosign's variables or from the sigstore
package; and a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from providers.identity import CertificateIdentity
from providers.pem import trusted_root_from_pem
from providers.static import StaticTrustedMaterialProvider
from providers.trust import TrustedKey, TrustedMaterial
from providers.verifier_config import VerifierConfig
from verifier.app import public_good_material
from verifier.printable import printable

from .arguments import NamedPath

# cosign's variables (cosign env), and the part of a trusted root that each brings.
VARIABLES = {
    "SIGSTORE_ROOT_FILE": "fulcio",
    "SIGSTORE_REKOR_PUBLIC_KEY": "rekor",
    "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": "ctlog",
    "SIGSTORE_TSA_CERTIFICATE_FILE": "tsa",
}


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """The flag, as click hands it over."""

    trusted_root: Path | None


TRUST_OPTIONS = (
    click.option(
        "--trusted-root",
        type=NamedPath(),
        metavar="FILE",
        help="A trusted_root.json. Default: what SIGSTORE_ROOT_FILE, SIGSTORE_REKOR_PUBLIC_KEY,"
        " SIGSTORE_CT_LOG_PUBLIC_KEY_FILE and SIGSTORE_TSA_CERTIFICATE_FILE name, or else the public-good root"
        " that the sigstore package brings.",
    ),
)


def trust_of(
    options: TrustOptions,
    signer: TrustedKey | CertificateIdentity,
    config: VerifierConfig,
    environment: Mapping[str, str],
) -> StaticTrustedMaterialProvider:
    """What is trusted. Only a key of which no evidence is asked but itself goes without a trusted root.

    Raises:
        ConfigurationError: a file cannot be read, or holds something else.
    """
    keys = (signer,) if isinstance(signer, TrustedKey) else ()
    named = variables_in(environment)
    if options.trusted_root is not None:
        if named:
            click.echo(
                f"--trusted-root {printable(str(options.trusted_root))} is used; {', '.join(named)} in the"
                " environment is not.",
                err=True,
            )
        return StaticTrustedMaterialProvider.from_files(options.trusted_root, keys)
    if keys and not (config.require_tlog_entries or config.proof_of_time):
        return StaticTrustedMaterialProvider.from_files(None, keys)
    if named:
        return StaticTrustedMaterialProvider(_from_pem(named, keys))
    return StaticTrustedMaterialProvider(_public_good(keys))


def variables_in(environment: Mapping[str, str]) -> dict[str, Path]:
    """Those of cosign's variables that are set, and the file each names."""
    return {name: Path(environment[name]) for name in VARIABLES if environment.get(name)}


def _from_pem(named: Mapping[str, Path], keys: tuple[TrustedKey, ...]) -> TrustedMaterial:
    root = trusted_root_from_pem(**{VARIABLES[name]: path for name, path in named.items()})
    sources = [f"{name}:{path}" for name, path in named.items()] + [f"key:{key.name}" for key in keys]
    return TrustedMaterial.of(", ".join(sources), root, datetime.now(UTC), keys)


def _public_good(keys: tuple[TrustedKey, ...]) -> TrustedMaterial:
    found = public_good_material()
    if not keys:
        return found
    source = ", ".join([found.source, *(f"key:{key.name}" for key in keys)])
    return TrustedMaterial.of(source, found.trusted_root, found.loaded_at, keys)
