"""Who may sign, and how much evidence their signatures need."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import ConfigurationError
from .identity import CertificateIdentity
from .verifier_config import VerifierConfig


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody a policy relies on (policy-controller: authority): one of ``certificate_identities``, or one of
    ``keys``, the names of trusted keys. With ``unsafe_ignore_identities`` any signer under the trusted root is
    taken; the identity check is then reported as skipped. Every one of ``annotations`` must be signed.

    Raises:
        ConfigurationError: it names nobody or anybody, or asks for evidence that its signers cannot have.
    """

    name: str
    certificate_identities: tuple[CertificateIdentity, ...] = ()
    keys: tuple[str, ...] = ()
    unsafe_ignore_identities: bool = False
    verifier_config: VerifierConfig = field(default_factory=VerifierConfig)
    annotations: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigurationError("an authority has no name")
        if self.unsafe_ignore_identities and self.certificate_identities:
            raise ConfigurationError(
                f"{self.name!r} names identities and ignores them",
                remedy="Remove either certificateIdentities or unsafeIgnoreIdentities.",
            )
        if self.keys and (self.certificate_identities or self.unsafe_ignore_identities):
            raise ConfigurationError(
                f"{self.name!r} asks for keys and for certificates",
                remedy="Name either keys or certificateIdentities; for both, make two authorities.",
            )
        if not (self.unsafe_ignore_identities or self.certificate_identities or self.keys):
            raise ConfigurationError(
                f"{self.name!r} names no identity and no key",
                remedy="List certificateIdentities or keys. An empty list would let nobody sign, or anybody.",
            )
        self.verifier_config.check_for(self.name, certificates=not self.keys)
        names = {name for name, _ in self.annotations}
        if "" in names or len(names) != len(set(self.annotations)):
            raise ConfigurationError(
                f"{self.name!r} asks for two values of one annotation, or for one without a name",
                remedy="An annotation has one name and one value.",
            )
