"""The cosign program, if it is here, asked the same questions."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .cases import IDENTITY, ISSUER

_TOOLS = Path(os.environ.get("PYCOSIGN_TOOLS") or Path(__file__).resolve().parent.parent / ".cache" / "tools")
# cosign retries what fails; nothing here takes a second.
_TIMEOUT = 60


@dataclass(frozen=True, slots=True)
class Cosign:
    """The program with a home of its own, so that nobody's configuration takes part."""

    program: str
    home: Path

    @classmethod
    def find(cls, home: Path) -> Cosign | None:
        """The program that ``.ci/tools`` installed, or else the one on PATH."""
        found = shutil.which("cosign", path=str(_TOOLS / "bin")) or shutil.which("cosign")
        return cls(found, home) if found else None

    def version(self) -> str:
        """What it calls itself; Debian's build says no number."""
        lines = self.run("version").stdout.splitlines()
        known = dict(line.split(":", 1) for line in lines if ":" in line)
        return f"cosign (GitVersion {known.get('GitVersion', '?').strip()}, {known.get('GoVersion', '?').strip()})"

    def verify(self, reference: str, trusted_root: Path) -> bool:
        """``cosign verify``: whether it accepts the image."""
        done = self.run(
            *("verify", "--trusted-root", str(trusted_root), "--certificate-identity", IDENTITY),
            *("--certificate-oidc-issuer", ISSUER, reference),
            check=False,
        )
        return done.returncode == 0

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The program with these arguments; with ``check`` it must succeed."""
        home = str(self.home)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "DOCKER_CONFIG": home,
            "TUF_ROOT": f"{home}/tuf",
        }
        return subprocess.run(
            [self.program, *arguments],
            check=check,
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
        )
