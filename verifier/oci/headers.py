"""Header fields of a registry's answers, read strictly; and its words made fit to print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# http.client takes lines of 64 KiB; a challenge or a link is a few hundred characters.
_MAX_FIELD = 8192
# RFC 9110 s5.6.7: the longest form of a date ("Wednesday, 06-Nov-94 08:49:37 GMT") has 33 characters.
_MAX_DATE = 64

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# RFC 9110 s11.3: a scheme starts a challenge, `name=value` continues it.
_PARAMETER = re.compile(rf"\s*({_WORD})\s*=\s*({_QUOTED}|{_WORD})\s*(?:,|$)")
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?:\s+|\s*(?:,|$))")
# RFC 8288 s3: links stand between commas, their parameters after semicolons; either may have nothing between.
_LINK = re.compile(r"<([^<>]*)>")
_LINK_PARAMETER = re.compile(rf"[ \t]*;[ \t]*(?:({_WORD})[ \t]*(?:=[ \t]*({_QUOTED}|{_WORD}))?)?")
_LINK_END = re.compile(r"[ \t]*(?:,[ \t,]*|$)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a ``WWW-Authenticate`` field: its scheme in lower case, and its parameters."""

    scheme: str
    parameters: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """The parameter ``name``; empty when absent or given twice with different values."""
        values = {value for key, value in self.parameters if key == name}
        return values.pop() if len(values) == 1 else ""


def parse_challenges(field: str) -> tuple[Challenge, ...]:
    """The challenges of ``field``, as far as it can be read."""
    found: list[Challenge] = []
    at = 0
    while len(field) <= _MAX_FIELD and (scheme := _SCHEME.match(field, at)):
        at = scheme.end()
        parameters = []
        while parameter := _PARAMETER.match(field, at):
            at = parameter.end()
            parameters.append((parameter[1].lower(), _unquoted(parameter[2])))
        found.append(Challenge(scheme[1].lower(), tuple(parameters)))
    return tuple(found)


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def next_link(field: str) -> str:
    """The target of the ``rel="next"`` link (RFC 8288) of ``field``; empty when there is none.

    Raises:
        ValueError: the field is not understood, so there may be one.
    """
    targets = set()
    for target, relations in _parse_links(field):
        if "next" in relations[0].split():  # RFC 8288 s3.3: the first "rel" counts
            targets.add(target)
        elif any("next" in relation for relation in relations):
            raise ValueError("a link may lead to the next page, or may not")
    if len(targets) > 1:
        raise ValueError("the links to the next page differ")
    return targets.pop() if targets else ""


def _parse_links(field: str) -> list[tuple[str, list[str]]]:
    """The target of every link and the values of its "rel" parameters, in lower case; neither is empty."""
    if len(field) > _MAX_FIELD:
        raise ValueError("the link field is too long")
    found: list[tuple[str, list[str]]] = []
    text = field.strip("\t ,")
    at = 0
    while at < len(text):
        link = _LINK.match(text, at)
        if link is None:
            raise ValueError("the link field is malformed")
        at = link.end()
        relations = []
        while parameter := _LINK_PARAMETER.match(text, at):
            at = parameter.end()
            if (parameter[1] or "").lower() == "rel":
                relations.append(_unquoted(parameter[2] or "").strip().lower())
        end = _LINK_END.match(text, at)
        if end is None or not link[1].strip() or not all(relations) or not relations:
            raise ValueError("the link field is malformed")
        at = end.end()
        found.append((link[1].strip(), relations))
    return found


def retry_after(field: str, now: datetime | None = None) -> float | None:
    """The seconds a ``Retry-After`` field asks to wait (RFC 9110 s10.2.3); ``None`` when it says nothing."""
    text = field.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    if not text or len(text) > _MAX_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def media_type(field: str) -> str:
    """The media type of a ``Content-Type`` field, without its parameters, in lower case."""
    return field[:_MAX_FIELD].partition(";")[0].strip().lower()
