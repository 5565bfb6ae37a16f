"""That an attestation is a bill of materials which names something.

SPDX 2 (JSON) and 3 (JSON-LD), and CycloneDX (JSON). ``cosign attest --type spdx`` writes the tag-value form as one
text; that is no object, and not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .conditions_fields import Fields, UnreadableError, answer, quoted

# in-toto ``spec/predicates``: the type, which may end in the version of the format.
_SPDX = re.compile(r"https://spdx\.dev/Document(/v[0-9.]{1,20})?")
_CYCLONEDX = re.compile(r"https://cyclonedx\.org/bom(/v[0-9.]{1,20})?")


@dataclass(frozen=True, slots=True)
class SbomCondition:
    """That there is an SPDX document with at least one package that has a name, or a CycloneDX one with such a
    component. What it describes is the statement's subject; how complete it is nobody can tell from it.
    """

    @property
    def name(self) -> str:
        """What checks call it."""
        return "sbom"

    def problem(self, predicate: Mapping[str, Any], predicate_type: str, time: datetime) -> str:
        """See ``requirement.Condition``."""
        del time  # a bill of materials does not age: the artifact cannot change
        return answer(lambda: _problem(predicate, predicate_type))


def _problem(predicate: Mapping[str, Any], predicate_type: str) -> str:
    document = Fields.of(predicate, "the predicate")
    if _SPDX.fullmatch(predicate_type):
        return _spdx(document)
    if _CYCLONEDX.fullmatch(predicate_type):
        if document.text("bomFormat") != "CycloneDX":
            raise UnreadableError("the predicate is no CycloneDX document: its bomFormat says otherwise")
        return _named(document.objects("components"), "component")
    return f"{quoted(predicate_type)} is not the type of an SPDX or CycloneDX document"


def _spdx(document: Fields) -> str:
    if document.text("spdxVersion").startswith("SPDX-2."):
        return _named(document.objects("packages"), "package")
    # SPDX 3, "JSON-LD serialization": everything is an element of one graph.
    if document.value("@context") is not None:
        elements = document.objects("@graph")
        packages = [element for element in elements if element.text("type") == "software_Package"]
        return _named(packages, "package")
    raise UnreadableError("the predicate is no SPDX document: it states no version that is known")


def _named(entries: list[Fields], noun: str) -> str:
    if any(entry.text("name").strip() for entry in entries):
        return ""
    return f"the bill of materials names no {noun}"
