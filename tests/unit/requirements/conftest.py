"""A line for each test."""

from __future__ import annotations

import pytest

from tests.unit.requirements.world import Line


@pytest.fixture
def line() -> Line:
    return Line()
