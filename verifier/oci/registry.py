"""`verifier.store.Store` over registries (distribution-spec 1.1). It reads and never writes."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import TracebackType
from typing import Self

from providers.descriptor import Descriptor, digest_of
from providers.errors import ConfigurationError, InvalidReferenceError, UnavailableError, VerificationError
from providers.reasons import ReasonCode
from providers.reference import Reference, parse_registry, parse_repository

from ..budget import Budget
from ..formats.manifest import INDEX_MEDIA_TYPES, MANIFEST_MEDIA_TYPES, media_type_of
from ..printable import printable
from .addresses import Reach
from .client import RegistryClient, Request, error_code
from .dial import LookUp, system_lookup
from .headers import media_type
from .limits import RegistryLimits
from .listing import Listing
from .origin import Origin, Target
from .proxies import Proxies
from .transport import Answer

_ACCEPTED = (*MANIFEST_MEDIA_TYPES, *INDEX_MEDIA_TYPES)
_ACCEPT = ", ".join(_ACCEPTED)
# Browsers, which say the most, stay below 200 characters.
_USER_AGENT = re.compile(r"[\x20-\x7e]{1,200}")


class RegistryStore:
    """Reads artifacts and their signatures from registries, anonymously. Safe to use from many threads.

    What a registry says about a digest is never believed: every digest is computed from the bytes read.
    Close it when done; it keeps connections and one thread.
    """

    def __init__(
        self,
        *,
        plain_http: AbstractSet[str] = frozenset(),
        ca_file: Path | None = None,
        limits: RegistryLimits | None = None,
        user_agent: str = "pycosign",
        token_hosts: AbstractSet[str] = frozenset(),
        furthest: Reach = Reach.LOOPBACK,
        proxies: Proxies | None = None,
        lookup: LookUp = system_lookup,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            plain_http: registries, ``host[:port]`` as in a reference, that are spoken to in plain HTTP.
            ca_file: certificate authorities trusted besides the system's, PEM.
            limits: other limits than the default ones.
            user_agent: how requests introduce themselves.
            token_hosts: hosts that registries may name as token servers besides their own.
            furthest: how far inside a network image names may lead; those in ``plain_http`` may lie anywhere.
            proxies: the way out; from the environment when not given.
            lookup: what turns names into addresses.

        Raises:
            ConfigurationError: one of them is unusable.
        """
        _check(plain_http, token_hosts, user_agent)
        self._limits = limits or RegistryLimits()
        self._client = RegistryClient(
            self._limits,
            plain_http=frozenset(plain_http),
            token_hosts=frozenset(token_hosts),
            furthest=furthest,
            tls=_tls_context(ca_file),
            proxies=proxies or Proxies.parse(),
            lookup=lookup,
            user_agent=user_agent,
        )

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        """The descriptor of the manifest that ``reference`` names: one GET. See `verifier.store.Store`."""
        asked = reference.digest or reference.tag
        answer = self._manifest(
            reference.registry, reference.path, asked, self._limits.manifest_bytes, budget
        )
        if answer.status == 404:
            raise _not_found(reference, error_code(answer.body))
        if not answer.complete:
            raise self._too_large(reference)
        digest = digest_of(answer.body)
        if reference.digest and digest != reference.digest:
            raise _mismatch(reference.repository, reference.digest, f"content with the digest {digest}")
        return Descriptor.parse(
            media_type=_checked_media_type(reference, answer), digest=digest, size=len(answer.body)
        )

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        """Manifests that refer to ``subject``, each once. See `verifier.store.Store`.

        What a listing leaves untyped, and all that a tag-schema index names, is yielded whatever
        ``artifact_types`` says. Past the limits what is in hand is yielded, then ``limit-exceeded`` is raised.
        """
        registry, path = parse_repository(repository)
        listing = Listing(self._client, self._limits, registry, path, subject)
        return listing.read(artifact_types, budget)

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        """The manifest under ``tag``: one GET. See `verifier.store.Store`."""
        registry, path = parse_repository(repository)
        answer = self._manifest(registry, path, tag, self._limits.manifest_bytes, budget)
        if answer.status == 404:
            return None
        reference = Reference(registry, path, tag, "")
        if not answer.complete:
            raise self._too_large(reference)
        kind = _checked_media_type(reference, answer)
        found = Descriptor.parse(media_type=kind, digest=digest_of(answer.body), size=len(answer.body))
        return found, answer.body

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        """The content of ``descriptor``: one GET, and no more is read than it says. See `verifier.store.Store`."""
        registry, path = parse_repository(repository)
        is_manifest = descriptor.media_type in _ACCEPTED
        cap = self._limits.manifest_bytes if is_manifest else self._limits.blob_bytes
        if descriptor.size > cap:
            raise UnavailableError(
                ReasonCode.LIMIT_EXCEEDED,
                f"{descriptor.digest} in {repository} has {descriptor.size} bytes; at most {cap} are read",
            )
        if is_manifest:
            answer = self._manifest(registry, path, descriptor.digest, descriptor.size, budget)
        else:
            target = self._client.target(registry, path, f"blobs/{descriptor.digest}")
            request = Request(registry, path, target, "*/*", descriptor.size, frozenset({404}))
            answer = self._client.get(request, budget)
        if answer.status == 404:
            raise UnavailableError(
                ReasonCode.REGISTRY_INVALID_RESPONSE,
                f"registry {registry} lists {descriptor.digest} in {path} but does not have it; push it again",
            )
        if not answer.complete or len(answer.body) != descriptor.size:
            size = f"{len(answer.body)} bytes in place of" if answer.complete else "more than"
            raise _mismatch(repository, descriptor.digest, f"{size} {descriptor.size} bytes")
        digest = digest_of(answer.body)
        if digest != descriptor.digest:
            raise _mismatch(repository, descriptor.digest, f"content with the digest {digest}")
        return answer.body

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _too_large(self, reference: Reference) -> UnavailableError:
        return UnavailableError(
            ReasonCode.LIMIT_EXCEEDED,
            f"the manifest of {reference} is larger than the {self._limits.manifest_bytes} bytes read here",
        )

    def _manifest(self, registry: str, path: str, name: str, limit: int, budget: Budget) -> Answer:
        target = self._client.target(registry, path, f"manifests/{name}")
        return self._client.get(Request(registry, path, target, _ACCEPT, limit, frozenset({404})), budget)


def _check(plain_http: AbstractSet[str], token_hosts: AbstractSet[str], user_agent: str) -> None:
    for registry in plain_http:
        _check_registry(registry)
    for host in token_hosts:
        _check_token_host(host)
    if not _USER_AGENT.fullmatch(user_agent):
        raise ConfigurationError("the user agent is not printable ASCII, 1 to 200 characters")


def _check_registry(registry: str) -> None:
    try:
        named = parse_registry(registry)
    except InvalidReferenceError as error:
        raise ConfigurationError(
            f"not a registry host: {printable(registry, 100)!r}",
            remedy="write host or host:port, without a scheme",
        ) from error
    if named != registry:
        raise ConfigurationError(
            f"not a registry host as references are read here: {registry!r}", remedy=f"write {named}"
        )


def _check_token_host(host: str) -> None:
    try:
        usable = Target.parse(f"https://{host}/") == Target(Origin("https", host, 443), "/")
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"not a host: {printable(host, 100)!r}",
            remedy="write the host alone, in lower case, without scheme and port",
        )


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except ssl.SSLError as error:
            raise ConfigurationError(
                "the CA file holds no certificates in PEM",
                file=str(ca_file),
                remedy="give certificates as text, each from -----BEGIN CERTIFICATE----- to its end",
            ) from error
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ConfigurationError(f"the CA file cannot be read: {why}", file=str(ca_file)) from error
    return context


def _checked_media_type(reference: Reference, answer: Answer) -> str:
    """The media type the registry gives, after the document was seen to be of that kind."""
    served = media_type(answer.headers.get("content-type", ""))
    if served not in _ACCEPTED:
        raise UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"registry {reference.registry} serves {reference} as {printable(served, 100)!r}, which is no image "
            "manifest that can be read here",
        )
    try:
        return media_type_of(answer.body, served)
    except VerificationError as error:
        raise UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"registry {reference.registry} serves a manifest of {reference} that cannot be read: "
            f"{printable(error.message)}",
        ) from error


def _not_found(reference: Reference, code: str) -> UnavailableError:
    if code == "NAME_UNKNOWN":
        what = f"has no repository {reference.path}"
    elif reference.digest:
        what = f"has no manifest {reference.digest} in {reference.path}"
    else:
        what = f"has no tag {reference.tag} in {reference.path}"
    return UnavailableError(ReasonCode.IMAGE_NOT_FOUND, f"registry {reference.registry} {what}")


def _mismatch(repository: str, digest: str, got: str) -> UnavailableError:
    return UnavailableError(
        ReasonCode.CONTENT_MISMATCH, f"asked for {digest}, {repository} answers with {got}; it was not used"
    )
