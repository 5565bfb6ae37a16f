"""The lab's sockets: routes, bounds, hooks, and the command that serves a directory."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_pem_x509_certificates

from pycosign.lab import Answer, Lab, LabServer, MemoryRegistry, Request, push_image, serve_registry
from pycosign.lab.keys import sign, spki_pem
from pycosign.lab.proposals import hashedrekord_proposal
from pycosign.lab.serve import serve_directory

HTTP = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=5))


@pytest.fixture(scope="module")
def server() -> Iterator[LabServer]:
    with LabServer() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    HTTP.clear()


def _proposal() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    digest = bytes.fromhex("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    return json.dumps(
        hashedrekord_proposal(digest, sign(key, b"test"), spki_pem(key.public_key()), "sha256")
    ).encode()


def test_an_entry_is_read_back(server: LabServer) -> None:
    url, proposal = f"{server.url}/api/v1/log/entries", _proposal()
    created = HTTP.request("POST", url, body=proposal)
    assert created.status == 201
    ((uuid, entry),) = created.json().items()
    assert created.headers["Location"] == f"/api/v1/log/entries/{uuid}"
    assert HTTP.request("GET", f"{url}/{uuid}").json() == created.json()
    assert HTTP.request("GET", f"{url}?logIndex={entry['logIndex']}").json() == created.json()
    again = HTTP.request("POST", url, body=proposal)
    assert (again.status, again.headers["Location"]) == (409, created.headers["Location"])
    assert HTTP.request("GET", f"{server.url}/api/v1/log").json()["treeSize"] > 5


def test_the_other_routes(server: LabServer) -> None:
    def get(path: str) -> urllib3.BaseHTTPResponse:
        return HTTP.request("GET", server.url + path)

    assert get("/api/v1/log/publicKey").data == server.lab.pem_files()["rekor.pub"]
    chain = load_pem_x509_certificates(get("/api/v1/timestamp/certchain").data)
    assert chain == list(server.lab.tsa.chain)
    assert get("/api/v2/trustBundle").json()["chains"][0]["certificates"]
    assert get("/api/v2/checkpoint").data.decode().startswith(server.lab.rekor2.origin)
    jwks = get("/.well-known/openid-configuration").json()["jwks_uri"].removeprefix(server.url)
    assert get(jwks).json() == server.lab.oidc.jwks()
    assert get("/tuf/1.root.json").data == server.tuf.root
    for missing in ("/", "/tuf/no", "/tuf/../x", "/api/v1/log/entries/" + "0" * 80):
        assert get(missing).status == 404
    assert get("/api/v1/log/entries?logIndex=-1").status == 400
    assert get("/api/v1/log/entries?logIndex=1").status == 404


def test_tokens_are_minted_for_whoever_asks(server: LabServer) -> None:
    url = f"{server.url}/oidc/token"
    by_form = HTTP.request_encode_body("POST", url, {"subject": "https://a.test"}, encode_multipart=False)
    identity, _ = server.lab.oidc.verify(by_form.json()["id_token"])
    assert (identity.name, identity.issuer) == ("https://a.test", server.url)
    by_json = HTTP.request("POST", url, json={"subject": "a@b.test", "issuer": "https://oidc.lab.test"})
    assert server.lab.oidc.verify(by_json.json()["id_token"])[0].issuer == "https://oidc.lab.test"
    assert HTTP.request("POST", url, json={"issuer": "https://unknown.test"}).status == 400


@pytest.mark.parametrize(
    "path", ["/api/v2/signingCert", "/api/v1/log/entries", "/api/v2/log/entries", "/api/v1/timestamp"]
)
def test_junk_is_answered_with_400(server: LabServer, path: str) -> None:
    for junk in (b"", b"[]", b"{}", b'{"kind":"dsse","apiVersion":"0.0.1"}', b"[" * 100_000):
        assert HTTP.request("POST", server.url + path, body=junk).status == 400


def test_bodies_are_bounded(server: LabServer) -> None:
    host = server.url.removeprefix("http://")
    for headers in ({"Content-Length": str(2**30)}, {"Content-Length": "many"}):
        connection = http.client.HTTPConnection(host, timeout=5)
        connection.request("POST", "/api/v1/timestamp", headers=headers)
        assert connection.getresponse().status in {400, 413}
        connection.close()
    for chunk, status in ((b"7fffffff\r\n", 413), (b"zz\r\n", 400)):
        with socket.create_connection(tuple(host.split(":")), timeout=5) as raw:  # type: ignore[arg-type]  # host, port
            raw.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
            assert raw.recv(100).startswith(b"HTTP/1.1 %d" % status)


def test_a_blob_in_chunks() -> None:
    registry = MemoryRegistry()
    digest = "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
    with serve_registry(registry) as address:
        url = f"http://{address}"
        location = HTTP.request("POST", f"{url}/v2/a/blobs/uploads/").headers["Location"]
        assert HTTP.request("PATCH", url + location, body=iter([b"01234", b"56789"])).status == 202
        assert HTTP.request("PUT", f"{url}{location}?digest={digest}").status == 201
        head = HTTP.request("HEAD", f"{url}/v2/a/blobs/{digest}")
        assert (head.status, head.headers["Content-Length"], head.data) == (200, "10", b"")
    assert registry.get_blob("a", digest) == b"0123456789"


def test_a_hook_answers_breaks_off_and_drips() -> None:
    registry = MemoryRegistry()
    push_image(registry, "a", tag="v1")

    def drip() -> Iterator[bytes]:
        yield b"{"
        yield b"}"

    def hook(request: Request) -> Answer | None:
        if request.path == "/v2/":
            return Answer(503, b"down")
        if request.headers.get("x-break"):
            raise ConnectionAbortedError
        if request.method == "HEAD":
            return None
        return Answer(200, headers={"Content-Length": "9"}, chunks=drip())

    with serve_registry(registry, hook=hook) as address:
        url = f"http://{address}/v2/"
        assert HTTP.request("GET", url).status == 503
        assert HTTP.request("HEAD", f"{url}a/manifests/v1").status == 200
        with pytest.raises(urllib3.exceptions.ProtocolError):
            HTTP.request("GET", f"{url}a/manifests/v1", headers={"x-break": "1"})
        with pytest.raises(urllib3.exceptions.ProtocolError):
            HTTP.request("GET", f"{url}a/manifests/v1")


def test_a_stopped_server_answers_nobody() -> None:
    with serve_registry(MemoryRegistry()) as address:
        kept = http.client.HTTPConnection(address, timeout=5)
        kept.request("GET", "/v2/")
        assert kept.getresponse().read() == b"{}"
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        _ask_again(kept)
    kept.close()


def _ask_again(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/v2/")
    connection.getresponse()


def test_a_failing_hook_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    def hook(_request: Request) -> Answer | None:
        raise KeyError("gone")

    with serve_registry(MemoryRegistry(), hook=hook) as address:
        assert HTTP.request("GET", f"http://{address}/v2/").status == 500
    assert "the lab failed to answer GET /v2/" in caplog.text


def test_the_same_lab_on_a_given_port() -> None:
    lab = Lab()
    with LabServer(lab) as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            LabServer(lab, port=port).__enter__()
    with LabServer(lab, port=port) as second:
        assert second.url == first.url


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_serving_a_directory(tmp_path: Path) -> None:
    folder, out, stop = tmp_path / "new" / "lab", io.StringIO(), threading.Event()
    thread = threading.Thread(target=serve_directory, args=(folder,), kwargs={"out": out, "stop": stop})
    thread.start()
    _wait(lambda: "Interrupt to stop." in out.getvalue())
    lines = out.getvalue().splitlines()
    assert "NOT A REAL SIGSTORE" in lines[0]
    assert (folder / "token").stat().st_mode & 0o777 == 0o600
    names = {path.name for path in folder.iterdir()}
    assert {"trusted_root.json", "signing_config.json", "root.json", "fulcio-chain.pem", "WARNING"} <= names
    sign_command = next(shlex.split(line) for line in lines if line.startswith("cosign sign "))
    assert all(Path(word).exists() for word in sign_command if word.startswith(str(folder)))
    registry = re.fullmatch(r"(127\.0\.0\.1:\d+)/demo/app@sha256:[0-9a-f]{64}", sign_command[-1])
    assert registry is not None
    assert HTTP.request("GET", f"http://{registry[1]}/v2/").status == 200
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_serving_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import sys; from pathlib import Path; from pycosign.lab.serve import serve_directory;"
        "serve_directory(Path(sys.argv[1]), out=sys.stdout); print('ended')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        while "Interrupt to stop." not in (line := process.stdout.readline()):
            assert line
        process.send_signal(number)
        rest, _ = process.communicate(timeout=10)
    assert (process.returncode, rest) == (0, "ended\n")
