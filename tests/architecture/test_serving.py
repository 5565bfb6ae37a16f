"""Serving admission loads nothing that signs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# Every module of the doors; what stands behind them follows.
_DOORS = """
import importlib, pkgutil
import verifier.app, verifier.server
for module in pkgutil.walk_packages(verifier.server.__path__, "verifier.server."):
    importlib.import_module(module.name)
"""
_COMMAND = "import pycosign.cli.main, pycosign.cli.serve\n"
_REPORT = "import json, sys\nprint(json.dumps(sorted(sys.modules)))"


def _loaded(tmp_path: Path, imports: str) -> set[str]:
    """What a fresh interpreter has loaded after ``imports``."""
    run = subprocess.run(
        [sys.executable, "-c", imports + _REPORT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


def _signing(modules: set[str]) -> set[str]:
    """What of ``modules`` has to do with signing: all of pycosign but its command line, and sigstore's signer."""
    return {
        name
        for name in modules
        if name == "sigstore.sign" or (name.startswith("pycosign.") and not name.startswith("pycosign.cli"))
    }


def test_the_doors_load_nothing_of_pycosign(tmp_path: Path) -> None:
    loaded = _loaded(tmp_path, _DOORS)
    assert "verifier.core" in loaded
    assert {name for name in loaded if name.partition(".")[0] == "pycosign"} == set()
    assert _signing(loaded) == set()


def test_the_serve_command_loads_nothing_that_signs(tmp_path: Path) -> None:
    loaded = _loaded(tmp_path, _COMMAND)
    assert "pycosign.cli.serve" in loaded
    assert _signing(loaded) == set()


def test_what_signs_would_be_noticed(tmp_path: Path) -> None:
    assert {"pycosign.lab", "sigstore.sign"} <= _signing(
        _loaded(tmp_path, _DOORS + "import pycosign.lab, sigstore.sign\n")
    )
