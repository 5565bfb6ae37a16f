from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.oci.layouts import SECRET, Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file beside the layout."""
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    return path
