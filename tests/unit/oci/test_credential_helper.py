"""Credential helpers: programs that may hang, flood, lie or not be there."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from verifier.budget import Budget
from verifier.oci import Credential, CredentialHelpers, DockerConfig

ANSWER = '{"ServerURL": "x", "Username": "me", "Secret": "canary"}'


class Bin:
    """A folder in PATH with helpers in it, each a shell script that notes what it was started with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"

    def add(self, name: str, script: str) -> None:
        file = self.folder / f"docker-credential-{name}"
        noting = f'read server\necho "$0 $* $server" >> {self.log}\n' if "#raw" not in script else ""
        file.write_text(f"#!/bin/sh\n{noting}{script}\n")
        file.chmod(0o755)

    def helpers(self, *passed_on: str, **environment: str) -> CredentialHelpers:
        path = f"{self.folder}:{os.environ['PATH']}"
        return CredentialHelpers({**environment, "PATH": path}, passed_on=passed_on)

    def started(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def programs(tmp_path: Path) -> Bin:
    return Bin(tmp_path)


def failure(ask: Callable[[], object]) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        ask()
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_helper_is_asked_as_docker_asks_it(programs: Bin) -> None:
    programs.add("x", f"echo '{ANSWER}'")
    found = programs.helpers().get("x", "reg.test", Budget(20))
    assert found == Credential(username="me", password="canary")
    assert programs.started() == [f"{programs.folder}/docker-credential-x get reg.test"]


def test_a_secret_may_be_an_identity_token(programs: Bin) -> None:
    programs.add("x", 'echo \'{"Username": "<token>", "Secret": "canary"}\'')
    assert programs.helpers().get("x", "reg.test", Budget(20)) == Credential(identity_token="canary")


def test_a_helper_that_knows_nothing(programs: Bin) -> None:
    programs.add("x", "echo credentials not found in native keychain; exit 1")
    helpers = programs.helpers()
    for _ in range(2):
        assert helpers.get("x", "reg.test", Budget(20)) is None
    assert len(programs.started()) == 1


def test_it_sees_a_few_variables_and_no_more(programs: Bin) -> None:
    programs.add("x", f"env > {programs.folder}/env; cd; pwd >> {programs.folder}/env; echo '{ANSWER}'")
    helpers = programs.helpers(
        "AWS_REGION", HOME=str(programs.folder), AWS_REGION="here", COSIGN_PASSWORD="canary", LD_PRELOAD=""
    )
    helpers.get("x", "reg.test", Budget(20))
    seen = (programs.folder / "env").read_text()
    assert "AWS_REGION=here" in seen
    assert f"HOME={programs.folder}" in seen
    assert "canary" not in seen
    assert "LD_PRELOAD" not in seen


SLOW = {
    "hangs": "sleep 60",
    "closes its output and hangs": "exec >&-; sleep 60",
    "leaves its output to a child": "sleep 60 &",
    "drips": "while :; do printf x; sleep 0.05; done",
    "never reads": "#raw\nexec <&-; sleep 60",
}


@pytest.mark.parametrize("how", SLOW)
def test_it_has_the_time_of_the_request_and_leaves_nothing_behind(programs: Bin, how: str) -> None:
    programs.add(
        "x", f"echo $$ > {programs.folder}/pid; {SLOW[how]}" if "raw" not in SLOW[how] else SLOW[how]
    )
    error = failure(lambda: programs.helpers().get("x", "reg.test", Budget(0.7)))
    assert error.reason is ReasonCode.DEADLINE_EXCEEDED
    file = programs.folder / "pid"
    if file.exists():
        group = int(file.read_text())
        until = time.monotonic() + 5
        while _alive(group) and time.monotonic() < until:
            time.sleep(0.01)
        assert not _alive(group)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_caller_who_hangs_up_ends_the_wait(programs: Bin) -> None:
    programs.add("x", "sleep 60")
    budget = Budget(60)
    threading.Timer(0.3, budget.end).start()
    started = time.monotonic()
    failure(lambda: programs.helpers().get("x", "reg.test", budget))
    assert time.monotonic() - started < 20


BROKEN = {
    "floods": "yes canary",
    "says nothing": "true",
    "says something else": "echo canary",
    "says too little": 'echo \'{"Username": "canary"}\'',
    "says two things": 'echo \'{"Username": "a", "Secret": "canary", "Secret": "b"}\'',
    "has a user with a colon": 'echo \'{"Username": "a:canary", "Secret": "b"}\'',
    "has a secret of two lines": 'printf \'%s\' \'{"Username": "a", "Secret": "canary\\nX: y"}\'',
    "fails": f"echo '{ANSWER}'; exit 3",
    "fails loudly": "echo canary >&2; echo canary; exit 1",
    "is killed": "kill -9 $$",
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_a_broken_helper_says_is_not_repeated(
    programs: Bin, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    programs.add("x", BROKEN[how])
    error = failure(lambda: programs.helpers().get("x", "reg.test", Budget(20)))
    assert error.reason is ReasonCode.REGISTRY_UNAUTHORIZED
    assert "docker-credential-x" in error.message
    assert ("cannot be used" in error.message) is (how == "floods")
    assert "canary" not in "".join(capfd.readouterr())


def test_a_broken_helper_is_not_started_for_everybody(programs: Bin) -> None:
    programs.add("x", "exit 3")
    helpers = programs.helpers()
    for _ in range(5):
        failure(lambda: helpers.get("x", "reg.test", Budget(20)))
    assert len(programs.started()) == 1


def test_many_who_ask_the_same_start_one_process(programs: Bin) -> None:
    programs.add("x", f"sleep 0.2; echo '{ANSWER}'")
    helpers = programs.helpers()
    found: list[Credential | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(helpers.get("x", "reg.test", Budget(20))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Credential(username="me", password="canary")] * 8
    assert len(programs.started()) == 1


def test_what_was_refused_is_asked_for_anew(programs: Bin) -> None:
    secret = programs.folder / "secret"
    secret.write_text("old")
    programs.add("x", f'echo "{{\\"Username\\": \\"me\\", \\"Secret\\": \\"$(cat {secret})\\"}}"')
    helpers = programs.helpers()
    old = helpers.get("x", "reg.test", Budget(20))
    secret.write_text("new")
    assert helpers.get("x", "reg.test", Budget(20)) == old
    new = helpers.get("x", "reg.test", Budget(20), old)
    assert new == Credential(username="me", password="new")
    assert helpers.get("x", "reg.test", Budget(20), old) == new  # refused to somebody else, a moment ago
    assert len(programs.started()) == 2


@pytest.mark.parametrize("name", ["", "../x", "a/b", "/a/b", "a b", "a;b", "-x", "x\n", "x" * 65])
def test_no_name_leads_to_another_program(
    programs: Bin, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even where there is one: a name with a slash would be a path from where we are."""
    file = tmp_path / f"docker-credential-{name}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot be that of a program"):
        programs.helpers().find(name)


def test_a_helper_that_is_not_there(programs: Bin, tmp_path: Path) -> None:
    assert failure(lambda: programs.helpers().get("gone", "reg.test", Budget(5))).message.endswith(
        "is not there"
    )
    file = tmp_path / "config.json"
    file.write_text('{"credsStore": "gone"}')
    with pytest.raises(ConfigurationError, match="docker-credential-gone is not in PATH"):
        DockerConfig(file, programs.helpers())


def test_which_helper_is_asked_for_what(programs: Bin, tmp_path: Path) -> None:
    for name in ("one", "store"):
        programs.add(name, 'echo "{\\"Username\\": \\"$(basename $0)\\", \\"Secret\\": \\"s\\"}"')
    entry = {"username": "file", "password": "s"}
    file = tmp_path / "config.json"
    document = {
        "auths": {"own.test": entry, "one.test": entry, "https://index.docker.io/v1/": {}},
        "credHelpers": {"https://one.test": "one"},
        "credsStore": "store",
    }
    file.write_text(json.dumps(document))
    docker = DockerConfig(file, programs.helpers())
    for registry, user in {
        "one.test": "docker-credential-one",
        "own.test": "file",
        "other.test": "docker-credential-store",
        "docker.io": "docker-credential-store",
    }.items():
        found = docker.credential(registry, "demo/app", Budget(20))
        assert found is not None
        assert found.username == user
    assert [line.split()[-1] for line in programs.started()] == [
        "one.test",
        "other.test",
        "https://index.docker.io/v1/",
    ]
    without = DockerConfig(file)  # no program is started
    assert without.credential("one.test", "demo/app", Budget(20)) is None
    assert len(programs.started()) == 3
