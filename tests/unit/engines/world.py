"""What the engine's tests share: questions about one artifact, and a judge of the simplest policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from providers.descriptor import Descriptor, digest_of
from providers.reference import Reference
from providers.trust import TrustedMaterial
from verifier.budget import Budget
from verifier.engine import VerifyOptions
from verifier.facts import CheckStatus, SignatureFacts
from verifier.formats.bundle import parse_bundle
from verifier.formats.entity import SignedEntity

ARTIFACT = b"an artifact\n"
DIGEST = digest_of(ARTIFACT)


class OneArtifact:
    """A store that holds one artifact and counts who asks for it."""

    def __init__(self, artifact: bytes = ARTIFACT) -> None:
        self.artifact = artifact
        self.fetched = 0

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        raise AssertionError("an engine resolves nothing")

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        raise AssertionError("an engine lists nothing")

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        raise AssertionError("an engine reads no tag")

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        assert descriptor.digest == digest_of(self.artifact)
        self.fetched += 1
        return self.artifact


def material(root: bytes) -> TrustedMaterial:
    return TrustedMaterial.of("test", root, datetime.now(UTC))


def question(
    bundle: bytes | SignedEntity,
    root: bytes | TrustedMaterial,
    artifact: bytes = ARTIFACT,
    store: OneArtifact | None = None,
) -> VerifyOptions:
    """Ask about ``artifact``, whose signature is ``bundle``."""
    content = parse_bundle(bundle) if isinstance(bundle, bytes) else bundle
    subject = Descriptor("application/octet-stream", digest_of(artifact), len(artifact))
    return VerifyOptions(
        store=store or OneArtifact(artifact),
        repository="example.test/repository",
        subject_descriptor=subject,
        artifact_descriptor=Descriptor(content.media_type, content.digest, 1),
        content=content,
        trusted_material=material(root) if isinstance(root, bytes) else root,
        time=datetime.now(UTC),
        budget=Budget(60),
    )


def suffices(facts: SignatureFacts) -> bool:
    """The default policy without identities: one log, one time, one SCT."""
    return bool(facts.log_entries and facts.timestamps and facts.scts)


def failed(facts: SignatureFacts) -> dict[str, str]:
    """The failed checks: id and reason."""
    return {check.id: str(check.reason) for check in facts.checks if check.status is CheckStatus.FAIL}
