"""Which manifests of an image with several platforms must satisfy a policy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from .errors import ConfigurationError

_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?")


class Coverage(StrEnum):
    """What must be signed of an image index: itself, every platform's manifest, or the listed platforms'."""

    INDEX = "index"
    EVERY = "every"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class Platforms:
    """What a policy asks of an image index. An image that is no index is judged itself in any case.

    ``listed`` are ``os/architecture`` or ``os/architecture/variant``, as image-spec ``image-index.md`` names them.
    """

    coverage: Coverage = Coverage.INDEX
    listed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.listed) != (self.coverage is Coverage.LISTED):
            raise ConfigurationError(
                "platforms are listed exactly when coverage says so",
                remedy="Write 'index', 'every', or a list of platforms such as linux/amd64.",
            )
        for platform in self.listed:
            if not _PLATFORM.fullmatch(platform):
                raise ConfigurationError(
                    f"not a platform: {platform[:100]!r}",
                    remedy="Write os/architecture, such as linux/amd64.",
                )
