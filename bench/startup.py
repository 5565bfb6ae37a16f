"""Part 4: how long it takes to start, as multiples of ``python -c pass``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from pycosign import demo
from pycosign.lab import Lab, MemoryRegistry, serve_registry

from . import process
from .effort import Effort
from .rounds import interleaved
from .table import columns, heading, line

_NOTHING = "python -c pass"
_READY = "pycosign serve, until it takes calls"
_SERVER = "import verifier.server.start"
_SELF_TEST = "from verifier.engines.sigstore import SigstoreEngine as E; E().self_test()"


def run(effort: Effort) -> None:
    heading(
        "4. Start-up, as multiples of 'python -c pass'",
        f"{effort.start_rounds} interleaved rounds; whole processes, byte code and files already cached.",
    )
    columns("ours", "nothing")
    with (
        tempfile.TemporaryDirectory(prefix="pycosign-bench-") as folder,
        serve_registry(MemoryRegistry()) as address,
    ):
        byte_code = process.ByteCode(Path(folder) / "byte-code")
        configuration = demo.write_configuration(Path(folder), Lab(), address)
        ready: list[float] = []
        programs: dict[str, Callable[[], object]] = {
            _NOTHING: _python("pass", byte_code),
            "import sigstore.verify (bare)": _python("import sigstore.verify", byte_code),
            "import of the server": _python(_SERVER, byte_code),
            "import of the engine and its self-test": _python(_SELF_TEST, byte_code),
            "pycosign --help": lambda: process.finish(process.command("--help"), byte_code),
            "pycosign serve, started and stopped": lambda: _serve(configuration, byte_code, ready),
        }
        measured = interleaved(programs, rounds=effort.start_rounds, calls=1)
        del ready[0]  # the call that does not count
    for name in programs:
        if name != _NOTHING:
            line(name, measured, name, _NOTHING, "ms")
    line(_READY, measured.joined(_READY, ready), _READY, _NOTHING, "ms")


def _python(code: str, byte_code: process.ByteCode) -> Callable[[], object]:
    return lambda: process.finish([sys.executable, "-c", code], byte_code)


def _serve(configuration: Path, byte_code: process.ByteCode, ready: list[float]) -> None:
    with process.serve(configuration, byte_code) as server:
        ready.append(server.seconds)
