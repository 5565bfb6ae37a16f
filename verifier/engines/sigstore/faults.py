"""What sigstore-python adds to the exceptions that a library raises at bytes it cannot read (``evidence``)."""

from __future__ import annotations

from typing import ClassVar

from sigstore.errors import Error as SigstoreError

from .. import evidence

UNREADABLE = (*evidence.UNREADABLE, SigstoreError)


class reading(evidence.reading):  # noqa: N801  (as its base)
    """``evidence.reading`` around calls of sigstore-python."""

    kinds: ClassVar[tuple[type[BaseException], ...]] = UNREADABLE
