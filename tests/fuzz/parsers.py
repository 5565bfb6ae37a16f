"""Targets that read bytes and decide nothing: every parser of formats/, references, requests, configuration."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from providers.descriptor import Descriptor, parse_digest
from providers.document import Document
from providers.errors import ConfigurationError, InvalidReferenceError, UnavailableError, VerificationError
from providers.factory import policy_provider
from providers.identity import StringMatch
from providers.policy_spec import StaticPolicySpec
from providers.predicates import predicate_type_of
from providers.reference import Reference, parse_registry, parse_repository
from providers.scope import Scope
from providers.subject import parse_namespace
from verifier.config import VerifierConfiguration
from verifier.formats.bundle import BUNDLE_V01, parse_bundle
from verifier.formats.dsse import Envelope, parse_envelope
from verifier.formats.entity import SignedEntity
from verifier.formats.layer import parse_layer
from verifier.formats.legacy import read_certificate, read_rekor_bundle, read_signature, read_timestamp
from verifier.formats.limits import MAX_CERTIFICATE, MAX_SIGNATURE
from verifier.formats.log_entry import read_log_entry
from verifier.formats.manifest import media_type_of, parse_index, parse_manifest
from verifier.formats.pem import first_block
from verifier.formats.signature_file import SignatureFile, SignatureForm, parse_signature_file
from verifier.formats.simple_signing import parse_simple_payload
from verifier.formats.statement import parse_predicate, parse_statement
from verifier.formats.strict_json import (
    bytes_field,
    integer_field,
    list_field,
    object_field,
    one_spelling,
    parse_go_object,
    parse_object,
    text_field,
)
from verifier.oci.addresses import Reach
from verifier.oci.headers import media_type, next_link, parse_challenges, retry_after
from verifier.oci.origin import Target as Resource
from verifier.oci.redirects import redirected, token_server
from verifier.server.requests import Undecodable, question_of, reader, subject_of
from verifier.v1 import verifier_pb2 as pb

from . import texts
from .seeds import Seeds
from .target import Target, UnfitError

_REFUSED = (VerificationError,)
_MALFORMED = (InvalidReferenceError,)
_WRONG = (ConfigurationError,)


def parsers(seeds: Seeds) -> tuple[Target, ...]:
    """All of them."""
    return (*_formats(seeds), *_words())


def _formats(seeds: Seeds) -> tuple[Target, ...]:
    envelopes = tuple(layer.data for layer in seeds.legacy if layer.suffix == "att")
    payloads = tuple(layer.data for layer in seeds.legacy if layer.suffix == "sig")
    rekor = tuple(
        dict(layer.annotations)["dev.sigstore.cosign/bundle"].encode()
        for layer in (*seeds.legacy[1:4], seeds.legacy[5])
    )
    entries = tuple(json.dumps(entry).encode() for entry in seeds.log_entries)
    signatures = tuple(parse_bundle(bundle).content.signature for bundle in seeds.bundles)
    spelled = tuple(base64.b64encode(signature) for signature in signatures[:4])
    return (
        Target("bundle", 60, seeds.bundles, _bundle, _REFUSED),
        Target("layer", 50, seeds.layers, _layer, _REFUSED),
        Target("signature-file", 50, seeds.files, _signature_file, _REFUSED),
        Target("legacy-bundle", 30, seeds.legacy_bundles, _legacy_bundle, _REFUSED),
        Target("log-entry", 30, entries, _log_entry, _REFUSED),
        Target("rekor-bundle", 25, rekor, read_rekor_bundle, _REFUSED),
        Target("envelope", 30, envelopes, parse_envelope, _REFUSED),
        Target("statement", 40, texts.STATEMENTS, parse_statement, _REFUSED),
        Target("predicate", 5, texts.STATEMENTS, parse_predicate, _REFUSED),
        Target("simple-signing", 40, payloads, parse_simple_payload, _REFUSED),
        Target("manifest", 35, texts.MANIFESTS, _manifest, _REFUSED),
        Target("strict-json", 40, (*texts.JSON, *seeds.keyed[:1]), _strict_json, _REFUSED),
        Target("pem", 60, seeds.certificate_texts, _pem, _REFUSED),
        Target("certificate-text", 60, seeds.certificate_texts, read_certificate, _REFUSED),
        Target("signature-text", 40, (*signatures, *spelled), _signature, _REFUSED),
        Target("timestamp-text", 40, seeds.timestamps, read_timestamp, _REFUSED),
    )  # fmt: skip


def _words() -> tuple[Target, ...]:
    return (
        Target("reference", 60, texts.REFERENCES, _reference, _MALFORMED),
        Target("scope", 50, texts.SCOPES, _scope, _MALFORMED),
        Target("headers", 50, texts.HEADERS, _headers, (UnavailableError,)),
        Target("request", 30, texts.requests(), _request, _MALFORMED),
        Target("policy-words", 30, texts.POLICY_WORDS, _policy_words, _WRONG),
        Target("configuration", 5, texts.CONFIGURATIONS, _configuration, _WRONG),
    )


def layer_of(data: bytes) -> tuple[Descriptor, bytes]:
    """What ``seeds.layer_document`` wrote, as far as it still can be handed over."""
    document = _document(data)
    kind, annotations, content = (document.get(name) for name in ("mediaType", "annotations", "data"))
    if not isinstance(kind, str) or not isinstance(annotations, _Pairs):
        raise UnfitError
    pairs = tuple(sorted({name: text for name, text in annotations if isinstance(text, str)}.items()))
    held = _bytes(content)
    return Descriptor(kind, "sha256:" + "0" * 64, len(held), "", pairs), held


def file_of(data: bytes) -> SignatureFile:
    """What ``seeds.file_document`` wrote, as far as it still can be handed over."""
    document = _document(data)
    try:
        form = SignatureForm(str(document.get("form")))
    except ValueError as error:
        raise UnfitError from error
    held = (_bytes(document.get(name, "")) for name in ("content", "certificate", "timestamp"))
    return SignatureFile(form, *held)


class _Pairs(list[tuple[str, Any]]):
    """The members of an object."""


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise UnfitError from error
    if not isinstance(document, _Pairs):
        raise UnfitError
    return dict(document)


def _bytes(value: object) -> bytes:
    """Base64 for bytes; what is none stands for itself."""
    if not isinstance(value, str):
        raise UnfitError
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return value.encode(errors="surrogatepass")


def _sound(entity: SignedEntity) -> None:
    """What holds for every signature that was read."""
    content = entity.content
    signed = 0 < len(content.signature) <= MAX_SIGNATURE
    if not signed or not entity.digest.startswith("sha256:") or hash(entity) != hash(entity):
        raise AssertionError(f"an entity that should not be: {entity!r}")
    if isinstance(content, Envelope) and not content.payload:
        raise AssertionError(f"an envelope that should not be: {content!r}")


def _bundle(data: bytes) -> None:
    _sound(parse_bundle(data))


def _layer(data: bytes) -> None:
    _sound(parse_layer(*layer_of(data)))


def _signature_file(data: bytes) -> None:
    _sound(parse_signature_file(file_of(data)))


def _pem(data: bytes) -> None:
    first_block(data, limit=MAX_CERTIFICATE)


def _legacy_bundle(data: bytes) -> None:
    _sound(parse_signature_file(SignatureFile(SignatureForm.BUNDLE, data)))


def _signature(data: bytes) -> None:
    if not 0 < len(read_signature(data)) <= MAX_SIGNATURE:
        raise AssertionError("a signature that is empty or too long")


def _log_entry(data: bytes) -> None:
    """An entry as bundles carry it, in the first version and in the last."""
    document = parse_go_object(data, max_size=1 << 20)
    each(
        _REFUSED,
        lambda: read_log_entry(document, proof_required=True),
        lambda: read_log_entry(document, proof_required=False),
    )


def _manifest(data: bytes) -> None:
    each(
        _REFUSED,
        lambda: parse_manifest(data),
        lambda: parse_index(data),
        lambda: media_type_of(data, ""),
        lambda: parse_manifest(data, BUNDLE_V01),
    )


def _strict_json(data: bytes) -> None:
    """The document in each reading, and each of its fields as each kind of value."""
    each(_REFUSED, lambda: parse_object(data, max_size=1 << 20, fold_case=False))
    found = one_spelling(parse_object(data, max_size=1 << 20))
    if any(value is None for value in parse_go_object(data, max_size=1 << 20).values()):
        raise AssertionError("a field that is null")
    for name in found:
        each(
            _REFUSED,
            lambda name=name: text_field(found, name, limit=100),  # type: ignore[misc]
            lambda name=name: object_field(found, name),  # type: ignore[misc]
            lambda name=name: list_field(found, name, limit=10),  # type: ignore[misc]
            lambda name=name: integer_field(found, name),  # type: ignore[misc]
            lambda name=name: bytes_field(found, name, limit=100),  # type: ignore[misc]
        )


def _reference(data: bytes) -> None:
    text = data.decode(errors="surrogateescape")
    found: list[Reference] = []
    each(
        _MALFORMED,
        lambda: found.append(Reference.parse(text)),
        lambda: parse_repository(text),
        lambda: parse_registry(text),
        lambda: parse_digest(text),
        lambda: Reference.local(text, tag="x"),
    )
    for reference in found:  # what was normalised once stays as it is: stores read it again
        try:
            again = Reference.parse(str(reference))
        except InvalidReferenceError as error:
            raise AssertionError(f"{reference} is no reference") from error
        if again != reference:
            raise AssertionError(f"{reference} is not {again}")


def _scope(data: bytes) -> None:
    Scope.parse(data.decode(errors="surrogateescape")).matches(Reference.parse("ghcr.io/org/app"))


def _headers(data: bytes) -> None:
    """What a registry answers, header by header."""
    text = data.decode("latin-1")
    for challenge in parse_challenges(text):
        challenge.get("realm")
    retry_after(text)
    media_type(text)
    each((ValueError,), lambda: next_link(text), lambda: Resource.parse(text))
    origin = Resource.parse("https://registry.example.com/v2/").origin
    each(
        (UnavailableError,),
        lambda: redirected(Resource(origin, "/v2/"), text, furthest=Reach.PUBLIC, plain=frozenset()),
        lambda: token_server(text, origin, frozenset()),
    )


def _request(data: bytes) -> None:
    validate, verify = reader(pb.ValidateRequest)(data), reader(pb.VerifyRequest)(data)
    calls: list[Callable[[], object]] = []
    if not isinstance(validate, Undecodable):
        calls.append(lambda: subject_of(validate))
    if not isinstance(verify, Undecodable):
        calls.append(lambda: question_of(verify))
    each(_MALFORMED, *calls)


def _policy_words(data: bytes) -> None:
    text = data.decode(errors="surrogateescape")
    each(
        _WRONG,
        lambda: StringMatch(regexp=text).matches("https://example.test/x"),
        lambda: predicate_type_of(text),
    )
    each((ConfigurationError, InvalidReferenceError), lambda: parse_namespace(text))


def _configuration(data: bytes) -> None:
    document = Document.parse(data, "file.yaml")
    read = document.validate(VerifierConfiguration)
    if isinstance(read.spec.policy_provider, StaticPolicySpec):  # the others open what is named
        policy_provider(read.spec.policy_provider, document, ("spec", "policyProvider"))


def each(allowed: tuple[type[Exception], ...], *calls: Callable[[], object]) -> None:
    """Make every call; each may raise what is allowed."""
    for call in calls:
        try:
            call()
        except allowed:
            continue
