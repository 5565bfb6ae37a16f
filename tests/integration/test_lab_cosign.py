"""cosign, crane and sigstore-go work with the lab, with and without the Referrers API."""

from __future__ import annotations

import io
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pycosign.lab import (
    Lab,
    LabServer,
    MemoryRegistry,
    attach_bundle,
    attach_legacy,
    push_chart,
    push_image,
)
from pycosign.lab.keys import spki_pem
from pycosign.lab.serve import serve_directory
from tests.tools import require_tool

WHO = "https://ci.lab.test/wf@refs/heads/main"
ISSUER = "https://oidc.lab.test"
CONFIGS = ["v1", "v2", "v1-notsa"]


@dataclass
class Desk:
    """A lab with its files in a folder, and the programs to try on it."""

    server: LabServer
    folder: Path

    def run(self, program: str, *arguments: str, cache: str = "tuf") -> subprocess.CompletedProcess[str]:
        home = str(self.folder)
        environment = {"PATH": os.environ["PATH"], "HOME": home, "DOCKER_CONFIG": home}
        return subprocess.run(
            [require_tool(program), *arguments],
            check=False,
            cwd=self.folder,
            env={**environment, "TUF_ROOT": str(self.folder / cache)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def ok(self, program: str, *arguments: str, cache: str = "tuf") -> str:
        done = self.run(program, *arguments, cache=cache)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        done = self.run("cosign", *arguments)
        assert done.returncode != 0
        return done.stderr

    def reference(self, repository: str, digest: str) -> str:
        return f"{self.server.registry_address}/{repository}@{digest}"


@pytest.fixture(scope="module", params=[True, False], ids=["referrers API", "tag schema"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    require_tool("cosign")
    folder = tmp_path_factory.mktemp("desk")
    with LabServer(registry=MemoryRegistry(referrers_api=request.param)) as server:
        files = {
            "root": server.lab.trusted_root(),
            "v1": server.signing_config(),
            "v2": server.signing_config(rekor=2),
            "v1-notsa": server.signing_config(timestamp=False),
            "token": server.lab.token().encode(),
            "blob": b"some data",
            "predicate": b'{"a":1}',
            "tuf-root": server.tuf.root,
        }
        for name, data in files.items():
            (folder / name).write_bytes(data)
        yield Desk(server, folder)


def _signing(config: str, token_file: str | None = None) -> list[str]:
    token = token_file or "token"
    return ["--signing-config", config, "--trusted-root", "root", "--identity-token", token, "-y"]


def _verifying(identity: str = WHO, issuer: str = ISSUER) -> list[str]:
    return [
        *("--trusted-root", "root", "--certificate-identity", identity),
        *("--certificate-oidc-issuer", issuer),
    ]


@pytest.mark.parametrize("config", CONFIGS)
def test_cosign_signs_and_verifies_a_blob(desk: Desk, config: str) -> None:
    desk.ok("cosign", "sign-blob", *_signing(config), "--bundle", "b", "blob")
    desk.ok("cosign", "verify-blob", *_verifying(), "--bundle", "b", "blob")
    desk.refused("verify-blob", *_verifying("https://else.test"), "--bundle", "b", "blob")
    desk.refused("verify-blob", *_verifying(), "--bundle", "b", "predicate")
    desk.ok("cosign", "attest-blob", *_signing(config), "--predicate", "predicate", "--bundle", "a", "blob")
    desk.ok("cosign", "verify-blob-attestation", *_verifying(), "--bundle", "a", "blob")


@pytest.mark.parametrize("config", CONFIGS)
def test_cosign_signs_and_verifies_an_image(desk: Desk, config: str) -> None:
    repository = f"cosign/{config}"
    image = push_image(desk.server.registry, repository)
    reference = desk.reference(repository, image.digest)
    desk.ok("cosign", "sign", *_signing(config), "-a", "env=prod", reference)
    desk.ok("cosign", "verify", *_verifying(), "-a", "env=prod", reference)
    desk.refused("verify", *_verifying(), "-a", "env=dev", reference)
    desk.ok("cosign", "attest", *_signing(config), "--type", "custom", "--predicate", "predicate", reference)
    desk.ok("cosign", "verify-attestation", *_verifying(), "--type", "custom", reference)
    tags = desk.server.registry.tags(repository)
    assert tags == (() if desk.server.registry.referrers_api else (image.digest.replace(":", "-"),))


OPTIONS = {"v1": {"timestamp": True}, "v2": {"log": "rekor2"}, "v1-notsa": {}}


@pytest.mark.parametrize("config", CONFIGS)
def test_cosign_verifies_what_the_lab_signs(desk: Desk, config: str) -> None:
    lab, registry, repository = desk.server.lab, desk.server.registry, f"lab/{config}"
    options = OPTIONS[config]
    image = push_image(registry, repository)
    reference = desk.reference(repository, image.digest)
    signature = lab.sign_image(image.digest, annotations={"env": "prod"}, **options)  # type: ignore[arg-type]  # from a table
    attach_bundle(registry, repository, image, signature)
    desk.ok("cosign", "verify", *_verifying(), "-a", "env=prod", reference)
    desk.refused("verify", *_verifying(), "-a", "env=dev", reference)
    predicate_type = "https://p.test/v1"
    attestation = lab.attest(image.digest, predicate_type=predicate_type, predicate={"q": 1}, **options)  # type: ignore[arg-type]  # from a table
    attach_bundle(registry, repository, image, attestation)
    desk.ok("cosign", "verify-attestation", *_verifying(), "--type", predicate_type, reference)
    (desk.folder / "b").write_bytes(lab.sign_blob(b"some data", **options))  # type: ignore[arg-type]  # from a table
    desk.ok("cosign", "verify-blob", *_verifying(), "--bundle", "b", "blob")
    if config != "v1-notsa":
        desk.ok("cosign", "verify", *_verifying(), "--use-signed-timestamps", reference)


def test_cosign_refuses_attacks(desk: Desk) -> None:
    lab, registry, stranger = desk.server.lab, desk.server.registry, Lab(name="stranger")
    image = push_image(registry, "attacked/good")
    attach_bundle(registry, "attacked/good", image, lab.sign_image(image.digest))
    desk.ok("cosign", "verify", *_verifying(), desk.reference("attacked/good", image.digest))
    bundles = {
        "stranger": stranger.sign_image(image.digest),
        "ca": lab.sign_image(image.digest, ca=stranger.ca),
        "sct": lab.sign_image(image.digest, ct_logs=()),
        "log": lab.sign_image(image.digest, rekor=stranger.rekor1),
        "no-log": lab.sign_image(image.digest, log=None, timestamp=True),
        "tsa": lab.sign_image(image.digest, log="rekor2", tsa=stranger.tsa),
        "tampered": lab.sign_image(image.digest, tamper=lambda payload: payload + b" "),
        "other-image": lab.sign_image("sha256:" + "00" * 32),
        "other-identity": lab.sign_image(image.digest, identity="https://else.test"),
    }
    for name, bundle in bundles.items():
        copy = push_image(registry, f"attacked/{name}")
        attach_bundle(registry, f"attacked/{name}", copy, bundle)
        desk.refused("verify", *_verifying(), desk.reference(f"attacked/{name}", copy.digest))


def test_cosign_reads_intoto_entries(desk: Desk) -> None:
    image = push_image(desk.server.registry, "lab/intoto")
    bundle = desk.server.lab.sign_image(image.digest, entry="intoto")
    attach_bundle(desk.server.registry, "lab/intoto", image, bundle)
    desk.ok("cosign", "verify", *_verifying(), desk.reference("lab/intoto", image.digest))


def test_cosign_signs_a_chart(desk: Desk) -> None:
    chart = push_chart(desk.server.registry, "charts/web")
    reference = desk.reference("charts/web", chart.digest)
    desk.ok("cosign", "sign", *_signing("v1"), reference)
    desk.ok("cosign", "verify", *_verifying(), reference)


def test_keys_of_other_kinds(desk: Desk) -> None:
    for algorithm in ("ecdsa-sha2-384-nistp384", "rsa-sign-pkcs1-2048-sha256"):
        choice = ["--signing-algorithm", algorithm]
        desk.ok("cosign", "sign-blob", *_signing("v1"), *choice, "--bundle", "b", "blob")
        desk.ok("cosign", "verify-blob", *_verifying(), "--bundle", "b", "blob")


@pytest.mark.parametrize("log", ["rekor1", "rekor2"])
@pytest.mark.parametrize("keyless", [True, False])
def test_cosign_verifies_the_labs_other_keys(
    desk: Desk, log: Literal["rekor1", "rekor2"], keyless: bool
) -> None:
    keys: dict[str, tuple[ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, list[str]]] = {
        "p256": (ec.generate_private_key(ec.SECP256R1()), []),
        "p384": (ec.generate_private_key(ec.SECP384R1()), ["--signature-digest-algorithm", "sha384"]),
        "rsa": (rsa.generate_private_key(65537, 2048), []),
    }
    for name, (key, choice) in keys.items():
        (desk.folder / "b").write_bytes(
            desk.server.lab.sign_blob(b"some data", key=key, log=log, keyless=keyless)
        )
        (desk.folder / name).write_bytes(spki_pem(key.public_key()))
        who = _verifying() if keyless else ["--trusted-root", "root", "--key", name, *choice]
        desk.ok("cosign", "verify-blob", *who, "--bundle", "b", "blob")


def test_cosign_takes_several_scts(desk: Desk) -> None:
    lab = Lab(name="two", ct_logs=2)
    (desk.folder / "b").write_bytes(lab.sign_blob(b"some data"))
    (desk.folder / "two").write_bytes(lab.trusted_root())
    trust = ["--trusted-root", "two", *_verifying()[2:]]
    desk.ok("cosign", "verify-blob", *trust, "--bundle", "b", "blob")


def test_github_and_email_identities(desk: Desk) -> None:
    oidc = desk.server.lab.oidc
    (desk.folder / "github").write_text(oidc.github_token(repository="o/r"))
    (desk.folder / "email").write_text(oidc.token("a@example.test"))
    desk.ok("cosign", "sign-blob", *_signing("v2", "github"), "--bundle", "b", "blob")
    workflow = "https://github.com/o/r/.github/workflows/build.yml@refs/heads/main"
    github = _verifying(workflow, "https://token.actions.githubusercontent.com")
    claims = ["--certificate-github-workflow-repository", "o/r", "--certificate-github-workflow-trigger"]
    desk.ok("cosign", "verify-blob", *github, *claims, "push", "--bundle", "b", "blob")
    desk.refused("verify-blob", *github, *claims, "release", "--bundle", "b", "blob")
    desk.ok("cosign", "sign-blob", *_signing("v2", "email"), "--bundle", "b", "blob")
    desk.ok("cosign", "verify-blob", *_verifying("a@example.test"), "--bundle", "b", "blob")


def test_trust_by_tuf(desk: Desk) -> None:
    cache = "tuf-initialised"
    mirror = ["--mirror", desk.server.tuf_url, "--root", "tuf-root"]
    desk.ok("cosign", "initialize", *mirror, cache=cache)
    token = ["--identity-token", "token", "-y"]
    desk.ok("cosign", "sign-blob", *token, "--bundle", "b", "blob", cache=cache)
    who = _verifying()[2:]
    desk.ok("cosign", "verify-blob", *who, "--bundle", "b", "blob", cache=cache)


def test_the_legacy_form(desk: Desk) -> None:
    lab, registry = desk.server.lab, desk.server.registry
    legacy = "--new-bundle-format=false"
    theirs = push_image(registry, "legacy/theirs", form="docker")
    reference = desk.reference("legacy/theirs", theirs.digest)
    url = desk.server.url
    services = ["--use-signing-config=false", "--fulcio-url", url, "--rekor-url", url]
    stamps = ["--timestamp-server-url", f"{url}/api/v1/timestamp", "--identity-token", "token", "-y"]
    desk.ok("cosign", "sign", *services, *stamps, legacy, reference)
    desk.ok("cosign", "verify", *_verifying(), legacy, reference)
    ours = push_image(registry, "legacy/ours", form="docker")
    reference = desk.reference("legacy/ours", ours.digest)
    name = reference.partition("@")[0]
    signature = lab.sign_image_legacy(ours.digest, reference=name, annotations={"a": "b"}, timestamp=True)
    attach_legacy(registry, "legacy/ours", ours, [signature])
    desk.ok("cosign", "verify", *_verifying(), legacy, "-a", "a=b", "--use-signed-timestamps", reference)
    custom = "https://cosign.sigstore.dev/attestation/v1"
    attestation = lab.attest_legacy(ours.digest, predicate_type=custom, predicate={"a": 1})
    attach_legacy(registry, "legacy/ours", ours, [attestation])
    desk.ok("cosign", "verify-attestation", *_verifying(), legacy, "--type", "custom", reference)
    desk.refused("verify", *_verifying(), legacy, "-a", "a=c", reference)


def test_crane_reads_and_writes(desk: Desk) -> None:
    registry, address = desk.server.registry, desk.server.registry_address
    image = push_image(registry, "crane/app", tag="v1")
    desk.ok("crane", "copy", f"{address}/crane/app:v1", f"{address}/crane/copy:v2")
    assert desk.ok("crane", "ls", f"{address}/crane/copy") == "v2\n"
    assert desk.ok("crane", "digest", f"{address}/crane/copy:v2").strip() == image.digest
    desk.ok("crane", "pull", f"{address}/crane/copy:v2", "image.tar")
    desk.ok("crane", "push", "image.tar", f"{address}/crane/pushed:v3")
    desk.ok("crane", "append", "-f", "image.tar", "-t", f"{address}/crane/appended:v4")
    assert registry.tags("crane/appended") == ("v4",)


@pytest.mark.parametrize("config", CONFIGS)
def test_sigstore_go_agrees(desk: Desk, config: str) -> None:
    (desk.folder / "b").write_bytes(desk.server.lab.sign_blob(b"some data", **OPTIONS[config]))  # type: ignore[arg-type]  # from a table
    trust = ["-trustedrootJSONpath", "root", "-expectedIssuer", ISSUER]
    desk.ok("sigstore-go-verification", "-artifact", "blob", *trust, "-expectedSAN", WHO, "b")
    done = desk.run(
        "sigstore-go-verification", "-artifact", "blob", *trust, "-expectedSAN", "https://e.test", "b"
    )
    assert done.returncode != 0


def test_the_printed_command_lines_work(tmp_path: Path) -> None:
    cosign, out, stop = require_tool("cosign"), io.StringIO(), threading.Event()
    folder = tmp_path / "lab folder"  # a space, to see that words are quoted
    thread = threading.Thread(target=serve_directory, args=(folder,), kwargs={"out": out, "stop": stop})
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while "Interrupt to stop." not in out.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        lines = [line for line in out.getvalue().splitlines() if re.match(r"(TUF_ROOT=.* )?cosign ", line)]
        assert [line.split("cosign ")[1].split()[0] for line in lines] == [
            "sign",
            "verify",
            "sign",
            "initialize",
        ]
        environment = {"PATH": f"{Path(cosign).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        for line in lines:
            done = subprocess.run(
                ["sh", "-c", line], check=False, env=environment, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, done.stderr
    finally:
        stop.set()
        thread.join(10)
