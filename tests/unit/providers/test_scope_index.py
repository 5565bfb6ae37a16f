"""The index finds what trying every scope would find, the most specific first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.reference import Reference
from providers.scope import Scope
from providers.scope_index import ScopeIndex

_HOSTS = st.sampled_from(
    [
        "docker.io",
        "ghcr.io",
        "ghcr.io:5000",
        "a.example.com",
        "b.a.example.com",
        "example.com",
        "localhost",
        "[::1]:5000",
    ]
)
_PATHS = st.lists(st.sampled_from(["a", "b", "library", "name", "a-b"]), min_size=1, max_size=4).map("/".join)
_SCOPES = st.one_of(
    st.just("*"),
    st.sampled_from(["*.example.com", "*.a.example.com", "*.com", "*.io", "*.1"]),
    _HOSTS,
    st.builds("{}/{}".format, _HOSTS, _PATHS),
)


@given(st.lists(_SCOPES, max_size=12), _HOSTS, _PATHS)
def test_it_finds_what_scopes_match(scopes: list[str], host: str, path: str) -> None:
    reference = Reference.parse(f"{host}/{path}")
    parsed = [Scope.parse(text) for text in scopes]
    index = ScopeIndex((scope, number) for number, scope in enumerate(parsed))
    expected = [number for number, scope in enumerate(parsed) if scope.matches(reference)]
    assert sorted(set(index.matching(reference))) == expected


@given(st.lists(_SCOPES, max_size=12))
def test_for_what_lies_in_no_registry_only_the_widest_speaks(scopes: list[str]) -> None:
    index = ScopeIndex((Scope.parse(text), text) for text in scopes)
    assert set(index.matching(Reference.local("a/b"))) <= {"*"}


@pytest.mark.parametrize(
    ("reference", "order"),
    [
        (
            "b.a.example.com/team/app",
            ["b.a.example.com/team/app", "b.a.example.com/team", "b.a.example.com", "*.a.example.com",
             "*.example.com", "*"],
        ),
        ("a.example.com/team/app", ["*.example.com", "*"]),
        ("example.com/team/app", ["*"]),
        ("b.a.example.com/team/app-evil", ["b.a.example.com/team", "b.a.example.com", "*.a.example.com",
                                           "*.example.com", "*"]),
        ("docker.io/library/nginx", ["nginx in Docker Hub", "*"]),
    ],
)  # fmt: skip
def test_the_most_specific_comes_first(reference: str, order: list[str]) -> None:
    scopes = [
        "*", "*.example.com", "*.a.example.com", "b.a.example.com", "b.a.example.com/team",
        "b.a.example.com/team/app",
    ]  # fmt: skip
    entries = [(Scope.parse(text), text) for text in scopes]
    entries.append((Scope.parse("docker.io/nginx"), "nginx in Docker Hub"))
    assert list(ScopeIndex(entries).matching(Reference.parse(reference))) == order
    assert list(ScopeIndex(reversed(entries)).matching(Reference.parse(reference))) == order
