"""On every recorded case that both can take, this program and the real cosign give the same verdict, or the row
stands in ``docs/engines.md`` with the reason ours is right.

cosign is run as it was recorded. What it says is compared, never asserted: a version of it that mends one of its
faults only makes a row obsolete, which is told as well.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.test_recorded_cases import (
    BY_NAME,
    NAMES,
    VECTORS,
    Registries,
    environment,
    registries,
    words,
)
from tests.tools import ROOT, require_tool

__all__ = ["registries"]  # the fixture

COSIGN = require_tool("cosign")
# A row of the table: the case, what is required, and why.
_ROW = re.compile(r"^\| `([^`]+)` \| (accept|reject) \| ([^|]+) \|$", re.MULTILINE)


def explained() -> dict[str, str]:
    """The cases in which cosign 3.1.1 is known to differ, and what is required of each."""
    text = (ROOT / "docs" / "engines.md").read_text("utf-8")
    return {name: expected for name, expected, _ in _ROW.findall(text)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("name", NAMES)
def test_cosign_agrees_or_the_row_says_why_not(name: str, registries: Registries, home: Path) -> None:
    case = BY_NAME[name]
    # Nothing of ours, no cache of trust, and no way to get any.
    scrubbed = {"HOME": str(home), "TUF_ROOT": str(home / "tuf"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [COSIGN, *words(case, registries)],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=VECTORS,
        env=scrubbed | environment(case),
        timeout=120,
    )
    accepts, required = done.returncode == 0, case["expect"] == "accept"
    row = explained().get(name)
    if accepts is required:
        assert row is None, f"cosign agrees about {name}: its row in docs/engines.md is out of date"
    else:
        assert row == case["expect"], f"cosign disagrees about {name}, unexplained:\n{done.stderr[-800:]}"


def test_every_row_is_a_case() -> None:
    assert explained()
    assert explained().keys() <= set(NAMES)
