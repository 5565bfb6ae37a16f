"""Which modules a process imports, and how long that takes: what Python itself says (``-X importtime``)."""

from __future__ import annotations

from dataclasses import dataclass

from . import process

# What a command may do without, and the libraries that cost most to import.
WATCHED = ("sigstore", "grpc", "pydantic", "yaml", "urllib3", "nacl", "cryptography", "re2", "click")


@dataclass(frozen=True, slots=True)
class Imports:
    """``seconds`` were spent in importing, the measurement of each module included."""

    seconds: float
    modules: frozenset[str]

    @property
    def watched(self) -> tuple[str, ...]:
        """Those of WATCHED that were imported."""
        return tuple(name for name in WATCHED if name in self.modules)


def imports_of(arguments: list[str], byte_code: process.ByteCode) -> Imports:
    """Run a Python program to its end and say what it imported."""
    told = process.run(arguments, byte_code, PYTHONPROFILEIMPORTTIME="1").stderr.decode()
    seconds, modules = 0.0, set()
    for line in told.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if line.startswith("import time:") and own.strip().isdigit():
            seconds += int(own) / 1e6
            modules.add(rest.partition("|")[2].strip())
    return Imports(seconds, frozenset(modules))
