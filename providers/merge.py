"""Trusted material of several sources as one: trusted roots joined into one, and keys beside them.

What any of them trusts, the whole trusts. The whole is as old as its oldest part, and there is none while one of
the parts has none: a verdict that rests on half of what is trusted could refuse what the other half would have
allowed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .descriptor import Descriptor
from .errors import ConfigurationError, UnavailableError
from .interfaces import TrustedMaterialProvider
from .reasons import ReasonCode
from .refresh import MAX_TRUSTED_ROOT
from .subject import Subject
from .trust import TrustedMaterial

# protobuf-specs, TrustedRoot: its four lists.
_LISTS = ("tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")
_MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
# One for each combination that is asked for, with the one before it while a part is being replaced.
_KEPT = 64


@dataclass(frozen=True, slots=True)
class MergedPart:
    """What is taken of the material of ``provider``."""

    provider: TrustedMaterialProvider
    root: bool = True
    keys: bool = True

    def of(self, material: TrustedMaterial) -> TrustedMaterial:
        """The part of ``material`` that counts.

        Raises:
            ConfigurationError: there is none.
        """
        if self.root and self.keys:
            return material
        return TrustedMaterial.of(
            material.source,
            material.trusted_root if self.root else b"",
            material.loaded_at,
            material.keys if self.keys else (),
        )


class MergedTrustedMaterialProvider:
    """The material of all ``parts``, joined. Holds nothing but what it joined before."""

    def __init__(self, parts: tuple[MergedPart, ...]) -> None:
        if not parts or not all(part.root or part.keys for part in parts):
            raise ConfigurationError(
                "nothing is taken of what is to be merged",
                remedy="Name providers, and take the trusted root of each, its keys, or both.",
            )
        self._parts = parts
        self._merged = lru_cache(maxsize=_KEPT)(self._merge)

    @property
    def parts(self) -> tuple[TrustedMaterialProvider, ...]:
        """The providers whose material is joined."""
        return tuple(part.provider for part in self._parts)

    def check(self, material: TrustedMaterial) -> None:
        """Whether ``material`` can be joined with others.

        Raises:
            ConfigurationError: it holds something else than a trusted root in JSON of version 0.1.
        """
        if material.trusted_root and sum(part.root for part in self._parts) > 1:
            _lists_of(material)

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        """What the parts answer, joined.

        Raises:
            UnavailableError: one of the parts has no answer, or the answers cannot be joined.
        """
        found = tuple(
            part.provider.trusted_material(subject, artifact_descriptor, key_hint) for part in self._parts
        )
        try:
            return self._merged(found)
        except ConfigurationError as error:
            raise UnavailableError(ReasonCode.TRUST_UNAVAILABLE, error.problem) from error

    def materials(self) -> tuple[TrustedMaterial, ...]:
        """Where every part has one answer, the one there is; else what counts of every answer of every part."""
        answers = [part.provider.materials() for part in self._parts]
        try:
            if all(len(found) == 1 for found in answers):
                return (self._merged(tuple(found[0] for found in answers)),)
            pairs = zip(self._parts, answers, strict=True)
            return tuple(part.of(material) for part, found in pairs for material in found)
        except ConfigurationError:
            return ()

    def _merge(self, materials: tuple[TrustedMaterial, ...]) -> TrustedMaterial:
        return merge(tuple(part.of(material) for part, material in zip(self._parts, materials, strict=True)))


def merge(materials: tuple[TrustedMaterial, ...]) -> TrustedMaterial:
    """One material that trusts what any of ``materials`` trusts. What stands in several stands in it once.

    Raises:
        ConfigurationError: a trusted root is not one in JSON of version 0.1, or the whole is too large.
    """
    rooted = {material.trusted_root: material for material in materials if material.trusted_root}
    root = b""
    if len(rooted) == 1:
        (root,) = rooted  # as it is: its revision stays
    elif rooted:
        root = _joined([_lists_of(material) for material in rooted.values()])
    keys = dict.fromkeys(key for material in materials for key in material.keys)
    return TrustedMaterial.of(
        " + ".join(dict.fromkeys(material.source for material in materials)),
        root,
        min(material.loaded_at for material in materials),
        tuple(keys),
    )


def _joined(roots: list[dict[str, list[Any]]]) -> bytes:
    joined: dict[str, Any] = {"mediaType": _MEDIA_TYPE}
    for name in _LISTS:
        entries = {json.dumps(entry, sort_keys=True): entry for root in roots for entry in root.get(name, [])}
        joined[name] = list(entries.values())
    content = json.dumps(joined, separators=(",", ":")).encode()
    if len(content) > MAX_TRUSTED_ROOT:
        raise ConfigurationError(f"the merged trusted root has more than {MAX_TRUSTED_ROOT} bytes")
    return content


def _lists_of(material: TrustedMaterial) -> dict[str, list[Any]]:
    """The lists of a trusted root, as they are written. Nothing is left out unsaid: a field that is unknown here
    may take back some of the trust.
    """
    try:
        root = json.loads(material.trusted_root, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _not_joined(material, f"it is not JSON: {error}") from error
    if not isinstance(root, dict) or root.pop("mediaType", None) != _MEDIA_TYPE:
        raise _not_joined(material, f"its mediaType is not {_MEDIA_TYPE}")
    for name, entries in root.items():
        if name not in _LISTS or not isinstance(entries, list):
            raise _not_joined(material, f"{name[:40]!r} is not one of the lists {', '.join(_LISTS)}")
    return root


def _not_joined(material: TrustedMaterial, problem: str) -> ConfigurationError:
    return ConfigurationError(f"{material.source} cannot be merged with others: {problem}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers would read different things from a name that stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found
