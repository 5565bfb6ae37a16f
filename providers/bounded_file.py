"""Files that an operator names, read whole and no further than a limit."""

from __future__ import annotations

from pathlib import Path

from .errors import ConfigurationError


def read_bounded(path: Path, limit: int, *, remedy: str) -> bytes:
    """The content of an operator's file, 1 to ``limit`` bytes.

    Raises:
        ConfigurationError: it cannot be read, is empty, or is larger.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be read: {error.strerror}", file=str(path), remedy=remedy
        ) from error
    if not content:
        raise ConfigurationError("the file is empty", file=str(path), remedy=remedy)
    if len(content) > limit:
        raise ConfigurationError(f"the file is larger than {limit} bytes", file=str(path), remedy=remedy)
    return content
