"""Contents that are kept: so many bytes of them, each for its repository."""

from __future__ import annotations

from verifier.oci.content_cache import ContentCache, Kept
from verifier.oci.limits import RegistryLimits

LIMITS = RegistryLimits(cached_bytes=100, cached_content_bytes=50)


def test_those_used_last_are_kept_up_to_a_number_of_bytes() -> None:
    cache = ContentCache(LIMITS)
    for name in ("a", "b", "c"):
        cache.put("repo", name, Kept(b"x" * 33))
    assert cache.get("repo", "a")
    cache.put("repo", "d", Kept(b"x" * 33))
    assert [bool(cache.get("repo", name)) for name in "abcd"] == [True, False, True, True]
    cache.put("repo", "e", Kept(b"x" * 50))
    assert [bool(cache.get("repo", name)) for name in "abcde"] == [False, False, False, True, True]


def test_what_is_put_again_counts_once() -> None:
    cache = ContentCache(LIMITS)
    cache.put("repo", "a", Kept(b"x" * 50))
    for _ in range(10):
        cache.put("repo", "b", Kept(b"y" * 50))
    assert cache.get("repo", "a")


def test_one_large_content_pushes_nothing_out() -> None:
    cache = ContentCache(LIMITS)
    cache.put("repo", "a", Kept(b"x" * 50))
    cache.put("repo", "b", Kept(b"x" * 51))
    assert (bool(cache.get("repo", "a")), cache.get("repo", "b")) == (True, None)


def test_what_is_in_one_repository_is_not_in_another() -> None:
    cache = ContentCache(LIMITS)
    cache.put("repo", "a", Kept(b"x"))
    assert cache.get("other", "a") is None
