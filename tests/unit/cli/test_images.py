"""How the command line names images, and where it looks for their signatures."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.errors import ConfigurationError, InvalidReferenceError
from providers.reference import Reference
from pycosign.cli import image_options
from pycosign.cli.image_options import Image, ImageOptions, discovery_of, elsewhere_in
from verifier.discovery import StorageForm

HEX = "ab" * 32
OPTIONS = ImageOptions(
    allow_http_registry=False, registry_cacert=None, new_bundle_format=True, experimental_oci11=False
)


@pytest.mark.parametrize(
    ("text", "layout", "tag", "digest"),
    [
        ("oci-layout:dir", "dir", "", ""),
        ("oci-layout:/a/b c", "/a/b c", "", ""),
        ("oci-layout:dir:v1", "dir", "v1", ""),
        ("oci-layout:./a:b/dir", "./a:b/dir", "", ""),
        ("oci-layout:./a:b/dir:v1", "./a:b/dir", "v1", ""),
        (f"oci-layout:dir@sha256:{HEX}", "dir", "", f"sha256:{HEX}"),
        (f"oci-layout:dir:v1@sha256:{HEX}", "dir", "v1", f"sha256:{HEX}"),
        (f"oci-layout:a@b@sha256:{HEX}", "a@b", "", f"sha256:{HEX}"),
        ("oci-layout:a@b", "a@b", "", ""),
        ("oci-layout:/", "/", "", ""),
    ],
)
def test_layouts(text: str, layout: str, tag: str, digest: str) -> None:
    image = Image.parse(text)
    assert image.layout == Path(layout)
    assert image.subject.reference == Reference.local(f"oci-layout:{layout}", tag=tag, digest=digest)
    assert image.subject.reference.registry == ""


@pytest.mark.parametrize(
    "text",
    [
        "oci-layout:",
        "oci-layout::v1",
        "oci-layout:dir:",
        "oci-layout:dir@sha256:",
        "oci-layout:dir@sha256:abc",
        f"oci-layout:dir@sha256:{HEX.upper()}",
        f"oci-layout:@sha256:{HEX}",
        "OCI-layout:dir",
    ],
)
def test_what_is_no_layout(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        Image.parse(text)


def test_an_image_of_a_registry() -> None:
    assert Image.parse("nginx").layout is None
    assert str(Image.parse("nginx").subject.reference) == "docker.io/library/nginx:latest"


@pytest.mark.parametrize(
    ("bundles", "oci11", "forms"),
    [
        (True, False, {StorageForm.BUNDLE, StorageForm.TAG}),
        (True, True, {StorageForm.BUNDLE, StorageForm.TAG, StorageForm.OCI11}),
        (False, False, {StorageForm.TAG}),
        (False, True, {StorageForm.TAG, StorageForm.OCI11}),
    ],
)
def test_the_forms_looked_for(bundles: bool, oci11: bool, forms: set[StorageForm]) -> None:
    options = ImageOptions(
        allow_http_registry=False,
        registry_cacert=None,
        new_bundle_format=bundles,
        experimental_oci11=oci11,
    )
    assert discovery_of(options, "").forms == forms


def test_signatures_elsewhere() -> None:
    assert elsewhere_in({}) == elsewhere_in({"COSIGN_REPOSITORY": ""}) == ""
    assert elsewhere_in({"COSIGN_REPOSITORY": "Reg.Test:443/sigs"}) == "reg.test/sigs"
    assert discovery_of(OPTIONS, "reg.test/sigs").repository == "reg.test/sigs"
    with pytest.raises(ConfigurationError, match="COSIGN_REPOSITORY"):
        elsewhere_in({"COSIGN_REPOSITORY": "reg.test/sigs:tag"})


@pytest.mark.parametrize(
    ("registry", "loopback"),
    [
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.8.9.1", True),
        ("[::1]:5000", True),
        ("[::1]", True),
        ("localhost.example.test", False),
        ("10.0.0.1:5000", False),
        ("127.0.0.1.example.test", False),
        ("docker.io", False),
    ],
)
def test_only_this_machine_is_spoken_to_in_plain_http(registry: str, loopback: bool) -> None:
    assert (registry in image_options._plain_http({registry, "reg.test"}, OPTIONS)) is loopback
