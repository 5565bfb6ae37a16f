"""What the lab raises when it is asked for something it will not do."""

from __future__ import annotations


class LabError(ValueError):
    """A request the lab refuses; the HTTP services answer it with status 400 and this text."""


class LabConflictError(LabError):
    """The log holds this entry already; the HTTP service answers 409 and says where."""

    def __init__(self, message: str, location: str) -> None:
        super().__init__(message)
        self.location = location
