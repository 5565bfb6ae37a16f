"""RegistryStore against the real registry (distribution 2.8), pushed to by crane and cosign."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.integration.desk import docker_registry
from tests.tools import require_tool
from verifier.budget import Budget
from verifier.formats.manifest import parse_manifest
from verifier.oci import RegistryStore


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running docker-registry."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def image(registry: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of an image at demo/app:v1."""
    folder = tmp_path_factory.mktemp("image")
    with tarfile.open(folder / "layer.tar", "w") as tar:
        member = tarfile.TarInfo("hello")
        member.size = 5
        tar.addfile(member, BytesIO(b"hello"))
    _run("crane", "append", "--new_layer", folder / "layer.tar", "--new_tag", f"{registry}/demo/app:v1")
    return _run("crane", "digest", f"{registry}/demo/app:v1").strip()


@pytest.fixture
def store(registry: str) -> Iterator[RegistryStore]:
    with RegistryStore(plain_http=frozenset({registry})) as opened:
        yield opened


def test_what_crane_pushed(store: RegistryStore, registry: str, image: str) -> None:
    budget = Budget(10)
    descriptor = store.resolve(Reference.parse(f"{registry}/demo/app:v1"), budget)
    assert descriptor.digest == image
    content = store.fetch(f"{registry}/demo/app", descriptor, budget)
    assert digest_of(content) == image
    manifest = parse_manifest(content, descriptor.media_type)
    for part in (manifest.config, *manifest.layers):
        assert len(store.fetch(f"{registry}/demo/app", part, budget)) == part.size
    assert list(store.referrers(f"{registry}/demo/app", descriptor, (), budget)) == []


def test_what_cosign_signed_is_listed_under_the_fallback_tag(
    store: RegistryStore, registry: str, image: str, tmp_path: Path
) -> None:
    subject = f"{registry}/demo/app@{image}"
    environment = {"COSIGN_PASSWORD": "", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    _run("cosign", "generate-key-pair", folder=tmp_path, environment=environment)
    signing = ["--key", "cosign.key", "--use-signing-config=false", "--tlog-upload=false", "-y", subject]
    _run("cosign", "sign", *signing, folder=tmp_path, environment=environment)
    budget = Budget(10)
    descriptor = store.resolve(Reference.parse(subject), budget)
    (found,) = store.referrers(
        f"{registry}/demo/app", descriptor, ("application/vnd.dev.sigstore.bundle.v0.3+json",), budget
    )
    manifest = parse_manifest(store.fetch(f"{registry}/demo/app", found, budget), found.media_type)
    assert manifest.subject is not None
    assert manifest.subject.digest == image
    bundle = json.loads(store.fetch(f"{registry}/demo/app", manifest.layers[0], budget))
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.mark.parametrize("name", ["demo/app:gone", "gone/app:v1", f"demo/app@{digest_of(b'gone')}"])
def test_what_is_not_there(store: RegistryStore, registry: str, image: str, name: str) -> None:
    with pytest.raises(UnavailableError) as refused:
        store.resolve(Reference.parse(f"{registry}/{name}"), Budget(10))
    assert refused.value.reason is ReasonCode.IMAGE_NOT_FOUND


def test_a_blob_that_is_not_there(store: RegistryStore, registry: str, image: str) -> None:
    missing = Descriptor.parse(media_type="application/x", digest=digest_of(b"gone"), size=4)
    with pytest.raises(UnavailableError) as refused:
        store.fetch(f"{registry}/demo/app", missing, Budget(10))
    assert refused.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE


def _run(
    tool: str, *arguments: str | Path, folder: Path | None = None, environment: dict[str, str] | None = None
) -> str:
    done = subprocess.run(
        [require_tool(tool), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
