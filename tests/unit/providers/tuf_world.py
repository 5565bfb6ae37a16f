"""A TUF repository in memory, a mirror of it that does as it is told, and a clock."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # public, but not in an __all__
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError
from tuf.api.metadata import Metadata, Root

from providers.subject import Subject
from providers.trust import TrustedMaterial
from providers.tuf import TufProvider
from providers.tuf_anchor import Anchor
from providers.tuf_cache import LastKnownGood
from providers.tuf_client import Source
from pycosign.lab.tuf import TufRepository

TARGET = "trusted_root.json"
SUBJECT = Subject.parse("registry.test/app:v1")
NEVER = timedelta(days=10_000)


class Clock:
    """The time, which passes when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **how_much: float) -> None:
        self.now += timedelta(**how_much)


class Mirror(Source):
    """Serves a repository; ``answers`` says what for some paths in its place, bytes or an error."""

    metadata_url = "mirror:/"
    targets_url = "mirror:/targets/"

    def __init__(self, repository: TufRepository) -> None:
        self._repository = repository
        self._frozen: Mapping[str, bytes] | None = None
        self.answers: dict[str, bytes | Exception] = {}
        self.asked: list[str] = []
        self.closed = False

    def read(self, url: str, limit: int) -> bytes:
        path = url.removeprefix(self.metadata_url)
        self.asked.append(path)
        answer = next((self.answers[end] for end in self.answers if path.endswith(end)), self._file(path))
        if answer is None:
            raise DownloadHTTPError(f"no {path}", 404)
        if isinstance(answer, Exception):
            raise answer
        if len(answer) > limit:
            raise DownloadLengthMismatchError(f"{path} is longer than {limit}")
        return answer

    def close(self) -> None:
        self.closed = True

    def fails(self) -> None:
        """From now on there is no network."""
        self.answers = {"": DownloadError("no route to host")}

    def freezes(self) -> None:
        """From now on it serves what the repository has now, whatever is published later."""
        self._frozen = self._repository.files()

    def thaws(self) -> None:
        """Serve what the repository has."""
        self._frozen = None

    def _file(self, path: str) -> bytes | None:
        return self._repository.file(path) if self._frozen is None else self._frozen.get(path)


class World:
    """A repository that published one root, its mirror, and providers of it."""

    def __init__(self, tmp_path: Path) -> None:
        self.clock = Clock()
        self.repository = TufRepository({TARGET: b"root 1"}, clock=self.clock)
        self.mirror = Mirror(self.repository)
        self.folder = tmp_path / "cache"
        self.accepted: list[bytes] = []

    def accept(self, material: TrustedMaterial) -> None:
        self.accepted.append(material.trusted_root)

    @property
    def anchor(self) -> Anchor:
        return Anchor("given", self.repository.root)

    def cache(self) -> LastKnownGood:
        return LastKnownGood(self.folder, "mirror")

    def provider(self, **options: Any) -> TufProvider:
        given = {"mirror": self.mirror, "clock": self.clock, "cache": self.cache(), **options}
        anchor = given.pop("anchor", self.anchor)
        return TufProvider(anchor, **given)

    def started(self, **options: Any) -> TufProvider:
        """Without a thread: it is refreshed by calling `refresh`."""
        provider = self.provider(**options)
        provider.start(self.accept, background=False)
        return provider

    def publish(self, content: bytes, *, lifetime: timedelta = timedelta(days=30)) -> None:
        self.repository.publish({TARGET: content}, lifetime=lifetime)


def answer(provider: TufProvider) -> bytes:
    """What a request gets."""
    return provider.trusted_material(SUBJECT, None, "").trusted_root


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """``files`` below ``folder``."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def tar(files: Mapping[str, bytes]) -> bytes:
    """An archive of ``files``."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def edited(metadata: bytes, signer: CryptoSigner, change: Callable[[Any], None]) -> bytes:
    """``metadata`` with its signed part changed and signed anew."""
    parsed: Metadata[Any] = Metadata.from_bytes(metadata)
    change(parsed.signed)
    parsed.signatures.clear()
    parsed.sign(signer)
    return parsed.to_bytes()


def first_version(repository: TufRepository) -> bytes:
    """The timestamp of version 1, as it was, signed with the key of now."""

    def go_back(signed: Any) -> None:
        signed.version = 1
        signed.snapshot_meta.version = 1

    return edited(repository.files()["timestamp.json"], repository._signer, go_back)


def rotate(repository: TufRepository) -> None:
    """The next root: another key for everything, signed by the one before and by itself."""
    before = repository._signer
    roots = [name for name in repository.files() if name.endswith(".root.json")]
    newest: Metadata[Root] = Metadata.from_bytes(repository.files()[f"{len(roots)}.root.json"])
    after = CryptoSigner.generate_ecdsa()
    root = newest.signed
    root.version += 1
    for role in ("root", "timestamp", "snapshot", "targets"):
        root.revoke_key(before.public_key.keyid, role)
        root.add_key(after.public_key, role)
    newest.signatures.clear()
    newest.sign(before)
    newest.sign(after, append=True)
    repository._files[f"{root.version}.root.json"] = newest.to_bytes()
    repository._signer = after
