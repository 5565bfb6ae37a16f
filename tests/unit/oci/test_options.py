"""What an operator may choose about registries, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from providers.errors import ConfigurationError
from verifier.budget import Budget
from verifier.oci import (
    Credential,
    FileCredentials,
    FirstOf,
    HostOptions,
    Mirror,
    Reach,
    RegistryOptions,
    RegistryStore,
    SecretFile,
    StaticCredentials,
)

PLAIN = frozenset({"reg.test"})
FILE = Path("x.pem")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: RegistryOptions(plain_http=frozenset({"http://x"})), "not a registry host"),
        (lambda: RegistryOptions(mirrors=(("Reg.test", ()),)), "write reg.test"),
        (lambda: RegistryOptions(token_hosts=frozenset({"https://x"})), "not a host"),
        (lambda: RegistryOptions(user_agent="a\nb"), "user agent"),
        (lambda: RegistryOptions(unsafe_plain_http_credentials=PLAIN), "is spoken to in TLS"),
        (lambda: RegistryOptions(plain_http=PLAIN, hosts=(HostOptions("reg.test"),)), "in plain HTTP"),
        (lambda: RegistryOptions(hosts=(HostOptions("reg.test"), HostOptions("reg.test"))), "several TLS"),
        (lambda: RegistryOptions(mirrors=(("reg.test", ()), ("reg.test", ()))), "several lists"),
        (lambda: RegistryOptions(mirrors=(("reg.test", (Mirror("reg.test"),)),)), "its own mirror"),
        (lambda: RegistryOptions(mirrors=(("reg.test", (Mirror("m.test"),) * 9),)), "has 9 mirrors"),
        (lambda: RegistryOptions(mirrors=(("reg.test", (Mirror("M.test"),)),)), "write m.test"),
        (lambda: HostOptions("https://reg.test"), "not a registry host"),
        (lambda: HostOptions("reg.test", client_key=FILE), "without its certificate"),
        (lambda: Mirror.parse("https://m.test"), "not a mirror"),
        (lambda: Mirror.parse("m.test/"), "not a mirror"),
        (lambda: Mirror.parse("m.test/Path"), "not a mirror"),
        (lambda: Mirror.parse("m.test/path:tag"), "not a mirror"),
        (Credential, "a credential is"),
        (lambda: Credential(password="x"), "a credential is"),
        (lambda: Credential(username="a", identity_token="b"), "a credential is"),
        (lambda: Credential(identity_token="b", registry_token="c"), "a credential is"),
        (lambda: Credential(identity_token="b", password="c"), "a credential is"),
        (lambda: Credential(username="a:b", password="c"), "colon"),
        (lambda: Credential(username="a", password="b\r\nX: y"), "does not print"),
        (lambda: Credential(registry_token="x" * 5001), "5000 characters"),
        (lambda: StaticCredentials({"https://x": Credential(registry_token="x")}), "not a registry host"),
        (
            lambda: StaticCredentials(
                {name: Credential(registry_token="x") for name in ("docker.io", "index.docker.io")}
            ),
            "two credentials",
        ),
        (lambda: FileCredentials([SecretFile("reg.test", Path("/gone"))]), "cannot be read"),
    ],
)
def test_what_is_refused(make: Callable[[], object], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        make()


def test_options_and_what_is_short_for_them_are_not_mixed() -> None:
    with pytest.raises(TypeError):
        RegistryStore(RegistryOptions(), plain_http=PLAIN)


def test_mirrors_as_they_are_written() -> None:
    assert Mirror.parse("M.test:443") == Mirror("m.test")
    assert Mirror.parse("m.test:5000/hub", resolve_tags=True) == Mirror(
        "m.test:5000", "hub", resolve_tags=True
    )
    assert Mirror("m.test", "hub").path("library/nginx") == "hub/library/nginx"
    assert Mirror("m.test").path("library/nginx") == "library/nginx"


@pytest.mark.parametrize(
    ("furthest", "registry", "reach"),
    [
        (Reach.PUBLIC, "any.test", Reach.PUBLIC),
        (Reach.PUBLIC, "reg.test", Reach.RESTRICTED),
        (Reach.PUBLIC, "m.test", Reach.LOOPBACK),
        (Reach.RESTRICTED, "m.test", Reach.RESTRICTED),
    ],
)
def test_where_registries_and_mirrors_may_lie(furthest: Reach, registry: str, reach: Reach) -> None:
    options = RegistryOptions(
        plain_http=PLAIN, mirrors=(("docker.io", (Mirror("m.test"),)),), furthest=furthest
    )
    assert options.reach_of(registry) is reach


def test_secrets_in_files_are_read_when_they_are_needed(tmp_path: Path) -> None:
    password, token = tmp_path / "password", tmp_path / "token"
    password.write_text("one\n")
    token.write_text("t")
    files = FileCredentials([SecretFile("Reg.test", password, "me"), SecretFile("other.test", token)])
    assert files.credential("reg.test", "a", Budget(5)) == Credential(username="me", password="one")
    assert files.credential("other.test", "a", Budget(5)) == Credential(registry_token="t")
    assert files.credential("third.test", "a", Budget(5)) is None
    password.write_text("two")
    assert files.credential("reg.test", "a", Budget(5)) == Credential(username="me", password="two")


@pytest.mark.parametrize("content", [b"", b"canary\nsecond line", b"canary\xff", b"canary" * 10_000])
def test_a_file_that_holds_no_secret(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        FileCredentials([SecretFile("reg.test", file)])
    assert "canary" not in str(refused.value)
    assert refused.value.file == str(file)


def test_the_first_place_that_knows_is_asked() -> None:
    one, two = Credential(username="one", password="x"), Credential(username="two", password="x")
    places = FirstOf(
        [
            StaticCredentials({}),
            StaticCredentials({"a.test": one}),
            StaticCredentials({"a.test": two, "b.test": two}),
        ]
    )
    assert places.credential("a.test", "x", Budget(5)) == one
    assert places.credential("b.test", "x", Budget(5)) == two
    assert places.credential("c.test", "x", Budget(5)) is None


def test_nothing_of_a_credential_is_shown() -> None:
    for made in (
        Credential(username="canary", password="canary"),
        Credential(identity_token="canary"),
        Credential(registry_token="canary"),
    ):
        assert "canary" not in f"{made!r} {made} {[made]}"
