"""Trusted material: keys by name, and a revision that names exactly what is trusted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from providers.errors import ConfigurationError
from providers.static import StaticTrustedMaterialProvider
from providers.trust import MAX_KEYS, TrustedKey, TrustedMaterial

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = TrustedKey("release", b"pem")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 254},
        {"name": "a\nb"},
        {"hash": "md5"},
        {"valid_from": datetime(2026, 1, 1)},  # noqa: DTZ001  (what is tested)
        {"valid_until": datetime(2026, 1, 1)},  # noqa: DTZ001  (what is tested)
        {"valid_from": NOW, "valid_until": NOW.replace(year=2025)},
    ],
)
def test_what_no_key_can_be(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        replace(KEY, **changes)  # type: ignore[arg-type]  # a table of fields


def test_a_window_of_one_moment_is_one() -> None:
    assert replace(KEY, valid_from=NOW, valid_until=NOW).valid_until == NOW


def test_nothing_and_too_much_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="nothing is trusted"):
        TrustedMaterial.of("test", b"", NOW)
    with pytest.raises(ConfigurationError, match="keys"):
        TrustedMaterial.of("test", b"", NOW, (KEY,) * (MAX_KEYS + 1))


def test_the_revision_names_exactly_what_is_trusted() -> None:
    keys = (KEY, replace(KEY, name="other"))
    variants = [
        (b"root", ()),
        (b"root2", ()),
        (b"root", keys),
        (b"", keys),
        (b"", keys[:1]),
        (b"", (replace(KEY, public_key=b"other"),)),
        (b"", (replace(KEY, hash="sha384"),)),
        (b"", (replace(KEY, valid_from=NOW),)),
        (b"", (replace(KEY, valid_until=NOW),)),
        (b"root\0" + repr(keys).encode(), ()),
    ]
    revisions = [TrustedMaterial.of("test", root, NOW, named).revision for root, named in variants]
    assert len(set(revisions)) == len(variants)
    again = [TrustedMaterial.of("elsewhere", root, NOW, named).revision for root, named in variants]
    assert again == revisions


def test_sources_are_named_and_few(tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_bytes(b"{}")
    keys = tuple(replace(KEY, name=f"k{number}") for number in (0, 1, 2, 3, 4, 0))
    (material,) = StaticTrustedMaterialProvider.from_files(root, keys).materials()
    assert material.source == f"trusted-root:{root}, key:k0, key:k1, key:k2, 2 other keys"
