"""The record of checks: what was made, how it ended, on what evidence.

Texts come from strangers (certificates, logs), so what a person gets to see holds no control characters and has
a bounded length.

Whose fault is an exception? What a library raises at bytes that it cannot read is evidence that does not hold; it
is translated where the library is called (``reading``), and what may be raised there has names (``UNREADABLE``).
Whatever else comes up is a fault of ours: no step takes it for an answer, and the engine makes it *could not
check*, with a traceback in the log. Should a library raise something at a stranger's bytes that has no name here,
then he turns the refusal of his own bundle into *could not check*: both deny, and the log shows what to add.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from providers.errors import PycosignError, UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ..engine import EvidenceError
from ..facts import Check, CheckStatus
from ..printable import printable

# What the libraries raise at bytes that they cannot read: by their sources, and seen by spoiling certificates,
# timestamps and log entries (tests/unit/engines/test_sigstore_faults.py).
UNREADABLE = (
    ValueError,  # nearly everything: cryptography, rfc3161-client, rfc8785, base64, pydantic
    KeyError,  # in names: a tag that is looked up and not found,
    TypeError,  # and one that is no text (cryptography, rfc3161-client)
    OverflowError,  # a time that no calendar has
    UnsupportedAlgorithm,  # cryptography: a curve or a hash nobody has
    x509.DuplicateExtension,  # the next three are no ValueErrors
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    Warning,  # cryptography warns of odd certificates; python -W error raises that
)
# The checks of one signature, in the order in which they are made.
CERTIFICATE, CHAIN, SIGNATURE, SUBJECT = "certificate", "chain", "signature", "subject"
LOG, TIMESTAMP, VALIDITY, SCT = "log", "timestamp", "validity", "sct"
OF_CERTIFICATES = (CERTIFICATE, CHAIN, SIGNATURE, SUBJECT, LOG, TIMESTAMP, VALIDITY, SCT)
OF_KEYS = (SIGNATURE, SUBJECT, LOG, TIMESTAMP, VALIDITY)


def refusal(reason: ReasonCode, message: str) -> VerificationError:
    """What a step raises when the evidence says no."""
    return VerificationError(reason, printable(message))


class reading:  # noqa: N801  (written as a context manager; a generator would take three times as long)
    """Around a call of a library that reads ``what``. Nothing of ours belongs inside.

    Raises:
        VerificationError: with ``reason``: the library could not read it.
    """

    __slots__ = ("_reason", "_what")

    kinds: ClassVar[tuple[type[BaseException], ...]] = UNREADABLE

    def __init__(self, what: str, reason: ReasonCode) -> None:
        self._what = what
        self._reason = reason

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Translate what the library raised, if it has a name."""
        if isinstance(error, self.kinds):
            text = f"{self._what} cannot be read: {type(error).__name__}: {error}"
            raise refusal(self._reason, text) from error


@contextmanager
def faults_are_ours(logger: logging.Logger) -> Iterator[None]:
    """Around the whole of a verification: what is none of our errors becomes *could not check*.

    Raises:
        UnavailableError: ``internal-error``.
    """
    try:
        yield
    except (PycosignError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of a library in Rust is no Exception
        logger.exception("a fault in the engine")
        raise UnavailableError(ReasonCode.INTERNAL_ERROR, f"{type(error).__name__} in the engine") from error


class Record:
    """The checks of one signature so far, of all that are to be made."""

    def __init__(self, planned: tuple[str, ...] = OF_CERTIFICATES) -> None:
        self._planned = planned
        self._checks: list[Check] = []

    @property
    def checks(self) -> tuple[Check, ...]:
        """Everything recorded."""
        return tuple(self._checks)

    def passed(self, check: str, evidence: str) -> None:
        """``check`` holds."""
        self._checks.append(Check(check, CheckStatus.PASS, printable(evidence)))

    def failed(self, check: str, reason: ReasonCode, evidence: str) -> None:
        """``check`` does not hold, but the signature may do without what it would have proven."""
        self._checks.append(Check(check, CheckStatus.FAIL, printable(evidence), reason))

    def skipped(self, check: str, evidence: str) -> None:
        """``check`` was not made."""
        self._checks.append(Check(check, CheckStatus.SKIPPED, printable(evidence)))

    @contextmanager
    def step(self, check: str) -> Iterator[None]:
        """One step of the verification. A refusal inside ends it; anything else passes through.

        Raises:
            EvidenceError: the refusal, with every check made, this one failed, and the later ones skipped.
        """
        try:
            yield
        except VerificationError as error:
            raise self._end(check, error.reason, error.message) from error

    def _end(self, check: str, reason: ReasonCode, message: str) -> EvidenceError:
        self.failed(check, reason, message)
        made = {entry.id for entry in self._checks}
        for later in self._planned[self._planned.index(check) + 1 :]:
            if later not in made:
                self.skipped(later, f"not made after {check} failed")
        return EvidenceError(reason, printable(message), self.checks)
