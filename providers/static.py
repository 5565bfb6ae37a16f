"""Providers that answer from values given at construction: for tests, for the command line, for one file."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from .descriptor import Descriptor
from .errors import ConfigurationError
from .policy import Policy
from .subject import Subject
from .trust import TrustedMaterial

# The public-good root is 7 kB; a root with hundreds of instances stays below this.
_MAX_TRUSTED_ROOT = 4 << 20


class StaticTrustedMaterialProvider:
    """One trusted root for every question."""

    def __init__(self, material: TrustedMaterial) -> None:
        self._material = material

    @classmethod
    def from_file(cls, path: Path, *, source: str = "") -> StaticTrustedMaterialProvider:
        """Read ``path`` once. Whether it parses is for the engine to say, at start-up.

        Raises:
            ConfigurationError: the file cannot be read, is empty or is too large.
        """
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_TRUSTED_ROOT + 1)
        except OSError as error:
            raise ConfigurationError(
                f"the trusted root cannot be read: {error.strerror}",
                file=str(path),
                remedy="Name a trusted_root.json, for example one made by 'cosign trusted-root create'.",
            ) from error
        if not content or len(content) > _MAX_TRUSTED_ROOT:
            raise ConfigurationError(
                f"the trusted root has {len(content)} bytes; 1 to {_MAX_TRUSTED_ROOT} are possible",
                file=str(path),
            )
        return cls(TrustedMaterial.of(source or f"trusted-root:{path}", content, datetime.now(UTC)))

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """The one trusted root."""
        del subject, artifact_descriptor, key_hint
        return self._material

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """The one trusted root."""
        return (self._material,)


class StaticPolicyProvider:
    """A fixed list of policies."""

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        names = [policy.name for policy in policies]
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(
                    f"two policies are named {name!r}", remedy="Names appear in verdicts and must differ."
                )
        self._policies = policies
        self._revision = "sha256:" + hashlib.sha256(repr(policies).encode()).hexdigest()

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        """Those whose scopes, namespaces and operations match."""
        return tuple(policy for policy in self._policies if policy.speaks_for(subject, descriptor))

    @property
    def revision(self) -> str:
        """The digest of all policies."""
        return self._revision
