"""Part 3: requests to the registry and round trips in sequence, for one image."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from providers.subject import Subject
from pycosign.lab import Lab, MemoryRegistry, attach_bundle, push_image, serve_registry
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.oci import RegistryStore
from verifier.verdict import Outcome

from .cases import IDENTITY, ISSUER
from .core import core
from .cosign import Cosign
from .effort import Effort
from .subjects import SECONDS
from .table import heading
from .wire import Wire

# Recorded once with a go-containerregistry server and `cosign verify --key` of cosign 3.1.1, one signature, by
# (referrers API, by tag). Counted anew below when the program is here.
_RECORDED = {(True, True): 9, (True, False): 7, (False, True): 11, (False, False): 9}


@dataclass(frozen=True, slots=True)
class Image:
    """An image on the lab's registry. ``recorded`` is cosign's figure from before, if there is one."""

    title: str
    reference: str
    signed: bool
    recorded: int | None


def run(effort: Effort) -> None:
    lab = Lab()
    with tempfile.TemporaryDirectory(prefix="pycosign-bench-") as folder:
        root = Path(folder) / "trusted_root.json"
        root.write_bytes(lab.trusted_root())
        cosign = Cosign.find(Path(folder))
        heading(
            "3. Requests per image, and round trips in sequence",
            f"Counted at the registry of the lab; every answer waits {effort.request_seconds * 1e3:.0f} ms.",
            f"{cosign.version()}, verify with identity and --trusted-root" if cosign else "cosign: not here",
            "Recorded: cosign 3.1.1 with --key, another registry, earlier.",
        )
        print(f"  {'':<46} {'ours':^17} {'cosign':^17} {'round trips':>12} {'recorded':>9}")
        counted = f"{'requests':>8} {'trips':>8}"
        print(f"  {'':<46} {counted} {counted} {'ours/cosign':>12} {'requests':>9}")
        for api in (True, False):
            _compare(lab, MemoryRegistry(referrers_api=api), root, cosign, effort)


def _compare(lab: Lab, registry: MemoryRegistry, root: Path, cosign: Cosign | None, effort: Effort) -> None:
    wire = Wire(effort.request_seconds)
    with (
        serve_registry(registry, hook=wire.hook) as address,
        RegistryStore(plain_http=frozenset({address})) as store,
    ):
        verifier = core(store, lab.trusted_root(), address)
        for image in _images(lab, registry, address):
            wire.reset()
            _ours(verifier, image)
            line = f"  {image.title:<46} {wire.requests:>8} {wire.round_trips:>8}"
            if cosign is not None:
                ours = wire.round_trips
                wire.reset()
                _agree(image, accepted=cosign.verify(image.reference, root))
                ratio = ours / wire.round_trips
                line += f" {wire.requests:>8} {wire.round_trips:>8} {ratio:>11.2f}x"
            else:
                line += f" {'-':>8} {'-':>8} {'-':>12}"
            print(f"{line} {image.recorded or '-':>9}")


def _images(lab: Lab, registry: MemoryRegistry, address: str) -> Iterator[Image]:
    api = registry.referrers_api
    for signatures in (1, 3, 0):
        repository = f"bench/signed{signatures}"
        pushed = push_image(registry, repository, tag="v1", content=repository.encode())
        for _ in range(signatures):
            bundle = lab.sign_image(pushed.digest, identity=IDENTITY, issuer=ISSUER)
            attach_bundle(registry, repository, pushed, bundle)
        what = {0: "unsigned", 1: "1 signature"}.get(signatures, f"{signatures} signatures")
        how = "referrers API" if api else "tag schema"
        for by_tag in (True, False):
            name = f"{address}/{repository}" + (":v1" if by_tag else f"@{pushed.digest}")
            title = f"{how}, {what}, by {'tag' if by_tag else 'digest'}"
            yield Image(title, name, signatures > 0, _RECORDED[api, by_tag] if signatures == 1 else None)


def _ours(verifier: Verifier, image: Image) -> None:
    result = verifier.validate(Subject.parse(image.reference), Budget(SECONDS))
    _agree(image, accepted=result.outcome is Outcome.ALLOWED)


def _agree(image: Image, *, accepted: bool) -> None:
    if accepted is not image.signed:
        raise RuntimeError(f"a wrong verdict on {image.title}: a count of its requests would mean nothing")
