"""How much is read from a registry, and how much is kept open for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegistryLimits:
    """Every limit of the registry client, by name. What one question may spend in all is its ``Budget``."""

    # distribution-spec 1.1, Pushing Manifests: registries should take manifests of 4 MiB, and may refuse more.
    manifest_bytes: int = 4 << 20
    # A bundle is about 10 kB, an SBOM attestation a few MB; half of what a default budget reads in all.
    blob_bytes: int = 32 << 20
    # Error answers are read for one code and one sentence; a token answer is a few kB.
    error_bytes: int = 64 << 10
    # Registries page referrers by hundreds; 16 pages reach the next limit at 64 a page.
    referrers_pages: int = 16
    # Far above what a person signs, far below what makes a listing an attack (CVE-2023-46737).
    referrers: int = 1024
    # Registry, storage front, storage: two in practice (registry.k8s.io, then a blob's bucket).
    redirects: int = 3
    # One try and two more after the registry named a time.
    attempts: int = 3
    # A server's worker pool is smaller; idle connections are counted on their own, by the same number.
    connections: int = 64
    # One registry that does not answer may not take every connection.
    connections_per_host: int = 16
    # Load balancers forget silent connections after 60 s and more (AWS ALB: 60 s).
    idle_seconds: float = 30.0
    # Look-ups cannot be interrupted: this many threads at most wait for a resolver that does not answer.
    lookups: int = 8
    # One token for each repository; each is a few kB.
    tokens: int = 1024


@dataclass(frozen=True, slots=True)
class LayoutLimits:
    """Every limit of reading an image layout, by name."""

    # One number in one object.
    version_bytes: int = 4 << 10
    # As in registries: see RegistryLimits.
    manifest_bytes: int = 4 << 20
    blob_bytes: int = 32 << 20
    # Looked through for manifests that nothing lists. An image has 10 to 100 blobs; this many take half a second.
    blobs: int = 10_000
