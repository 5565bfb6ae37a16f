"""The root errors of the product. Whose problem it is decides the class.

``PycosignError``
├── ``InvalidReferenceError``   the question is malformed; nothing was looked up
├── ``ConfigurationError``      the operator's files are wrong; the program does not start with them
├── ``VerificationError``       the evidence says no
└── ``UnavailableError``        it could not be found out; the same question may get an answer later

A provider may raise ``UnavailableError`` and nothing else. Whatever else escapes a provider is logged and treated
as ``policy-unavailable`` or ``trust-unavailable``: never as "no policy" and never as "trusted".
"""

from __future__ import annotations

from .reasons import ReasonCode


class PycosignError(Exception):
    """Every error this product raises on purpose."""


class InvalidReferenceError(PycosignError):
    """An image reference, digest or descriptor in the question is malformed."""


class ConfigurationError(PycosignError):
    """Configuration was refused: where, what is wrong, and what to do about it."""

    def __init__(self, problem: str, *, file: str = "", line: int | None = None, remedy: str = "") -> None:
        self.problem = problem
        self.file = file
        self.line = line
        self.remedy = remedy
        place = f"{file}:{line}: " if file and line is not None else f"{file}: " if file else ""
        super().__init__(f"{place}{problem}" + (f"\n  {remedy}" if remedy else ""))


class VerificationError(PycosignError):
    """The evidence says no. ``reason`` is never a could-not-check code."""

    def __init__(self, reason: ReasonCode, message: str) -> None:
        if reason.could_not_check or reason is ReasonCode.OK:
            raise ValueError(f"{reason} is not a reason to refuse")
        super().__init__(message)
        self.reason = reason
        self.message = message


class UnavailableError(PycosignError):
    """It could not be found out. ``reason`` is always a could-not-check code."""

    def __init__(self, reason: ReasonCode, message: str) -> None:
        if not reason.could_not_check:
            raise ValueError(f"{reason} is not a could-not-check reason")
        super().__init__(message)
        self.reason = reason
        self.message = message
