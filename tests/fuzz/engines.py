"""Targets that check cryptography: trusted material, keys, certificates, logs, timestamps, whole engines."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from providers.errors import ConfigurationError, VerificationError
from providers.pem import trusted_root_from_pem
from providers.trust import TrustedKey, TrustedMaterial
from tests.unit.engines.world import OneArtifact, question
from verifier.engine import Engine
from verifier.engines.body import check_body
from verifier.engines.evidence import Record
from verifier.engines.keys import KeyEngine
from verifier.engines.signature import SignedContent, verify_signature
from verifier.engines.signer import Signer
from verifier.engines.sigstore import Compiled, RootProver, SigstoreEngine
from verifier.engines.sigstore import certificate as leaf_certificate
from verifier.engines.sigstore.chain import find_paths
from verifier.engines.sigstore.log import prove_entries
from verifier.engines.sigstore.material import Material, compile_material
from verifier.engines.sigstore.sct import verify_scts
from verifier.engines.sigstore.timestamps import verify_timestamps
from verifier.formats.bundle import parse_bundle
from verifier.formats.entity import Content, MessageSignature, SignedEntity
from verifier.formats.layer import parse_layer
from verifier.formats.log_entry import LogEntry, read_log_entry
from verifier.formats.signature_file import parse_signature_file
from verifier.formats.strict_json import parse_go_object

from .parsers import each, file_of, layer_of
from .seeds import ARTIFACT, DIGEST, Seeds, layer_document
from .target import Target, UnfitError

_REFUSED = (VerificationError,)
_WRONG = (ConfigurationError,)
_MOMENT = datetime.now(UTC)


def engines(seeds: Seeds) -> tuple[Target, ...]:
    """All of them."""
    world = World(seeds)
    pem_files = tuple(seeds.lab.pem_files().values())
    entries = tuple(json.dumps(entry).encode() for entry in seeds.log_entries)
    stamps = (*(stamp for bundle in seeds.bundles for stamp in parse_bundle(bundle).timestamps),)
    entities = (*seeds.bundles, *seeds.files, *seeds.layers)
    return (
        Target("sigstore-engine", 20, entities, world.verify_keyless, _REFUSED),
        Target("key-engine", 25, entities, world.verify_keyed, _REFUSED),
        Target("trusted-root", 5, (seeds.lab.trusted_root(),), compile_root, _WRONG),
        Target("pem-trust", 15, pem_files, compile_pem, _WRONG),
        Target("certificate", 60, seeds.certificates, world.read_certificate, _REFUSED),
        Target("timestamp", 60, stamps, world.check_timestamp, _REFUSED),
        Target("log-proof", 20, entries, world.check_entry, _REFUSED),
        Target("log-body", 15, seeds.log_bodies, world.compare_body, _REFUSED),
        Target("signature", 30, world.signatures, world.check_signature, _REFUSED),
        Target("key", 60, seeds.public_keys, world.accept_key, _WRONG),
    )


def parse_entity(data: bytes) -> SignedEntity:
    """A bundle, or one of the documents of ``seeds``."""
    if b'"verificationMaterial"' in data[:400]:
        return parse_bundle(data)
    if b'"form"' in data:
        return parse_signature_file(file_of(data))
    return parse_layer(*layer_of(data))


def compile_root(data: bytes) -> None:
    """A trusted root from an operator's file."""
    compile_material(TrustedMaterial.of("fuzz", data, _MOMENT))


def compile_pem(data: bytes) -> None:
    """PEM files from an operator, as certificates and as keys."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        file = Path(folder) / "file.pem"
        file.write_bytes(data)
        each(
            _WRONG,
            lambda: trusted_root_from_pem(fulcio=file),
            lambda: trusted_root_from_pem(tsa=file),
            lambda: trusted_root_from_pem(rekor=file),
            lambda: trusted_root_from_pem(ctlog=file, rekor=file),
        )


@dataclass(frozen=True)
class Signed:
    """What one seed holds: its content and who signed it."""

    content: SignedContent
    signer: Signer


@dataclass(frozen=True)
class World:
    """The engines and what they trust."""

    seeds: Seeds

    @cached_property
    def root(self) -> TrustedMaterial:
        """The lab's trusted root."""
        return TrustedMaterial.of("lab", self.seeds.lab.trusted_root(), _MOMENT)

    @cached_property
    def keys(self) -> tuple[TrustedKey, ...]:
        """The keys that sign."""
        accepted = self.seeds.public_keys[: len(self.seeds.keys)]
        return tuple(TrustedKey(f"key{number}", key) for number, key in enumerate(accepted))

    @cached_property
    def material(self) -> Material:
        """The lab's trusted root, compiled."""
        return compile_material(self.root)

    @cached_property
    def keyless_engine(self) -> SigstoreEngine:
        """Of certificates."""
        return SigstoreEngine()

    @cached_property
    def key_engine(self) -> KeyEngine:
        """Of keys."""
        prover = RootProver(Compiled())
        return KeyEngine(lambda: prover)

    @cached_property
    def both(self) -> TrustedMaterial:
        """The lab's trusted root and the keys."""
        return TrustedMaterial.of("both", self.root.trusted_root, _MOMENT, self.keys)

    @cached_property
    def keys_only(self) -> TrustedMaterial:
        """The keys."""
        return TrustedMaterial.of("keys", b"", _MOMENT, self.keys)

    @cached_property
    def signed_things(self) -> frozenset[bytes]:
        """Everything that was signed, by payload or digest: nothing else may verify."""
        entities = [
            parse_entity(data) for data in (*self.seeds.bundles, *self.seeds.layers, *self.seeds.files)
        ]
        return frozenset(thing for entity in entities for thing in _signed_things(entity.content))

    @cached_property
    def signed(self) -> tuple[Signed, ...]:
        """Each seed that a log recorded, its signature found to hold."""
        recorded = (*self.seeds.keyless, *self.seeds.keyed[-3:], layer_document(self.seeds.legacy[6]))
        return tuple(map(self._signed, recorded))

    def _signed(self, data: bytes) -> Signed:
        entity = parse_entity(data)
        signer = Signer.of_key(self.seeds.keys["p256"].public_key())
        if entity.leaf_certificate:
            certificate = leaf_certificate.load(entity.leaf_certificate)
            signer = leaf_certificate.signer(certificate, entity.leaf_certificate)
        digest = bytes.fromhex(DIGEST.partition(":")[2])
        return Signed(verify_signature(signer, entity.content, digest, lambda: ARTIFACT), signer)

    def verify_keyless(self, data: bytes) -> None:
        """A signature with a certificate, from bytes to facts."""
        self._verify(self.keyless_engine, data, self.root)

    def verify_keyed(self, data: bytes) -> None:
        """A signature with a key, with a trusted root and without."""
        each(_REFUSED, lambda: self._verify(self.key_engine, data, self.both))
        self._verify(self.key_engine, data, self.keys_only)

    def _verify(self, engine: Engine, data: bytes, material: TrustedMaterial) -> None:
        entity = parse_entity(data)
        if not engine.takes(entity, material):
            return
        facts = engine.verify(question(entity, material, ARTIFACT, OneArtifact(ARTIFACT)))
        if not facts.checks or not self.signed_things.issuperset(_signed_things(entity.content)):
            raise AssertionError(f"verified, though nobody signed it: {entity.content!r}")

    def read_certificate(self, data: bytes) -> None:
        """A signing certificate: its profile and words, its path, its SCTs."""
        certificate, _ = leaf_certificate.read(data)
        path = self.material.authorities[0]
        each(
            _REFUSED,
            lambda: leaf_certificate.signer(certificate, data),
            lambda: find_paths(certificate, self.material),
            lambda: verify_scts(certificate, path.key_hashes[0], self.material, Record()),
        )

    def check_timestamp(self, data: bytes) -> None:
        """An RFC 3161 response."""
        message = self.signed[0].content.signature
        authorities = self.material.stamp_authorities
        verify_timestamps((data,), (message, ARTIFACT), lambda _time, _who: None, authorities, Record())

    def check_entry(self, data: bytes) -> None:
        """Promise, inclusion proof and checkpoint of an entry that records one of the seeds."""
        entry = read_log_entry(parse_go_object(data, max_size=1 << 20), proof_required=False)
        for signed in self.signed:
            content, signer = signed.content, signed.signer
            each(_REFUSED, lambda: prove_entries((entry,), content, signer, self.material, Record()))  # noqa: B023

    def compare_body(self, data: bytes) -> None:
        """The body of an entry, whatever kind it says it is."""
        try:
            stated = json.loads(data)
            kind, version = str(stated["kind"]), str(stated["apiVersion"])
        except (ValueError, TypeError, KeyError, RecursionError):
            kind, version = "hashedrekord", "0.0.1"
        entry = LogEntry(0, b"x", kind, version, 1, b"x", None, data)
        for signed in self.signed:
            content, signer = signed.content, signed.signer
            each(_REFUSED, lambda: check_body(entry, content, signer))  # noqa: B023

    @cached_property
    def signatures(self) -> tuple[bytes, ...]:
        """Signatures of the artifact with each key."""
        bundles = self.seeds.keyed[: len(self.seeds.keys)]
        return tuple(parse_bundle(bundle).content.signature for bundle in bundles)

    @cached_property
    def signers(self) -> tuple[Signer, ...]:
        """Each of the keys."""
        return tuple(Signer.of_key(key.public_key()) for key in self.seeds.keys.values())

    def check_signature(self, data: bytes) -> None:
        """Bytes as the signature of the artifact, by every kind of key."""
        if not data:
            raise UnfitError
        content: Content = MessageSignature("", b"", data)
        digest = bytes.fromhex(DIGEST.partition(":")[2])
        for signer in self.signers:
            each(_REFUSED, lambda: verify_signature(signer, content, digest, lambda: ARTIFACT))  # noqa: B023

    def accept_key(self, data: bytes) -> None:
        """A public key from an operator's file."""
        trusted = (TrustedKey("key", data),)
        self.key_engine.accept(TrustedMaterial.of("fuzz", b"", _MOMENT, trusted))


def _signed_things(content: Content) -> tuple[Any, ...]:
    if isinstance(content, MessageSignature):
        return (content.digest,) if content.digest else ()
    return (content.payload,)
