"""``pycosign verify-blob`` and ``pycosign verify-blob-attestation``: the verifier's verdict on a file."""

from __future__ import annotations

import os
from contextlib import closing
from functools import partial

import click

from providers.requirement import AttestationRequirement
from verifier.budget import Budget
from verifier.verdict import Outcome

from .answer import EXIT_CODES_TOLD, Answer
from .arguments import NamedText
from .blob_options import BLOB_OPTIONS, BlobOptions, signature_of, store_of, subject_of
from .evidence_options import EVIDENCE_OPTIONS, EvidenceOptions
from .go_flags import GoCommand, go_flag
from .option_group import with_options
from .predicate_option import TYPE_OPTION, attestation_of
from .run_options import RUN_OPTIONS, RunOptions
from .setup import Flags, setup_of
from .signer_options import SIGNER_OPTIONS, SignerOptions
from .trust_options import TRUST_OPTIONS, TrustOptions

# Accepted for scripts that were written for cosign: what a bundle is, its content says.
_FORMAT = go_flag("--new-bundle-format", "_format", default=True, hidden=True)


@click.command(cls=GoCommand, epilog=EXIT_CODES_TOLD)
@click.argument("blob", metavar="FILE|sha256:HEX|-")
@with_options("options", BlobOptions, BLOB_OPTIONS)
@with_options("signer", SignerOptions, SIGNER_OPTIONS)
@with_options("trust", TrustOptions, TRUST_OPTIONS)
@with_options("evidence", EvidenceOptions, EVIDENCE_OPTIONS)
@with_options("run", RunOptions, RUN_OPTIONS)
@_FORMAT
def verify_blob(
    blob: str,
    options: BlobOptions,
    signer: SignerOptions,
    trust: TrustOptions,
    evidence: EvidenceOptions,
    run: RunOptions,
    _format: bool,  # noqa: FBT001  (click passes flags by name)
) -> None:
    """Verify that a file is signed by the key or the identity you name.

    The file is given by its path, by its digest (sha256:HEX), or as standard input (-). An attestation about the
    file never passes for a signature.

    Some keys sign the file itself, not its SHA-256 digest (ECDSA P-384 and P-521, Ed25519); their signatures can
    be checked against the file only.
    """
    _verify(blob, options, Flags(signer, evidence, trust, run), None)


@click.command(cls=GoCommand, epilog=EXIT_CODES_TOLD)
@click.argument("blob", required=False, metavar="[FILE|sha256:HEX|-]")
@with_options("options", BlobOptions, BLOB_OPTIONS)
@TYPE_OPTION
@click.option(
    "--digest", type=NamedText(), metavar="HEX", help="The SHA-256 of the file, in place of the file."
)
@click.option(
    "--digestAlg", "digest_alg", type=click.Choice(["sha256"]), help="How --digest was made: sha256."
)
@with_options("signer", SignerOptions, SIGNER_OPTIONS)
@with_options("trust", TrustOptions, TRUST_OPTIONS)
@with_options("evidence", EvidenceOptions, EVIDENCE_OPTIONS)
@with_options("run", RunOptions, RUN_OPTIONS)
@_FORMAT
def verify_blob_attestation(
    blob: str | None,
    options: BlobOptions,
    predicate: str,
    digest: str | None,
    digest_alg: str | None,
    signer: SignerOptions,
    trust: TrustOptions,
    evidence: EvidenceOptions,
    run: RunOptions,
    _format: bool,  # noqa: FBT001  (click passes flags by name)
) -> None:
    """Verify an attestation about a file, of the type you name, by the key or the identity you name.

    The file is given by its path, by its digest (sha256:HEX, or --digest HEX), or as standard input (-). A
    signature of the file never passes for an attestation; what an attestation says is not judged.
    """
    if digest is not None and blob is None:
        blob = f"sha256:{digest.removeprefix('sha256:')}"
    elif blob is None or digest is not None:
        raise click.UsageError("Give the file, or --digest HEX in its place.")
    if digest_alg is not None and digest is None:
        raise click.UsageError("--digestAlg is for --digest.")
    _verify(
        blob,
        options,
        Flags(signer, evidence, trust, run),
        attestation_of(predicate),
    )


def _verify(
    blob: str, options: BlobOptions, flags: Flags, attestation: AttestationRequirement | None
) -> None:
    """Answer, and end the command."""
    setup = setup_of(flags, os.environ, attestation=attestation)
    signature = signature_of(options, attestation=attestation is not None, key=flags.signer.key is not None)
    answer = Answer(advising=flags.run.config is None)
    with closing(store_of(blob)) as store:
        subject = subject_of(blob, store)
        setup.check(subject, attestation=attestation is not None)
        with setup.verifier(store, None) as verifier:
            budget = Budget(flags.run.timeout)
            ask = partial(verifier.validate_file, subject, store.descriptor, (signature,), budget)
            result = answer.add(ask)
            answer.trust = verifier.trust_in_use()
    if store.lacking and result.outcome is Outcome.COULD_NOT_CHECK:
        raise click.UsageError(
            "This signature was made over the file itself, not over its SHA-256 digest (as with ECDSA P-384 and"
            " P-521 and Ed25519): give the file in place of its digest."
        )
    answer.give(flags.run.output)
