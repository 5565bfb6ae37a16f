"""The last state of a repository that was proved, in one file: replaced as a whole, so never half of two states.

The file is a tar archive of what proves the target. It is believed no more than a mirror is: everything in it is
proved again, from the same root, as of the time it names. That time cannot be made later than the metadata allows.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from .tuf_client import Proved, trust_unavailable
from .tuf_repository import RepositorySource

_AT = "proved-at"
# "2026-01-31T00:00:00+00:00", with microseconds.
_MAX_AT = 64


class LastKnownGood:
    """What is kept for one repository and target, named by ``key``, in ``folder``. The folder need not exist, nor
    be writable.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.path = folder / f"tuf-{hashlib.sha256(key.encode()).hexdigest()[:16]}.tar"

    def read(self) -> tuple[RepositorySource, datetime] | None:
        """What was kept, and when it was proved; None when nothing was.

        Raises:
            UnavailableError: it cannot be read.
        """
        try:
            if not self.path.exists():
                return None
        except OSError as error:
            raise trust_unavailable(f"{self.path}: {error.strerror}") from error
        source = RepositorySource.open(self.path)
        try:
            at = datetime.fromisoformat(source.beside(_AT, _MAX_AT).decode("ascii"))
        except ValueError as error:
            raise trust_unavailable(f"{self.path}: it does not say when it was proved") from error
        if at.tzinfo is None:
            raise trust_unavailable(f"{self.path}: it does not say when it was proved")
        return source, at

    def write(self, name: str, proved: Proved) -> None:
        """Keep ``proved``, whose target is called ``name``, in place of what was kept before.

        Raises:
            OSError: the folder cannot be written; what was kept before still is.
        """
        files = {f"targets/{name}": proved.target, _AT: proved.at.astimezone(UTC).isoformat().encode()}
        content = _archive(files | dict(proved.metadata))
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=f"{self.path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise


def _archive(files: dict[str, bytes]) -> bytes:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    return packed.getvalue()
