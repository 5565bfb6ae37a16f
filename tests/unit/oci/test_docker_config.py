"""Credentials in Docker's and Podman's files: which entry speaks for what, and what is no entry."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path

import pytest

from providers.errors import ConfigurationError
from verifier.budget import Budget
from verifier.oci import Credential, CredentialHelpers, DockerConfig, config_files


def auth(pair: str) -> dict[str, str]:
    return {"auth": base64.b64encode(pair.encode()).decode()}


def config(folder: Path, helpers: CredentialHelpers | None = None, **document: object) -> DockerConfig:
    file = folder / "config.json"
    file.write_text(json.dumps(document))
    return DockerConfig(file, helpers)


def ask(docker: DockerConfig, registry: str, path: str = "demo/app") -> Credential | None:
    return docker.credential(registry, path, Budget(5))


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/", "ghcr.io"),
        ("http://GHCR.io:443/v2/", "ghcr.io"),
        ("reg.test:5000", "reg.test:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
def test_every_spelling_of_a_registry_is_that_registry(tmp_path: Path, key: str, registry: str) -> None:
    docker = config(tmp_path, auths={key: auth("me:secret")})
    assert ask(docker, registry) == Credential(username="me", password="secret")
    assert ask(docker, "other.test") is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (auth("me:a:b"), Credential(username="me", password="a:b")),
        (auth("me:secret\0\0"), Credential(username="me", password="secret")),
        ({"username": "me", "password": "secret"}, Credential(username="me", password="secret")),
        ({**auth("me:x"), "identitytoken": "id"}, Credential(identity_token="id")),
        ({"registrytoken": "rt"}, Credential(registry_token="rt")),
        ({"auth": "", "email": "me@example.com"}, None),
        ({}, None),
    ],
)
def test_what_an_entry_holds(tmp_path: Path, entry: dict[str, str], expected: Credential | None) -> None:
    assert ask(config(tmp_path, auths={"reg.test": entry}), "reg.test") == expected


def test_a_path_is_more_than_its_registry(tmp_path: Path) -> None:
    """containers-auth.json(5)."""
    names = ("reg.test", "reg.test/team", "reg.test/team/app")
    docker = config(tmp_path, auths={name: auth(f"{number}:x") for number, name in enumerate(names)})
    for path, number in {
        "team/app": "2",
        "team/app/sub": "2",
        "team/application": "1",
        "team": "1",
        "teams/app": "0",
        "other": "0",
    }.items():
        found = ask(docker, "reg.test", path)
        assert found is not None
        assert found.username == number, path


def test_what_speaks_for_no_registry_is_left_alone(tmp_path: Path) -> None:
    docker = config(tmp_path, auths={"not a host!": auth("a:b"), "": auth("c:d")}, HttpHeaders={"X": "y"})
    assert ask(docker, "reg.test") is None


SECRET = "canary"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"auths": []}',
        '{"auths": {"reg.test": "canary"}}',
        '{"auths": {"reg.test": {"auth": "canary!"}}}',
        '{"auths": {"reg.test": {"auth": "' + base64.b64encode(b"canary").decode() + '"}}}',
        '{"auths": {"reg.test": {"auth": "' + base64.b64encode(b"canary:\n").decode() + '"}}}',
        '{"auths": {"reg.test": {"username": ["canary"]}}}',
        '{"auths": {"reg.test": {"username": "canary:a", "password": "b"}}}',
        '{"credHelpers": {"reg.test": 7}}',
        '{"auths": {}, "auths": {"reg.test": {"registrytoken": "canary"}}}',
        '{"auths": {"reg.test": {"registrytoken": "canary"',
        " " * (1 << 20) + "{}",
    ],
)
def test_a_file_that_cannot_be_used_is_refused_without_its_content(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        DockerConfig(file)
    assert str(file) in str(refused.value)
    assert refused.value.remedy
    assert refused.value.__cause__ is None
    assert SECRET not in str(refused.value)
    assert base64.b64encode(b"canary").decode() not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        DockerConfig(tmp_path / "config.json")


def test_a_file_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    """As a secret of Kubernetes is: by turning a link around."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        config(tmp_path / name, auths={"reg.test": auth(f"{name}:x")})
    (tmp_path / "data").symlink_to("one")
    docker = DockerConfig(tmp_path / "data" / "config.json")
    assert ask(docker, "reg.test") == Credential(username="one", password="x")
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(tmp_path / "data")
    assert ask(docker, "reg.test") == Credential(username="two", password="x")


def test_a_file_that_is_spoilt_leaves_what_was_read_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    docker = config(tmp_path, auths={"reg.test": auth("me:secret")})
    for content in ("{canary", '{"auths": {"reg.test": {"auth": "canary"}}}'):
        (tmp_path / "config.json").write_text(content)
        assert ask(docker, "reg.test") == Credential(username="me", password="secret")
    (tmp_path / "config.json").unlink()
    assert ask(docker, "reg.test") == Credential(username="me", password="secret")
    assert len(caplog.records) == 3  # once each
    assert SECRET not in caplog.text
    assert caplog.records[0].levelno == logging.WARNING
    config(tmp_path, auths={"reg.test": auth("you:secret")})
    assert ask(docker, "reg.test") == Credential(username="you", password="secret")


def test_which_files_a_user_s_own_programs_would_read(tmp_path: Path) -> None:
    docker, podman = tmp_path / ".docker" / "config.json", tmp_path / "run" / "containers" / "auth.json"
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert config_files(environment) == ()
    for file in (docker, podman):
        file.parent.mkdir(parents=True)
        file.write_text("{}")
    assert config_files(environment) == (docker, podman)
    assert config_files({}) == ()
    named = tmp_path / "config.json"
    named.write_text("{}")
    assert config_files({**environment, "DOCKER_CONFIG": str(tmp_path)}) == (named, podman)
    assert config_files({**environment, "REGISTRY_AUTH_FILE": str(named)}) == (docker, named)
