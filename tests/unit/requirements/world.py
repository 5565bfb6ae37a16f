"""Every way to sign an image, its log entry open to change, before the real engines on the whole line."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from providers.descriptor import Descriptor as Described
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.predicates import PREDICATE_TYPES
from providers.reasons import ReasonCode
from providers.requirement import AttestationRequirement
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedKey, TrustedMaterial
from providers.verifier_config import VerifierConfig
from pycosign.lab import (
    Descriptor,
    Lab,
    LegacyLayer,
    MemoryRegistry,
    attach_bundle,
    attach_legacy,
    push_image,
)
from pycosign.lab.entry import LogEntry
from pycosign.lab.keys import new_key, spki_pem
from pycosign.lab.sign import EntryKind, LogName, SigningOptions
from tests.memory_store import MemoryStore
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import Compiled, RootProver, SigstoreEngine
from verifier.formats.signature_file import SignatureFile, SignatureForm
from verifier.results import ValidationResult
from verifier.verdict import Outcome

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
WHO, ISSUER = "https://ci.lab.test/release@refs/heads/main", "https://oidc.lab.test"
LAB = Lab(clock=lambda: NOW)
OTHER_LAB = Lab(name="other", clock=lambda: NOW)
KEY, OTHER_KEY = new_key(), new_key()
TRUSTED_KEY = TrustedKey("release", spki_pem(KEY.public_key()))
_COMPILED = Compiled()
_ENGINES = (SigstoreEngine(_COMPILED), KeyEngine(lambda: RootProver(_COMPILED)))

Signature = bytes | LegacyLayer
Answer = tuple[Outcome, ReasonCode]
ALLOWED: Answer = (Outcome.ALLOWED, ReasonCode.OK)


def refused(reason: ReasonCode) -> Answer:
    """The answer of a refusal."""
    return Outcome.REFUSED, reason


@dataclass(frozen=True, slots=True)
class Way:
    """A way to sign: by whom, what, stored how, logged how."""

    signer: Literal["certificate", "key"]
    form: Literal["statement", "message", "sig", "att"]
    log: LogName = "rekor1"
    entry: EntryKind = "dsse"

    @property
    def keyless(self) -> bool:
        """Whether a certificate says who signed."""
        return self.signer == "certificate"

    @property
    def legacy(self) -> bool:
        """Stored under one of cosign's tags, with a promise and no inclusion proof."""
        return self.form in {"sig", "att"}

    def __str__(self) -> str:
        return f"{self.signer}-{self.form}-{self.log}-{self.entry}"


_SIGNERS: tuple[Literal["certificate", "key"], ...] = ("certificate", "key")
WAYS = [
    way
    for signer in _SIGNERS
    for way in (
        Way(signer, "statement"),
        Way(signer, "statement", entry="intoto"),
        Way(signer, "statement", "rekor2"),
        Way(signer, "message"),
        Way(signer, "message", "rekor2"),
        Way(signer, "sig"),
        Way(signer, "att"),
        Way(signer, "att", entry="intoto"),
    )
]


class Line:
    """An image, another one, what is trusted, and the time of the request."""

    def __init__(self) -> None:
        self.image, self.other = self._images(MemoryRegistry())
        self.root = LAB.trusted_root()
        self.keys: tuple[TrustedKey, ...] = (TRUSTED_KEY,)
        self.now = NOW

    @staticmethod
    def _images(registry: MemoryRegistry) -> tuple[Descriptor, Descriptor]:
        image = push_image(registry, "app", tag="v1", content=b"app")
        return image, push_image(registry, "app", tag="other", content=b"other")

    def sign(self, way: Way, image: Descriptor | None = None, **more: Any) -> Signature:
        """A signature of ``image`` in this way."""
        subject = image or self.image
        given: dict[str, Any] = {"log": way.log, "entry": way.entry, "keyless": way.keyless}
        options: SigningOptions = {"identity": WHO, "issuer": ISSUER, "key": KEY, **(given | more)}  # type: ignore[typeddict-item]  # a table of options
        if way.form == "statement":
            return LAB.sign_image(subject.digest, **options)
        if way.form == "sig":
            return LAB.sign_image_legacy(subject.digest, reference="reg.test/app", **options)
        if way.form == "att":
            spdx = PREDICATE_TYPES["spdxjson"]
            return LAB.attest_legacy(subject.digest, predicate_type=spdx, predicate={}, **options)
        registry = MemoryRegistry()
        self._images(registry)
        manifest = registry.get_manifest("app", subject.digest)
        assert manifest is not None
        return LAB.sign_blob(manifest.data, **options)

    def validate(self, way: Way, *signatures: Signature, **changes: Any) -> ValidationResult:
        """The verdict on the image with these signatures beside it; ``changes`` are to the policy."""
        registry = MemoryRegistry()
        image = self._images(registry)[0]
        assert image == self.image
        layers = [signature for signature in signatures if isinstance(signature, LegacyLayer)]
        if layers:
            attach_legacy(registry, "app", image, layers)
        for signature in signatures:
            if isinstance(signature, bytes):
                attach_bundle(registry, "app", image, signature, annotations={})
        verifier = Verifier(
            store=MemoryStore(registry),
            engines=_ENGINES,
            trust=StaticTrustedMaterialProvider(TrustedMaterial.of("lab", self.root, NOW, self.keys)),
            policies=StaticPolicyProvider((policy_for(way, **changes),)),
            clock=lambda: self.now,
        )
        subject = Subject.parse("reg.test/app:v1")
        if way.form == "message":  # of a file: the manifest, whose signature says nothing of an image
            files = [SignatureFile(SignatureForm.BUNDLE, one) for one in signatures if isinstance(one, bytes)]
            described = Described.parse(media_type=image.media_type, digest=image.digest, size=image.size)
            return verifier.validate_file(subject, described, files, Budget(60))
        return verifier.validate(subject, Budget(60))

    def answer(self, way: Way, *signatures: Signature, **changes: Any) -> Answer:
        """The outcome and the reason of ``validate``."""
        result = self.validate(way, *signatures, **changes)
        return result.outcome, result.reason


def policy_for(way: Way, **changes: Any) -> Policy:
    """The policy that asks for what ``way`` makes; ``config`` changes how much evidence it wants."""
    usual = {"require_observer_timestamps": way.keyless, "require_scts": way.keyless}
    identity = CertificateIdentity(StringMatch(value=WHO), StringMatch(value=ISSUER))
    fields: dict[str, Any] = {
        "name": "p",
        "scopes": (Scope.parse("reg.test"),),
        "certificate_identities": (identity,) if way.keyless else (),
        "keys": () if way.keyless else ("release",),
        "attestation": AttestationRequirement() if way.form == "att" else None,
        "verifier_config": VerifierConfig(**(usual | changes.pop("config", {}))),
    }
    return Policy.single(**(fields | changes))


# The log entry that a signature comes with. The older forms store it in an annotation, by other names.

_ANNOTATION = "dev.sigstore.cosign/bundle"


def entry_of(signature: Signature | dict[str, Any]) -> dict[str, Any]:
    """The log entry as protojson; that of a parsed bundle itself, to be changed."""
    if isinstance(signature, LegacyLayer):
        stored = json.loads(dict(signature.annotations)[_ANNOTATION])
        payload = stored["Payload"]
        return {
            "canonicalizedBody": payload["body"],
            "integratedTime": str(payload["integratedTime"]),
            "logIndex": str(payload["logIndex"]),
            "logId": {"keyId": base64.b64encode(bytes.fromhex(payload["logID"])).decode()},
            "inclusionPromise": {"signedEntryTimestamp": stored["SignedEntryTimestamp"]},
        }
    document = json.loads(signature) if isinstance(signature, bytes) else signature
    found: dict[str, Any] = document["verificationMaterial"]["tlogEntries"][0]
    return found


def with_entry(signature: Signature, entry: dict[str, Any]) -> Signature:
    """The same signature with another log entry."""
    if not isinstance(signature, LegacyLayer):
        return edited(signature, lambda d: d["verificationMaterial"].update(tlogEntries=[entry]))
    stored = {
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        },
    }
    annotations = dict(signature.annotations) | {_ANNOTATION: json.dumps(stored)}
    return replace(signature, annotations=tuple(annotations.items()))


def edited(signature: Signature, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A bundle with its JSON changed."""
    assert isinstance(signature, bytes)
    document = json.loads(signature)
    change(document)
    return json.dumps(document).encode()


def promise_of(signature: Signature) -> bytes:
    """The log's promise."""
    return base64.b64decode(entry_of(signature)["inclusionPromise"]["signedEntryTimestamp"])


def with_promise(signature: Signature, promise: bytes) -> Signature:
    """The same signature with another promise of the log."""
    text = base64.b64encode(promise).decode()
    return with_entry(signature, entry_of(signature) | {"inclusionPromise": {"signedEntryTimestamp": text}})


def body_of(signature: Signature) -> dict[str, Any]:
    """What the log recorded."""
    body: dict[str, Any] = json.loads(base64.b64decode(entry_of(signature)["canonicalizedBody"]))
    return body


# Where each kind of entry records what.
_PLACES: dict[str, dict[str, tuple[str | int, ...]]] = {
    "hashedrekord/0.0.1": {
        "signature": ("signature", "content"),
        "verifier": ("signature", "publicKey", "content"),
        "digest": ("data", "hash", "value"),
    },
    "hashedrekord/0.0.2": {
        "signature": ("hashedRekordV002", "signature", "content"),
        "verifier": ("hashedRekordV002", "signature", "verifier"),
        "digest": ("hashedRekordV002", "data", "digest"),
    },
    "dsse/0.0.1": {
        "signature": ("signatures", 0, "signature"),
        "verifier": ("signatures", 0, "verifier"),
        "digest": ("payloadHash", "value"),
    },
    "intoto/0.0.2": {
        "signature": ("content", "envelope", "signatures", 0, "sig"),
        "verifier": ("content", "envelope", "signatures", 0, "publicKey"),
        "digest": ("content", "payloadHash", "value"),
    },
}


def mixed(body: dict[str, Any], others: dict[str, Any], part: str) -> dict[str, Any]:
    """``body`` with one ``part`` of ``others``."""
    changed = json.loads(json.dumps(body))
    *above, last = _PLACES[f"{body['kind']}/{body['apiVersion']}"][part]
    place, theirs = changed["spec"], others["spec"]
    for step in above:
        place, theirs = place[step], theirs[step]
    assert place[last] != theirs[last]
    place[last] = theirs[last]
    return dict(changed)


def logged(body: dict[str, Any]) -> dict[str, Any]:
    """An entry of a trusted log that says ``body``, which the log did not look at."""
    spec = body["spec"]
    entry: LogEntry
    if "hashedRekordV002" in spec:
        entry = LAB.rekor2.append(spec["hashedRekordV002"])
    else:
        entry = LAB.rekor1.append(body["kind"], body["apiVersion"], spec)[1]
    return entry.to_protojson()
