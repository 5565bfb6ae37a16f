"""``pycosign verify`` and ``pycosign verify-attestation``: cosign's flags, the verifier's verdict on images."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial

import click

from providers.requirement import AttestationRequirement
from verifier.app import LayoutStore
from verifier.budget import Budget
from verifier.store import ClosingStore

from .answer import EXIT_CODES_TOLD, Answer
from .arguments import KeyValues
from .evidence_options import EVIDENCE_OPTIONS, EvidenceOptions
from .go_flags import GoCommand
from .image_options import (
    DANGER_OF_HTTP,
    IMAGE_OPTIONS,
    Image,
    ImageOptions,
    discovery_of,
    elsewhere_in,
    registries_of,
)
from .option_group import with_options
from .predicate_option import TYPE_OPTION, attestation_of
from .run_options import RUN_OPTIONS, RunOptions
from .setup import Flags, setup_of
from .signer_options import SIGNER_OPTIONS, SignerOptions
from .trust_options import TRUST_OPTIONS, TrustOptions


@click.command(cls=GoCommand, epilog=EXIT_CODES_TOLD)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@with_options("signer", SignerOptions, SIGNER_OPTIONS)
@with_options("trust", TrustOptions, TRUST_OPTIONS)
@with_options("evidence", EvidenceOptions, EVIDENCE_OPTIONS)
@click.option(
    "-a",
    "--annotations",
    type=KeyValues(),
    multiple=True,
    metavar="KEY=VALUE",
    help="An annotation that must be signed. Give it again for each, or separate them by commas.",
)
@with_options("image", ImageOptions, IMAGE_OPTIONS)
@with_options("run", RunOptions, RUN_OPTIONS)
def verify(
    images: tuple[str, ...],
    signer: SignerOptions,
    trust: TrustOptions,
    evidence: EvidenceOptions,
    annotations: tuple[tuple[tuple[str, str], ...], ...],
    image: ImageOptions,
    run: RunOptions,
) -> None:
    """Verify that every IMAGE is signed by the key or the identity you name.

    IMAGE is a tag, a digest, or oci-layout:PATH[:tag|@digest]. Of an identity, both the name and its issuer are
    required. Signatures are looked for as bundles and under cosign's '.sig' tags, in the repository of the image
    or in the one that COSIGN_REPOSITORY names. An attestation never passes for a signature.

    Loopback registries are spoken to in plain HTTP unless --registry-cacert is given.
    """
    asked = tuple(pair for given in annotations for pair in given)
    _answer(images, Flags(signer, evidence, trust, run), image, annotations=asked).give(run.output)


@click.command(cls=GoCommand, epilog=EXIT_CODES_TOLD)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@TYPE_OPTION
@with_options("signer", SignerOptions, SIGNER_OPTIONS)
@with_options("trust", TrustOptions, TRUST_OPTIONS)
@with_options("evidence", EvidenceOptions, EVIDENCE_OPTIONS)
@with_options("image", ImageOptions, IMAGE_OPTIONS)
@with_options("run", RunOptions, RUN_OPTIONS)
def verify_attestation(
    images: tuple[str, ...],
    predicate: str,
    signer: SignerOptions,
    trust: TrustOptions,
    evidence: EvidenceOptions,
    image: ImageOptions,
    run: RunOptions,
) -> None:
    """Verify that every IMAGE has an attestation of the type you name, by the key or the identity you name.

    IMAGE is a tag, a digest, or oci-layout:PATH[:tag|@digest]. Attestations are looked for as bundles and under
    cosign's '.att' tags. A signature never passes for an attestation; what an attestation says is not judged.
    """
    flags = Flags(signer, evidence, trust, run)
    _answer(images, flags, image, attestation=attestation_of(predicate)).give(run.output)


def _answer(
    names: tuple[str, ...],
    flags: Flags,
    options: ImageOptions,
    *,
    attestation: AttestationRequirement | None = None,
    annotations: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """The verdicts on the images called ``names``, in their order. All that is given is read before the first is
    asked about.
    """
    setup = setup_of(
        flags,
        os.environ,
        attestation=attestation,
        annotations=annotations,
        dangers={"--allow-http-registry": DANGER_OF_HTTP} if options.allow_http_registry else {},
    )
    images = [Image.parse(name) for name in names]
    for image in images:
        setup.check(image.subject, attestation=attestation is not None)
    elsewhere = elsewhere_in(os.environ)

    def registries() -> ClosingStore | None:
        if setup.describes_registries:
            return None
        return registries_of([image.subject.reference for image in images], options, elsewhere)

    answer = Answer(advising=flags.run.config is None)
    with ExitStack() as opened:
        verifiers = {}
        for layout in dict.fromkeys(image.layout for image in images):
            store = LayoutStore(layout) if layout else registries()
            # An OCI layout holds its signatures itself.
            discovery = discovery_of(options, "" if layout else elsewhere)
            verifiers[layout] = opened.enter_context(setup.verifier(store, discovery))
        for image in images:
            verifier = verifiers[image.layout]
            answer.add(partial(verifier.validate, image.subject, Budget(flags.run.timeout)))
            answer.trust = verifier.trust_in_use()
    return answer
