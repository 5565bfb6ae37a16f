"""A TUF repository for the lab's trust (TUF 1.0.31), read by python-tuf, cosign and sigstore-go."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from datetime import timedelta

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # public, but not in an __all__
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from .clock import Clock, whole_second
from .names import WARNING

TRUSTED_ROOT_TARGET = "trusted_root.json"
SIGNING_CONFIG_TARGET = "signing_config.v0.2.json"
_Signed = Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]
_ROLES = (Root.type, Targets.type, Snapshot.type, Timestamp.type)
_LIFETIME = timedelta(days=30)


class TufRepository:
    """One key for all four roles, consistent snapshots, and every version ever published.

    Files are served by path: `root.json`, `1.root.json`, `timestamp.json`, `1.snapshot.json`,
    `1.targets.json`, `targets/<sha256>.<name>`.
    """

    def __init__(
        self, targets: Mapping[str, bytes], *, clock: Clock, lifetime: timedelta = _LIFETIME
    ) -> None:
        self._clock = clock
        self._signer = CryptoSigner.generate_ecdsa()
        self._version = 0
        self._lock = threading.Lock()
        self._files: dict[str, bytes] = {}
        self._publish_root(lifetime)
        self.publish(targets, lifetime=lifetime)

    @property
    def root(self) -> bytes:
        """The first root metadata, which a client is given out of band."""
        return self._files["1.root.json"]

    def file(self, path: str) -> bytes | None:
        """The file at this path of the repository, or None."""
        return self._files.get(path)

    def files(self) -> dict[str, bytes]:
        """Every file by path, to write into a directory."""
        return dict(self._files)

    def publish(self, targets: Mapping[str, bytes], *, lifetime: timedelta = _LIFETIME) -> None:
        """Replaces the targets by these, in new versions of targets, snapshot and timestamp. A lifetime of
        zero or less makes metadata that clients must refuse as expired.
        """
        with self._lock:
            version = self._version + 1
            expires = whole_second(self._clock() + lifetime)
            described = {}
            for name, data in targets.items():
                described[name] = TargetFile.from_data(name, data, ["sha256"])
                self._files[f"targets/{hashlib.sha256(data).hexdigest()}.{name}"] = data
            content = Targets(version, expires=expires, targets=described)
            snapshot = Snapshot(version, expires=expires, meta={"targets.json": MetaFile(version)})
            timestamp = Timestamp(version, expires=expires, snapshot_meta=MetaFile(version))
            self._write(f"{version}.targets.json", Metadata(content))
            self._write(f"{version}.snapshot.json", Metadata(snapshot))
            self._write("timestamp.json", Metadata(timestamp))
            self._version = version

    def _publish_root(self, lifetime: timedelta) -> None:
        root = Root(
            expires=whole_second(self._clock() + lifetime),
            consistent_snapshot=True,
            unrecognized_fields={"x-pycosign-lab": WARNING},
        )
        for role in _ROLES:
            root.add_key(self._signer.public_key, role)
        self._write("1.root.json", Metadata(root))
        self._files["root.json"] = self._files["1.root.json"]

    def _write(self, path: str, metadata: _Signed) -> None:
        metadata.sign(self._signer)
        self._files[path] = metadata.to_bytes(JSONSerializer(compact=False))
