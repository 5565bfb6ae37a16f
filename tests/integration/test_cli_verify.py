"""``pycosign verify`` as a process: what it says, where it says it, and with which code it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pycosign.lab import Lab, MemoryRegistry, attach_bundle, push_image, serve_registry
from tests.faulty_registry import Call, FaultyRegistry

WHO, ISSUER = "https://ci.lab.test/wf@refs/heads/main", "https://oidc.lab.test"
IDENTITY = ("--certificate-identity", WHO, "--certificate-oidc-issuer", ISSUER)
COMMAND = (sys.executable, "-P", "-m", "pycosign.cli", "verify")
PATIENCE = 60


@dataclass
class Desk:
    """A registry with a signed image in it, and the root it was signed under."""

    lab: Lab
    registry: str
    root: str

    @property
    def image(self) -> str:
        return f"{self.registry}/demo/app:v1"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    lab, registry = Lab(), MemoryRegistry()
    image = push_image(registry, "demo/app", tag="v1")
    attach_bundle(registry, "demo/app", image, lab.sign_image(image.digest, identity=WHO, issuer=ISSUER))
    push_image(registry, "demo/unsigned", tag="v1")
    root = tmp_path_factory.mktemp("a folder") / "trusted root.json"
    root.write_bytes(lab.trusted_root())
    with serve_registry(registry) as address:
        yield Desk(lab, address, str(root))


def _verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=PATIENCE
    )


def test_an_allowed_image_and_all_its_checks(desk: Desk) -> None:
    done = _verify(desk.image, *IDENTITY, "--trusted-root", desk.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "checks passed: " in done.stdout
    assert "check skipped: signed-timestamp-threshold: the policy does not ask for it" in done.stdout
    assert f"trusted: trusted-root:{desk.root}" in done.stdout


@pytest.mark.parametrize(
    ("flag", "danger"),
    [
        ("--insecure-ignore-sct", "certificate transparency"),
        ("--insecure-ignore-tlog", "transparency log"),
        ("--allow-http-registry", "plain HTTP"),
    ],
)
def test_what_weakens_a_check_is_said(desk: Desk, flag: str, danger: str) -> None:
    done = _verify(desk.image, *IDENTITY, "--trusted-root", desk.root, flag)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"WARNING: {flag}: ")
    assert danger in line


def test_a_check_that_was_switched_off_is_shown_as_skipped(desk: Desk) -> None:
    done = _verify(
        desk.image, *IDENTITY, "--trusted-root", desk.root, "--insecure-ignore-sct", "--insecure-ignore-tlog"
    )
    for check in ("sct-threshold", "tlog-threshold"):
        assert f"check skipped: {check}: " in done.stdout
    assert len(done.stderr.splitlines()) == 2


def test_json_names_the_trusted_root_beside_the_answer() -> None:
    """Nothing was verified, so no answer names it."""
    done = _verify("127.0.0.1:1/demo/app:v1", *IDENTITY, "-o", "json")
    assert done.returncode == 3
    assert json.loads(done.stdout)[0]["outcome"] == "OUTCOME_COULD_NOT_CHECK"
    assert re.fullmatch(r"trusted: public-good root .* \(sha256:[0-9a-f]{12}…\)\n", done.stderr)


def test_a_stranger_to_the_default_root_is_told_about_the_option(desk: Desk) -> None:
    done = _verify(desk.image, *IDENTITY)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "--trusted-root FILE" in line]
    assert "public-good root embedded in sigstore" in line
    told = _verify(desk.image, *IDENTITY, "-o", "json")
    assert json.loads(told.stdout)[0]["reason"] == "REASON_CODE_CHAIN_UNTRUSTED"
    assert line in told.stderr.splitlines()


def test_one_spelling_of_could_not_check(desk: Desk) -> None:
    done = _verify("127.0.0.1:1/demo/app:v1", desk.image, *IDENTITY, "--trusted-root", desk.root)
    assert done.returncode == 3
    assert "could not check" in done.stdout
    assert "could_not_check" not in done.stdout


def test_one_refused_among_several_is_refused(desk: Desk) -> None:
    unsigned = f"{desk.registry}/demo/unsigned:v1"
    done = _verify("127.0.0.1:1/demo/app:v1", desk.image, unsigned, *IDENTITY, "--trusted-root", desk.root)
    assert done.returncode == 1


@pytest.mark.parametrize("timeout", ["3m", "90s", "1m30s", "20000ms", "20"])
def test_timeouts_are_written_as_for_cosign(desk: Desk, timeout: str) -> None:
    assert _verify(desk.image, *IDENTITY, "--trusted-root", desk.root, "-t", timeout).returncode == 0


def test_a_timeout_of_another_form_says_what_is_accepted() -> None:
    done = _verify("nginx", *IDENTITY, "--timeout", "3 minutes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "90s, 3m, 1m30s, 500ms" in done.stderr


def test_the_timeout_is_kept() -> None:
    with FaultyRegistry(Call.hang) as registry:
        done = _verify(f"{registry.address}/demo/app:v1", *IDENTITY, "-t", "300ms", "-o", "json")
    assert done.returncode == 3
    assert json.loads(done.stdout)[0]["reason"] == "REASON_CODE_DEADLINE_EXCEEDED"


def test_an_interrupt_is_no_refusal() -> None:
    asked = threading.Event()

    def hang(call: Call) -> None:
        asked.set()
        call.hang()

    with (
        FaultyRegistry(hang) as registry,
        subprocess.Popen(
            [*COMMAND, f"{registry.address}/demo/app:v1", *IDENTITY],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert asked.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    # An interrupt in the middle of http.client's own constructor makes its destructor complain as well.
    assert "pycosign: interrupted" in err.splitlines()
    assert "internal error" not in err


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_no_refusal(desk: Desk, unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, desk.image, *IDENTITY, "--trusted-root", desk.root],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            text=True,
            timeout=PATIENCE,
        )
    assert (done.returncode, done.stderr) == (3, "pycosign: cannot write: No space left on device\n")


@pytest.mark.parametrize("arguments", [("--help",), ("127.0.0.1:1/demo/app:v1", *IDENTITY)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_left_is_no_refusal(arguments: tuple[str, ...], unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *arguments],
            check=False,
            stdout=writing,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            text=True,
            timeout=PATIENCE,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (3, "pycosign: cannot write: Broken pipe\n")


def test_a_terminal_that_cannot_show_a_character_is_no_fault() -> None:
    done = subprocess.run(
        [*COMMAND, "127.0.0.1:1/demo/app:v1", *IDENTITY],
        check=False,
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (3, b"")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nginx",), "--key FILE"),
        (("nginx",), "--certificate-identity SAN with --certificate-oidc-issuer"),
        (("nginx", "--certificate-identity", "a"), "--certificate-oidc-issuer and"),
        (("nginx", *IDENTITY, "--certificate-identity-regexp", "a"), "exactly one of --certificate-identity"),
        (
            ("nginx", "--certificate-identity-regexp", "((", "--certificate-oidc-issuer", "b"),
            "--certificate-identity-regexp: ",
        ),
        (("A B", *IDENTITY), "A B"),
        (("", *IDENTITY), "reference"),
        (("nginx", *IDENTITY, "--trusted-root", "/nowhere"), "/nowhere"),
        (("nginx", *IDENTITY, "--trusted-root", ""), "--trusted-root"),
        (("nginx", *IDENTITY, "--trusted-root", "/etc/passwd"), "/etc/passwd"),
        (("nginx", *IDENTITY, "--registry-cacert", "/nowhere"), "/nowhere"),
        (("nginx", *IDENTITY, "--timeot", "3"), "--timeout"),
        ((), "IMAGE"),
    ],
)
def test_wrong_usage_says_what_to_do(arguments: tuple[str, ...], said: str) -> None:
    done = _verify(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
