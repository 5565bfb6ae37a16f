"""What tests need from outside the tree: other projects' programs, and the shared vectors.

Where something is missing, the test that wants it is skipped and says how to get it; where everything is
promised to be there (``PYCOSIGN_REQUIRE_TOOLS=1``, set by ``.ci/run``), it fails instead, so that a missing
program can never look like a passing test.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent


def tools_folder() -> Path:
    """Where ``.ci/tools`` puts the programs."""
    return Path(os.environ.get("PYCOSIGN_TOOLS") or ROOT / ".cache" / "tools") / "bin"


def require_tool(name: str) -> str:
    """The absolute path of a program: the one ``.ci/tools`` installed, or else the one on PATH."""
    found = shutil.which(name, path=str(tools_folder())) or shutil.which(name)
    if found is None:
        _absent(
            f"the program {name} is neither in {tools_folder()} nor on PATH; .ci/tools installs it",
            must_be_there=_promised(),
        )
    return str(Path(found).absolute())


def vectors_folder() -> Path:
    """Where cosign's storage vectors should be: ``$PYCOSIGN_VECTORS``, or beside the checkout."""
    return Path(os.environ.get("PYCOSIGN_VECTORS") or ROOT.parent / "shared" / "vectors" / "cosign")


def shared_vectors() -> Path:
    """The folder of cosign's storage vectors, which is there when this returns."""
    folder = vectors_folder()
    if not (folder / "cases.json").is_file():
        _absent(
            f"{folder} holds no cases.json; PYCOSIGN_VECTORS names the folder of the shared vectors",
            must_be_there=_promised() or os.environ.get("CI") == "true",
        )
    return folder


def _promised() -> bool:
    return os.environ.get("PYCOSIGN_REQUIRE_TOOLS") == "1"


def _absent(sentence: str, *, must_be_there: bool) -> NoReturn:
    if must_be_there:
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence, allow_module_level=True)
