"""What the ``index.json`` of an image layout says: which manifests there are, and what each is called or is for.

A name is the annotation ``org.opencontainers.image.ref.name`` (image-spec 1.1, ``annotations.md``): a tag, or as
crane writes it a whole reference, of which the tag counts. ``cosign save`` writes no names, but a ``kind`` (cosign
``pkg/oci/layout``). None of it is signed: it says where to look, and what is found there is verified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from providers.descriptor import Descriptor

from ..formats.manifest import parse_index
from ..printable import printable

_NAME = "org.opencontainers.image.ref.name"
_KIND = "kind"
_IMAGES = ("dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex")
# By the suffixes of cosign's tags.
_BESIDE_IMAGES = {"sig": "dev.cosignproject.cosign/sigs", "att": "dev.cosignproject.cosign/atts"}
# What belongs to an image: cosign's tags, and the referrers tag of distribution-spec 1.1.
_TAG_BESIDE = re.compile(r"sha256-(?P<hex>[0-9a-f]{64})(?:\.(?P<suffix>sig|att|sbom))?")
# More names than this do not help a reader.
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class LayoutIndex:
    """The entries that can be read, and how many cannot (of another digest algorithm, say)."""

    entries: tuple[Descriptor, ...]
    unreadable: int

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an ``index.json``.

        Raises:
            VerificationError: ``malformed``, ``unsupported``.
        """
        index = parse_index(data, annotated=True)
        return cls(index.manifests, index.unreadable)

    def tagged(self, tag: str) -> tuple[Descriptor, ...]:
        """What lies under ``tag``; more than one is more than a registry could have."""
        kind = self._kind_of(tag)
        return _distinct(e for e in self.entries if tag in _tags(e) or (kind and _said(e, _KIND) == kind))

    def images(self) -> tuple[Descriptor, ...]:
        """The entries that, by what they are called, do not belong to another."""
        return _distinct(
            entry
            for entry in self.entries
            if _said(entry, _KIND) not in _BESIDE_IMAGES.values()
            and not any(_TAG_BESIDE.fullmatch(tag) for tag in _tags(entry))
        )

    def choice(self) -> str:
        """What can be asked for, for people to read."""
        images = self.images()
        tags = sorted({tag for entry in images for tag in _tags(entry)})
        if tags:
            return f"its tags are {_some(tags)}"
        if images:
            return f"it has no tags; its images are {_some(entry.digest for entry in images)}"
        return "it has no images"

    def _kind_of(self, tag: str) -> str:
        """The kind of what ``tag`` names in a registry, if cosign saved that image here; empty otherwise."""
        found = _TAG_BESIDE.fullmatch(tag)
        if found is None:
            return ""
        saved = {entry.hex for entry in self.entries if _said(entry, _KIND) in _IMAGES}
        return _BESIDE_IMAGES.get(found["suffix"], "") if found["hex"] in saved else ""


def _said(entry: Descriptor, annotation: str) -> str:
    return dict(entry.annotations).get(annotation, "")


def _tags(entry: Descriptor) -> tuple[str, ...]:
    """The tag that ``entry`` goes by, if any."""
    tag = _said(entry, _NAME).rpartition(":")[2]
    return (tag,) if tag else ()


def _distinct(entries: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """One entry for each digest."""
    return tuple({entry.digest: entry for entry in entries}.values())


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} others" if len(listed) > _SHOWN else ""
    return ", ".join(printable(name, 128) for name in listed[:_SHOWN]) + more
