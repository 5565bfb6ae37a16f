"""The fields of a predicate, as a reader in Go would take them, for the conditions that ask about them.

A condition fails closed: it holds when it says nothing, and whatever it cannot read, does not know or cannot
finish is something to say.

Go's readers fold case: to them ``results`` is ``Results``. An object in which a field that is asked for stands in
another spelling, or in two, means different things to different readers, and is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

logger = logging.getLogger(__name__)

# More names than this do not help a reader.
_SHOWN = 3


class UnreadableError(Exception):
    """The predicate is not what it would have to be; the text says so to its owner."""


def answer(look: Callable[[], str]) -> str:
    """What ``look`` says is wrong, or why it could not see. Never raises, and is empty only when ``look`` is."""
    try:
        return look()
    except UnreadableError as error:
        return str(error) or "the predicate cannot be read"
    except Exception:  # a condition that breaks has not been met
        logger.exception("a condition on a predicate failed")
        return "the predicate could not be examined; the log of the verifier says why"


def quoted(text: str, limit: int = 200) -> str:
    """A stranger's ``text`` in quotation marks, on one line, cut at ``limit`` characters."""
    return repr(text if len(text) <= limit else text[:limit] + "…")


def some(texts: Iterable[object], between: str) -> str:
    """The first few of ``texts``, and how many there are besides."""
    listed = list(texts)
    more = f"{between}{len(listed) - _SHOWN} others" if len(listed) > _SHOWN else ""
    return between.join(str(text)[:200] for text in listed[:_SHOWN]) + more


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object; ``place`` is where it stands, for messages. A field that is null is absent, as in Go."""

    place: str
    _values: Mapping[str, Any]
    _spellings: frozenset[str]

    @classmethod
    def of(cls, value: object, place: str) -> Self:
        """``value`` as an object.

        Raises:
            UnreadableError: it is none, or two of its keys differ in case only.
        """
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise UnreadableError(f"{place} is not an object")
        spellings = frozenset(key.casefold() for key in value)
        if len(spellings) != len(value):
            raise UnreadableError(f"two keys of {place} differ in case only")
        return cls(place, value, spellings)

    def value(self, name: str) -> Any:
        """Whatever is under ``name``; None when that is absent.

        Raises:
            UnreadableError: it is there in another spelling.
        """
        if name not in self._values and name.casefold() in self._spellings:
            raise UnreadableError(f"{self.place} has {name!r} in another spelling")
        return self._values.get(name)

    def text(self, name: str) -> str:
        """The text under ``name``, empty when absent.

        Raises:
            UnreadableError: it is something else.
        """
        found = self.value(name)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise UnreadableError(f"{self.place}.{name} is not text")
        return found

    def object(self, name: str) -> Fields:
        """The object under ``name``, without fields when absent.

        Raises:
            UnreadableError: it is something else.
        """
        found = self.value(name)
        return Fields.of({} if found is None else found, f"{self.place}.{name}")

    def objects(self, name: str) -> list[Fields]:
        """The list of objects under ``name``, empty when absent.

        Raises:
            UnreadableError: it is something else.
        """
        found = self.value(name)
        if found is None:
            return []
        if not isinstance(found, list):
            raise UnreadableError(f"{self.place}.{name} is not a list")
        return [Fields.of(entry, f"{self.place}.{name}[{index}]") for index, entry in enumerate(found)]
