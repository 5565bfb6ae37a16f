"""What operators write about attestations: the shapes of the YAML, and their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from .conditions_cel import CelCondition
from .conditions_sbom import SbomCondition
from .conditions_scanners import Severity
from .conditions_slsa import SlsaCondition
from .conditions_vulnerabilities import VulnerabilityCondition
from .document import Document
from .errors import ConfigurationError
from .identity import StringMatch
from .predicates import predicate_type_of
from .requirement import MAX_COUNT, AttestationRequirement, Condition
from .spec import Age, Location, Spec, stated, to_age

# More of one kind were not written by a person.
_MAX_LISTED = 32
# What each common condition reads; versions may follow.
_KINDS = {
    "slsa": ("https://slsa.dev/provenance/",),
    "sbom": ("https://spdx.dev/Document", "https://cyclonedx.org/bom"),
    "vulnerabilities": (
        "https://cosign.sigstore.dev/attestation/vuln/",
        "cosign.sigstore.dev/attestation/vuln/",
    ),
}


class MatchSpec(Spec):
    """Exactly one of value and regExp."""

    value: str = ""
    reg_exp: Annotated[str, Field(description="RE2; matches the whole text.")] = ""


_Matches = Annotated[list[MatchSpec], Field(default_factory=list, min_length=1, max_length=_MAX_LISTED)]


class CelSpec(Spec):
    """A question in CEL over predicate, predicateType and now."""

    name: Annotated[str, Field(max_length=100, description="What checks call it. Empty: the expression.")] = (
        ""
    )
    expression: Annotated[str, Field(min_length=1, max_length=4096, description="It has to be true.")]


class SlsaSpec(Spec):
    """Provenance that says who built it, from where, and how. At least one list; any one of each."""

    builders: _Matches
    sources: _Matches
    build_types: _Matches


class SbomSpec(Spec):
    """A bill of materials that names something. It has no options."""


class VulnerabilitiesSpec(Spec):
    """A report of a scanner, not too old, that finds nothing too bad."""

    max_age: Annotated[Age, Field(description="How old the scan may be: 36h, 7d.")]
    below: Annotated[
        Literal["negligible", "low", "medium", "high", "critical"],
        Field(description="What is found has to be less severe than this."),
    ]
    ignore_unfixed: Annotated[
        bool, Field(description="Leave out those of which the scanner says that no fix exists.")
    ] = False


class AttestationSpec(Spec):
    """That an attestation is asked for, in place of a signature. What is said of its predicate must all hold."""

    predicate_types: Annotated[
        list[str],
        Field(
            default_factory=list,
            min_length=1,
            description="cosign's short names (slsaprovenance1, spdxjson, …) or URIs; any of them. Absent: any.",
        ),
    ]
    count: Annotated[int, Field(ge=1, le=MAX_COUNT, description="How many different ones there must be.")] = 1
    cel: Annotated[list[CelSpec], Field(default_factory=list, min_length=1, max_length=_MAX_LISTED)]
    slsa: Annotated[SlsaSpec | SkipJsonSchema[None], BeforeValidator(stated)] = None
    sbom: Annotated[SbomSpec | SkipJsonSchema[None], BeforeValidator(stated)] = None
    vulnerabilities: Annotated[VulnerabilitiesSpec | SkipJsonSchema[None], BeforeValidator(stated)] = None


def to_attestation(spec: AttestationSpec, document: Document, location: Location) -> AttestationRequirement:
    """What ``spec`` at ``location`` of ``document`` asks for.

    Raises:
        ConfigurationError: with file and line.
    """
    with document.at((*location, "predicateTypes")):
        types = tuple(predicate_type_of(text) for text in spec.predicate_types)
    conditions = tuple(_conditions(spec, document, location))
    with document.at(location):
        _check_kind(spec, types)
        return AttestationRequirement(types, conditions, spec.count)


def _check_kind(spec: AttestationSpec, types: tuple[str, ...]) -> None:
    """One attestation is of one type."""
    asked = [name for name in _KINDS if getattr(spec, name) is not None]
    if len(asked) > 1:
        raise ConfigurationError(
            f"no attestation is of the types for {' and '.join(asked)} at once",
            remedy="Make a requirement for each.",
        )
    for name in asked:
        if types and not any(uri.startswith(_KINDS[name]) for uri in types):
            raise ConfigurationError(
                f"{name} is not read from attestations of type {' or '.join(types)}",
                remedy="Leave predicateTypes out, or name those that it is in.",
            )


def _conditions(spec: AttestationSpec, document: Document, location: Location) -> Iterator[Condition]:
    for index, cel in enumerate(spec.cel):
        with document.at((*location, "cel", index)):
            yield CelCondition(cel.expression, cel.name)
    if spec.slsa is not None:
        with document.at((*location, "slsa")):
            lists = (spec.slsa.builders, spec.slsa.sources, spec.slsa.build_types)
            yield SlsaCondition(*(_matches(listed) for listed in lists))
    if spec.sbom is not None:
        yield SbomCondition()
    if spec.vulnerabilities is not None:
        with document.at((*location, "vulnerabilities")):
            asked = spec.vulnerabilities
            below = Severity[asked.below.upper()]
            yield VulnerabilityCondition(to_age(asked.max_age), below, asked.ignore_unfixed)


def _matches(listed: list[MatchSpec]) -> tuple[StringMatch, ...]:
    return tuple(StringMatch(value=match.value, regexp=match.reg_exp) for match in listed)
