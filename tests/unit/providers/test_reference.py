"""References normalise as containerd's do, and nothing else escapes the parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.descriptor import Descriptor
from providers.errors import InvalidReferenceError
from providers.reference import Reference
from providers.scope import Scope
from providers.subject import Operation, Subject

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("org/app", "docker.io/org/app:latest"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("ghcr.io/org/app:v1", "ghcr.io/org/app:v1"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest"),
        ("[::1]:5000/app:v1", "[::1]:5000/app:v1"),
        ("GHCR.io/org/app", "ghcr.io/org/app:latest"),
        ("Docker.io/nginx", "docker.io/library/nginx:latest"),
        ("registry-1.docker.io:443/org/app", "docker.io/org/app:latest"),
        ("ghcr.io:0443/org/app", "ghcr.io/org/app:latest"),
        ("reg.test:05000/app", "reg.test:5000/app:latest"),
        ("reg:443/app", "reg:443/app:latest"),  # without its port it would be Docker Hub's
        ("LOCALHOST:443/app", "localhost/app:latest"),
        ("[0:0:0:0:0:0:0:1]:5000/app", "[::1]:5000/app:latest"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}"),
        (f"ghcr.io/org/app:v1@{DIGEST}", f"ghcr.io/org/app:v1@{DIGEST}"),
        ("a__b/c-d.e", "docker.io/a__b/c-d.e:latest"),
    ],
)
def test_names_are_normalised(text: str, normalised: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == normalised
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        *("", " nginx", "nginx ", "Nginx", "nginx:", "nginx:-x", "nginx@", "nginx@sha256:abc", "ghcr.io/"),
        *("ghcr.io/org//app", "../etc/passwd", "http://ghcr.io/org/app", "ghcr.io/org/app:v1:v2"),
        *("nginx@sha512:" + "a" * 128, "nginx@" + DIGEST.upper(), "a" * 300, "nginx\n", "ng\x00inx"),
        *(f"nginx@{DIGEST}@{DIGEST}", "user@ghcr.io/org/app", "ghcr.io:port/app", "Foo/bar"),
        *("127.1/app", "0x7f.1/app", "2130706433.0/app", "127.0.0.01/app", "[::g]/app"),
        *("reg:0/app", "reg:65536/app", "a" * 240),
    ],
)
def test_malformed_references_are_refused(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        Reference.parse(text)


_NAMES = st.text(alphabet="aB1.:-_/@[]%", max_size=40)


@given(st.one_of(st.text(max_size=300), _NAMES, _NAMES.map(lambda name: f"{name}@{DIGEST}")))
def test_any_text_gives_a_reference_or_our_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError:
        return
    assert Reference.parse(str(reference)) == reference


def test_the_digest_wins_and_the_tag_stays_readable() -> None:
    reference = Reference.parse("ghcr.io/org/app:v1").with_digest(DIGEST)
    assert (reference.tag, reference.digest) == ("v1", DIGEST)


def test_a_subject_checks_namespace_and_operation() -> None:
    subject = Subject.parse("nginx", namespace="prod", operation="CREATE")
    assert subject.operation is Operation.CREATE
    for bad in ({"namespace": "Prod"}, {"namespace": "a" * 64}, {"namespace": "a/b"}, {"operation": "PATCH"}):
        with pytest.raises(InvalidReferenceError):
            Subject.parse("nginx", **bad)


@pytest.mark.parametrize(
    "field",
    [
        {"media_type": "x"},
        {"digest": "sha256:0"},
        {"size": -1},
        {"size": 1 << 63},
        {"artifact_type": "a b/c"},
    ],
)
def test_a_descriptor_checks_every_field(field: dict[str, object]) -> None:
    good = {"media_type": "application/json", "digest": DIGEST, "size": 0}
    assert Descriptor.parse(**good).hex == "a" * 64  # type: ignore[arg-type]  # a table of fields
    with pytest.raises(InvalidReferenceError):
        Descriptor.parse(**(good | field))  # type: ignore[arg-type]  # a table of fields


@pytest.mark.parametrize("name", ["ghcr.io/org/app", "registry", "oci-layout:ghcr.io/org", "*"])
def test_what_lies_in_no_registry_is_named_by_no_scope_but_all(name: str) -> None:
    """A file may be called like a repository that a policy lets through."""
    local = Reference.local(name, digest="sha256:" + "0" * 64)
    assert local.repository == name
    assert Scope.parse("*").matches(local)
    for text in ("ghcr.io", "ghcr.io/org", "*.io", "docker.io", "docker.io/library"):
        assert not Scope.parse(text).matches(local)


def test_the_name_of_a_file_is_fit_to_be_shown() -> None:
    assert str(Reference.local("a\n\x1b[2Jb", tag="v1")) == "a??[2Jb:v1"
    for digest in ("sha256:x", "md5:" + "0" * 32):
        with pytest.raises(InvalidReferenceError):
            Reference.local("a", digest=digest)
    with pytest.raises(InvalidReferenceError):
        Reference.local("")
