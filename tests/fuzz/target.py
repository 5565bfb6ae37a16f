"""What is fuzzed: a function, what it may raise, and documents that it reads."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Room for every kind of change to a small document.
_LARGEST = 4096


class UnfitError(Exception):
    """An input that could not be handed to the parser at all; it is not counted."""


@dataclass(frozen=True, slots=True)
class Target:
    """``run`` takes any bytes: it returns, raises one of ``allowed``, or there is a finding.

    ``seeds`` are documents from which inputs are made by changing them. ``share`` says how many of all inputs it
    gets, compared with the others: a small parser takes 20 microseconds, an engine a millisecond.
    """

    name: str
    share: int
    seeds: tuple[bytes, ...]
    run: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...]

    @property
    def largest(self) -> int:
        """Bytes of one input: left to itself, the fuzzer makes them larger and larger, and fewer and fewer."""
        return max(_LARGEST, *(2 * len(seed) for seed in self.seeds))


@dataclass(frozen=True, slots=True)
class Finding:
    """Something else came out. ``place`` is where from: findings of one place are one finding."""

    target: str
    kind: str
    place: str
    data: bytes
    trace: str

    def __str__(self) -> str:
        return f"{self.target}: {self.kind} from {self.place}"

    def write(self, folder: Path) -> Path:
        """Keep the input, with the traceback beside it; the path of the input."""
        folder.mkdir(parents=True, exist_ok=True)
        where = "".join(c if c.isalnum() else "-" for c in self.place)
        path = folder / f"{self.target}.{self.kind}.{where[-60:]}"
        path.write_bytes(self.data)
        path.with_name(path.name + ".trace").write_text(self.trace)
        return path


def attempt(target: Target, data: bytes) -> Finding | None:
    """Run ``target`` on ``data``.

    Raises:
        UnfitError: the target could make nothing of it.
    """
    try:
        target.run(data)
    except UnfitError:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except target.allowed as error:
        # A fault inside an engine comes out as one of our errors, with this reason.
        if str(getattr(error, "reason", "")) == "internal-error":
            return _finding(target, data, error.__cause__ or error)
    except BaseException as error:  # noqa: BLE001  (a panic of a library in Rust is no Exception)
        return _finding(target, data, error)
    return None


def _finding(target: Target, data: bytes, error: BaseException) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    # The innermost line of ours: what it called is the symptom.
    ours = [
        frame
        for frame in frames
        if "/site-packages/" not in frame.filename and "/lib/python" not in frame.filename
    ]
    last = (ours or frames)[-1]
    trace = "".join(traceback.format_exception(error))
    return Finding(
        target.name, type(error).__name__, f"{Path(last.filename).name}:{last.lineno}", data, trace
    )
