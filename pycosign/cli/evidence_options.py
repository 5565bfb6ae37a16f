"""Options that say how much evidence a signature needs besides itself. All that take some away say so."""

from __future__ import annotations

from dataclasses import dataclass

import click

from providers.identity import CertificateIdentity
from providers.trust import TrustedKey
from providers.verifier_config import VerifierConfig

from .go_flags import go_flag
from .signer_options import flag_of


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """The flags, as click hands them over."""

    insecure_ignore_tlog: bool
    insecure_ignore_sct: bool
    use_signed_timestamps: bool
    unsafe_use_current_time: bool
    private_infrastructure: bool
    check_claims: bool


EVIDENCE_OPTIONS = (
    go_flag("--insecure-ignore-tlog", text="Do not ask for a transparency log entry."),
    go_flag("--insecure-ignore-sct", text="Do not ask for proof of certificate transparency."),
    go_flag("--use-signed-timestamps", text="Ask for a timestamp of a trusted authority."),
    go_flag(
        "--unsafe-use-current-time",
        text="Where nothing proves when a signature was made, take the present: its certificate must be"
        " valid now.",
    ),
    go_flag("--private-infrastructure", hidden=True),
    go_flag("--check-claims", default=True, hidden=True),
)

# Flags that weaken a check, and what they let pass.
_DANGERS = {
    "insecure_ignore_tlog": "no entry in a transparency log is asked for: a signature that its owner could never"
    " have noticed passes.",
    "insecure_ignore_sct": "no proof of certificate transparency is asked for: a certificate that was issued in"
    " secret passes.",
    "unsafe_use_current_time": "no proof of time is asked for: a signature passes that was made at another time,"
    " with a key that was not its owner's any more.",
}


def evidence_of(options: EvidenceOptions, signer: TrustedKey | CertificateIdentity) -> VerifierConfig:
    """How much evidence is asked of signatures by ``signer``.

    Raises:
        click.UsageError: flags contradict each other, or ask for what is never done.
    """
    if not options.check_claims:
        raise click.UsageError(
            "--check-claims=false is not accepted: a signature of another artifact would pass. What a signature"
            " says of its artifact is always checked."
        )
    if options.private_infrastructure:
        raise click.UsageError(
            "--private-infrastructure is not accepted: it only left the transparency log out. If that is meant,"
            " say --insecure-ignore-tlog; if your Sigstore has a log of its own, name its root:"
            " --trusted-root FILE."
        )
    if options.unsafe_use_current_time and options.use_signed_timestamps:
        raise click.UsageError(
            "--unsafe-use-current-time and --use-signed-timestamps exclude each other: where a timestamp is asked"
            " for, the present is not."
        )
    if isinstance(signer, TrustedKey):
        if options.unsafe_use_current_time:
            raise click.UsageError(
                "--unsafe-use-current-time is for certificates, which are valid for minutes. A key given with"
                " --key is trusted at any time."
            )
        return VerifierConfig.for_keys(
            unsafe_ignore_tlog=options.insecure_ignore_tlog,
            require_signed_timestamps=options.use_signed_timestamps,
        )
    return VerifierConfig(
        require_observer_timestamps=not options.unsafe_use_current_time,
        require_tlog_entries=not options.insecure_ignore_tlog,
        unsafe_ignore_tlog=options.insecure_ignore_tlog,
        require_scts=not options.insecure_ignore_sct,
        require_signed_timestamps=options.use_signed_timestamps,
        unsafe_use_current_time=options.unsafe_use_current_time,
    )


def dangers_of(options: EvidenceOptions, signer: TrustedKey | CertificateIdentity) -> dict[str, str]:
    """The flags given that weaken a check, and what they let pass."""
    dangers = {name: danger for name, danger in _DANGERS.items() if getattr(options, name)}
    if isinstance(signer, TrustedKey):
        dangers.pop("insecure_ignore_sct", None)  # keys are in no certificate transparency log
    return {flag_of(name): danger for name, danger in dangers.items()}
