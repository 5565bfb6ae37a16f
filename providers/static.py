"""Providers that answer from values given at construction: for tests, for the command line, for one file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from .bounded_file import read_bounded
from .descriptor import Descriptor
from .errors import ConfigurationError
from .policy import Policy, select
from .subject import Subject
from .trust import TrustedKey, TrustedMaterial

# The public-good root is 7 kB; a root with hundreds of instances stays below this.
_MAX_TRUSTED_ROOT = 4 << 20
# More names than this do not help a reader.
_SHOWN = 3


class StaticTrustedMaterialProvider:
    """One trusted material for every question."""

    def __init__(self, material: TrustedMaterial) -> None:
        self._material = material

    @classmethod
    def from_files(
        cls, trusted_root: Path | None, keys: tuple[TrustedKey, ...] = ()
    ) -> StaticTrustedMaterialProvider:
        """Read ``trusted_root``, if there is one, once. Whether what is trusted parses is for the engines to say,
        at start-up.

        Raises:
            ConfigurationError: the file cannot be read, is empty or is too large; nothing is given.
        """
        content, sources = b"", _names(keys)
        if trusted_root is not None:
            content = read_bounded(
                trusted_root,
                _MAX_TRUSTED_ROOT,
                remedy="Name a trusted_root.json, for example one made by 'cosign trusted-root create'.",
            )
            sources.insert(0, f"trusted-root:{trusted_root}")
        return cls(TrustedMaterial.of(", ".join(sources) or "static", content, datetime.now(UTC), keys))

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """The one there is."""
        del subject, artifact_descriptor, key_hint
        return self._material

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """The one there is."""
        return (self._material,)


def _names(keys: tuple[TrustedKey, ...]) -> list[str]:
    """What ``keys`` are called, the first few by name: this goes into messages."""
    names = list(dict.fromkeys(key.name for key in keys))
    more = [f"{len(names) - _SHOWN} other keys"] if len(names) > _SHOWN else []
    return [f"key:{name}" for name in names[:_SHOWN]] + more


class StaticPolicyProvider:
    """A fixed list of policies. Their revision is the digest of what they say, wherever it was written."""

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        names = [policy.name for policy in policies]
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(
                    f"two policies are named {name!r}", remedy="Names appear in verdicts and must differ."
                )
        content = repr([replace(policy, source="", revision="") for policy in policies])
        self._revision = "sha256:" + hashlib.sha256(content.encode()).hexdigest()
        self._policies = tuple(replace(policy, revision=self._revision) for policy in policies)

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        """Those whose scopes, namespaces and operations match; see ``policy.select``."""
        del descriptor  # nothing in these policies depends on it
        return select(self._policies, subject)

    @property
    def revision(self) -> str:
        """The digest of all policies, which each of them carries too."""
        return self._revision
