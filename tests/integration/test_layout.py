"""What `cosign save` and crane make of a registry is verified as the registry was: signed allowed, tampered
not.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.descriptor import digest_of
from providers.reasons import ReasonCode
from providers.reference import Reference
from providers.subject import Subject
from pycosign.lab import MemoryRegistry, serve_registry
from tests.integration.desk import ANY_ATTESTATION, FORMS, Desk, docker_registry
from verifier.app import LayoutStore
from verifier.discovery import Discovery, StorageForm
from verifier.results import ValidationResult
from verifier.verdict import Outcome

EVERYTHING = Discovery(frozenset(StorageForm))
A, R, C = Outcome.ALLOWED, Outcome.REFUSED, Outcome.COULD_NOT_CHECK


@pytest.fixture(scope="module", params=["referrers API", "docker-registry"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    served = (
        docker_registry(tmp_path_factory.mktemp("registry"))
        if request.param == "docker-registry"
        else serve_registry(MemoryRegistry())
    )
    with served as address:
        yield Desk.prepare(address, tmp_path_factory.mktemp("desk"))


def _save(desk: Desk, image: str) -> Path:
    folder = desk.folder / image.rpartition(":")[2]
    desk.run("cosign", "save", "--dir", str(folder), image)
    return folder


def _validate(desk: Desk, path: Path, *, tag: str = "", digest: str = "", **more: Any) -> ValidationResult:
    subject = Subject(Reference.local(f"oci-layout:{path}", tag=tag, digest=digest))
    return desk.validate(subject, store=LayoutStore(path), **more)


def _verdict(result: ValidationResult) -> tuple[Outcome, ReasonCode]:
    return result.outcome, result.reason


@pytest.mark.parametrize("form", FORMS)
def test_a_signature_is_found_in_what_cosign_saved(desk: Desk, form: str) -> None:
    image = desk.image()
    digest = image.partition("@")[2]
    assert _verdict(_validate(desk, _save(desk, image))) == (R, ReasonCode.NO_SIGNATURE)
    desk.sign(image, form)
    saved = _save(desk, image)
    for asked in ("", digest):
        result = _validate(desk, saved, digest=asked, discovery=EVERYTHING)
        assert result.outcome is A
        assert result.reference == f"oci-layout:{saved}@{digest}"
    other = _validate(desk, saved, key="other", discovery=EVERYTHING)
    assert _verdict(other) == (R, ReasonCode.SIGNATURE_INVALID)
    if form != "oci11":  # which cosign itself does not find there
        desk.run(
            *("cosign", "verify", "--key", "ours.pub", "--insecure-ignore-tlog"),
            *("--local-image", str(saved)),
        )


@pytest.mark.parametrize("form", ["bundle", "legacy"])
def test_an_attestation_is_found_in_what_cosign_saved(desk: Desk, form: str) -> None:
    image = desk.image()
    desk.attest(image, form)
    saved = _save(desk, image)
    assert _validate(desk, saved, attestation=ANY_ATTESTATION).outcome is A
    assert _verdict(_validate(desk, saved)) == (R, ReasonCode.NO_SIGNATURE)


def test_a_strangers_bundle_hides_no_good_layer(desk: Desk) -> None:
    """cosign 3.1.1 refuses this layout: where it finds a bundle it looks no further."""
    image = desk.image()
    desk.sign(image, "legacy")
    desk.sign(image, "bundle", key="other")
    assert _validate(desk, _save(desk, image)).outcome is A


def test_an_image_of_several_platforms(desk: Desk) -> None:
    first, second = desk.image("demo/layout"), desk.image("demo/layout")
    name = f"{desk.registry}/demo/layout"
    desk.run("crane", "index", "append", "-m", first, "-m", second, "-t", f"{name}:all")
    whole = f"{name}@{desk.run('crane', 'digest', f'{name}:all').strip()}"
    desk.sign(whole, "legacy")
    desk.sign(whole, "bundle", key="other")
    saved = _save(desk, whole)
    assert _validate(desk, saved).outcome is A
    assert _validate(desk, saved, key="other").outcome is A
    platform = _validate(desk, saved, digest=first.partition("@")[2])
    assert _verdict(platform) == (R, ReasonCode.NO_SIGNATURE)


def test_what_crane_pulled_tag_by_tag(desk: Desk) -> None:
    image = desk.image("demo/pulled")
    name, _, digest = image.partition("@")
    desk.sign(image, "legacy")
    folder = desk.folder / "pulled"
    for tag in ("v1", f"{digest.replace(':', '-')}.sig"):
        desk.run("crane", "pull", "--format=oci", "--annotate-ref", f"{name}:{tag}", str(folder))
    for tag in ("v1", ""):
        assert _validate(desk, folder, tag=tag).outcome is A
    missing = _validate(desk, folder, tag="v2")
    assert _verdict(missing) == (C, ReasonCode.IMAGE_NOT_FOUND)
    assert "its tags are v1" in missing.message


# Tampering.


@pytest.fixture(scope="module")
def saved(desk: Desk) -> dict[str, Path]:
    """What cosign saved of an image, by the form in which it was signed."""
    folders = {}
    for form in ("bundle", "legacy"):
        image = desk.image()
        desk.sign(image, form)
        folders[form] = _save(desk, image)
    return folders


def _blobs(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((folder / "blobs" / "sha256").iterdir()):
        content = path.read_bytes()
        if content.startswith(b"{"):
            yield path, json.loads(content)


def _put(folder: Path, content: bytes) -> str:
    (folder / "blobs" / "sha256" / digest_of(content)[7:]).write_bytes(content)
    return digest_of(content)


@pytest.mark.parametrize("form", ["bundle", "legacy"])
def test_no_blob_can_be_changed(desk: Desk, saved: dict[str, Path], form: str, tmp_path: Path) -> None:
    """A signature, its manifest or the image's: whichever is not what its name says, it is not used."""
    read = 0
    for path, document in _blobs(saved[form]):
        if not ({"layers", "critical", "dsseEnvelope"} & document.keys()):
            continue
        read += 1
        copy = tmp_path / path.name
        shutil.copytree(saved[form], copy)
        changed = copy / "blobs" / "sha256" / path.name
        changed.write_bytes(changed.read_bytes() + b" ")
        assert _verdict(_validate(desk, copy)) == (C, ReasonCode.CONTENT_MISMATCH)
        changed.unlink()
        assert _validate(desk, copy).outcome is not A
    assert read == 3


@pytest.mark.parametrize("form", ["bundle", "legacy"])
def test_a_signature_that_was_changed_with_all_its_digests_does_not_hold(
    desk: Desk, saved: dict[str, Path], form: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(saved[form], copy)
    names = {}
    for path, document in _blobs(copy):
        if "dsseEnvelope" in document:
            document["dsseEnvelope"]["payload"] = "e30="
        elif "critical" in document:
            document["optional"] = {"env": "prod"}
        else:
            continue
        content = json.dumps(document).encode()
        names[f"sha256:{path.name}"] = _put(copy, content), len(content)
    for path, document in _blobs(copy):
        for layer in document.get("layers", []):
            if layer["digest"] in names:
                layer["digest"], layer["size"] = names[layer["digest"]]
                path.unlink()
                renamed = f"sha256:{path.name}", _put(copy, json.dumps(document).encode())
                index = (copy / "index.json").read_text().replace(*renamed)
                size = len(json.dumps(document))
                (copy / "index.json").write_text(_resized(index, renamed[1], size))
    assert _verdict(_validate(desk, copy)) == (R, ReasonCode.SIGNATURE_INVALID)


def _resized(index: str, digest: str, size: int) -> str:
    document = json.loads(index)
    for entry in document["manifests"]:
        if entry["digest"] == digest:
            entry["size"] = size
    return json.dumps(document)


@pytest.mark.parametrize("form", ["bundle", "legacy"])
def test_another_image_in_place_of_the_signed_one(
    desk: Desk, saved: dict[str, Path], form: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(saved[form], copy)
    index = json.loads((copy / "index.json").read_text())
    image = index["manifests"][0]
    other = (copy / "blobs" / "sha256" / image["digest"][7:]).read_bytes() + b" "
    index["manifests"][0] = {**image, "digest": _put(copy, other), "size": len(other)}
    (copy / "index.json").write_text(json.dumps(index))
    # The layers are for whatever image was saved; a bundle names its own, and is no longer found.
    reason = {"legacy": ReasonCode.SUBJECT_DIGEST_MISMATCH, "bundle": ReasonCode.NO_SIGNATURE}[form]
    assert _verdict(_validate(desk, copy)) == (R, reason)
    if form == "bundle":  # nor when it is told to refer to it
        for path, document in _blobs(copy):
            if "subject" in document:
                document["subject"].update(digest=digest_of(other), size=len(other))
                path.unlink()
                _put(copy, json.dumps(document).encode())
        assert _verdict(_validate(desk, copy)) == (R, ReasonCode.SUBJECT_DIGEST_MISMATCH)
