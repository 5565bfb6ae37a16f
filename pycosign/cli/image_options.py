"""Options for images: where they lie, how registries are spoken to, in which forms signatures are looked for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from providers.errors import ConfigurationError, InvalidReferenceError
from providers.reference import Reference, parse_repository
from providers.subject import Subject
from verifier.app import Reach, RegistryStore
from verifier.discovery import Discovery, StorageForm
from verifier.store import ClosingStore

from .arguments import NamedPath
from .go_flags import go_flag

LAYOUT = "oci-layout:"
REPOSITORY_VARIABLE = "COSIGN_REPOSITORY"


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """The flags, as click hands them over."""

    allow_http_registry: bool
    registry_cacert: Path | None
    new_bundle_format: bool
    experimental_oci11: bool


IMAGE_OPTIONS = (
    go_flag("--allow-http-registry", text="Speak plain HTTP to the registries named."),
    click.option("--registry-cacert", type=NamedPath(), metavar="FILE", help="PEM of further CAs."),
    go_flag("--new-bundle-format", default=True, hidden=True),
    go_flag("--experimental-oci11", hidden=True),
)

DANGER_OF_HTTP = (
    "registries are spoken to in plain HTTP: whoever is on the way can choose what a tag means, hide signatures"
    " and read along."
)


@dataclass(frozen=True, slots=True)
class Image:
    """One image to verify. ``layout`` is the folder it lies in, None in a registry."""

    subject: Subject
    layout: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Image:
        """A reference, or ``oci-layout:PATH[:tag|@digest]``: what follows the last colon after the last slash is a
        tag.

        Raises:
            InvalidReferenceError: it is malformed.
        """
        if not text.startswith(LAYOUT):
            return cls(Subject.parse(text))
        path, at, digest = text.removeprefix(LAYOUT).rpartition("@sha256:")
        if not at:
            path, digest = digest, ""
        tag = ""
        if path.rfind(":") > path.rfind("/"):
            path, _, tag = path.rpartition(":")
            if not tag:
                raise InvalidReferenceError(f"an empty tag after the colon in {text[:200]!r}")
        if not path:
            raise InvalidReferenceError(f"{LAYOUT} is followed by the path of a folder")
        reference = Reference.local(f"{LAYOUT}{path}", tag=tag, digest=f"sha256:{digest}" if at else "")
        return cls(Subject(reference), Path(path))


def discovery_of(options: ImageOptions, elsewhere: str) -> Discovery:
    """Where and in which forms signatures are looked for; ``elsewhere`` is another repository than the image's."""
    forms = {StorageForm.BUNDLE, StorageForm.TAG} if options.new_bundle_format else {StorageForm.TAG}
    if options.experimental_oci11:
        forms.add(StorageForm.OCI11)
    return Discovery(frozenset(forms), elsewhere)


def elsewhere_in(environment: Mapping[str, str]) -> str:
    """The repository that cosign's variable names for signatures, normalised; empty when it is not set.

    Raises:
        ConfigurationError: it is no repository.
    """
    given = environment.get(REPOSITORY_VARIABLE, "")
    if not given:
        return ""
    try:
        return "/".join(parse_repository(given))
    except InvalidReferenceError as error:
        raise ConfigurationError(
            f"{REPOSITORY_VARIABLE}: {error}", remedy="Write registry/path, without a tag."
        ) from error


def registries_of(references: Iterable[Reference], options: ImageOptions, elsewhere: str) -> ClosingStore:
    """The store over the registries of ``references``, and the one of the repository ``elsewhere``.

    Raises:
        ConfigurationError: the file of CAs cannot be used.
    """
    registries = {reference.registry for reference in references if reference.registry}
    if elsewhere:
        registries.add(elsewhere.partition("/")[0])
    return RegistryStore(
        plain_http=_plain_http(registries, options),
        ca_file=options.registry_cacert,
        furthest=Reach.RESTRICTED,  # the command line goes where its user typed
    )


def _plain_http(registries: set[str], options: ImageOptions) -> frozenset[str]:
    """The registries spoken to without TLS: those on this machine, and with the flag all that were named."""
    if options.allow_http_registry:
        return frozenset(registries)
    if options.registry_cacert:
        return frozenset()
    return frozenset(registry for registry in registries if _is_loopback(registry))


def _is_loopback(registry: str) -> bool:
    host = registry.rpartition(":")[0] if not registry.endswith("]") and ":" in registry else registry
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
