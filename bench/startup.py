"""Part 5: how long it takes to start, as multiples of ``python -c pass``, and what is imported for it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from pycosign import demo
from pycosign.lab import Lab, MemoryRegistry, serve_registry

from . import process
from .cosign import Cosign
from .effort import Effort
from .imports import WATCHED, imports_of
from .keyed_commands import KeyedCommands
from .rounds import interleaved
from .table import columns, heading, line

_NOTHING = "python -c pass"
_READY = "pycosign serve, until it takes calls"
_BARE = "import sigstore.verify"
_SERVER = "import verifier.server.start"
_SELF_TEST = "from verifier.engines.sigstore import SigstoreEngine as E; E().self_test()"


def run(effort: Effort) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="pycosign-bench-") as folder,
        serve_registry(registry := MemoryRegistry()) as address,
    ):
        byte_code = process.ByteCode(Path(folder) / "byte-code")
        lab, cosign = Lab(), Cosign.find(Path(folder))
        commands = KeyedCommands.prepare(Path(folder), lab, registry, address)
        ours = {
            "pycosign --help": ("--help",),
            "pycosign verify-blob, key alone": commands.blob,
            "pycosign verify, key alone": commands.image,
        }
        configuration = demo.write_configuration(Path(folder), lab, address)
        _time(effort, ours, commands, cosign, configuration, byte_code)
        _show_imports(ours, byte_code)


def _time(
    effort: Effort,
    ours: dict[str, tuple[str, ...]],
    commands: KeyedCommands,
    cosign: Cosign | None,
    configuration: Path,
    byte_code: process.ByteCode,
) -> None:
    heading(
        "5. Start-up, as multiples of 'python -c pass'",
        f"{effort.start_rounds} interleaved rounds; whole processes, byte code and files already cached.",
        cosign.version() if cosign else "cosign: not here",
    )
    columns("ours", "nothing")
    ready: list[float] = []
    programs: dict[str, Callable[[], object]] = {_NOTHING: _python("pass", byte_code)}
    programs |= {title: _command(arguments, byte_code) for title, arguments in ours.items()}
    if cosign is not None:
        programs |= {
            "cosign version, which does nothing": lambda: cosign.run("version"),
            "cosign verify-blob, key alone": lambda: cosign.run(*commands.blob),
            "cosign verify, key alone": lambda: cosign.run(*commands.image),
        }
    programs |= {
        "import sigstore.verify (bare)": _python(_BARE, byte_code),
        "import of the server": _python(_SERVER, byte_code),
        "import of the engine and its self-test": _python(_SELF_TEST, byte_code),
        "pycosign serve, started and stopped": lambda: _serve(configuration, byte_code, ready),
    }
    measured = interleaved(programs, rounds=effort.start_rounds, calls=1)
    del ready[0]  # the call that does not count
    for name in programs:
        if name != _NOTHING:
            line(name, measured, name, _NOTHING, "ms")
    line(_READY, measured.joined(_READY, ready), _READY, _NOTHING, "ms")


def _show_imports(ours: dict[str, tuple[str, ...]], byte_code: process.ByteCode) -> None:
    print(f"  imports; of {', '.join(WATCHED)}:")
    programs = {title: process.command(*arguments) for title, arguments in ours.items()}
    programs["import sigstore.verify (bare)"] = [sys.executable, "-c", _BARE]
    programs["import of the server"] = [sys.executable, "-c", _SERVER]
    for title, arguments in programs.items():
        found = imports_of(arguments, byte_code)
        listed = ", ".join(found.watched) or "none"
        print(f"  {title:<46} {found.seconds * 1e3:>6.0f} ms, {len(found.modules):>4} modules; {listed}")
        if title in ours and "sigstore" in found.modules:
            raise RuntimeError(f"{title} imports sigstore, which it needs for nothing")


def _python(code: str, byte_code: process.ByteCode) -> Callable[[], object]:
    return lambda: process.finish([sys.executable, "-c", code], byte_code)


def _command(arguments: tuple[str, ...], byte_code: process.ByteCode) -> Callable[[], object]:
    return lambda: process.finish(process.command(*arguments), byte_code)


def _serve(configuration: Path, byte_code: process.ByteCode, ready: list[float]) -> None:
    with process.serve(configuration, byte_code) as server:
        ready.append(server.seconds)
