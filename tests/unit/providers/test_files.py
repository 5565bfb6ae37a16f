"""Policies in a folder, one to a file, as they are there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.files import FilesPolicyProvider
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.refresh import Pace
from providers.subject import Subject
from tests.unit.providers.provider_world import PATIENCE, SUBJECT, accept_all, turn, wait_for

BROKEN = b"kind: [\n"


def document(name: str, *scopes: str, key: str = "release", more: str = "") -> bytes:
    return f"""\
apiVersion: pycosign.dev/v1alpha1
kind: ClusterVerificationPolicy
metadata: {{name: {name}}}
spec:
  scopes: [{", ".join(scopes or ('"*"',))}]
  keys: [{key}]
{more}""".encode()


# A policy that is none, though it says what it wants to speak for.
def wrong(name: str, *scopes: str) -> bytes:
    return document(name, *scopes, more="  nonsense: 1\n")


def started(folder: Path) -> FilesPolicyProvider:
    provider = FilesPolicyProvider(folder)
    provider.start(accept_all, background=False)
    return provider


def names(provider: FilesPolicyProvider, reference: str = "registry.test/team/app") -> list[str]:
    return [policy.name for policy in provider.policies(Subject.parse(reference), None)]


def complaint(provider: FilesPolicyProvider) -> str:
    with pytest.raises(ConfigurationError) as caught:
        provider.refresh()
    assert provider.status().problems
    return str(caught.value)


def blocked(provider: FilesPolicyProvider, reference: str) -> str:
    with pytest.raises(UnavailableError) as caught:
        names(provider, reference)
    assert caught.value.reason is ReasonCode.POLICY_UNAVAILABLE
    return caught.value.message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "policies"
    path.mkdir()
    (path / "all.yaml").write_bytes(document("all"))
    (path / "team.yml").write_bytes(document("team", "registry.test/team"))
    (path / "README.md").write_bytes(b"not a policy")
    return path


def test_the_policies_that_speak(folder: Path) -> None:
    (folder / "ghcr.json").write_bytes(
        b'{"apiVersion": "pycosign.dev/v1alpha1", "kind": "ClusterVerificationPolicy",'
        b' "metadata": {"name": "ghcr"},'
        b' "spec": {"scopes": ["ghcr.io"], "keys": ["release"], "namespaces": ["a"]}}'
    )
    provider = started(folder)
    assert names(provider) == ["all", "team"]
    assert names(provider, "registry.test/other") == ["all"]
    in_a, in_b = (Subject.parse("ghcr.io/app", namespace) for namespace in "ab")
    assert [policy.name for policy in provider.policies(in_a, None)] == ["all", "ghcr"]
    assert [policy.name for policy in provider.policies(in_b, None)] == ["all"]
    (team,) = (policy for policy in provider.policies(SUBJECT, None) if policy.name == "team")
    assert team.source == f"{folder}/team.yml:4"
    assert team.revision == provider.revision == provider.status().revision


def test_where_no_policy_speaks_there_is_none(folder: Path) -> None:
    (folder / "all.yaml").unlink()
    assert names(started(folder), "ghcr.io/app") == []


def test_it_follows_the_folder(folder: Path) -> None:
    provider = started(folder)
    revision = provider.revision
    provider.refresh()
    assert provider.revision == revision
    (folder / "team.yml").unlink()
    (folder / "new.yaml").write_bytes(document("new", "registry.test/team"))
    provider.refresh()
    assert names(provider) == ["all", "new"]
    assert provider.revision != revision
    (folder / "new.yaml").rename(folder / "moved.yaml")
    provider.refresh()
    assert names(provider) == ["all", "new"]


def test_the_revision_is_that_of_the_content(folder: Path) -> None:
    assert started(folder).revision == started(folder).revision
    before = started(folder).revision
    (folder / "team.yml").write_bytes(document("team", "registry.test/team", key="other"))
    assert started(folder).revision != before


def test_a_config_map_is_swapped_as_a_whole(tmp_path: Path) -> None:
    turn(tmp_path, "..1", {"a.yaml": document("a"), "b.yaml": document("b")})
    provider = started(tmp_path)
    turn(tmp_path, "..2", {"b.yaml": document("a"), "c.yaml": document("b")})
    provider.refresh()
    assert names(provider) == ["a", "b"]
    assert provider.status().problems == ()


@pytest.mark.parametrize("content", [BROKEN, b"", b"kind: ConfigMap\n", wrong("team", "registry.test/team")])
def test_of_a_file_that_is_not_right_any_more_the_last_version_stays(folder: Path, content: bytes) -> None:
    provider = started(folder)
    (folder / "team.yml").write_bytes(content)
    (folder / "all.yaml").write_bytes(document("everybody"))
    assert "team.yml" in complaint(provider)
    assert names(provider) == ["everybody", "team"]
    (problem,) = provider.status().problems
    assert problem.startswith(f"{folder}/team.yml")
    assert provider.status().failures == 1
    (folder / "team.yml").write_bytes(document("mended", "registry.test/team"))
    provider.refresh()
    assert names(provider) == ["everybody", "mended"]
    assert (provider.status().problems, provider.status().failures) == ((), 0)


def test_what_a_new_file_that_is_not_right_wants_to_speak_for_is_not_left_to_others(folder: Path) -> None:
    """It may have asked for more than they do."""
    provider = started(folder)
    before = provider.revision
    (folder / "strict.yaml").write_bytes(wrong("strict", "registry.test/team/prod"))
    assert "strict.yaml" in complaint(provider)
    assert "strict.yaml" in blocked(provider, "registry.test/team/prod/app")
    assert names(provider, "registry.test/team/app") == ["all", "team"]
    assert provider.revision != before
    (folder / "strict.yaml").write_bytes(document("strict", "registry.test/team/prod"))
    provider.refresh()
    assert names(provider, "registry.test/team/prod/app") == ["all", "strict", "team"]


def test_a_new_file_that_nobody_can_read_takes_nothing_away(folder: Path) -> None:
    """A policy that moves to a new file, which does not parse, would be gone otherwise: what it asked for would
    not be asked for any more.
    """
    provider = started(folder)
    (folder / "team.yml").unlink()
    (folder / "moved.yaml").write_bytes(BROKEN)
    told = complaint(provider)
    assert "moved.yaml" in told
    assert "team.yml: it is gone" in told
    assert names(provider) == ["all", "team"]
    assert "moved.yaml" in complaint(provider)
    assert names(provider) == ["all", "team"]
    (folder / "moved.yaml").write_bytes(document("moved", "registry.test/team"))
    provider.refresh()
    assert names(provider) == ["all", "moved"]


def test_a_policy_that_moved_is_where_it_moved_to_whatever_else_is_wrong(folder: Path) -> None:
    provider = started(folder)
    (folder / "team.yml").rename(folder / "moved.yaml")
    (folder / "bad.yaml").write_bytes(BROKEN)
    assert "gone" not in complaint(provider)
    assert [policy.source for policy in provider.policies(SUBJECT, None)] == [
        f"{folder}/all.yaml:4",
        f"{folder}/moved.yaml:4",
    ]


def test_no_policy_takes_anothers_name(folder: Path) -> None:
    provider = started(folder)
    (folder / "a.yaml").write_bytes(document("team", "registry.test/prod"))
    assert "a policy in team.yml has the name 'team'" in complaint(provider)
    assert names(provider) == ["all", "team"]
    assert "a.yaml" in blocked(provider, "registry.test/prod/app")


def test_who_loses_a_name_keeps_the_policy_it_had(folder: Path) -> None:
    provider = started(folder)
    (folder / "all.yaml").write_bytes(document("team"))
    assert "all.yaml" in complaint(provider)
    assert names(provider, "ghcr.io/app") == ["all"]
    # And nobody else may have that name meanwhile.
    (folder / "third.yaml").write_bytes(document("all", "registry.test/prod"))
    assert "third.yaml" in complaint(provider)
    assert names(provider, "ghcr.io/app") == ["all"]
    assert "third.yaml" in blocked(provider, "registry.test/prod")


def test_two_files_may_swap_their_names(folder: Path) -> None:
    provider = started(folder)
    (folder / "all.yaml").write_bytes(document("team"))
    (folder / "team.yml").write_bytes(document("all", "registry.test/team"))
    provider.refresh()
    assert names(provider, "ghcr.io/app") == ["team"]


def test_a_folder_that_is_away_changes_nothing(folder: Path) -> None:
    provider = started(folder)
    folder.rename(folder.parent / "elsewhere")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        provider.refresh()
    assert names(provider) == ["all", "team"]
    assert provider.status().usable
    (folder.parent / "elsewhere").rename(folder)
    provider.refresh()


def test_an_empty_folder_speaks_for_nothing(folder: Path) -> None:
    provider = started(folder)
    for path in folder.iterdir():
        path.unlink()
    provider.refresh()
    assert names(provider) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BROKEN, "not valid YAML"),
        (wrong("new", "ghcr.io"), "no field of this name"),
        (document("team", "ghcr.io"), "has the name 'team'"),
        (b"", "it is empty"),
    ],
)
def test_it_does_not_start_with_a_file_that_is_not_right(folder: Path, content: bytes, why: str) -> None:
    (folder / "zbad.yaml").write_bytes(content)
    provider = FilesPolicyProvider(folder)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=why) as caught:
            provider.start(accept_all)
        assert "zbad.yaml" in str(caught.value)
    assert blocked(provider, "ghcr.io/app").endswith("are not loaded")
    assert not provider.status().usable
    (folder / "zbad.yaml").unlink()
    provider.start(accept_all, background=False)
    assert names(provider) == ["all", "team"]
    with pytest.raises(RuntimeError, match="already"):
        provider.start(accept_all)


@pytest.mark.parametrize("make", [True, False])
def test_it_does_not_start_without_policies(tmp_path: Path, make: bool) -> None:
    if make:
        (tmp_path / "policies").mkdir()
    with pytest.raises(ConfigurationError, match="no policy in the folder" if make else "cannot be read"):
        FilesPolicyProvider(tmp_path / "policies").start(accept_all)


class _Known:
    """Accepts policies that name known keys."""

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys)

    def __call__(self, policy: Policy) -> None:
        for authority in policy.authorities:
            for key in authority.keys:
                if key == "stumble":
                    raise KeyError(key)
                if key not in self.keys:
                    raise ConfigurationError(f"no trusted key is called {key!r}")


def test_what_the_rest_of_the_configuration_cannot_use_is_not_right(folder: Path) -> None:
    known = _Known("release")
    provider = FilesPolicyProvider(folder)
    provider.start(known, background=False)
    (folder / "team.yml").write_bytes(document("team", "registry.test/team", key="missing"))
    (folder / "new.yaml").write_bytes(document("new", "ghcr.io", key="stumble"))
    told = complaint(provider)
    assert "no trusted key is called 'missing'" in told
    assert "KeyError: 'stumble'" in told
    assert names(provider) == ["all", "team"]
    assert "new.yaml" in blocked(provider, "ghcr.io/app")
    # The file stays as it is, and the key comes.
    known.keys.add("missing")
    (folder / "new.yaml").unlink()
    provider.refresh()
    (authority,) = provider.policies(SUBJECT, None)[1].authorities
    assert authority.keys == ("missing",)
    with pytest.raises(ConfigurationError, match="'release'"):
        FilesPolicyProvider(folder).start(_Known())


def test_in_the_background(folder: Path) -> None:
    provider = FilesPolicyProvider(folder, pace=Pace(timedelta(milliseconds=5)))
    provider.start(accept_all)
    (folder / "new.yaml").write_bytes(document("new"))
    assert wait_for(lambda: "new" in names(provider))
    assert provider.stop(timedelta(seconds=PATIENCE))
    assert names(provider) == ["all", "new", "team"]
