"""Image layouts as tools write them: what is found in them, and by which name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.unit.oci.layouts import KIND, REF_NAME, Layout, entry
from verifier.budget import Budget
from verifier.formats.bundle import BUNDLE_V03
from verifier.formats.manifest import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from verifier.oci import LayoutStore

SPDX = "application/spdx+json"


def _unavailable(ask: Callable[[], object], reason: ReasonCode) -> str:
    with pytest.raises(UnavailableError) as refused:
        ask()
    assert refused.value.reason is reason
    return refused.value.message


# Names.


def test_an_image_by_tag_by_digest_and_by_being_the_only_one(layout: Layout) -> None:
    assert layout.resolve("v1") == layout.resolve() == layout.resolve(digest=layout.image.digest)
    assert layout.resolve("v1") == layout.image
    assert layout.resolve("another", layout.image.digest) == layout.image  # the digest wins


def test_the_layout_itself_may_be_a_link(layout: Layout, tmp_path: Path) -> None:
    layout.open().close()
    (tmp_path / "link").symlink_to(layout.path)
    with LayoutStore(tmp_path / "link") as store:
        assert store.resolve(Reference.local("oci-layout:link"), Budget(60)) == layout.image


def test_a_whole_reference_counts_by_its_tag(layout: Layout) -> None:
    other = layout.manifest(b"other")
    layout.enter(other, **{REF_NAME: "127.0.0.1:5000/demo/app:v2"})
    assert layout.resolve("v2") == other
    assert layout.resolve("v1") == layout.image


def test_a_digest_need_not_be_listed(layout: Layout) -> None:
    inner = layout.manifest(b"inner")
    outer = layout.index(inner)
    assert layout.resolve(digest=inner.digest) == inner
    assert layout.resolve(digest=outer.digest) == outer


def test_the_type_is_what_the_index_says_where_the_document_does_not(layout: Layout) -> None:
    bare = json.loads(layout.file(layout.image.digest).read_text())
    del bare["mediaType"]
    described = layout.document(bare)
    assert layout.resolve(digest=described.digest).media_type == OCI_MANIFEST
    layout.enter(Descriptor(DOCKER_MANIFEST, described.digest, described.size), **{REF_NAME: "docker"})
    assert layout.resolve("docker").media_type == DOCKER_MANIFEST
    index = layout.document({"schemaVersion": 2, "manifests": [entry(layout.image)]})
    assert layout.resolve(digest=index.digest).media_type == OCI_INDEX


def test_a_document_that_contradicts_its_listing_is_not_used(layout: Layout) -> None:
    other = layout.manifest(b"other")
    layout.enter(Descriptor(OCI_INDEX, other.digest, other.size), **{REF_NAME: "v2"})
    _unavailable(lambda: layout.resolve("v2"), ReasonCode.REGISTRY_INVALID_RESPONSE)


def _not_found(ask: Callable[[], object]) -> str:
    return _unavailable(ask, ReasonCode.IMAGE_NOT_FOUND)


def test_what_is_not_found_comes_with_what_is_there(layout: Layout) -> None:
    assert "its tags are v1" in _not_found(lambda: layout.resolve("v2"))
    assert digest_of(b"x") in _not_found(lambda: layout.resolve(digest=digest_of(b"x")))
    layout.enter(layout.manifest(b"other"), **{REF_NAME: "v\x1b[1m2"})
    said = _not_found(layout.resolve)
    assert "2 images to choose from" in said
    assert "v1" in said
    assert "\x1b" not in said
    layout.entries = [entry(layout.image), entry(layout.manifest(b"other"))]
    assert layout.image.digest in _not_found(layout.resolve)
    layout.entries = []
    assert "no images" in _not_found(layout.resolve)


def test_one_tag_on_two_images_names_neither(layout: Layout) -> None:
    layout.enter(layout.manifest(b"other"), **{REF_NAME: "v1"})
    assert "2 images with the tag v1" in _not_found(lambda: layout.resolve("v1"))
    layout.entries[1] = layout.entries[0]
    assert layout.resolve("v1") == layout.image


def test_signatures_beside_the_only_image_are_no_choice(layout: Layout) -> None:
    hexadecimal = layout.image.hex
    for name in (f"sha256-{hexadecimal}.sig", f"sha256-{hexadecimal}.att", f"sha256-{hexadecimal}"):
        layout.enter(layout.manifest(name.encode()), **{REF_NAME: name})
    for kind in ("sigs", "atts"):
        layout.enter(layout.manifest(kind.encode()), kind=f"{KIND}{kind}")
    assert layout.resolve() == layout.image
    layout.enter(layout.referrer(b"bundle"))
    assert layout.resolve() == layout.image


# What refers to an image.


def test_referrers_are_found_wherever_they_are_listed_and_where_they_are_not(layout: Layout) -> None:
    listed, second, bare = (layout.referrer(content) for content in (b"1", b"2", b"3"))
    layout.enter(listed)
    layout.enter(layout.index(second, listed), **{REF_NAME: f"sha256-{layout.image.hex}"})
    found = layout.referrers()
    assert sorted(found) == sorted(d.digest for d in (listed, second, bare))
    assert found[:2] == [listed.digest, second.digest]  # what is listed comes first


def test_only_what_refers_to_this_image_and_is_of_a_type_that_was_asked_for(layout: Layout) -> None:
    other = layout.manifest(b"other")
    layout.referrer(b"of another", subject=other)
    sbom = layout.referrer(b"sbom", SPDX)
    layout.blob(json.dumps({"critical": {"image": layout.image.digest}}).encode())
    layout.index(layout.image)
    naming = {"artifactType": BUNDLE_V03, "annotations": {"base": layout.image.digest}}
    layout.manifest(b"names it only", subject=entry(other), **naming)
    layout.manifest(b"names it, refers to none", about={"subject": layout.image.digest}, **naming)
    assert layout.referrers() == []
    assert layout.referrers(SPDX) == [sbom.digest]


def test_a_referrer_that_cannot_be_read_as_one_is_still_a_candidate(layout: Layout) -> None:
    """The core says what is wrong with it; left out, it would look as if nobody had signed."""
    broken = layout.document({"schemaVersion": 2, "subject": entry(layout.image)})
    assert layout.referrers() == [broken.digest]


# cosign's tags.


@pytest.mark.parametrize("suffix", ["sig", "att"])
def test_cosigns_tags_by_name(layout: Layout, suffix: str) -> None:
    tag = f"sha256-{layout.image.hex}.{suffix}"
    assert layout.tagged(tag) is None
    signatures = layout.manifest(b"signatures")
    layout.enter(signatures, **{REF_NAME: tag})
    assert layout.tagged(tag) == (signatures, layout.file(signatures.digest).read_bytes())


@pytest.mark.parametrize("saved", ["image", "imageIndex"])
def test_what_cosign_saved_is_found_by_its_kind_and_for_its_image_only(layout: Layout, saved: str) -> None:
    layout.entries[0]["annotations"] = {"kind": f"{KIND}{saved}"}
    sigs, atts = layout.manifest(b"sigs"), layout.manifest(b"atts")
    layout.enter(sigs, kind=f"{KIND}sigs")
    layout.enter(atts, kind=f"{KIND}atts")
    other = layout.manifest(b"other")
    for suffix, expected in (("sig", sigs), ("att", atts)):
        found = layout.tagged(f"sha256-{layout.image.hex}.{suffix}")
        assert found is not None
        assert found[0] == expected
        assert layout.tagged(f"sha256-{other.hex}.{suffix}") is None
    assert layout.tagged(f"sha256-{layout.image.hex}.sbom") is None
    assert layout.tagged("v9") is None


def test_two_manifests_under_one_of_cosigns_tags_are_never_chosen_from(layout: Layout) -> None:
    layout.entries[0]["annotations"] = {"kind": f"{KIND}image"}
    tag = f"sha256-{layout.image.hex}.sig"
    layout.enter(layout.manifest(b"one"), kind=f"{KIND}sigs")
    assert layout.tagged(tag) is not None
    layout.enter(layout.manifest(b"two"), **{REF_NAME: tag})
    _unavailable(lambda: layout.tagged(tag), ReasonCode.REGISTRY_INVALID_RESPONSE)
