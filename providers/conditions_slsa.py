"""Who built an artifact, how, and from which repository: SLSA provenance 0.2 and 1.

Which fields name the source, and why no others:

- Those in which a builder states what it was told to build: ``invocation.configSource.uri`` (0.2), and of
  ``buildDefinition.externalParameters`` (1) ``workflow.repository`` (GitHub's attestations), ``source`` or
  ``source.uri`` (GitLab; container-based builds), ``configSource.uri`` (BuildKit) and
  ``buildConfigSource.repository`` (Google Cloud Build).
- Git dependencies (``materials``, ``resolvedDependencies``) only for build types whose builder lists there what
  it checked out, and may list it nowhere else: slsa-github-generator's delegators, Google Cloud Build. Elsewhere
  they are whatever the build fetched: a Dockerfile that adds a file of the right repository would make any build
  look like one of that repository.
- Never what a client claims and no builder checked, such as BuildKit's ``vcs``.

All that are stated must match: one right answer does not make up for a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .conditions_fields import Fields, UnreadableError, answer, quoted, some
from .errors import ConfigurationError
from .identity import StringMatch

_V02 = "https://slsa.dev/provenance/v0.2"
_V1 = "https://slsa.dev/provenance/v1"

_SOURCE_AMONG_DEPENDENCIES = frozenset(
    {
        "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0",
        "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
    }
)

# "@" and a Git ref, a commit or a tag. A slash only in full refs: otherwise "https://host/team@x/other" would be
# taken for the repository https://host/team.
_REF = re.compile(r"@(refs/.+|[^/@]+)", re.DOTALL)
_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]{0,19}://[^/]*")


def repository(uri: str) -> str:
    """The repository in ``uri`` as people write it: without ``git+``, ref, fragment and ``.git``.

    ``git+https://host/org/app.git@refs/heads/main`` and ``https://host/org/app#main:dir`` both are
    ``https://host/org/app``.
    """
    text = uri.removeprefix("git+").partition("#")[0]
    authority = _AUTHORITY.match(text)
    start = authority.end() if authority else 0
    for found in re.finditer("@", text[start:]):
        at = start + found.start()
        if _REF.fullmatch(text, at):
            text = text[:at]
            break
    return text.removesuffix("/").removesuffix(".git")


@dataclass(frozen=True, slots=True)
class SlsaCondition:
    """That one of ``builders`` built it, from one of ``sources``, in one of ``build_types``; whichever is empty is
    not asked. ``builders`` match the builder's id, ``sources`` what ``repository`` makes of a URI.

    Raises:
        ConfigurationError: nothing is asked, or a source is no plain repository.
    """

    builders: tuple[StringMatch, ...] = ()
    sources: tuple[StringMatch, ...] = ()
    build_types: tuple[StringMatch, ...] = ()

    def __post_init__(self) -> None:
        if not (self.builders or self.sources or self.build_types):
            raise ConfigurationError(
                "a condition on SLSA provenance names no builder, no source and no build type",
                remedy="Name at least one; otherwise any provenance would do.",
            )
        for source in self.sources:
            plain = repository(source.value)
            if plain != source.value:
                raise ConfigurationError(
                    f"{source.value!r} is not only a repository, and would match none",
                    remedy=f"Write {plain}.",
                )

    @property
    def name(self) -> str:
        """What checks call it."""
        return "slsa"

    def problem(self, predicate: Mapping[str, Any], predicate_type: str, time: datetime) -> str:
        """See ``requirement.Condition``."""
        del time  # who built it does not change
        return answer(lambda: self._problem(Fields.of(predicate, "the predicate"), predicate_type))

    def _problem(self, predicate: Fields, predicate_type: str) -> str:
        if predicate_type == _V1:
            found = _read_v1(predicate)
        elif predicate_type == _V02:
            found = _read_v02(predicate)
        else:
            return f"{quoted(predicate_type)} is not the type of SLSA provenance 0.2 or 1"
        problems = (
            _mismatch("it was built by", (found.builder,), self.builders),
            _mismatch("its source is", found.sources, self.sources),
            _mismatch("its build type is", (found.build_type,), self.build_types),
        )
        return "; ".join(filter(None, problems))


@dataclass(frozen=True, slots=True)
class _Provenance:
    """What provenance says of a build; a text is empty where it does not."""

    builder: str
    build_type: str
    sources: tuple[str, ...]


def _mismatch(said: str, found: tuple[str, ...], expected: tuple[StringMatch, ...]) -> str:
    """What of ``found`` is not ``expected``; nothing found is as wrong as something else."""
    if not expected:
        return ""
    wrong = [text for text in found if not any(match.matches(text) for match in expected)]
    if found and not wrong:
        return ""
    shown = some((quoted(text) if text else "not stated" for text in wrong), " and ") or "not stated"
    return f"{said} {shown}, not {some(expected, ' or ')}"


def _read_v02(predicate: Fields) -> _Provenance:
    build_type = predicate.text("buildType")
    stated = [predicate.object("invocation").object("configSource").text("uri")]
    return _Provenance(
        predicate.object("builder").text("id"),
        build_type,
        _repositories(stated, build_type, predicate, "materials"),
    )


def _read_v1(predicate: Fields) -> _Provenance:
    definition = predicate.object("buildDefinition")
    build_type = definition.text("buildType")
    stated = list(_parameters(definition.object("externalParameters")))
    return _Provenance(
        predicate.object("runDetails").object("builder").text("id"),
        build_type,
        _repositories(stated, build_type, definition, "resolvedDependencies"),
    )


def _parameters(parameters: Fields) -> Iterator[str]:
    """What the parameters of a build of version 1 state as its source."""
    yield parameters.object("workflow").text("repository")
    yield parameters.object("configSource").text("uri")
    yield parameters.object("buildConfigSource").text("repository")
    if isinstance(parameters.value("source"), str):
        yield parameters.text("source")
    else:
        yield parameters.object("source").text("uri")


def _repositories(stated: list[str], build_type: str, place: Fields, dependencies: str) -> tuple[str, ...]:
    """The repositories in ``stated``, and where the build type says so those among the dependencies."""
    if build_type in _SOURCE_AMONG_DEPENDENCIES:
        uris = [entry.text("uri") for entry in place.objects(dependencies)]
        stated = stated + [uri for uri in uris if uri.startswith("git+")]
    found = dict.fromkeys(filter(None, stated))
    if not all(uri.isprintable() for uri in found):
        raise UnreadableError("the provenance names a source that is not printable text")
    return tuple(map(repository, found))
