"""The HTTP API of the registry (distribution-spec 1.1), its error bodies included."""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote, urlencode

from .errors import LabError
from .loopback import REGISTRY_BODY_LIMIT, Answer, Hook, LoopbackServer, Request, hooked
from .registry import (
    OCI_INDEX,
    OCI_MANIFEST,
    MemoryRegistry,
    UnknownNameError,
    digest_of,
    is_digest,
    is_repository,
    is_tag,
    subject_of,
)

# distribution-spec 1.1, Pushing manifests: a registry should take manifests of at least this size.
_MANIFEST_LIMIT = 4 * 1024 * 1024
# Uploads that are under way; more than any client opens at once.
_UPLOAD_LIMIT = 256
_ROUTES = (
    (re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)"), "manifests"),
    (re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<reference>[^/]*)"), "uploads"),
    (re.compile(r"/v2/(?P<name>.+)/blobs/(?P<reference>[^/]+)"), "blobs"),
    (re.compile(r"/v2/(?P<name>.+)/tags/(?P<reference>list)"), "tags"),
    (re.compile(r"/v2/(?P<name>.+)/referrers/(?P<reference>[^/]+)"), "referrers"),
)
_Handler = Callable[[Request, str, str], Answer]


@contextmanager
def serve_registry(registry: MemoryRegistry, *, port: int = 0, hook: Hook | None = None) -> Iterator[str]:
    """Serves the registry over plain HTTP and yields its address, 127.0.0.1:PORT.

    The hook sees each request first: it may wait, answer in the registry's place (an error, a lie), or raise
    ConnectionError to break off.
    """
    app = hooked(RegistryApp(registry).answer, hook)
    with LoopbackServer(app, port=port, body_limit=REGISTRY_BODY_LIMIT) as server:
        yield server.address


class RegistryApp:
    """Answers requests from a registry; holds the uploads that are under way."""

    def __init__(self, registry: MemoryRegistry) -> None:
        self._registry = registry
        self._uploads: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._handlers: dict[tuple[str, str], _Handler] = {
            ("GET", "manifests"): self._get_manifest,
            ("PUT", "manifests"): self._put_manifest,
            ("DELETE", "manifests"): self._delete_manifest,
            ("GET", "blobs"): self._get_blob,
            ("DELETE", "blobs"): self._delete_blob,
            ("POST", "uploads"): self._start_upload,
            ("PATCH", "uploads"): self._continue_upload,
            ("PUT", "uploads"): self._finish_upload,
            ("GET", "tags"): self._tags,
            ("GET", "referrers"): self._referrers,
        }

    def answer(self, request: Request) -> Answer:
        """The answer to a request; a HEAD request is answered as GET and loses its body on the wire."""
        if request.path in ("/v2", "/v2/"):
            return Answer(200, b"{}", {"Docker-Distribution-API-Version": "registry/2.0"})
        method = "GET" if request.method == "HEAD" else request.method
        for pattern, route in _ROUTES:
            if (match := pattern.fullmatch(request.path)) is None:
                continue
            if not is_repository(match["name"]):
                return error(400, "NAME_INVALID", "invalid repository name")
            handler = self._handlers.get((method, route))
            if handler is None:
                return error(405, "UNSUPPORTED", "the operation is unsupported")
            return self._handled(handler, request, match["name"], match["reference"])
        return error(404, "NOT_FOUND", "no such route")

    @staticmethod
    def _handled(handler: _Handler, request: Request, name: str, reference: str) -> Answer:
        try:
            return handler(request, name, reference)
        except UnknownNameError as failure:
            return error(404, "NAME_UNKNOWN", str(failure))
        except LabError as failure:
            return error(400, "MANIFEST_INVALID", str(failure))

    def _get_manifest(self, _request: Request, name: str, reference: str) -> Answer:
        manifest = self._registry.get_manifest(name, reference)
        if manifest is None:
            return error(404, "MANIFEST_UNKNOWN", f"manifest {reference} unknown")
        headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": manifest.digest}
        return Answer(200, manifest.data, headers)

    def _put_manifest(self, request: Request, name: str, reference: str) -> Answer:
        if len(request.body) > _MANIFEST_LIMIT:
            return error(413, "MANIFEST_INVALID", "the manifest is too large")
        by_digest = is_digest(reference)
        if by_digest and digest_of(request.body, reference.partition(":")[0]) != reference:
            return error(400, "DIGEST_INVALID", "the manifest does not have this digest")
        if not by_digest and not is_tag(reference):
            return error(400, "TAG_INVALID", "invalid tag")
        media_type = request.headers.get("content-type", OCI_MANIFEST)
        tag = None if by_digest else reference
        stored = self._registry.put_manifest(name, request.body, media_type, tag=tag)
        headers = {
            "Location": f"/v2/{name}/manifests/{stored.digest}",
            "Docker-Content-Digest": stored.digest,
        }
        subject = subject_of(request.body)
        if subject is not None and self._registry.referrers_api:
            headers["OCI-Subject"] = subject  # tells the client that no fallback tag is needed
        return Answer(201, b"", headers)

    def _delete_manifest(self, _request: Request, name: str, reference: str) -> Answer:
        if not self._registry.delete_manifest(name, reference):
            return error(404, "MANIFEST_UNKNOWN", f"manifest {reference} unknown")
        return Answer(202)

    def _get_blob(self, _request: Request, name: str, reference: str) -> Answer:
        data = self._registry.get_blob(name, reference)
        if data is None:
            return error(404, "BLOB_UNKNOWN", f"blob {reference} unknown")
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": reference}
        return Answer(200, data, headers)

    def _delete_blob(self, _request: Request, name: str, reference: str) -> Answer:
        if not self._registry.delete_blob(name, reference):
            return error(404, "BLOB_UNKNOWN", f"blob {reference} unknown")
        return Answer(202)

    def _start_upload(self, request: Request, name: str, _reference: str) -> Answer:
        if (digest := request.query.get("digest")) is not None:
            return self._store_blob(name, request.body, digest)
        mount, source = request.query.get("mount"), request.query.get("from")
        if mount is not None and source is not None and self._mounted(name, mount, source):
            return _blob_created(name, mount)
        identifier = secrets.token_hex(16)
        with self._lock:
            if len(self._uploads) >= _UPLOAD_LIMIT:
                return error(429, "TOOMANYREQUESTS", "too many uploads are under way")
            self._uploads[identifier] = request.body
        return _upload_state(name, identifier, len(request.body))

    def _mounted(self, name: str, digest: str, source: str) -> bool:
        try:
            data = self._registry.get_blob(source, digest)
        except UnknownNameError:
            return False
        if data is None:
            return False
        self._registry.put_blob(name, data, digest=digest)
        return True

    def _continue_upload(self, request: Request, name: str, reference: str) -> Answer:
        with self._lock:
            so_far = self._uploads.get(reference)
            if so_far is None:
                return error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
            start = request.headers.get("content-range", str(len(so_far))).partition("-")[0]
            if start != str(len(so_far)):
                return error(416, "BLOB_UPLOAD_INVALID", "the chunks are out of order")
            if len(so_far) + len(request.body) > REGISTRY_BODY_LIMIT:
                return error(413, "SIZE_INVALID", "the blob is too large")
            self._uploads[reference] = so_far + request.body
        return _upload_state(name, reference, len(so_far) + len(request.body))

    def _finish_upload(self, request: Request, name: str, reference: str) -> Answer:
        digest = request.query.get("digest")
        if digest is None:
            return error(400, "DIGEST_INVALID", "the digest is missing")
        with self._lock:
            so_far = self._uploads.pop(reference, None)
        if so_far is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        return self._store_blob(name, so_far + request.body, digest)

    def _store_blob(self, name: str, data: bytes, digest: str) -> Answer:
        try:
            self._registry.put_blob(name, data, digest=digest)
        except LabError as failure:
            return error(400, "DIGEST_INVALID", str(failure))
        return _blob_created(name, digest)

    def _tags(self, request: Request, name: str, _reference: str) -> Answer:
        after = request.query.get("last", "")
        tags = [tag for tag in self._registry.tags(name) if tag > after]
        asked = request.query.get("n", "")
        size = int(asked) if asked.isdecimal() else self._registry.page_size
        page, headers = tags if size is None else tags[:size], {"Content-Type": "application/json"}
        if len(page) < len(tags) and page:
            query = urlencode({"n": len(page), "last": page[-1]})
            headers["Link"] = f'</v2/{name}/tags/list?{query}>; rel="next"'
        return Answer(200, json.dumps({"name": name, "tags": page}).encode(), headers)

    def _referrers(self, request: Request, name: str, reference: str) -> Answer:
        if not self._registry.referrers_api:
            return error(404, "NOT_FOUND", "no such route")
        if not is_digest(reference):
            return error(400, "DIGEST_INVALID", "invalid digest")
        wanted = request.query.get("artifactType")
        found = self._registry.referrers(name, reference, artifact_type=wanted)
        page, link = self._page(found, request, f"/v2/{name}/referrers/{quote(reference)}")
        headers = {"Content-Type": OCI_INDEX, **link}
        if wanted is not None:
            headers["OCI-Filters-Applied"] = "artifactType"
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page}
        return Answer(200, json.dumps(index).encode(), headers)

    def _page(
        self, found: Sequence[dict[str, object]], request: Request, path: str
    ) -> tuple[list[dict[str, object]], dict[str, str]]:
        size = self._registry.page_size
        asked = request.query.get("start", "0")
        start = int(asked) if asked.isdecimal() else 0
        if size is None or start + size >= len(found):
            return list(found[start:]), {}
        query = {**request.query, "start": str(start + size)}
        return list(found[start : start + size]), {"Link": f'<{path}?{urlencode(query)}>; rel="next"'}


def error(status: int, code: str, message: str) -> Answer:
    """An error body of distribution-spec 1.1, Error Codes."""
    body = {"errors": [{"code": code, "message": message, "detail": None}]}
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _blob_created(name: str, digest: str) -> Answer:
    return Answer(201, b"", {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})


def _upload_state(name: str, identifier: str, size: int) -> Answer:
    headers = {
        "Location": f"/v2/{name}/blobs/uploads/{identifier}",
        "Range": f"0-{max(size - 1, 0)}",
        "Docker-Upload-UUID": identifier,
    }
    return Answer(202, b"", headers)
