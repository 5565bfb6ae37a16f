"""Which manifests of an image with several platforms must satisfy a policy.

Platforms are compared as those who run images compare them (containerd ``platforms/database.go``): ``x86_64`` is
``amd64``. Otherwise an index could hide a manifest from a policy by another spelling of the platform that it asks
about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from .errors import ConfigurationError

# image-spec image-index.md: the values of Go's GOOS and GOARCH, and variants like v8.
_PART = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_SYSTEMS = {"macos": "darwin"}
_ARCHITECTURES = {"i386": "386", "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}
_ARM = {"armhf": "v7", "armel": "v6"}
# What is meant where no variant is said.
_USUAL = {"amd64": "v1", "arm64": "v8", "arm": "v7"}


class Coverage(StrEnum):
    """What must be signed of an image index: itself, every platform's manifest, or the listed platforms'."""

    INDEX = "index"
    EVERY = "every"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class Platform:
    """What a manifest runs on; ``variant`` is empty where it is not said."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def of(cls, os: str, architecture: str, variant: str = "") -> Self | None:
        """Whatever the spelling; None when it is none."""
        os, architecture, variant = os.lower(), architecture.lower(), variant.lower()
        if not all(_PART.fullmatch(part) for part in (os, architecture, variant or "v")):
            return None
        if architecture in _ARM:
            architecture, variant = "arm", _ARM[architecture]
        architecture = _ARCHITECTURES.get(architecture, architecture)
        if architecture in _USUAL and variant.isdigit():
            variant = f"v{variant}"
        return cls(_SYSTEMS.get(os, os), architecture, variant)

    @classmethod
    def parse(cls, text: str) -> Self:
        """``os/architecture`` or ``os/architecture/variant``.

        Raises:
            ConfigurationError: it is neither.
        """
        parts = text.split("/")
        found = cls.of(*parts) if 2 <= len(parts) <= 3 and all(parts) else None
        if found is None or found == UNKNOWN:
            raise ConfigurationError(
                f"not a platform: {text[:100]!r}", remedy="Write os/architecture, such as linux/amd64."
            )
        return found

    def covers(self, other: Platform) -> bool:
        """Whether what runs on ``other`` may be run where this is asked for: this one says no variant, or that of
        ``other``, or nobody knows which that is.
        """
        variant = other.variant or _USUAL.get(other.architecture, "")
        same = (self.os, self.architecture) == (other.os, other.architecture)
        return same and (not self.variant or variant in {"", self.variant})

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


# How BuildKit marks what describes other manifests: nothing runs on it.
UNKNOWN = Platform("unknown", "unknown")


@dataclass(frozen=True, slots=True)
class Platforms:
    """What a policy asks of an image index. An image that is no index is judged itself in any case."""

    coverage: Coverage = Coverage.INDEX
    listed: tuple[Platform, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.listed) != (self.coverage is Coverage.LISTED):
            raise ConfigurationError(
                "platforms are listed exactly when coverage says so",
                remedy="Write 'index', 'every', or a list of platforms such as linux/amd64.",
            )
        if len(set(self.listed)) != len(self.listed):
            raise ConfigurationError("a platform is listed twice", remedy="Each needs to be there once.")
