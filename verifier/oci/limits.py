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
    # Status line and fields of one answer. Browsers and servers take 8 to 64 kB; Python alone 6.5 MB.
    header_bytes: int = 64 << 10
    # One try and two more after the registry named a time.
    attempts: int = 3
    # A caller waits this long for a registry that is busy, if its deadline allows; most name 1 to 5 s.
    longest_wait: float = 10.0
    # So many callers at a time wait for one busy host; the others are told at once. Half of a server's workers.
    waiting_per_host: int = 8
    # More than a server's workers and the threads below; idle connections are counted on their own, by the same
    # number.
    connections: int = 64
    # As many as there are threads that could ask: nobody waits for a host that answers, and a host that does not
    # leaves a quarter to others.
    connections_per_host: int = 48
    # Threads that read several things of one question at a time, for all questions together.
    threads: int = 32
    # So many of the contents of one question are read before their turn. An image has one or two signatures.
    ahead: int = 8
    # A host is given up when it was asked this often, and for so long answered nothing. An admission webhook waits
    # 10 s, and a registry that fetches what it is asked for elsewhere may need 1 to 3 s.
    silent_requests: int = 3
    silent_seconds: float = 5.0
    # A question that nobody waited for any longer than this says nothing about the host.
    unanswered_seconds: float = 1.0
    # A host that was given up is asked again by one request after this time, doubled each time, up to the second.
    pause_seconds: float = 1.0
    longest_pause: float = 30.0
    # Hosts whose conduct is remembered; each is some 200 bytes.
    hosts: int = 1024
    # Load balancers forget silent connections after 60 s and more (AWS ALB: 60 s).
    idle_seconds: float = 30.0
    # Look-ups cannot be interrupted: this many threads at most wait for a resolver that does not answer.
    lookups: int = 8
    # One token for each repository and credential; each is a few kB.
    tokens: int = 1024
    # Contents that were read, by their digests; for 1,000 images with a bundle of 10 kB each.
    cached_bytes: int = 32 << 20
    # Larger ones are not kept: one SBOM would push out hundreds of signatures.
    cached_content_bytes: int = 1 << 20


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
    # Files in a tar archive: the blobs, and what else a program packs with them.
    archive_members: int = 20_000
    # All headers of an archive: 512 bytes for each file, and some more for long names.
    archive_headers: int = 32 << 20
