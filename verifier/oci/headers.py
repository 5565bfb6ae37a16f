"""Header fields of a registry's answers, read strictly; and its words made fit to print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# http.client takes lines of 64 KiB; a challenge or a link is a few hundred characters.
_MAX_FIELD = 8192
# What a person is shown of a stranger's sentence.
_MAX_WORDS = 200

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# RFC 9110 s11.3: a scheme starts a challenge, `name=value` continues it.
_PARAMETER = re.compile(rf"\s*({_WORD})\s*=\s*({_QUOTED}|{_WORD})\s*(?:,|$)")
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?:\s+|\s*(?:,|$))")
_LINK = re.compile(r"[\s,]*<([^<>]*)>((?:\s*;\s*[^;,\"]+(?:\"(?:[^\"\\]|\\.)*\")?)*)")
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next)\s*(?:;|$)', re.IGNORECASE)


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
    """The target of the ``rel="next"`` link (RFC 8288) of ``field``; empty when there is none."""
    at = 0
    while len(field) <= _MAX_FIELD and (link := _LINK.match(field, at)):
        at = link.end()
        if _NEXT.search(link[2]):
            return link[1].strip()
    return ""


def retry_after(field: str, now: datetime | None = None) -> float | None:
    """The seconds a ``Retry-After`` field asks to wait (RFC 9110 s10.2.3); ``None`` when it says nothing."""
    text = field.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    if not text or len(text) > _MAX_WORDS:
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
