"""Trusted material of several sources as one."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.merge import MergedPart, MergedTrustedMaterialProvider, merge
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial
from tests.unit.providers.provider_world import AT, ROOT, SUBJECT, Trust, material, no_trust, root

ONE, TWO = {"logId": {"keyId": "1"}}, {"logId": {"keyId": "2"}}


def _merged(*parts: MergedPart) -> TrustedMaterial:
    return MergedTrustedMaterialProvider(parts).trusted_material(SUBJECT, None, "")


def test_lists_are_joined_and_what_stands_twice_stands_once() -> None:
    first = material("a", trusted_root=root(tlogs=[ONE], ctlogs=[TWO]))
    again = {"logId": dict(reversed(ONE["logId"].items()))}
    second = material("b", trusted_root=root(tlogs=[again, TWO], timestampAuthorities=[ONE]))
    joined = merge((first, second))
    assert json.loads(joined.trusted_root) == {
        "mediaType": ROOT,
        "tlogs": [ONE, TWO],
        "certificateAuthorities": [],
        "ctlogs": [TWO],
        "timestampAuthorities": [ONE],
    }
    assert joined.source == "a + b"
    assert joined.revision == TrustedMaterial.of("", joined.trusted_root, AT).revision


def test_one_root_stays_as_it_is() -> None:
    """Its spelling, and so its revision: what was compiled from it is found again."""
    only = material("a", trusted_root=b'{ "as": "written" }')
    assert merge((only,)).revision == only.revision
    assert merge((only, only)).trusted_root is only.trusted_root
    beside = merge((only, material("keys", "release")))
    assert beside.trusted_root is only.trusted_root
    assert [key.name for key in beside.keys] == ["release"]


def test_keys_are_joined_and_names_may_be_shared() -> None:
    joined = merge((material("a", "one", "two"), material("b", "two", "three")))
    assert [key.name for key in joined.keys] == ["one", "two", "three"]


def test_the_whole_is_as_old_as_its_oldest_part() -> None:
    old = AT - timedelta(days=1)
    assert merge((material("a", "one"), material("b", "two", at=old))).loaded_at == old


@pytest.mark.parametrize(
    "spoilt",
    [
        b"no JSON",
        b"[]",
        b'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.2"}',
        b'{"tlogs": []}',
        root(tlogs=[]).replace(b"[]", b"{}"),
        root(revoked=[ONE]),
        root(tlogs=[ONE]).replace(b'"tlogs"', b'"tlogs": [], "tlogs"'),
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_understood_is_not_merged(spoilt: bytes) -> None:
    """Nothing is left out unsaid, and nothing is read in another way than engines would read it."""
    good, bad = material("good", trusted_root=root(tlogs=[ONE])), material("bad", trusted_root=spoilt)
    with pytest.raises(ConfigurationError, match="bad cannot be merged"):
        merge((good, bad))
    provider = MergedTrustedMaterialProvider((MergedPart(Trust(good)), MergedPart(Trust(bad))))
    with pytest.raises(UnavailableError) as caught:
        provider.trusted_material(SUBJECT, None, "")
    assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE
    assert provider.materials() == ()
    with pytest.raises(ConfigurationError):
        provider.check(bad)
    provider.check(good)


def test_while_one_part_has_no_answer_there_is_none() -> None:
    for parts in (
        (Trust(material("a", "one")), Trust(no_trust())),
        (Trust(no_trust()), Trust(material("a", "one"))),
    ):
        with pytest.raises(UnavailableError, match="away"):
            _merged(*(MergedPart(part) for part in parts))


def test_the_root_of_one_and_the_keys_of_another() -> None:
    both = material("both", "theirs", trusted_root=root(tlogs=[ONE]))
    keys = material("keys", "ours", trusted_root=root(tlogs=[TWO]))
    answer = _merged(MergedPart(Trust(both), keys=False), MergedPart(Trust(keys), root=False))
    assert answer.trusted_root == both.trusted_root
    assert [key.name for key in answer.keys] == ["ours"]


def test_a_part_of_which_nothing_counts_has_no_answer() -> None:
    with pytest.raises(UnavailableError, match="nothing is trusted"):
        _merged(MergedPart(Trust(material("keys only", "one")), keys=False))
    with pytest.raises(ConfigurationError):
        MergedTrustedMaterialProvider((MergedPart(Trust(material("a", "one")), root=False, keys=False),))
    with pytest.raises(ConfigurationError):
        MergedTrustedMaterialProvider(())


def test_too_many_keys_are_too_many_together() -> None:
    many = [material(f"{part}", *(f"{part}-{number}" for number in range(200))) for part in "ab"]
    with pytest.raises(UnavailableError, match="at most 256"):
        _merged(*(MergedPart(Trust(part)) for part in many))


def test_a_replaced_part_is_seen_at_once() -> None:
    part = Trust(material("a", "one"))
    provider = MergedTrustedMaterialProvider((MergedPart(part), MergedPart(Trust(material("b", "two")))))
    before = provider.trusted_material(SUBJECT, None, "")
    assert provider.trusted_material(SUBJECT, None, "") is before
    part.answer = material("a", "three")
    assert [key.name for key in provider.trusted_material(SUBJECT, None, "").keys] == ["three", "two"]
    assert provider.materials() == (provider.trusted_material(SUBJECT, None, ""),)


def test_materials_of_parts_with_several_answers() -> None:
    class Two(Trust):
        def materials(self) -> tuple[TrustedMaterial, ...]:
            return (material("a", "one"), material("a", "other"))

    provider = MergedTrustedMaterialProvider(
        (MergedPart(Two(material("a", "one"))), MergedPart(Trust(material("b", "two"))))
    )
    assert [found.source for found in provider.materials()] == ["a", "a", "b"]
