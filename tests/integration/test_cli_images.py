"""``pycosign verify`` and ``verify-attestation`` on images that a lab signed, in registries and in a layout."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pycosign.cli.main import pycosign, run
from pycosign.lab import (
    Descriptor,
    Lab,
    LegacyLayer,
    MemoryRegistry,
    attach_bundle,
    attach_legacy,
    push_image,
    serve_registry,
)
from pycosign.lab.keys import spki_pem
from pycosign.lab.legacy import attach_oci11

WHO, ISSUER = "https://ci.lab.test/wf@refs/heads/main", "https://oidc.lab.test"
IDENTITY = ("--certificate-identity", WHO, "--certificate-oidc-issuer", ISSUER)
PREDICATE = "https://slsa.dev/provenance/v1"
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
WITH_KEY = ("--key", "key.pub", "--insecure-ignore-tlog")


@dataclass
class Told:
    code: int
    results: list[tuple[str, str]]  # outcome and reason of each image
    err: str

    @property
    def reason(self) -> str:
        ((_, reason),) = self.results
        return reason


Tell = Callable[..., Told]


class Shelf:
    """Images of every kind in one registry."""

    def __init__(self, lab: Lab, registry: MemoryRegistry) -> None:
        self.lab = lab
        self.registry = registry

    def image(self, name: str) -> Descriptor:
        return push_image(self.registry, name, tag="v1", content=name.encode())

    def bundle(self, image: Descriptor, key: ec.EllipticCurvePrivateKey, **annotations: str) -> bytes:
        return self.lab.sign_image(
            image.digest, annotations=annotations, key=key, keyless=False, log=None, timestamp=False
        )

    def fill(self) -> None:
        lab, registry = self.lab, self.registry
        attach_bundle(registry, "bundle", image := self.image("bundle"), self.bundle(image, KEY, env="prod"))

        image = self.image("tag")
        layers = [
            lab.sign_image_legacy(
                image.digest,
                reference="tag",
                annotations={"env": env},
                key=key,
                keyless=False,
                log=None,
                timestamp=False,
            )
            for env, key in (("dev", OTHER), ("prod", KEY))
        ]
        attach_legacy(registry, "tag", image, layers)

        image = self.image("oci11")
        attach_oci11(registry, "oci11", image, [self._layer(image)])

        image = self.image("hidden")  # a stranger's bundle beside a good .sig
        attach_bundle(registry, "hidden", image, self.bundle(image, OTHER))
        attach_legacy(registry, "hidden", image, [self._layer(image)])

        image = self.image("attested")
        attestation = lab.attest(
            image.digest,
            predicate_type=PREDICATE,
            predicate={},
            key=KEY,
            keyless=False,
            log=None,
            timestamp=False,
        )
        attach_bundle(registry, "attested", image, attestation)

        image = self.image("keyless")
        attach_bundle(registry, "keyless", image, lab.sign_image(image.digest, identity=WHO, issuer=ISSUER))
        attach_legacy(
            registry,
            "keyless",
            image,
            [
                lab.attest_legacy(
                    image.digest, predicate_type=PREDICATE, predicate={}, identity=WHO, issuer=ISSUER
                )
            ],
        )

        image = self.image("elsewhere")
        attach_bundle(registry, "signatures", image, self.bundle(image, KEY))
        self.image("unsigned")

    def _layer(self, image: Descriptor) -> LegacyLayer:
        return self.lab.sign_image_legacy(
            image.digest, reference="any", key=KEY, keyless=False, log=None, timestamp=False
        )


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


@pytest.fixture(scope="module")
def registries(lab: Lab) -> Iterator[dict[bool, str]]:
    """The address of the shelf with the Referrers API, and without."""
    with ExitStack() as served:
        addresses = {}
        for referrers_api in (True, False):
            shelf = Shelf(lab, MemoryRegistry(referrers_api=referrers_api))
            shelf.fill()
            addresses[referrers_api] = served.enter_context(serve_registry(shelf.registry))
        yield addresses


@pytest.fixture(params=[True, False], ids=["referrers-api", "fallback-tag"])
def at(registries: dict[bool, str], request: pytest.FixtureRequest) -> str:
    return registries[request.param]


@pytest.fixture
def tell(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tell:
    (tmp_path / "root.json").write_bytes(lab.trusted_root())
    (tmp_path / "key.pub").write_bytes(spki_pem(KEY.public_key()))
    (tmp_path / "other.pub").write_bytes(spki_pem(OTHER.public_key()))
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SIGSTORE_", "COSIGN_")):
            monkeypatch.delenv(name)

    def told(*arguments: str) -> Told:
        code = run(pycosign, [*arguments, "-o", "json"])
        said = capsys.readouterr()
        results = [
            (
                answer["outcome"].removeprefix("OUTCOME_").lower(),
                answer["reason"].removeprefix("REASON_CODE_").lower().replace("_", "-"),
            )
            for answer in (json.loads(said.out) if said.out else [])
        ]
        return Told(code, results, said.err)

    return told


@pytest.mark.parametrize(
    ("image", "flags", "reason"),
    [
        ("bundle", (), "ok"),
        ("bundle", ("-a", "env=prod"), "ok"),
        ("bundle", ("-a", "env=dev"), "annotation-mismatch"),
        ("bundle", ("-a", "env=prod", "--annotations=team=x"), "annotation-mismatch"),
        ("bundle", ("--new-bundle-format=false",), "no-signature"),
        ("bundle", ("--new-bundle-format=true", "--offline", "--max-workers=3", "--rekor-url=x"), "ok"),
        ("tag", (), "ok"),
        ("tag", ("-a", "env=prod"), "ok"),
        ("tag", ("-a", "env=dev"), "annotation-mismatch"),  # that is what the other one signed
        ("tag", ("--new-bundle-format=false",), "ok"),
        ("oci11", (), "no-signature"),
        ("oci11", ("--experimental-oci11",), "ok"),
        ("oci11", ("--experimental-oci11", "--new-bundle-format=false"), "ok"),
        ("hidden", (), "ok"),
        ("hidden", ("--new-bundle-format=false",), "ok"),
        ("attested", (), "no-signature"),
        ("keyless", (), "signature-invalid"),
        ("elsewhere", (), "no-signature"),
        ("unsigned", (), "no-signature"),
    ],
)
def test_with_a_key(tell: Tell, at: str, image: str, flags: tuple[str, ...], reason: str) -> None:
    told = tell("verify", f"{at}/{image}:v1", *WITH_KEY, *flags)
    assert told.reason == reason
    assert told.code == (0 if reason == "ok" else 1)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("bundle", "signature-invalid"),
        ("tag", "ok"),
        ("hidden", "ok"),
        ("attested", "signature-invalid"),
        ("unsigned", "no-signature"),
    ],
)
def test_with_another_key(tell: Tell, at: str, image: str, reason: str) -> None:
    told = tell("verify", f"{at}/{image}:v1", "--key", "other.pub", "--insecure-ignore-tlog")
    assert told.reason == reason


def test_a_key_without_a_log_entry_is_refused_unless_it_is_said(tell: Tell, at: str) -> None:
    told = tell("verify", f"{at}/bundle:v1", "--key", "key.pub", "--trusted-root", "root.json")
    assert (told.code, told.reason) == (1, "no-log-entry")
    told = tell("verify", f"{at}/bundle:v1", *WITH_KEY, "--use-signed-timestamps")
    assert (told.code, told.reason) == (1, "no-timestamp")


@pytest.mark.parametrize(
    ("image", "flags", "reason"),
    [
        ("attested", (*WITH_KEY, "--type", "slsaprovenance1"), "ok"),
        ("attested", (*WITH_KEY, "--type", PREDICATE), "ok"),
        ("attested", (*WITH_KEY, "--type", "any"), "ok"),
        ("attested", (*WITH_KEY,), "predicate-type-mismatch"),
        ("attested", (*WITH_KEY, "--type", "any", "--new-bundle-format=false"), "no-attestation"),
        ("bundle", (*WITH_KEY, "--type", "any"), "no-attestation"),
        ("tag", (*WITH_KEY, "--type", "any"), "no-attestation"),
        ("unsigned", (*WITH_KEY, "--type", "any"), "no-attestation"),
        ("keyless", (*IDENTITY, "--trusted-root", "root.json", "--type", "slsaprovenance1"), "ok"),
        (
            "keyless",
            (*IDENTITY, "--trusted-root", "root.json", "--type", "any", "--new-bundle-format=false"),
            "ok",
        ),
        ("keyless", (*IDENTITY, "--trusted-root", "root.json"), "predicate-type-mismatch"),
    ],
)
def test_attestations(tell: Tell, at: str, image: str, flags: tuple[str, ...], reason: str) -> None:
    told = tell("verify-attestation", f"{at}/{image}:v1", *flags)
    assert told.reason == reason
    assert told.code == (0 if reason == "ok" else 1)


def test_signatures_in_another_repository(tell: Tell, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIGN_REPOSITORY", f"{at}/signatures")
    assert tell("verify", f"{at}/elsewhere:v1", *WITH_KEY).code == 0
    assert tell("verify", f"{at}/bundle:v1", *WITH_KEY).reason == "no-signature"
    monkeypatch.setenv("COSIGN_REPOSITORY", f"{at}/signatures:v1")
    assert tell("verify", f"{at}/elsewhere:v1", *WITH_KEY).code == 2


def test_several_images_in_their_order(tell: Tell, at: str) -> None:
    told = tell("verify", f"{at}/unsigned:v1", f"{at}/bundle:v1", "127.0.0.1:1/x", *WITH_KEY)
    assert [reason for _, reason in told.results] == ["no-signature", "ok", "registry-unavailable"]
    assert told.code == 1
    told = tell("verify", f"{at}/bundle:v1", "127.0.0.1:1/x", *WITH_KEY)
    assert told.code == 3


def _layout(folder: Path, registry: MemoryRegistry, repository: str) -> None:
    """Everything in ``repository`` as an OCI image layout (image-spec 1.1, image-layout.md)."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    stored = registry._repositories[repository]
    for digest, data in stored.blobs.items():
        (blobs / digest.partition(":")[2]).write_bytes(data)
    entries = []
    for digest, manifest in stored.manifests.items():
        (blobs / digest.partition(":")[2]).write_bytes(manifest.data)
        tags = [tag for tag, named in stored.tags.items() if named == digest]
        for tag in tags or [""]:
            entry: dict[str, object] = {
                "mediaType": manifest.media_type,
                "digest": digest,
                "size": len(manifest.data),
            }
            if tag:
                entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
            entries.append(entry)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(
        json.dumps(
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
        )
    )


@pytest.mark.parametrize(
    ("image", "command", "reason"),
    [
        ("bundle", "verify", "ok"),
        ("tag", "verify", "ok"),
        ("hidden", "verify", "ok"),
        ("attested", "verify", "no-signature"),
        ("attested", "verify-attestation", "ok"),
        ("unsigned", "verify", "no-signature"),
    ],
)
def test_layouts(
    tell: Tell,
    lab: Lab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    image: str,
    command: str,
    reason: str,
) -> None:
    shelf = Shelf(lab, MemoryRegistry(referrers_api=False))
    shelf.fill()
    _layout(tmp_path / "a layout", shelf.registry, image)
    monkeypatch.setenv("COSIGN_REPOSITORY", "127.0.0.1:1/nowhere")  # of registries, not of layouts
    flags = ("--type", "any") if command == "verify-attestation" else ()
    digest = shelf.registry._repositories[image].tags["v1"]
    for name in ("oci-layout:a layout:v1", f"oci-layout:{tmp_path}/a layout@{digest}"):
        told = tell(command, name, *WITH_KEY, *flags)
        assert (told.reason, told.code) == (reason, 0 if reason == "ok" else 1)
    told = tell(command, "oci-layout:a layout:v2", *WITH_KEY, *flags)
    assert (told.reason, told.code) == ("image-not-found", 3)


def test_layouts_and_registries_in_one_command(tell: Tell, lab: Lab, tmp_path: Path, at: str) -> None:
    shelf = Shelf(lab, MemoryRegistry())
    shelf.fill()
    _layout(tmp_path / "one", shelf.registry, "bundle")
    _layout(tmp_path / "two", shelf.registry, "unsigned")
    told = tell("verify", "oci-layout:two:v1", f"{at}/bundle:v1", "oci-layout:one:v1", *WITH_KEY)
    assert [reason for _, reason in told.results] == ["no-signature", "ok", "ok"]


CONFIGURATION = """\
apiVersion: pycosign.dev/v1alpha1
kind: VerifierConfiguration
metadata: {{name: test}}
spec:
  registry: {{addresses: loopback, insecurePlainHTTP: ["{at}"]}}
  signatures: {{forms: [{forms}], repository: "{repository}"}}
  trustedMaterialProvider:
    type: static
    keys: [{{name: release, file: key.pub}}]
  policyProvider:
    type: static
    policies:
      - name: all
        scopes: ["{scope}"]
        keys: [release]
        {more}
        verifierConfig: {{unsafeIgnoreTlog: true}}
"""


@dataclass
class Written:
    at: str
    folder: Path

    def __call__(
        self, *, forms: str = "bundle, tag", repository: str = "", scope: str = "*", more: str = ""
    ) -> None:
        text = CONFIGURATION.format(at=self.at, forms=forms, repository=repository, scope=scope, more=more)
        (self.folder / "config.yaml").write_text(text)


CONFIGURED = ("--config", "config.yaml")


def test_the_configuration_of_the_service_decides(tell: Tell, at: str, tmp_path: Path) -> None:
    write = Written(at, tmp_path)
    write()
    assert tell("verify", f"{at}/bundle:v1", *CONFIGURED).code == 0
    assert tell("verify", f"{at}/unsigned:v1", *CONFIGURED).reason == "no-signature"
    write(forms="tag")
    assert tell("verify", f"{at}/bundle:v1", *CONFIGURED).reason == "no-signature"
    write(repository=f"{at}/signatures")
    assert tell("verify", f"{at}/elsewhere:v1", *CONFIGURED).code == 0
    write(scope="ghcr.io")
    told = tell("verify", f"{at}/bundle:v1", *CONFIGURED)
    assert (told.code, told.reason) == (1, "no-policy")


def test_the_environment_changes_no_configuration(
    tell: Tell, at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Written(at, tmp_path)()
    monkeypatch.setenv("COSIGN_REPOSITORY", f"{at}/signatures")
    monkeypatch.setenv("SIGSTORE_ROOT_FILE", "nowhere")
    told = tell("verify", f"{at}/bundle:v1", *CONFIGURED)
    assert told.code == 0
    assert "SIGSTORE_ROOT_FILE, COSIGN_REPOSITORY in the environment is not" in told.err
    assert tell("verify", f"{at}/elsewhere:v1", *CONFIGURED).reason == "no-signature"


def test_who_asks_for_an_attestation_gets_none_for_a_signature(tell: Tell, at: str, tmp_path: Path) -> None:
    write = Written(at, tmp_path)
    write()
    told = tell("verify-attestation", f"{at}/bundle:v1", *CONFIGURED)
    assert (told.code, told.results) == (2, [])
    assert "no policy that speaks for" in told.err
    write(more="attestation: {predicateTypes: [slsaprovenance1]}")
    assert tell("verify-attestation", f"{at}/attested:v1", *CONFIGURED).code == 0
    assert tell("verify-attestation", f"{at}/bundle:v1", *CONFIGURED).reason == "no-attestation"
    # No flag is at hand to say otherwise.
    assert "--type" not in tell("verify-attestation", f"{at}/bundle:v1", *CONFIGURED).err


def test_a_layout_under_the_configuration(tell: Tell, lab: Lab, tmp_path: Path, at: str) -> None:
    shelf = Shelf(lab, MemoryRegistry())
    shelf.fill()
    _layout(tmp_path / "layout", shelf.registry, "bundle")
    write = Written(at, tmp_path)
    write()
    told = tell("verify", "oci-layout:layout:v1", f"{at}/bundle:v1", *CONFIGURED)
    assert [reason for _, reason in told.results] == ["ok", "ok"]
    write(scope=at)  # a registry's policy does not speak for what lies in none
    assert tell("verify", "oci-layout:layout:v1", *CONFIGURED).reason == "no-policy"
