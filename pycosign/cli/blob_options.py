"""Options for files: which one is asked about, and what stands beside it."""

from __future__ import annotations

import base64
import binascii
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from providers.errors import ConfigurationError
from providers.reference import Reference
from providers.subject import Subject
from verifier.app import BlobStore
from verifier.formats.limits import MAX_BUNDLE_SIZE
from verifier.formats.signature_file import SignatureFile, SignatureForm
from verifier.printable import printable

from .arguments import NamedPath, NamedText

STDIN = "-"
_DIGEST = "sha256:"
# A signature of an RSA-4096 key has 684 characters in base64, and a path at most 4096.
_MAX_TYPED = 8 << 10
# The readers of signatures refuse more than MAX_BUNDLE_SIZE, twice that for one inside another; so that they are
# the ones to say it, a little more than that is read.
_MAX_READ = 2 * MAX_BUNDLE_SIZE + 1


@dataclass(frozen=True, slots=True)
class BlobOptions:
    """The flags, as click hands them over."""

    bundle: Path | None
    signature: str | None
    certificate: Path | None
    rfc3161_timestamp: Path | None


BLOB_OPTIONS = (
    click.option(
        "--bundle",
        type=NamedPath(),
        metavar="FILE",
        help="The signature as a bundle: Sigstore's, or cosign's older one.",
    ),
    click.option(
        "--signature",
        type=NamedText(),
        metavar="FILE",
        help="The signature alone, in base64 or as it is; or itself, in base64. For an attestation: its envelope.",
    ),
    click.option(
        "--certificate",
        type=NamedPath(),
        metavar="FILE",
        help="The certificate of a --signature that does not bring it.",
    ),
    click.option(
        "--rfc3161-timestamp",
        type=NamedPath(),
        metavar="FILE",
        help="The timestamp of a --signature that does not bring it.",
    ),
)


def store_of(blob: str) -> BlobStore:
    """The file that ``blob`` names: a path, ``sha256:HEX``, or ``-`` for what is piped in.

    Raises:
        ConfigurationError: it cannot be read.
        InvalidReferenceError: it is a malformed digest.
    """
    if blob == "":
        raise click.UsageError("The name of the file is empty; is a variable unset?")
    if blob == STDIN:
        if sys.stdin is None:
            raise click.UsageError("There is no standard input to read the file from.")
        return BlobStore.of_stream(sys.stdin.buffer, "standard input")
    if blob.startswith(_DIGEST):
        return BlobStore.of_digest(blob)
    return BlobStore.of_file(Path(blob))


def subject_of(blob: str, store: BlobStore) -> Subject:
    """What is asked about, under the name that a person gave it."""
    name = "standard input" if blob == STDIN else "blob" if blob.startswith(_DIGEST) else blob
    return Subject(Reference.local(name, digest=store.descriptor.digest))


def signature_of(options: BlobOptions, *, attestation: bool, key: bool) -> SignatureFile:
    """What stands beside the file, unread: whether it is any good is for the verifier to say.

    Raises:
        click.UsageError: not exactly one thing is named.
        ConfigurationError: a file cannot be read.
    """
    if (options.bundle is None) == (options.signature is None):
        raise click.UsageError(
            "Give exactly one of --bundle and --signature: where the signature is."
            " cosign 3 writes bundles ('cosign sign-blob --bundle FILE')."
        )
    if options.certificate is not None and key:
        raise click.UsageError("--key and --certificate exclude each other: only the key you name counts.")
    certificate = _content("--certificate", options.certificate)
    timestamp = _content("--rfc3161-timestamp", options.rfc3161_timestamp)
    if options.bundle is not None:
        content = _content("--bundle", options.bundle)
        if (certificate or timestamp) and b'"base64Signature"' not in content:
            raise click.UsageError(
                "--certificate and --rfc3161-timestamp are for signatures alone and cosign's older bundles; a"
                " Sigstore bundle brings its own."
            )
        return SignatureFile(SignatureForm.BUNDLE, content, certificate, timestamp)
    form = SignatureForm.ENVELOPE if attestation else SignatureForm.SIGNATURE
    return SignatureFile(form, _signature(options.signature or "", form), certificate, timestamp)


def _signature(given: str, form: SignatureForm) -> bytes:
    """The content of the file called ``given``, or ``given`` itself where that is a signature in base64."""
    path = Path(given)
    if len(given) > _MAX_TYPED or not os.path.exists(path):  # noqa: PTH110  (Path's raises at a long name)
        if form is SignatureForm.SIGNATURE and _is_base64(given):
            return given.encode("ascii")
        raise ConfigurationError(
            f"--signature {printable(given, 200)}: there is no such file"
            + ("" if form is SignatureForm.ENVELOPE else ", and it is no signature in base64"),
            remedy="Name the file that 'cosign sign-blob --output-signature' or 'cosign attest-blob"
            " --output-signature' wrote.",
        )
    return _content("--signature", path)


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def _content(flag: str, path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_READ)
    except OSError as error:
        raise ConfigurationError(
            f"{flag} {printable(str(path), 200)}: the file cannot be read: {error.strerror}",
            remedy="Check path and permissions.",
        ) from error
