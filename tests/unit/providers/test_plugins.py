"""Plug-ins found among the entry points of what is installed."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from providers.errors import ConfigurationError
from providers.plugins import POLICY_GROUP, TRUST_GROUP, policy_plugin, trusted_material_plugin
from tests.unit.providers.provider_world import SUBJECT, accept_all

_CODE = """\
from datetime import UTC, datetime

from providers.trust import TrustedKey, TrustedMaterial

class Trust:
    def __init__(self, options):
        self.options = options
        key = TrustedKey(options["name"], b"key")
        self.material = TrustedMaterial.of("theirs", b"", datetime(2026, 1, 31, tzinfo=UTC), (key,))
    def trusted_material(self, subject, artifact_descriptor, key_hint):
        return self.material
    def materials(self):
        return (self.material,)

class Policies:
    revision = "1"
    def __init__(self, options): ...
    def policies(self, subject, descriptor):
        return ()

class ManyArguments(Trust):
    def trusted_material(self, subject): ...
class NoMaterials(Trust):
    materials = ()
class Asynchronous(Trust):
    async def materials(self): ...
class StartsWithArguments(Trust):
    def start(self, loop): ...
class NoRevision(Policies):
    revision = None
class FailingRevision(Policies):
    @property
    def revision(self):
        raise ValueError("oh")
class Mutating(Trust):
    def __init__(self, options):
        options["list"].append("theirs")
        super().__init__(options)
def refuse(options):
    raise ValueError("the option 'url' is missing")
NOT_CALLABLE = Trust({"name": "a"})
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with these entry points (name to object) on the path."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "some_plugin.py").write_text(_CODE)
    monkeypatch.delitem(sys.modules, "some_plugin", raising=False)

    def install_it(group: str, distribution: str = "some-plugin", **points: str) -> None:
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {value}" for name, value in points.items())
        (info / "entry_points.txt").write_text(textwrap.dedent(f"[{group}]\n{lines}\n"))

    return install_it


def test_a_plugin_is_made_with_what_the_configuration_says(install: Install) -> None:
    install(TRUST_GROUP, acme="some_plugin:Trust")
    provider = trusted_material_plugin("acme", {"name": "release", "more": [1, {"a": None}]})
    provider.start(accept_all, background=False)
    answer = provider.trusted_material(SUBJECT, None, "")
    assert answer.source == "plugin:acme: theirs"
    assert [key.name for key in answer.keys] == ["release"]
    assert provider.stop()


def test_a_plugin_of_policies(install: Install) -> None:
    install(POLICY_GROUP, acme="some_plugin:Policies")
    provider = policy_plugin("acme", {})
    provider.start(accept_all)
    assert provider.policies(SUBJECT, None) == ()
    assert provider.revision == "1"


def test_only_what_is_named_is_loaded(install: Install, tmp_path: Path) -> None:
    """To be installed is not to be trusted."""
    install(TRUST_GROUP, acme="some_plugin:Trust", other="other_plugin:Trust")
    (tmp_path / "other_plugin.py").write_text(_CODE)
    with pytest.raises(ConfigurationError):
        trusted_material_plugin("missing", {})
    assert "some_plugin" not in sys.modules
    trusted_material_plugin("acme", {"name": "release"})
    assert "some_plugin" in sys.modules
    assert "other_plugin" not in sys.modules


def test_what_the_configuration_says_stays_what_it_says(install: Install) -> None:
    install(TRUST_GROUP, acme="some_plugin:Mutating")
    options: dict[str, Any] = {"name": "a", "list": []}
    trusted_material_plugin("acme", options)
    assert options == {"name": "a", "list": []}


@pytest.mark.parametrize(
    ("point", "why"),
    [
        ("no_such_module:Trust", "cannot be loaded: ModuleNotFoundError"),
        ("some_plugin:Missing", "cannot be loaded: AttributeError"),
        ("some_plugin:NOT_CALLABLE", "no class and no function"),
        ("some_plugin:refuse", "refuses its configuration: ValueError: the option 'url' is missing"),
        ("some_plugin:ManyArguments", "trusted_material that cannot be called"),
        ("some_plugin:NoMaterials", "has no method materials"),
        ("some_plugin:Asynchronous", "has no method materials"),
        ("some_plugin:StartsWithArguments", "start that cannot be called"),
        ("some_plugin:Policies", "refuses its configuration|has no method trusted_material"),
        ("builtins:dict", "has no method trusted_material"),
    ],
)
def test_a_plugin_that_is_none_is_refused_at_the_start(install: Install, point: str, why: str) -> None:
    install(TRUST_GROUP, acme=point)
    with pytest.raises(ConfigurationError, match=why) as caught:
        trusted_material_plugin("acme", {"name": "a"})
    assert "acme" in str(caught.value)


@pytest.mark.parametrize(
    ("point", "why"),
    [
        ("some_plugin:Trust", "has no method policies"),
        ("some_plugin:NoRevision", "no text called revision"),
        ("some_plugin:FailingRevision", "cannot say its revision: ValueError: oh"),
    ],
)
def test_a_plugin_of_policies_that_is_none_is_refused_at_the_start(
    install: Install, point: str, why: str
) -> None:
    install(POLICY_GROUP, acme=point)
    with pytest.raises(ConfigurationError, match=why):
        policy_plugin("acme", {"name": "a"})


def test_a_plugin_that_is_not_there(install: Install) -> None:
    install(TRUST_GROUP, acme="some_plugin:Trust", emca="some_plugin:Trust")
    with pytest.raises(ConfigurationError, match=r"no plug-in 'acne'.*\n.*acme, emca"):
        trusted_material_plugin("acne", {})
    with pytest.raises(ConfigurationError, match="no plug-in 'acme' among"):
        policy_plugin("acme", {})


def test_a_name_that_two_distributions_have_is_nobodys(install: Install) -> None:
    install(TRUST_GROUP, acme="some_plugin:Trust")
    install(TRUST_GROUP, "evil-plugin", acme="some_plugin:Trust")
    with pytest.raises(ConfigurationError, match=r"there 2 times \(evil-plugin, some-plugin\)"):
        trusted_material_plugin("acme", {"name": "a"})
    assert "some_plugin" not in sys.modules
