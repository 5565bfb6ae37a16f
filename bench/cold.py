"""Part 1: cold verification in process, each kind of signature beside others and beside its lower bound."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec

from pycosign.lab import Lab, MemoryRegistry, attach_bundle, attach_legacy
from pycosign.lab.registry import Descriptor as Pushed
from pycosign.lab.sign import SigningOptions

from . import subjects
from .cases import IDENTITY, ISSUER, Case
from .core import core, core_of_key, whole
from .effort import Effort
from .keyed import keyed_cases, trusted_key
from .keyless import PROOFS, keyless_cases, recorded_cases
from .older import older_cases
from .publickey import Operations
from .rounds import Rounds, Subject, interleaved
from .table import bounded, columns, heading, line

AIM = 1.1


def run(effort: Effort) -> None:
    lab = Lab()
    keyless = [*keyless_cases(lab), *recorded_cases()]
    heading(
        "1. Cold verification in process: ours, bare sigstore-python, and the public-key operations alone",
        f"{effort.rounds} interleaved rounds of {effort.calls} calls each; no results are kept by either side.",
        "No figure for bare: sigstore-python has no function for this kind.",
    )
    ratios = []
    for kind, cases in (
        ("bundles with a certificate", keyless),
        ("bundles by a key", keyed_cases(lab)),
        ("cosign's forms before bundles", older_cases(lab)),
    ):
        print(f"  {kind}")
        columns("ours", "bare", "bound")
        ratios += [_verification(case, effort) for case in cases]
    worst = max(ratio for ratio in ratios if ratio is not None)
    print(f"  against bare {worst:.2f}x at worst; aim {AIM}x: {'met' if worst <= AIM else 'NOT met'}")
    _whole_core(lab, keyless, effort)


def _verification(case: Case, effort: Effort) -> float | None:
    """Ours against bare sigstore-python, where there is such."""
    compared: dict[str, Subject] = {"ours": subjects.ours(case), "bound": case.needed.prepare()}
    if case.bundle:
        compared["bare"] = subjects.bare(case)
    elif case.other:
        compared["bare"] = case.other
    measured = interleaved(compared, rounds=effort.rounds, calls=effort.calls)
    bounded(case.title, measured, "ours", "bare", "bound", "us")
    return measured.ratio("ours", "bare").middle if case.bundle else None


def _whole_core(lab: Lab, cases: list[Case], effort: Effort) -> None:
    """The core resolves, lists, fetches and judges; bare sigstore-python only verifies."""
    columns("core", "bare")
    for proof, options, _, _ in PROOFS:
        title = f"{proof}, DSSE"
        same = next(case for case in cases if case.title == title)
        asked = whole(_attach(lab, options), lambda store, scope: core(store, lab.trusted_root(), scope))
        line(
            f"whole core: {title}",
            _measured(effort, core=asked, bare=subjects.bare(same)),
            "core",
            "bare",
            "us",
        )
    columns("core", "bound")
    key = ec.generate_private_key(ec.SECP256R1())
    trusted = trusted_key(key.public_key())
    alone: SigningOptions = {"keyless": False, "key": key, "log": None}
    for title, attach in (("bundle", _attach(lab, alone)), (".sig layer", _attach_layer(lab, alone))):
        asked = whole(attach, lambda store, scope: core_of_key(store, trusted, scope))
        measured = _measured(effort, core=asked, bound=Operations(p256=1).prepare())
        line(f"whole core: {title}, P-256, key alone", measured, "core", "bound", "us")


def _measured(effort: Effort, **compared: Subject) -> Rounds:
    return interleaved(compared, rounds=effort.rounds, calls=effort.calls)


def _attach(lab: Lab, options: SigningOptions) -> Callable[[MemoryRegistry, str, Pushed], object]:
    def attach(registry: MemoryRegistry, path: str, image: Pushed) -> object:
        signer: SigningOptions = {"identity": IDENTITY, "issuer": ISSUER, **options}
        return attach_bundle(registry, path, image, lab.sign_image(image.digest, **signer))

    return attach


def _attach_layer(lab: Lab, options: SigningOptions) -> Callable[[MemoryRegistry, str, Pushed], object]:
    def attach(registry: MemoryRegistry, path: str, image: Pushed) -> object:
        layer = lab.sign_image_legacy(image.digest, reference=path, **options)
        return attach_legacy(registry, path, image, [layer])

    return attach
