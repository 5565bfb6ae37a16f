"""``pycosign lab serve`` as a process: its options, what it prints and writes, and what it says when it cannot."""

from __future__ import annotations

import base64
import json
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

from tests.tools import require_tool

COMMAND = (sys.executable, "-P", "-m", "pycosign.cli")
PATIENCE = 60


@dataclass
class Served:
    """What a lab printed until it served, and what it wrote."""

    printed: list[str]
    folder: Path
    process: subprocess.Popen[str]

    def lines(self, start: str) -> list[str]:
        return [line for line in self.printed if line.startswith(start)]

    def place(self, name: str) -> str:
        (line,) = self.lines(f"{name}:")
        return line.partition(":")[2].strip()


@contextmanager
def _lab(folder: Path, *options: str, cwd: Path | None = None) -> Iterator[Served]:
    with subprocess.Popen(
        [*COMMAND, "lab", "serve", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    ) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line.rstrip("\n"))
            if "Interrupt to stop." in line:
                break
        try:
            yield Served(printed, (cwd or Path()) / folder, process)
        finally:
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=PATIENCE)
        assert (process.returncode, told) == (0, "")  # the warning is printed, and so not logged too


def _fails(folder: Path, *arguments: str) -> str:
    """What is said on stderr by a command in ``folder``, which must refuse to start."""
    done = subprocess.run(
        [*COMMAND, *arguments], check=False, cwd=folder, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4
    return done.stderr


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _ask(method: str, url: str, form: Sequence[tuple[str, str]] = ()) -> urllib3.BaseHTTPResponse:
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        return http.request(method, url, body=urlencode(form) if form else None, headers=headers)


def _claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def test_every_option(tmp_path: Path) -> None:
    port, registry_port = _free_ports(2)
    options = [
        *("--port", str(port), "--registry-port", str(registry_port), "--no-referrers-api"),
        *("--identity", "dev@lab.test", "--issuer", "https://issuer.test"),
    ]
    with _lab(tmp_path / "a lab", *options) as lab:
        assert lab.place("Sigstore") == f"http://127.0.0.1:{port}"
        assert lab.place("registry") == f"127.0.0.1:{registry_port}"
        digest = lab.place("image").partition("@")[2]
        referrers = f"http://127.0.0.1:{registry_port}/v2/demo/app/referrers/{digest}"
        assert _ask("GET", referrers).status == 404
        claims = _claims((lab.folder / "token").read_text())
    assert (claims["email"], claims["iss"]) == ("dev@lab.test", "https://issuer.test")
    (verify, *_) = lab.lines("pycosign verify ")
    words = shlex.split(verify)
    assert words[words.index("--certificate-identity") + 1] == "dev@lab.test"
    assert words[words.index("--certificate-oidc-issuer") + 1] == "https://issuer.test"


def test_the_referrers_api_is_on(tmp_path: Path) -> None:
    with _lab(tmp_path) as lab:
        host, _, digest = lab.place("image").partition("/demo/app@")
        assert _ask("GET", f"http://{host}/v2/demo/app/referrers/{digest}").status == 200


def test_what_is_printed_is_written_too(tmp_path: Path) -> None:
    with _lab(Path("a lab"), cwd=tmp_path) as lab:
        written = (lab.folder / "commands.txt").read_text().splitlines()
        assert [line for line in lab.printed if "Interrupt" not in line] == written
    assert sum("NOT A REAL SIGSTORE" in line for line in lab.printed) == 1
    assert lab.place("files") == str(tmp_path / "a lab")
    for line in lab.lines("cosign sign"):  # from whatever folder they are pasted in
        words = shlex.split(line)
        assert Path(words[words.index("--trusted-root") + 1]).is_absolute()


def test_the_token_lines_mint_what_they_say(tmp_path: Path) -> None:
    with _lab(tmp_path / "a lab") as lab:
        names = set()
        for line in lab.lines("curl "):
            words = shlex.split(line)
            url = next(word for word in words if word.endswith("/oidc/token"))
            pairs = [word.split("=", 1) for word in words if word.startswith(("subject=", "issuer="))]
            answer = _ask("POST", url, [(name, value) for name, value in pairs])
            assert answer.status == 200
            claims = _claims(answer.json()["id_token"])
            names.add((claims["sub"], claims.get("email")))
        github = _claims((lab.folder / "token.github").read_text())
        assert (lab.folder / "token.github").stat().st_mode & 0o777 == 0o600
    assert {email for _, email in names} == {None, "someone@lab.test"}
    assert github["iss"] == "https://token.actions.githubusercontent.com"
    assert github["job_workflow_ref"]
    assert int(str(github["exp"])) - int(str(github["iat"])) > 3600


def test_a_printed_curl_line_replaces_the_token(tmp_path: Path) -> None:
    require_tool("curl")
    with _lab(tmp_path / "a lab") as lab:
        for line in lab.lines("curl "):
            subprocess.run(["sh", "-c", line], check=True, timeout=PATIENCE)
            words = shlex.split(line)
            (subject,) = [word.split("=", 1)[1] for word in words if word.startswith("subject=")]
            assert _claims((lab.folder / "token").read_text())["sub"] == subject
            assert (lab.folder / "token").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("option", ["--port", "--registry-port"])
def test_a_port_in_use(tmp_path: Path, option: str) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told = _fails(tmp_path, "lab", "serve", str(tmp_path), option, port)
    assert f"127.0.0.1:{port}" in told
    assert "Address already in use" in told
    assert option in told


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    for command in (["lab", "serve", "/proc/x"], ["demo", "--directory", "/proc/x"]):
        assert "/proc/x" in _fails(tmp_path, *command)
    file = tmp_path / "file"
    file.touch()
    for command in (["lab", "serve", f"{file}/x"], ["demo", "--directory", f"{file}/x"]):
        assert str(file) in _fails(tmp_path, *command)
    (tmp_path / "full" / "trusted_root.json").mkdir(parents=True)
    for command in (["lab", "serve", f"{tmp_path}/full"], ["demo", "--directory", f"{tmp_path}/full"]):
        assert "trusted_root.json" in _fails(tmp_path, *command)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lab", "serve", ""], "empty"),
        (["demo", "--directory", ""], "empty"),
        (["lab", "serve"], "DIRECTORY"),
        (["lab", "serve", "/etc/passwd"], "is a file"),
        (["lab", "serve", "x", "--port", "65536"], "65535"),
        (["lab", "serve", "x", "--port", "http"], "not a valid integer"),
        (["lab", "serve", "{}", "--identity", "not ascii: é"], "--identity"),
        (["lab", "serve", "{}", "--identity", ""], "--identity"),
        (["lab", "serve", "{}", "--issuer", ""], "--issuer"),
        (["lab", "serve", "{}", "--issuer", "https://token.actions.githubusercontent.com"], "token.github"),
    ],
)
def test_wrong_usage_says_what_to_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    assert said in _fails(tmp_path, *[argument.format(tmp_path) for argument in arguments])
    assert list(tmp_path.iterdir()) == []
