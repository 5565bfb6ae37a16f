"""A TUF provider and its mirror over loopback: one that serves, and ones that do anything else."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from providers.errors import UnavailableError
from providers.refresh import Pace
from providers.subject import Subject
from providers.trust import TrustedMaterial
from providers.tuf import TufProvider
from providers.tuf_anchor import Anchor
from providers.tuf_cache import LastKnownGood
from providers.tuf_http import HttpSource
from pycosign.lab.clock import utc_now
from pycosign.lab.instance import Lab
from pycosign.lab.server import LabServer
from pycosign.lab.tuf import TRUSTED_ROOT_TARGET, TufRepository
from tests.faulty_registry import (
    Call,
    FaultyRegistry,
    cut_short,
    endless_body,
    endless_headers,
    endless_line,
    response,
)
from tests.tools import require_tool
from verifier.engines.sigstore import Compiled, SigstoreEngine

SUBJECT = Subject.parse("registry.test/app:v1")
# Longer than anything here takes on any machine; what ends by it has hung.
PATIENCE = timedelta(seconds=60)
QUICK = Pace(timedelta(milliseconds=20), retry=timedelta(milliseconds=20))
SOON = timedelta(seconds=0.5)


def anything(_: TrustedMaterial) -> None:
    """Accept it."""


def answer(provider: TufProvider) -> bytes:
    return provider.trusted_material(SUBJECT, None, "").trusted_root


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE / timedelta(seconds=0.01))):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it did not happen")


@pytest.fixture(scope="module")
def repository() -> TufRepository:
    return TufRepository({TRUSTED_ROOT_TARGET: b"root 1"}, clock=utc_now)


def serving(repository: TufRepository) -> Callable[[Call], None]:
    """The behaviour of an honest mirror."""

    def serve(call: Call) -> None:
        content = repository.file(call.path.removeprefix("/"))
        call.send(response(404) if content is None else response(200, content))

    return serve


def given(repository: TufRepository) -> Anchor:
    return Anchor("given", repository.root, b"given")


@contextmanager
def started(anchor: Anchor, mirror: HttpSource) -> Iterator[TufProvider]:
    """A provider that is refreshed by hand."""
    provider = TufProvider(anchor, mirror=mirror)
    provider.start(anything, background=False)
    try:
        yield provider
    finally:
        assert provider.stop(PATIENCE)


def refused(provider: TufProvider) -> str:
    """Why an update failed, which must not take for ever; what was there before is there still."""
    failures: list[str] = []

    def refresh() -> None:
        try:
            provider.refresh()
        except UnavailableError as error:
            failures.append(error.message)

    thread = threading.Thread(target=refresh, daemon=True)
    thread.start()
    thread.join(PATIENCE.total_seconds())
    assert not thread.is_alive()
    assert answer(provider) == b"given"
    (failure,) = failures
    return failure


def dripping(start: bytes, piece: bytes) -> Callable[[Call], None]:
    """Sends one piece after another, without end, and each before a time-out."""

    def behave(call: Call) -> None:
        call.send(start)
        while not call.stopping.wait(0.02):
            call.send(piece)

    return behave


SLOW = {
    "nothing": Call.hang,
    "headers": dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "body": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n", b"x"),
    "body without length": dripping(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x"),
    "chunks": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "continue": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


def test_a_trusted_root_that_engines_use_follows_the_lab(tmp_path: Path) -> None:
    engine = SigstoreEngine(Compiled())
    other = Lab(name="other")
    with LabServer() as lab:
        mirror = HttpSource(lab.tuf_url)
        cache = LastKnownGood(tmp_path, lab.tuf_url)
        anchor = Anchor("given", lab.tuf.root)
        provider = TufProvider(anchor, mirror=mirror, cache=cache, pace=QUICK)
        provider.start(engine.accept)
        assert answer(provider) == lab.lab.trusted_root()
        lab.tuf.publish({TRUSTED_ROOT_TARGET: b'{"mediaType": "something else"}'})
        until(lambda: "cannot be read" in provider.status().failure)
        assert answer(provider) == lab.lab.trusted_root()
        lab.tuf.publish({TRUSTED_ROOT_TARGET: other.trusted_root()})
        until(lambda: answer(provider) == other.trusted_root())
        assert provider.stop(PATIENCE)
        url = lab.tuf_url
    again = TufProvider(anchor, mirror=HttpSource(url), cache=cache, pace=QUICK)
    again.start(engine.accept)  # the lab is gone
    assert answer(again) == other.trusted_root()
    until(lambda: "refused" in again.status().failure)
    assert answer(again) == other.trusted_root()
    assert again.stop(PATIENCE)


def test_what_cosign_keeps_can_be_mounted(tmp_path: Path) -> None:
    cosign, kept = require_tool("cosign"), tmp_path / "kept"
    with LabServer() as lab:
        anchor = Anchor("given", lab.tuf.root)
        (tmp_path / "root.json").write_bytes(lab.tuf.root)
        subprocess.run(
            [cosign, "initialize", "--mirror", lab.tuf_url, "--root", tmp_path / "root.json"],
            env={"HOME": str(tmp_path), "TUF_ROOT": str(kept)},
            check=True,
            timeout=PATIENCE.total_seconds(),
        )
        expected = lab.lab.trusted_root()
    provider = TufProvider(anchor, repository=kept)
    provider.start(anything, background=False)
    assert answer(provider) == expected


def test_the_embedded_root_does_not_wait_for_the_network() -> None:
    with FaultyRegistry(Call.hang) as mirror:
        anchor = Anchor.embedded("production")
        provider = TufProvider(anchor, mirror=HttpSource(f"http://{mirror.address}"))
        provider.start(SigstoreEngine(Compiled()).accept)
        assert answer(provider) == anchor.trusted_root
        until(lambda: mirror.calls != [])
        assert answer(provider) == anchor.trusted_root  # while the update hangs
        assert provider.stop(PATIENCE)


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW)
def test_an_update_ends_with_its_deadline(repository: TufRepository, behave: Callable[[Call], None]) -> None:
    with (
        FaultyRegistry(behave) as mirror,
        started(given(repository), HttpSource(f"http://{mirror.address}", timeout=SOON)) as provider,
    ):
        assert "not done within 0.5 seconds" in refused(provider)
        assert "not done within 0.5 seconds" in refused(provider)  # each has a deadline of its own


def test_a_deadline_holds_for_all_answers_together(repository: TufRepository) -> None:
    """None of them is slow enough to be noticed alone."""
    serve = serving(repository)

    def late(call: Call) -> None:
        call.stopping.wait(0.3)
        serve(call)

    with (
        FaultyRegistry(late) as mirror,
        started(given(repository), HttpSource(f"http://{mirror.address}", timeout=SOON)) as provider,
    ):
        assert "not done within 0.5 seconds" in refused(provider)


def test_stop_breaks_off_an_update(repository: TufRepository) -> None:
    with FaultyRegistry(Call.hang) as mirror:
        provider = TufProvider(given(repository), mirror=HttpSource(f"http://{mirror.address}"), pace=QUICK)
        provider.start(anything)
        until(lambda: mirror.calls != [])
        assert provider.stop(timedelta(seconds=30))  # half its deadline
        assert len(mirror.calls) == 1
        assert answer(provider) == b"given"
        assert provider.status().failures == 0
        with pytest.raises(UnavailableError, match="broken off"):
            provider.refresh()


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (endless_body, "longer than 512000 bytes"),
        (endless_line, "LineTooLong"),
        (endless_headers, "got more than 100 headers"),
        (cut_short, "broke off in the middle"),
        (lambda call: call.send(response(200, b"{}", length=600_000)), "longer than 512000 bytes"),
        (lambda call: call.send(response(500)), "status 500"),
        (lambda call: call.send(response(429)), "status 429"),
        (lambda call: call.send(response(204)), "status 204"),
        (lambda call: call.send(response(200, b"{}", Content_Encoding="gzip")), "encoding nobody asked for"),
        (lambda call: call.send(b"SSH-2.0-OpenSSH\r\n"), "BadStatusLine"),
        (lambda call: call.sock.shutdown(socket.SHUT_RDWR), "without response"),
        (lambda call: call.send(response(200, b"{}")), "is refused"),
        (lambda call: call.send(response(302)), "more than 3 times"),
        (lambda call: call.send(response(302, Location="/elsewhere")), "more than 3 times"),
        (lambda call: call.send(response(302, Location="ftp://other.test/")), "another origin"),
        (lambda call: call.send(response(302, Location="https://mirror@[")), "another origin"),
    ],
)
def test_answers_that_are_none(repository: TufRepository, behave: Callable[[Call], None], why: str) -> None:
    with (
        FaultyRegistry(behave) as mirror,
        started(given(repository), HttpSource(f"http://{mirror.address}")) as provider,
    ):
        assert why in refused(provider)


def test_redirects_are_followed_within_the_origin(repository: TufRepository) -> None:
    serve = serving(repository)

    def moved(call: Call) -> None:
        if call.path.startswith("/moved"):
            call.path = call.path.removeprefix("/moved")
            serve(call)
        else:
            call.send(response(307, Location=f"/moved{call.path}"))

    with (
        FaultyRegistry(moved) as mirror,
        started(given(repository), HttpSource(f"http://{mirror.address}")) as provider,
    ):
        provider.refresh()
        assert answer(provider) == b"root 1"


def test_redirects_lead_to_no_other_origin(repository: TufRepository) -> None:
    with FaultyRegistry(serving(repository)) as other:

        def elsewhere(call: Call) -> None:
            call.send(response(302, Location=f"http://{other.address}{call.path}"))

        with (
            FaultyRegistry(elsewhere) as mirror,
            started(given(repository), HttpSource(f"http://{mirror.address}")) as provider,
        ):
            assert "another origin" in refused(provider)
        assert other.calls == []


def test_an_update_takes_so_many_bytes_and_no_more() -> None:
    with FaultyRegistry(lambda call: call.send(response(200, b"x" * (4 << 20)))) as mirror:
        source = HttpSource(f"http://{mirror.address}")
        with source.session():
            for _ in range(8):
                source.read(source.metadata_url, 4 << 20)
            with pytest.raises(Exception, match="more than 33554432 bytes"):
                source.read(source.metadata_url, 4 << 20)


def test_targets_may_lie_elsewhere(repository: TufRepository) -> None:
    serve = serving(repository)

    def serve_targets(call: Call) -> None:
        content = repository.file(call.path.replace("/files/", "targets/"))
        call.send(response(404) if content is None else response(200, content))

    with FaultyRegistry(serve) as mirror, FaultyRegistry(serve_targets) as targets:
        source = HttpSource(f"http://{mirror.address}/", targets_url=f"http://{targets.address}/files")
        with started(given(repository), source) as provider:
            provider.refresh()
            assert answer(provider) == b"root 1"
        assert [path.split("/")[1] for path in targets.paths()] == ["files"]


def test_a_mirror_is_asked_for_little_when_nothing_changed(repository: TufRepository) -> None:
    with (
        FaultyRegistry(serving(repository)) as mirror,
        started(given(repository), HttpSource(f"http://{mirror.address}")) as provider,
    ):
        provider.refresh()
        mirror.calls.clear()
        provider.refresh()
        assert mirror.paths() == ["/2.root.json", "/timestamp.json"]
        fields = mirror.calls[0].fields
        assert (fields["host"], fields["accept-encoding"]) == (mirror.address, "identity")


def test_a_name_that_nobody_knows(repository: TufRepository) -> None:
    with started(given(repository), HttpSource(f"http://{'a' * 64}.invalid")) as provider:
        assert "cannot be read" in refused(provider)


def test_nothing_is_read_between_updates() -> None:
    with FaultyRegistry(lambda call: call.send(response(200))) as mirror:
        source = HttpSource(f"http://{mirror.address}")
        with pytest.raises(Exception, match="within a session only"):
            source.read(source.metadata_url, 10)
        assert mirror.connections == 0
