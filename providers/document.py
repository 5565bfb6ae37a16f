"""YAML documents that operators write: read strictly, and every complaint with file and line.

Refused: a key that stands twice in one mapping, anchors and aliases (an alias of an alias of an alias is how
a small file becomes a large one), several documents in one file, unknown fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from .bounded_file import read_bounded
from .errors import ConfigurationError, PycosignError

# A ConfigMap holds at most 1 MiB.
_MAX_SIZE = 1 << 20

# pydantic speaks of inputs; an operator wrote fields.
_PLAIN = {
    "extra_forbidden": "there is no field of this name",
    "missing": "the field is missing",
}

_Model = TypeVar("_Model", bound=BaseModel)


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader without aliases and without repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it out
            raise yaml.composer.ComposerError(
                None, None, "anchors and aliases are not accepted", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  (PyYAML's signature)
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is not text; put it in quotes", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


class Document:
    """One parsed document and where each part of it stands."""

    def __init__(self, file: str, data: Any, node: yaml.Node) -> None:
        self.file = file
        self.data = data
        self._node = node

    @classmethod
    def load(cls, path: Path) -> Document:
        """Read the one document in ``path``.

        Raises:
            ConfigurationError: it cannot be read, is too large, or is not strict YAML.
        """
        return cls.parse(read_bounded(path, _MAX_SIZE, remedy="Check path and permissions."), str(path))

    @classmethod
    def parse(cls, content: bytes, file: str) -> Document:
        """Parse ``content``, named ``file`` in complaints.

        Raises:
            ConfigurationError: it is not strict YAML.
        """
        try:
            node = yaml.compose(content, _StrictLoader)
            data = yaml.load(content, _StrictLoader)  # noqa: S506  (a SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise ConfigurationError(
                f"not valid YAML: {error.problem}", file=file, line=line, remedy="Correct this line."
            ) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"not valid YAML: {error}", file=file) from error
        if node is None or not isinstance(data, dict):
            raise ConfigurationError(
                "the file holds no mapping", file=file, line=1, remedy="Start with 'apiVersion:' and 'kind:'."
            )
        return cls(file, data, node)

    def line_of(self, location: Sequence[str | int]) -> int:
        """The line (from 1) of the deepest part of ``location`` that exists."""
        node, line = self._node, self._node.start_mark.line + 1
        for step in location:
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in node.value if k.value == step), None)
                if found is None:
                    continue  # the name of a variant, which stands in pydantic's locations only
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
        return line

    def error(self, location: Sequence[str | int], problem: str, remedy: str = "") -> ConfigurationError:
        """A complaint about the part at ``location``."""
        return ConfigurationError(problem, file=self.file, line=self.line_of(location), remedy=remedy)

    @contextmanager
    def at(self, location: Sequence[str | int]) -> Iterator[None]:
        """Within it, a complaint of ours gets the file and the line of ``location``."""
        try:
            yield
        except ConfigurationError as error:
            problem = f"{error.problem} ({error.file})" if error.file else error.problem
            raise self.error(location, problem, error.remedy) from error
        except PycosignError as error:
            raise self.error(location, str(error)) from error

    def validate(self, model: type[_Model]) -> _Model:
        """The document as ``model``.

        Raises:
            ConfigurationError: with the line of the first field that is wrong, and all that is wrong.
        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            problems = [
                (
                    self.line_of(e["loc"]),
                    ".".join(str(step) for step in e["loc"]),
                    _PLAIN.get(e["type"], e["msg"]),
                )
                for e in error.errors(include_url=False, include_input=False)
                if e["type"]
                != "none_required"  # None stands for a field that is absent, and is never the remedy
            ]
            line, field, message = min(problems)
            also = "".join(f"\n  also line {at}: {name}: {what}" for at, name, what in sorted(problems)[1:10])
            raise ConfigurationError(
                f"{field}: {message}",
                file=self.file,
                line=line,
                remedy=f"See docs/configuration.md for the fields and their values.{also}",
            ) from error
