"""One policy as a document of its own: ``kind: ClusterVerificationPolicy``.

Its spec is that of a policy in the configuration; its name stands in the metadata.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .document import Document
from .errors import PycosignError
from .policy import Policy
from .policy_spec import PolicySpec, to_policy
from .scope import Scope
from .spec import Spec


class _Metadata(Spec):
    """Kubernetes-style metadata. Labels and annotations are for people and their tools."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    labels: Annotated[dict[str, str], Field(default_factory=dict)]
    annotations: Annotated[dict[str, str], Field(default_factory=dict)]


class _NamedElsewhere(PolicySpec):
    """A policy whose name stands in the metadata."""

    name: Annotated[str, Field(max_length=253)] = ""


class _PolicyDocument(Spec):
    """The whole document."""

    api_version: Literal["pycosign.dev/v1alpha1"]
    kind: Literal["ClusterVerificationPolicy"]
    metadata: _Metadata
    spec: _NamedElsewhere


def parse_policy(content: bytes, file: str) -> Policy:
    """The policy in the YAML or JSON document ``content``, called ``file`` in complaints.

    Raises:
        ConfigurationError: with file, line and what to do.
    """
    document = Document.parse(content, file)
    parsed = document.validate(_PolicyDocument)
    if "name" in parsed.spec.model_fields_set:
        raise document.error(
            ("spec", "name"), "the name of a policy stands in its metadata", "Write it as metadata.name."
        )
    return to_policy(parsed.spec.model_copy(update={"name": parsed.metadata.name}), document, ("spec",))


def scopes_of(content: bytes) -> tuple[Scope, ...] | None:
    """What a document that is no policy wants to speak for; None where not even that can be read.

    A document of which a part of the scopes can be read wants more than that.
    """
    try:
        data = Document.parse(content, "").data
        written = data["spec"]["scopes"]
        return tuple(Scope.parse(text) for text in written) if isinstance(written, list) and written else None
    except (PycosignError, LookupError, TypeError, AttributeError):
        return None
