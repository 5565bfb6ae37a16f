"""Signatures in the storage form of cosign 2: tags `sha256-<hex>.sig` and `.att`, evidence in annotations; and in
its experimental form for OCI 1.1, which stores the same as a referrer.

The log evidence is the promise (SET) alone, without inclusion proof, as cosign writes it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .bundle import attestation_statement, statement_json
from .errors import LabError
from .legacy_evidence import rekor_bundle, timestamp_bundle
from .push import OCI_CONFIG, push_referrer
from .registry import OCI_MANIFEST, Descriptor, MemoryRegistry, digest_of
from .sign import IN_TOTO, Evidence, LabSigner, Recipe
from .wire import b64, compact

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
OCI11_CONFIG = "application/vnd.dev.cosign.artifact.sig.v1+json"
DSSE_LAYER = "application/vnd.dsse.envelope.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"


@dataclass(frozen=True, slots=True)
class LegacyLayer:
    """One signature: the bytes of a layer and the annotations that carry its evidence."""

    media_type: str
    data: bytes
    annotations: tuple[tuple[str, str], ...]

    @property
    def suffix(self) -> str:
        """The suffix of the tag under which such layers are stored."""
        return "sig" if self.media_type == SIMPLE_SIGNING else "att"


def simple_signing_payload(
    digest: str, reference: str, annotations: Mapping[str, str] | None = None
) -> bytes:
    """What `cosign sign --new-bundle-format=false` signs (containers/image simple signing)."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return compact({"critical": critical, "optional": dict(annotations) if annotations else None})


def legacy_signature(signer: LabSigner, payload: bytes, recipe: Recipe) -> LegacyLayer:
    """A `.sig` layer around a payload; the recipe's `tamper` changes the layer after it was signed."""
    evidence = signer.message_evidence(payload, recipe)
    data = payload if recipe.tamper is None else recipe.tamper(payload)
    return LegacyLayer(SIMPLE_SIGNING, data, _annotations(evidence, b64(evidence.signature), {}))


def legacy_attestation(
    signer: LabSigner, digest: str, predicate_type: str, predicate: object, *, name: str, recipe: Recipe
) -> LegacyLayer:
    """An `.att` layer: a bare DSSE envelope, its predicate type repeated in an annotation."""
    payload = statement_json(attestation_statement(digest, predicate_type, predicate, name=name))
    envelope, evidence = signer.envelope_evidence(IN_TOTO, payload, recipe)
    if recipe.tamper is not None:
        envelope = envelope.with_payload(recipe.tamper(payload))
    annotations = _annotations(evidence, "", {"predicateType": predicate_type})
    return LegacyLayer(DSSE_LAYER, compact(envelope.to_json()), annotations)


def attach_legacy(
    registry: MemoryRegistry, repository: str, subject: Descriptor, layers: Sequence[LegacyLayer]
) -> Descriptor:
    """Stores layers of one kind under the subject's tag, in place of those that were there."""
    suffixes = {layer.suffix for layer in layers}
    if len(suffixes) != 1:
        raise LabError("signatures and attestations are stored under tags of their own")
    tag = f"{subject.digest.replace(':', '-', 1)}.{suffixes.pop()}"
    manifest = _manifest(registry, repository, layers, OCI_CONFIG)
    return registry.put_manifest(repository, compact(manifest), OCI_MANIFEST, tag=tag)


def attach_oci11(
    registry: MemoryRegistry, repository: str, subject: Descriptor, layers: Sequence[LegacyLayer]
) -> Descriptor:
    """Stores layers as a referrer of the subject, as `cosign sign --registry-referrers-mode=oci-1-1` does."""
    if any(layer.media_type != SIMPLE_SIGNING for layer in layers):
        raise LabError("only signatures are stored so")
    return push_referrer(registry, repository, _manifest(registry, repository, layers, OCI11_CONFIG), subject)


def _manifest(
    registry: MemoryRegistry, repository: str, layers: Sequence[LegacyLayer], config_type: str
) -> dict[str, object]:
    """The manifest of layers that are stored, with a config like that of any image."""
    diff_ids = [digest_of(layer.data) for layer in layers]
    config = compact(
        {
            "architecture": "",
            "created": "0001-01-01T00:00:00Z",
            "history": [{"created": "0001-01-01T00:00:00Z"} for _ in layers],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "config": {},
        }
    )
    stored = Descriptor(config_type, registry.put_blob(repository, config), len(config))
    described = []
    for layer in layers:
        digest = registry.put_blob(repository, layer.data)
        descriptor = Descriptor(layer.media_type, digest, len(layer.data)).to_json()
        described.append({**descriptor, "annotations": dict(layer.annotations)})
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": stored.to_json(),
        "layers": described,
    }


def _annotations(evidence: Evidence, signature: str, more: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    annotations = {_SIGNATURE: signature, **more}
    if evidence.certificate_pem is not None:
        annotations["dev.sigstore.cosign/certificate"] = evidence.certificate_pem.decode("ascii")
        annotations["dev.sigstore.cosign/chain"] = ""  # what cosign 3.1.1 writes
    if len(evidence.entries) > 1 or len(evidence.timestamps) > 1:
        raise LabError("annotations hold one log entry and one timestamp")
    for entry in evidence.entries:
        annotations["dev.sigstore.cosign/bundle"] = compact(rekor_bundle(entry)).decode()
    for timestamp in evidence.timestamps:
        annotations["dev.sigstore.cosign/rfc3161timestamp"] = compact(timestamp_bundle(timestamp)).decode()
    return tuple(annotations.items())
