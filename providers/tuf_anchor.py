"""What a TUF client starts from: the root it is given, and a trusted root for the time before it has been online.

For Sigstore's own instances both come with the installed sigstore package; they are as old as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from .bounded_file import read_bounded
from .errors import ConfigurationError
from .refresh import MAX_TRUSTED_ROOT

# Where the instances publish. The package carries a root for the first two.
MIRRORS: Final = {
    "production": "https://tuf-repo-cdn.sigstore.dev",
    "staging": "https://tuf-repo-cdn.sigstage.dev",
    "github": "https://tuf-repo.github.com",
}
_EMBEDDED: Final = ("production", "staging")
# UpdaterConfig.root_max_length of python-tuf; the public-good root has 6 kB.
_MAX_ROOT = 512_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """``root`` is root metadata that the operator trusts; everything else is believed because of it.
    ``trusted_root`` may be empty; it is used until something is proved from ``root``. ``origin`` says, for people,
    where both are from.

    Raises:
        ConfigurationError: ``root`` is not TUF root metadata signed by its own keys.
    """

    origin: str
    root: bytes
    trusted_root: bytes = b""

    def __post_init__(self) -> None:
        try:
            parsed = Metadata[Root].from_bytes(self.root)
            if not isinstance(parsed.signed, Root):
                raise RepositoryError(f"it is {parsed.signed.type} metadata")
            parsed.signed.verify_delegate(Root.type, parsed.signed_bytes, parsed.signatures)
        except (RepositoryError, ValueError) as error:
            raise ConfigurationError(
                f"{self.origin}: this is no TUF root to start from: {error}",
                remedy="Name a root.json that the instance published, obtained from where you trust it.",
            ) from error

    @classmethod
    def embedded(cls, instance: str) -> Anchor:
        """The anchor of the instance ``production`` or ``staging``.

        Raises:
            ConfigurationError: the package carries none for it.
        """
        if instance not in _EMBEDDED:
            raise ConfigurationError(
                f"no root is embedded for the TUF instance {instance[:40]!r}",
                remedy="Name a root.json of it, obtained from where you trust it.",
            )
        try:
            package = metadata.distribution("sigstore")
        except metadata.PackageNotFoundError as error:
            raise ConfigurationError(
                "the sigstore package, which carries the root, is not installed"
            ) from error
        folder = f"sigstore/_store/{quote(MIRRORS[instance], safe='')}"

        def read(name: str, limit: int) -> bytes:
            return read_bounded(
                Path(str(package.locate_file(f"{folder}/{name}"))),
                limit,
                remedy="The installed sigstore package is not complete: install it again.",
            )

        return cls(
            f"embedded in sigstore {package.version}",
            read("root.json", _MAX_ROOT),
            read("trusted_root.json", MAX_TRUSTED_ROOT),
        )

    @classmethod
    def from_files(cls, root: Path, trusted_root: Path | None = None) -> Anchor:
        """The anchor in an operator's files.

        Raises:
            ConfigurationError: one of them cannot be read, or ``root`` is no root.
        """
        remedy = "Name a root.json that the instance published."
        content = b""
        if trusted_root is not None:
            content = read_bounded(
                trusted_root, MAX_TRUSTED_ROOT, remedy="Name a trusted_root.json, or leave it out."
            )
        return cls(str(root), read_bounded(root, _MAX_ROOT, remedy=remedy), content)
