"""What a verdict is asked about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from .errors import InvalidReferenceError
from .reference import Reference

# RFC 1123 label, as Kubernetes names namespaces.
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Operation(StrEnum):
    """What is about to happen to the artifact (AdmissionReview v1 ``operation``; empty outside Kubernetes)."""

    UNSPECIFIED = ""
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


def parse_namespace(text: str) -> str:
    """Return ``text`` when it can be the name of a Kubernetes namespace.

    Raises:
        InvalidReferenceError: it cannot.
    """
    if not _NAMESPACE.fullmatch(text):
        raise InvalidReferenceError(f"not a namespace: {text[:100]!r}")
    return text


@dataclass(frozen=True, slots=True)
class Subject:
    """The artifact a caller wants a verdict on, and where it is to run.

    An empty namespace or operation is not known: it may be any.
    """

    reference: Reference
    namespace: str = ""
    operation: Operation = Operation.UNSPECIFIED

    @classmethod
    def parse(cls, reference: str, namespace: str = "", operation: str = "") -> Subject:
        """Check and normalise the three parts.

        Raises:
            InvalidReferenceError: one of them is malformed.
        """
        if namespace:
            parse_namespace(namespace)
        try:
            parsed = Operation(operation)
        except ValueError as error:
            known = ", ".join(o.value for o in Operation if o)
            raise InvalidReferenceError(f"operation {operation[:100]!r} is none of {known}") from error
        return cls(Reference.parse(reference), namespace, parsed)
