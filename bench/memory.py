"""Part 4: whether memory stays flat, in the core and in the server."""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

from pycosign import demo
from pycosign.client import VerifierClient
from pycosign.lab import Lab, MemoryRegistry, serve_registry

from . import process
from .effort import Effort
from .steady import signed_questions
from .table import heading

_CLIENTS = 4
_SAMPLES = 10


def run(effort: Effort) -> None:
    heading(
        "4. Memory (resident, MiB; flat is the aim)",
        "Several images, half of them with a signature that must be refused; every verdict is compared.",
    )
    print(f"  {'':<46} {'warm':>7} {'end':>7} {'growth':>7} {'of it in the 2nd half':>22} {'ratio':>7}")
    with tempfile.TemporaryDirectory(prefix="pycosign-bench-") as folder:
        byte_code = process.ByteCode(Path(folder) / "byte-code")
        modules = "import bench.steady, pycosign.cli.serve"  # compiled by another process than those measured
        process.finish([sys.executable, "-c", modules], byte_code)
        _core(effort, byte_code)
        _server(effort, byte_code, Path(folder))


def _core(effort: Effort, byte_code: process.ByteCode) -> None:
    program = [sys.executable, "-m", "bench.steady", str(effort.warm_up), str(effort.verifications)]
    told = json.loads(process.finish(program, byte_code))
    _line(f"core, {effort.verifications} verifications, {told['images']} images", told["mib"])


def _server(effort: Effort, byte_code: process.ByteCode, folder: Path) -> None:
    """The real server process, asked by a few clients at once; its registry is the lab's, on loopback."""
    lab, registry = Lab(), MemoryRegistry()
    with serve_registry(registry) as address:
        questions = cycle(signed_questions(lab, registry, address))
        configuration = demo.write_configuration(folder, lab, address)
        with (
            process.serve(configuration, byte_code) as server,
            VerifierClient(server.address) as client,
            ThreadPoolExecutor(_CLIENTS) as clients,
        ):

            def ask(question: demo.Question) -> None:
                answer = client.validate(question.reference, timeout=30.0)
                if int(answer.reason) != int(question.expected):
                    raise RuntimeError(f"{question.title}: {answer}")

            def ask_all(number: int) -> float:
                for _ in clients.map(ask, list(islice(questions, number))):
                    pass
                return process.resident_mib(server.pid)

            samples = [ask_all(effort.rpc_warm_up)]
            samples += [ask_all(effort.rpc_calls // _SAMPLES) for _ in range(_SAMPLES)]
            _line(f"server process, {effort.rpc_calls} gRPC calls by {_CLIENTS} clients", samples)


def _line(title: str, samples: list[float]) -> None:
    """``samples``: after the warm-up, then at equal distances."""
    warm, middle, end = samples[0], samples[len(samples) // 2], samples[-1]
    print(
        f"  {title:<46} {warm:>7.1f} {end:>7.1f} {end - warm:>+7.1f} {end - middle:>+22.1f} {end / warm:>6.2f}x"
    )
