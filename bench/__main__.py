"""``python -m bench [--quick] [PART ...]``: everything, or the parts named."""

from __future__ import annotations

import argparse
import time

from . import cold, memory, once, requests, startup
from .effort import FULL, QUICK
from .machine import describe

PARTS = {
    "cold": cold.run,
    "once": once.run,
    "requests": requests.run,
    "memory": memory.run,
    "startup": startup.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="see that everything runs; the figures mean little"
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}")
    started = time.monotonic()
    print(describe(), flush=True)
    for part in arguments.parts or PARTS:
        PARTS[part](QUICK if arguments.quick else FULL)
    print(f"\n{time.monotonic() - started:.0f} s in all")


if __name__ == "__main__":
    main()
