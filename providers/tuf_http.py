"""A TUF repository on a mirror, over HTTP(S): GETs to its origin, within a deadline and an allowance of bytes.

Nothing that comes from there is believed before python-tuf has verified it, so a mirror may be spoken to in plain
HTTP.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError

from .errors import ConfigurationError
from .tuf_client import Source
from .tuf_connection import Connector, Origin
from .tuf_deadline import Deadline

# An update of the public-good instance takes six GETs and 30 kB, well below a second.
_TIMEOUT = timedelta(seconds=60)
_MAX_BYTES = 32 << 20
_MAX_REDIRECTS = 3
_PIECE = 64 << 10
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class _Redirect:
    location: str


class HttpSource(Source):
    """A mirror. Safe to `close` from another thread; otherwise for one thread at a time."""

    def __init__(
        self,
        url: str,
        *,
        targets_url: str = "",
        ca_file: Path | None = None,
        timeout: timedelta = _TIMEOUT,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            url: where the metadata is.
            targets_url: where the targets are; ``targets/`` below when not given.
            ca_file: certificate authorities trusted besides the system's, PEM.
            timeout: for one update, everything included.
            proxies: by scheme, as ``urllib.request.getproxies`` has them; from the environment when not given.

        Raises:
            ConfigurationError: a URL, the CA file or the proxy is malformed.
        """
        if timeout <= timedelta(0):
            raise ConfigurationError("the time an update may take must be longer than nothing")
        self.metadata_url = _folder_url(url)
        self.targets_url = _folder_url(targets_url or f"{self.metadata_url}targets/")
        self._timeout = timeout.total_seconds()
        self._connector = Connector(ca_file, proxies)
        for base in (self.metadata_url, self.targets_url):
            self._connector.proxy_for(Origin.of(base))
        self._deadline: Deadline | None = None
        self._allowance = 0
        self._closed = False

    @contextmanager
    def session(self) -> Iterator[None]:
        """One update: until its end or its deadline."""
        deadline = Deadline(self._timeout)
        deadline.start()
        self._allowance = _MAX_BYTES
        self._deadline = deadline
        try:
            if self._closed:
                deadline.cut()
            yield
        finally:
            deadline.cancel()
            self._deadline = None

    def close(self) -> None:
        """Break off the update that is running, and every later one."""
        self._closed = True
        deadline = self._deadline
        if deadline is not None:
            deadline.cut()

    def read(self, url: str, limit: int) -> bytes:
        """GET ``url``; see `Source.read`. Redirects are followed within the origin."""
        deadline = self._deadline
        if deadline is None:
            raise DownloadError("a mirror is read within a session only")
        origin = Origin.of(url)
        for _ in range(_MAX_REDIRECTS + 1):
            deadline.left()
            try:
                with self._connector.open(origin, deadline) as connection:
                    answer = self._get(connection, origin, url, limit)
                # A connection that was shut down ends like a finished one.
                deadline.left()
            except DownloadError:
                deadline.left()  # past the deadline, how it ended does not matter
                raise
            except (OSError, ValueError, HTTPException) as error:
                deadline.left()
                raise DownloadError(f"{url}: {_told(error)}") from error
            if isinstance(answer, bytes):
                return answer
            url = _redirected(url, answer.location, origin)
        raise DownloadError(f"{origin} redirects more than {_MAX_REDIRECTS} times")

    def _get(self, connection: HTTPConnection, origin: Origin, url: str, limit: int) -> bytes | _Redirect:
        path = urlsplit(url)._replace(scheme="", netloc="", fragment="").geturl() or "/"
        fields = {"Host": str(origin), "User-Agent": "pycosign", "Accept-Encoding": "identity"}
        connection.request("GET", path, headers=fields)
        with closing(connection.getresponse()) as response:
            if response.status in _REDIRECTS:
                return _Redirect(response.getheader("Location", ""))
            if response.status != HTTPStatus.OK:
                raise DownloadHTTPError(
                    f"{url}: the mirror answers with status {response.status}", response.status
                )
            # Unpacking what nobody asked for is how 100 kB become 100 MB.
            if response.getheader("Content-Encoding", "identity").strip().lower() != "identity":
                raise DownloadError(f"{url}: the mirror answers in an encoding nobody asked for")
            return self._body(response, url, limit)

    def _body(self, response: HTTPResponse, url: str, limit: int) -> bytes:
        promised = response.length
        if promised is not None and promised > limit:
            raise DownloadLengthMismatchError(f"{url} is longer than {limit} bytes")
        content = bytearray()
        while piece := response.read1(_PIECE):
            content += piece
            self._allowance -= len(piece)
            if len(content) > limit:
                raise DownloadLengthMismatchError(f"{url} is longer than {limit} bytes")
            if self._allowance < 0:
                raise DownloadError(f"the update takes more than {_MAX_BYTES} bytes")
        if promised is not None and len(content) < promised:
            raise DownloadError(f"{url}: the mirror broke off in the middle of its answer")
        return bytes(content)


def _redirected(url: str, location: str, origin: Origin) -> str:
    """Where ``location`` leads from ``url``.

    Raises:
        DownloadError: to another origin.
    """
    try:
        target = urljoin(url, location)
        if Origin.of(target) == origin:
            return target
    except ValueError:
        pass  # what cannot be read leads nowhere
    raise DownloadError(f"{origin} redirects to another origin, {location[:200]!r}: not followed")


def _folder_url(url: str) -> str:
    """``url``, ending in a slash.

    Raises:
        ConfigurationError: it is no URL of a folder on a mirror.
    """
    try:
        Origin.of(url)
        parts = urlsplit(url)
        if parts.query or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("it holds more than host and path")
    except ValueError as error:
        raise ConfigurationError(
            f"not the URL of a TUF repository: {error}",
            remedy="Write https://host/path, without a user name.",
        ) from error
    return url if url.endswith("/") else f"{url}/"


def _told(error: Exception) -> str:
    """What went wrong, without what ssl and the system put around it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the mirror's certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"
