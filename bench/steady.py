"""A process that verifies again and again and watches its memory: ``python -m bench.steady WARM_UP COUNT``.

One process of its own, so that nothing else of the measurements counts.
"""

from __future__ import annotations

import json
import sys
from itertools import cycle, islice

from providers.reasons import ReasonCode
from providers.subject import Subject
from pycosign import demo
from pycosign.lab import Lab, MemoryRegistry
from verifier.budget import Budget

from .core import core
from .process import resident_mib
from .store import REGISTRY, MemoryStore
from .subjects import SECONDS

_SAMPLES = 10
# Questions of the demonstration that are answered without a signature being verified.
_WITHOUT = frozenset({ReasonCode.NO_SIGNATURE, ReasonCode.IMAGE_NOT_FOUND, ReasonCode.NO_POLICY})


def signed_questions(lab: Lab, registry: MemoryRegistry, address: str) -> list[demo.Question]:
    """Images of the demonstration with a signature, good or bad."""
    return [q for q in demo.prepare(lab, registry, address) if q.expected not in _WITHOUT]


def main(warm_up: int, count: int) -> None:
    """Prints the number of images, and the resident memory after the warm-up and then ten times."""
    lab, registry = Lab(), MemoryRegistry()
    questions = signed_questions(lab, registry, REGISTRY)
    verifier = core(MemoryStore(registry), lab.trusted_root(), REGISTRY)
    endless = cycle([(Subject.parse(question.reference), question.expected) for question in questions])

    def verify(number: int) -> float:
        for subject, expected in islice(endless, number):
            reason = verifier.validate(subject, Budget(SECONDS)).reason
            if reason is not expected:
                raise RuntimeError(f"{subject.reference}: {reason} instead of {expected}")
        return resident_mib()

    samples = [verify(warm_up), *(verify(count // _SAMPLES) for _ in range(_SAMPLES))]
    json.dump({"images": len(questions), "mib": samples}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
