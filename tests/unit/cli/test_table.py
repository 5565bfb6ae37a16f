"""The demonstration's table."""

from __future__ import annotations

import dataclasses
import io

from rich.console import Console

from providers.reasons import ReasonCode
from pycosign.cli.demo import table_of
from pycosign.demo import Question, Row
from tests.unit.server.test_convert import DETAIL, RESULT, VALIDATION


def _shown(*rows: Row) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(table_of(list(rows)))
    return out.getvalue()


def test_a_certificates_words_are_no_markup_and_no_escapes() -> None:
    assert DETAIL.certificate is not None
    name = "[red]x[/red] [link=https://e.test]y\x1b[2J\nz"
    certificate = dataclasses.replace(DETAIL.certificate, subject_alternative_name=name)
    result = dataclasses.replace(RESULT, detail=(dataclasses.replace(DETAIL, certificate=certificate),))
    answer = dataclasses.replace(VALIDATION, results=(result,))
    shown = _shown(Row(Question("image", "a", ReasonCode.OK), answer, 1.0))
    assert "[red]x[/red] [link=https://e.test]y" in shown
    assert "\x1b" not in shown
    assert sum("image" in line or "https://e.test" in line for line in shown.splitlines()) == 1


def test_a_wrong_verdict_is_marked() -> None:
    right = Row(Question("image", "a", ReasonCode.IDENTITY_MISMATCH), VALIDATION, 1.0)
    assert "(WRONG)" in _shown(right)  # it was admitted, by a policy that only warns
    refused = dataclasses.replace(VALIDATION, admitted=False)
    assert "(WRONG)" not in _shown(dataclasses.replace(right, answer=refused))
