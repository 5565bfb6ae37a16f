"""Who the verifier is to a registry: credentials, and where they are looked up.

A credential belongs to one registry by its host. What it is sent to, and over what, `auth` decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from providers.bounded_file import read_bounded
from providers.errors import ConfigurationError, InvalidReferenceError, UnavailableError
from providers.reasons import ReasonCode
from providers.reference import parse_registry

from ..budget import Budget
from ..printable import printable

# A cloud's access token has 1 to 4 kB, and the header line it goes into must stay below 8 kB.
_MAX_SECRET = 5000


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name with its password; or an identity token, which a token server exchanges for others; or a token
    that the registry itself takes. Nothing of it is ever shown.
    """

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        kinds = [bool(self.username), bool(self.identity_token), bool(self.registry_token)]
        if sum(kinds) != 1 or (self.password and not self.username):
            raise ConfigurationError(
                "a credential is a user name with a password, an identity token or a registry token"
            )
        for text in (self.username, self.password, self.identity_token, self.registry_token):
            if len(text) > _MAX_SECRET or not text.isprintable():
                raise ConfigurationError(
                    f"a credential holds what does not print, or more than {_MAX_SECRET} characters"
                )
        if ":" in self.username:  # RFC 7617 s2
            raise ConfigurationError("a user name may not hold a colon")


class Credentials(Protocol):
    """Where credentials are looked up."""

    def credential(
        self, registry: str, path: str, budget: Budget, refused: Credential | None = None
    ) -> Credential | None:
        """The credential for reading the repository ``path`` at ``registry``, both as references have them; None
        when there is none.

        ``refused`` is what this gave before and the registry does not take: look again, at the source.

        Raises:
            UnavailableError: it could not be found out.
        """
        ...


class NoCredentials:
    """There are none: everything is read anonymously."""

    def credential(
        self, registry: str, path: str, budget: Budget, refused: Credential | None = None
    ) -> Credential | None:
        """None."""
        del registry, path, budget, refused
        return None


class StaticCredentials:
    """Credentials by registry, as they were given."""

    def __init__(self, by_registry: Mapping[str, Credential]) -> None:
        """Keep them; every spelling of a registry is the same one.

        Raises:
            ConfigurationError: a name is not that of a registry, or one has two credentials.
        """
        self._by_registry = {checked_registry(name): found for name, found in by_registry.items()}
        if len(self._by_registry) != len(by_registry):
            raise ConfigurationError("a registry has two credentials, under two spellings of its name")

    def credential(
        self, registry: str, path: str, budget: Budget, refused: Credential | None = None
    ) -> Credential | None:
        """The one for ``registry``."""
        del path, budget, refused
        return self._by_registry.get(registry)


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A credential for one registry whose secret is in a file, alone: the password of ``username``, or without a
    user name a token that the registry takes.
    """

    registry: str
    path: Path
    username: str = ""

    def read(self) -> Credential:
        """The credential as the file has it now.

        Raises:
            ConfigurationError: the file cannot be read, or holds no credential.
        """
        content = read_bounded(
            self.path, 2 * _MAX_SECRET, remedy="Write the secret alone into the file, in one line."
        )
        try:
            secret = content.decode("utf-8").rstrip("\r\n")
            if self.username:
                return Credential(username=self.username, password=secret)
            return Credential(registry_token=secret)
        except (UnicodeDecodeError, ConfigurationError) as error:
            why = error.problem if isinstance(error, ConfigurationError) else "it is no text"
            raise ConfigurationError(
                f"no secret: {why}", file=str(self.path), remedy="Write the secret alone, in one line."
            ) from None


class FileCredentials:
    """Credentials whose secrets are in files of their own, read each time: they may be replaced."""

    def __init__(self, files: Sequence[SecretFile]) -> None:
        """Read each once, to see that it can be.

        Raises:
            ConfigurationError: one cannot be used, or a registry has two.
        """
        self._by_registry = {checked_registry(file.registry): file for file in files}
        if len(self._by_registry) != len(files):
            raise ConfigurationError("a registry has two credentials")
        for file in files:
            file.read()

    def credential(
        self, registry: str, path: str, budget: Budget, refused: Credential | None = None
    ) -> Credential | None:
        """The one for ``registry``."""
        del path, budget, refused
        file = self._by_registry.get(registry)
        if file is None:
            return None
        try:
            return file.read()
        except ConfigurationError as error:
            raise unreadable(registry, f"{printable(str(file.path), 200)}: {error.problem}") from error


class FirstOf:
    """The first of several places that has a credential."""

    def __init__(self, places: Sequence[Credentials]) -> None:
        self._places = tuple(places)

    def credential(
        self, registry: str, path: str, budget: Budget, refused: Credential | None = None
    ) -> Credential | None:
        """The first there is. A place that cannot say stands for itself: what follows is not asked."""
        for place in self._places:
            found = place.credential(registry, path, budget, refused)
            if found is not None:
                return found
        return None


def checked_registry(name: str) -> str:
    """The registry ``name`` as references have it.

    Raises:
        ConfigurationError: it is not a registry's.
    """
    try:
        return parse_registry(name)
    except InvalidReferenceError as error:
        raise ConfigurationError(
            f"not a registry host: {printable(name, 100)!r}",
            remedy="write host or host:port, without a scheme",
        ) from error


def unreadable(registry: str, why: str) -> UnavailableError:
    """The error for credentials that cannot be had. ``why`` holds nothing of them."""
    return UnavailableError(
        ReasonCode.REGISTRY_UNAUTHORIZED, f"the secret for {registry} cannot be had: {why}"
    )
