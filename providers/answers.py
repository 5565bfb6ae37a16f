"""What became of the questions put to somebody else's provider."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import NoReturn

from .bulkhead import Bulkhead
from .errors import PycosignError, UnavailableError

logger = logging.getLogger(__name__)

# Not more than a person reads.
_MAX_TEXT = 300


class Answers:
    """A record for the log and for a status. Not exact where several threads count at once.

    ``failure`` is why the last one failed, also after later successes; ``failures`` is how many have failed since.
    """

    def __init__(self, name: str, bulkhead: Bulkhead) -> None:
        self._name = name
        self._bulkhead = bulkhead
        self.last_success: datetime | None = None
        self.last_failure: datetime | None = None
        self.failure = ""
        self.failures = 0

    def succeed(self, now: datetime) -> None:
        """One was answered."""
        if self.failures:
            logger.info("%s answers again", self._name)
        self.last_success, self.failures = now, 0

    def fail(self, error: Exception, now: datetime) -> NoReturn:
        """One was not: take note of it, and raise what it comes to.

        Raises:
            UnavailableError: always.
        """
        known = isinstance(error, UnavailableError)
        told = error if isinstance(error, UnavailableError) else self._bulkhead.unavailable(told_of(error))
        if not self.failures or self.failure != told.message:
            logger.warning("%s: %s", self._name, told.message, exc_info=None if known else error)
        self.last_failure, self.failure, self.failures = now, told.message, self.failures + 1
        if known:
            raise told
        raise told from error


def told_of(error: Exception) -> str:
    """``error`` in one sentence."""
    return str(error) if isinstance(error, PycosignError) else shown(f"{type(error).__name__}: {error}")


def shown(text: str) -> str:
    """Somebody else's ``text`` as it may stand in a log and in a verdict."""
    return "".join(character if character.isprintable() else " " for character in text[:_MAX_TEXT])
