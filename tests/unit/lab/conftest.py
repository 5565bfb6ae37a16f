from __future__ import annotations

from pathlib import Path

import pytest
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier

from pycosign.lab import Lab


@pytest.fixture(scope="package")
def lab() -> Lab:
    return Lab()


@pytest.fixture(scope="package")
def stranger() -> Lab:
    return Lab(name="stranger")


@pytest.fixture(scope="package")
def verifier(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    path = tmp_path_factory.mktemp("trust") / "trusted_root.json"
    path.write_bytes(lab.trusted_root())
    return Verifier(trusted_root=TrustedRoot.from_file(str(Path(path))))
