"""Where public keys come from: a file, a folder, the environment, a cloud's key management.

A source holds places, each with one key. A place that cannot be read says why, and takes nothing from the others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from .bounded_file import read_bounded
from .errors import ConfigurationError, PycosignError, UnavailableError
from .folder import FolderLimits, read_folder
from .kms import KmsKey
from .trust import MAX_KEY_FILE, MAX_KEYS, TrustedKey

_FOLDER = FolderLimits(files=MAX_KEYS, file_bytes=MAX_KEY_FILE, all_bytes=4 << 20)
KEY_SUFFIXES = (".pub", ".pem")

# What each place holds, or why that cannot be said.
Places = Mapping[str, TrustedKey | PycosignError]


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """On which terms a key is trusted: see ``TrustedKey``."""

    name: str
    hash: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def key(self, content: bytes, used_with: str = "") -> TrustedKey:
        """``content`` on these terms. ``used_with`` is the hash function where the terms name none.

        Raises:
            ConfigurationError: a term is malformed.
        """
        return TrustedKey(self.name, content, self.hash or used_with, self.valid_from, self.valid_until)


class KeySource(Protocol):
    """Somewhere that keys are read from."""

    @property
    def origin(self) -> str:
        """What people call it."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The names its keys go by, as far as that is known without reading."""
        ...

    def read(self) -> Places:
        """What is there now.

        Raises:
            PycosignError: not even what places there are can be said.
        """
        ...

    def close(self) -> None:
        """Let go of what is kept from one reading to the next."""
        ...


@dataclass(frozen=True, slots=True)
class InlineKey:
    """A key that stands in the configuration."""

    key: TrustedKey

    @property
    def origin(self) -> str:
        """The name of the key."""
        return f"key:{self.key.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the one key."""
        return (self.key.name,)

    def read(self) -> Places:
        """The one key."""
        return {"": self.key}

    def close(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key in a file."""

    path: Path
    terms: KeyTerms

    @property
    def origin(self) -> str:
        """The path."""
        return f"key:{self.path}"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the one key."""
        return (self.terms.name,)

    def read(self) -> Places:
        """Read the file."""
        try:
            return {
                "": self.terms.key(read_bounded(self.path, MAX_KEY_FILE, remedy="Name a public key in PEM."))
            }
        except ConfigurationError as error:
            return {"": error}

    def close(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class KeyVariable:
    """A key in an environment variable."""

    variable: str
    terms: KeyTerms

    @property
    def origin(self) -> str:
        """The name of the variable."""
        return f"key:env:{self.variable}"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the one key."""
        return (self.terms.name,)

    def read(self) -> Places:
        """Read the variable."""
        content = os.environ.get(self.variable, "")
        if content:
            return {"": self.terms.key(content.encode("utf-8", "surrogateescape"))}
        return {
            "": ConfigurationError(
                f"the environment variable {self.variable} is not set, or empty",
                remedy="It holds a public key in PEM.",
            )
        }

    def close(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """Each ``*.pub`` and ``*.pem`` in a folder is one key, called as the file without its suffix: ``release.pub``
    and ``release.pem`` are two keys of one name, as while one replaces the other.
    """

    path: Path
    hash: str = ""

    @property
    def origin(self) -> str:
        """The path."""
        return f"keys:{self.path}"

    @property
    def names(self) -> tuple[str, ...]:
        """Not known without reading."""
        return ()

    def read(self) -> Places:
        """Read every file.

        Raises:
            ConfigurationError: the folder cannot be read, or holds more than is tried.
        """
        places: dict[str, TrustedKey | PycosignError] = {}
        for name, found in read_folder(self.path, KEY_SUFFIXES, _FOLDER).items():
            try:
                if found.problem:
                    raise ConfigurationError(found.problem, file=str(self.path / name))
                places[name] = KeyTerms(Path(name).stem, self.hash).key(found.content)
            except ConfigurationError as error:
                places[name] = error
        return places

    def close(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """A key that a cloud keeps, on the operator's terms."""

    key: KmsKey
    terms: KeyTerms

    @property
    def origin(self) -> str:
        """The URI."""
        return f"key:{self.key.uri}"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the one key."""
        return (self.terms.name,)

    def read(self) -> Places:
        """Ask for it. After a failure the next attempt begins afresh: a token may have been replaced."""
        try:
            found = self.key.read()
        except UnavailableError as error:
            self.close()
            return {"": error}
        return {"": self.terms.key(found.content, found.hash)}

    def close(self) -> None:
        """Let go of connections."""
        with suppress(Exception):  # other people's code, and nothing depends on how it says goodbye
            self.key.close()
