"""What all key management has in common."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from ..errors import ConfigurationError, PycosignError, UnavailableError
from ..reasons import ReasonCode

# Seconds to connect, and then for each answer: a key has 1 kB, and the reading is not on a request's path.
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0

# What a library says of a failure goes into the log and into a status: not more than a person reads.
_MAX_EXPLANATION = 300

# A host, and a port where there is one: nothing that another part of a URL could be taken for.
HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"


@dataclass(frozen=True, slots=True)
class KmsPublicKey:
    """A public key in PEM or DER, and the hash function it is used with, as cosign uses it; empty where the kind
    of key decides.
    """

    content: bytes
    hash: str = ""


class KmsKey(Protocol):
    """A key that is kept elsewhere."""

    @property
    def uri(self) -> str:
        """Its name, as it was given."""
        ...

    def read(self) -> KmsPublicKey:
        """Ask for the public key. One client is kept from one time to the next.

        Raises:
            UnavailableError: it cannot be had now.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def parse_uri(pattern: re.Pattern[str], uri: str, form: str) -> re.Match[str]:
    """The parts of ``uri``.

    Raises:
        ConfigurationError: it is not of the ``form`` that ``pattern`` reads.
    """
    found = pattern.fullmatch(uri)
    if found is None:
        raise ConfigurationError(f"not the URI of a key: {uri[:200]!r}", remedy=f"Write it as {form}.")
    return found


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Whatever a cloud's library raises means that the key could not be read."""
    try:
        yield
    except PycosignError:
        raise
    except Exception as error:
        why = "".join(character if character.isprintable() else " " for character in str(error))
        raise unavailable(uri, f"{type(error).__name__}: {why[:_MAX_EXPLANATION]}") from error


def unavailable(uri: str, why: str) -> UnavailableError:
    """The public key cannot be had now."""
    return UnavailableError(ReasonCode.TRUST_UNAVAILABLE, f"the public key {uri} cannot be read: {why}")
