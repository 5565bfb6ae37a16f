"""Credentials in the files of Docker and Podman (``config.json``, ``auth.json``), and in the helpers these name.

For one registry, in this order:

1. the helper that ``credHelpers`` names for it
2. the entry of ``auths`` that fits best: the repository, a path above it (containers-auth.json), the registry
3. the helper ``credsStore``, for every registry

The file is read again when it changes; one that cannot be read leaves what was read before.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from providers.bounded_file import read_bounded
from providers.errors import ConfigurationError, InvalidReferenceError, VerificationError
from providers.reference import DEFAULT_REGISTRY, parse_registry

from ..budget import Budget
from ..formats.strict_json import object_field, parse_object, text_field
from ..printable import printable
from .credential_helper import CredentialHelpers
from .credentials import Credential

logger = logging.getLogger(__name__)

# Of a pull secret Kubernetes takes 1 MiB at most.
_MAX_FILE = 1 << 20
_REMEDY = "Write it as 'docker login' or 'podman login' do."
# What Docker calls its own registry.
_HUB = "https://index.docker.io/v1/"
_API_PATHS = frozenset({"", "v1", "v2"})


@dataclass(frozen=True, slots=True)
class _Content:
    """What one file says. ``entries`` are by registry, and path below it, as references have them."""

    entries: Mapping[str, Credential]
    helpers: Mapping[str, str]
    store: str

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a file.

        Raises:
            VerificationError, ConfigurationError: it cannot be read; nothing of its content is in the message.
        """
        document = parse_object(data, max_size=_MAX_FILE, fold_case=False)
        helpers = object_field(document, "credHelpers", default={})
        entries: dict[str, Credential] = {}
        for key, value in object_field(document, "auths", default={}).items():
            try:
                name, found = _name(key), _credential(value)
            except ConfigurationError as error:
                raise ConfigurationError(f"the entry {printable(key, 200)!r}: {error.problem}") from None
            if name and found is not None:
                entries.setdefault(name, found)
        return cls(
            entries=entries,
            helpers={name: text_field(helpers, key) for key in helpers if (name := _name(key))},
            store=text_field(document, "credsStore", default=""),
        )

    def entry(self, registry: str, path: str) -> Credential | None:
        """The entry that fits best."""
        name = f"{registry}/{path}"
        while True:
            if name in self.entries:
                return self.entries[name]
            name, slash, _ = name.rpartition("/")
            if not slash:
                return None


class DockerConfig:
    """Credentials as one such file has them. Safe to use from many threads."""

    def __init__(self, path: Path, helpers: CredentialHelpers | None = None) -> None:
        """Read ``path``; without ``helpers`` no program is started, and those the file names are not asked.

        Raises:
            ConfigurationError: it cannot be used, or a helper that it names is not there.
        """
        self._path = path
        self._helpers = helpers
        self._lock = threading.Lock()
        self._stamp = self._stamp_now()
        self._content = self._read()
        if helpers is not None:
            for name in {*self._content.helpers.values(), self._content.store} - {""}:
                helpers.find(name)

    def credential(
        self, registry: str, path: str, budget: Budget, refused: Credential | None = None
    ) -> Credential | None:
        """The credential for ``path`` at ``registry``. See `Credentials`."""
        content = self._current()
        helper = content.helpers.get(registry, "")
        found = None if helper else content.entry(registry, path)
        helper = helper or content.store
        if found is not None or not helper or self._helpers is None:
            return found
        server = _HUB if registry == DEFAULT_REGISTRY else registry
        return self._helpers.get(helper, server, budget, refused)

    def _current(self) -> _Content:
        with self._lock:
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._content = self._read()
                except ConfigurationError as error:
                    logger.warning("credentials stay as they were: %s", error.problem)
            return self._content

    def _stamp_now(self) -> tuple[int, ...]:
        """Changes when the file does; a ConfigMap or secret is swapped by turning a link around."""
        try:
            status = self._path.stat()
        except OSError:
            return ()
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def _read(self) -> _Content:
        data = read_bounded(self._path, _MAX_FILE, remedy=_REMEDY)
        try:
            return _Content.parse(data)
        except (VerificationError, ConfigurationError) as error:
            why = error.problem if isinstance(error, ConfigurationError) else "it is not of that form"
            raise ConfigurationError(
                f"no credentials that can be read: {why}", file=str(self._path), remedy=_REMEDY
            ) from None  # what could not be parsed may be a secret


def config_files(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The files that a user's own programs would read, those of them that are there: Docker's, then Podman's.

    ``DOCKER_CONFIG`` and ``REGISTRY_AUTH_FILE`` name others.
    """
    home = environment.get("HOME", "")
    docker = environment.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else "")
    podman = environment.get("REGISTRY_AUTH_FILE", "")
    if not podman and environment.get("XDG_RUNTIME_DIR"):
        podman = f"{environment['XDG_RUNTIME_DIR']}/containers/auth.json"
    named = (Path(docker, "config.json") if docker else None, Path(podman) if podman else None)
    return tuple(path for path in named if path is not None and path.is_file())


def _name(key: str) -> str:
    """``key`` of an entry as references write it: ``registry`` or ``registry/path``; empty when it is neither."""
    text = key.partition("://")[2] or key
    host, _, path = text.partition("/")
    try:
        registry = parse_registry(host)
    except InvalidReferenceError:
        return ""  # of another program, perhaps; it speaks for nothing here
    path = path.strip("/")
    return registry if path in _API_PATHS else f"{registry}/{path}"


def _credential(value: object) -> Credential | None:
    """The credential of one entry; None when it has none, as where a helper keeps it."""
    if not isinstance(value, dict):
        raise ConfigurationError("it is no object")
    username, password = _decoded(value)
    username = _text(value, "username") or username
    password = _text(value, "password") or password
    identity, token = _text(value, "identitytoken"), _text(value, "registrytoken")
    if identity:
        return Credential(identity_token=identity)
    if token:
        return Credential(registry_token=token)
    return Credential(username=username, password=password) if username else None


def _text(value: dict[str, Any], name: str) -> str:
    return text_field(value, name, default="")


def _decoded(value: dict[str, Any]) -> tuple[str, str]:
    """User name and password in the field ``auth``."""
    given = _text(value, "auth")
    if not given:
        return "", ""
    try:
        text = base64.b64decode(given, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise ConfigurationError("auth is not user:password in base64") from None
    username, colon, password = text.partition(":")
    if not colon or not username:
        raise ConfigurationError("auth is not user:password in base64")
    return username, password.rstrip("\0")  # Docker pads it
