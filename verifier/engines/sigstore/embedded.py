"""The trusted root of the public-good instance that the sigstore package brings."""

from __future__ import annotations

from importlib import metadata

from sigstore._internal.tuf import DEFAULT_TUF_URL
from sigstore._utils import read_embedded


def embedded_root() -> tuple[str, bytes]:
    """Its name, for people, and its JSON. It is as old as the installed package."""
    version = metadata.version("sigstore")
    return f"public-good root embedded in sigstore {version}", read_embedded(
        "trusted_root.json", DEFAULT_TUF_URL
    )
