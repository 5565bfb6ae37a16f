"""Origins, redirects, token servers, addresses and proxies: the rules, without a network."""

from __future__ import annotations

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.reference import parse_repository
from verifier.oci.addresses import Reach, reach_of
from verifier.oci.origin import Origin, Target
from verifier.oci.proxies import Proxies
from verifier.oci.redirects import redirected, token_server

GHCR = Target.parse("https://ghcr.io/v2/a/b/blobs/sha256:0")
PLAIN = Target.parse("http://localhost:5000/v2/a/b/blobs/sha256:0")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1", Reach.PUBLIC),
        ("10.0.0.1", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("100.100.100.200", Reach.PRIVATE),
        ("fd00:ec2::254", Reach.PRIVATE),
        ("127.0.0.1", Reach.LOOPBACK),
        ("127.8.8.8", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("::ffff:127.0.0.1", Reach.LOOPBACK),
        ("169.254.169.254", Reach.RESTRICTED),
        ("::ffff:169.254.169.254", Reach.RESTRICTED),
        ("64:ff9b::169.254.169.254", Reach.RESTRICTED),
        ("64:ff9b::10.0.0.1", Reach.PRIVATE),
        ("2002:a9fe:a9fe::1", Reach.RESTRICTED),
        ("fe80::1%eth0", Reach.RESTRICTED),
        ("[fe80::1]", Reach.RESTRICTED),
        ("0.0.0.0", Reach.RESTRICTED),  # noqa: S104  # as an address to refuse
        ("0.1.2.3", Reach.RESTRICTED),
        ("::", Reach.RESTRICTED),
        ("224.0.0.1", Reach.RESTRICTED),
        ("255.255.255.255", Reach.RESTRICTED),
        ("ghcr.io", None),
        ("2130706433", None),
    ],
)
def test_reach(address: str, expected: Reach | None) -> None:
    assert reach_of(address) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://GHCR.io", "https://ghcr.io/"),
        ("https://ghcr.io.:443/x?y#z", "https://ghcr.io/x?y"),
        ("http://[::1]:5000/x", "http://[::1]:5000/x"),
        ("http://a:80?q", "http://a/?q"),
    ],
)
def test_targets(url: str, expected: str) -> None:
    assert str(Target.parse(url)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ghcr.io/x",
        "//ghcr.io/x",
        "ftp://ghcr.io/x",
        "file:///etc/passwd",
        "https:///x",
        "https://user@ghcr.io/",
        "https://user:pass@ghcr.io/",
        "https://ghcr.io\\@evil.example/",
        "https://ghcr.io:0/",
        "https://ghcr.io:99999/",
        "https://ghcr.io:x/",
        "https://ghcr.io/a b",
        "https://ghcr.io/\r\nX: y",
        "https://gh%63r.io/",
        "https://exämple.org/",
        "https://[fe80::1%25eth0]/",
        "https://[",
        "https://ghcr.io/" + "a" * 9000,
    ],
)
def test_urls_that_are_not_taken(url: str) -> None:
    with pytest.raises(ValueError):
        Target.parse(url)


def test_the_registry_behind_docker_io() -> None:
    assert str(Origin.of_registry("docker.io", plain=False)) == "registry-1.docker.io"
    assert Origin.of_registry("localhost:5000", plain=True) == Origin("http", "localhost", 5000)


@pytest.mark.parametrize(
    "registry",
    ["a" * 63 + ".b", "a.b:1", "a-b.c:65535", "10.0.0.1", "0.0.0.0:5000", "[::]", "[::1]:5000", "1a.b-c"],
)
def test_whatever_registry_a_reference_may_name_has_an_origin(registry: str) -> None:
    named, _ = parse_repository(f"{registry}/demo")
    assert named == registry
    assert str(Origin.of_registry(named, plain=False)) == registry


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://storage.example/x?sig=1", "https://storage.example/x?sig=1"),
        ("/other", "https://ghcr.io/other"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
    ],
)
def test_redirects_that_are_followed(location: str, expected: str) -> None:
    assert str(redirected(GHCR, location, furthest=Reach.PUBLIC, plain=frozenset())) == expected


@pytest.mark.parametrize(
    "location",
    [
        "",
        "http://storage.example/x",
        "https://169.254.169.254/x",
        "https://127.0.0.1/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://user@storage.example/x",
        "gopher://x",
        "https://" + "a" * 9000,
    ],
)
def test_redirects_that_are_not_followed(location: str) -> None:
    with pytest.raises(UnavailableError) as refused:
        redirected(GHCR, location, furthest=Reach.PUBLIC, plain=frozenset())
    assert refused.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE


def test_redirects_of_a_registry_in_plain_http() -> None:
    storage = Target.parse("http://localhost:9000/x")
    with pytest.raises(UnavailableError):
        redirected(PLAIN, str(storage), furthest=Reach.LOOPBACK, plain=frozenset())
    allowed = redirected(PLAIN, str(storage), furthest=Reach.LOOPBACK, plain=frozenset({storage.origin}))
    assert allowed == storage
    with pytest.raises(UnavailableError):
        redirected(PLAIN, "https://storage.example/x", furthest=Reach.LOOPBACK, plain=frozenset())


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("ghcr.io", "https://ghcr.io/token"),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth"),
        ("registry-1.docker.io", "https://auth.docker.io/token"),
        ("ghcr.io:5000", "https://ghcr.io/token"),
        ("registry.example.com", "https://login.example.org/token"),
    ],
)
def test_token_servers_that_are_asked(registry: str, realm: str) -> None:
    origin = Origin.of_registry(registry, plain=False)
    assert str(token_server(realm, origin, frozenset({"login.example.org"}))) == realm


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("ghcr.io", "http://ghcr.io/token"),
        ("ghcr.io", "https://evil.example/token"),
        ("ghcr.io", "https://evilghcr.io/token"),
        ("ghcr.io", "https://io/token"),
        ("ghcr.io", "https://ghcr.io.evil.example/token"),
        ("ghcr.io", "https://token.ghcr.io/token"),
        ("auth.docker.io", "https://registry-1.docker.io/token"),
        ("10.0.0.1", "https://0.0.1/token"),
        ("ghcr.io", "/token"),
        ("ghcr.io", "https://user@ghcr.io/token"),
    ],
)
def test_token_servers_that_are_not(registry: str, realm: str) -> None:
    with pytest.raises(UnavailableError) as refused:
        token_server(realm, Origin.of_registry(registry, plain=False), frozenset())
    assert refused.value.reason is ReasonCode.REGISTRY_UNAUTHORIZED


@pytest.mark.parametrize(
    ("registry", "realm", "taken"),
    [
        ("ghcr.io", "https://ghcr.io/token", True),
        ("ghcr.io:5000", "https://ghcr.io/token", True),
        ("registry-1.docker.io", "https://auth.docker.io/token", True),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth", True),
        ("registry.example.com", "https://login.example.org/token", True),
        ("registry.example.com", "https://example.com/token", False),
        ("team.registries.example.net", "https://registries.example.net/token", False),
        ("registry.example.com", "http://registry.example.com/token", False),
        ("registry.example.com", "https://evil.example/token", False),
    ],
)
def test_token_servers_that_get_to_see_credentials(registry: str, realm: str, taken: bool) -> None:
    """A parent domain may belong to somebody else than the registry below it."""
    origin = Origin.of_registry(registry, plain=False)
    allowed = frozenset({"login.example.org"})
    if taken:
        assert str(token_server(realm, origin, allowed, secret=True)) == realm
        return
    with pytest.raises(UnavailableError) as refused:
        token_server(realm, origin, allowed, secret=True)
    assert refused.value.reason is ReasonCode.REGISTRY_UNAUTHORIZED


def test_in_plain_http_credentials_go_to_the_very_port_or_to_tls() -> None:
    for realm, taken in (
        ("http://localhost:5000/token", True),
        ("https://localhost:5001/token", True),
        ("http://localhost:5001/token", False),
        ("http://localhost/token", False),
    ):
        if taken:
            token_server(realm, PLAIN.origin, frozenset(), secret=True)
        else:
            with pytest.raises(UnavailableError):
                token_server(realm, PLAIN.origin, frozenset(), secret=True)


def test_the_refusal_of_a_token_server_names_the_field_that_allows_it() -> None:
    with pytest.raises(UnavailableError) as refused:
        token_server("https://login.example/token", GHCR.origin, frozenset())
    assert "add login.example to registry.tokenHosts" in refused.value.message


def test_a_plain_registry_may_name_its_own_host_only() -> None:
    token_server("http://localhost:5001/token", PLAIN.origin, frozenset())
    token_server("https://localhost/token", PLAIN.origin, frozenset())
    with pytest.raises(UnavailableError):
        token_server("http://localhost.example/token", PLAIN.origin, frozenset({"localhost.example"}))


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("https://ghcr.io/", False),
        ("https://a.corp.example/", True),
        ("https://corp.example/", True),
        ("https://notcorp.example/", False),
        ("https://b.example:8443/", True),
        ("https://b.example/", False),
        ("https://10.1.2.3/", True),
        ("https://11.1.2.3/", False),
        ("https://[fd00::1]/", True),
        ("http://ghcr.io/", True),
    ],
)
def test_proxies(url: str, direct: bool) -> None:
    proxies = Proxies.parse(
        {
            "HTTPS_PROXY": "proxy.example:3128",
            "no_proxy": ".corp.example, b.example:8443,10.0.0.0/8,fd00::/8,",
            "NO_PROXY": "ghcr.io",
        }
    )
    expected = None if direct else Origin("http", "proxy.example", 3128)
    assert proxies.proxy_for(Target.parse(url).origin) == expected
    assert Proxies.parse({"https_proxy": "http://p", "no_proxy": "*"}).proxy_for(GHCR.origin) is None


@pytest.mark.parametrize(
    "url", ["https://proxy.example", "http://user:secret@proxy.example", "socks5://p", "http://"]
)
def test_proxies_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Proxies.parse({"HTTPS_PROXY": url})
    assert "secret" not in str(refused.value)
