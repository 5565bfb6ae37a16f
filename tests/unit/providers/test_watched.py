"""A trusted root in a file that changes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.refresh import Pace
from providers.subject import Subject
from providers.trust import TrustedMaterial
from providers.watched import WatchedRootProvider
from tests.unit.providers.tuf_world import Clock

SUBJECT = Subject.parse("registry.test/app:v1")
_PATIENCE = 60.0


def _accept(material: TrustedMaterial) -> None:
    """As an engine: what is cut short does not parse."""
    if not material.trusted_root.endswith(b"}"):
        raise ConfigurationError("does not parse")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trusted_root.json"
    path.write_bytes(b"{1}")
    return path


def _started(file: Path) -> WatchedRootProvider:
    provider = WatchedRootProvider(file, clock=Clock())
    provider.start(_accept, background=False)
    return provider


def _answer(provider: WatchedRootProvider) -> bytes:
    return provider.trusted_material(SUBJECT, None, "").trusted_root


def test_it_follows_the_file(file: Path) -> None:
    provider = _started(file)
    before = provider.materials()[0]
    assert before.trusted_root == b"{1}"
    provider.refresh()
    assert provider.materials()[0] is before
    file.write_bytes(b"{2}")
    provider.refresh()
    assert _answer(provider) == b"{2}"
    assert provider.materials()[0].revision != before.revision


def test_content_counts_and_not_the_time(file: Path) -> None:
    provider = _started(file)
    provider.refresh()
    times = file.stat()
    file.write_bytes(b"{2}")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    provider.refresh()
    assert _answer(provider) == b"{2}"


def test_a_config_map_that_is_swapped(tmp_path: Path) -> None:
    """As the kubelet does it: the file links to ``..data/``, and that is turned to another folder."""

    def turn(version: str, content: bytes) -> None:
        (tmp_path / version).mkdir()
        (tmp_path / version / "trusted_root.json").write_bytes(content)
        (tmp_path / "..data_tmp").symlink_to(version)
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")

    turn("..2026_01_31", b"{1}")
    (tmp_path / "trusted_root.json").symlink_to("..data/trusted_root.json")
    provider = _started(tmp_path / "trusted_root.json")
    turn("..2026_02_01", b"{2}")
    provider.refresh()
    assert _answer(provider) == b"{2}"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda file: file.write_bytes(b"{2"), "does not parse"),
        (lambda file: file.write_bytes(b""), "the file is empty"),
        (lambda file: file.write_bytes(b"{" * (4 << 20) + b"}"), "larger than 4194304 bytes"),
        (lambda file: file.unlink(), "No such file"),
        (lambda file: (file.unlink(), file.mkdir()), "Is a directory"),
    ],
)
def test_while_it_cannot_be_used_the_old_one_stays(
    file: Path, spoil: Callable[[Path], object], why: str
) -> None:
    provider = _started(file)
    spoil(file)
    for count in (1, 2):
        with pytest.raises(ConfigurationError, match=why):
            provider.refresh()
        status = provider.status()
        assert (status.failures, status.usable) == (count, True)
        assert why in status.failure
    assert _answer(provider) == b"{1}"
    if file.is_dir():
        file.rmdir()
    file.write_bytes(b"{3}")
    provider.refresh()
    assert _answer(provider) == b"{3}"
    assert provider.status().failures == 0


@pytest.mark.parametrize("content", [None, b"", b"{"])
def test_it_does_not_start_with_what_cannot_be_used(file: Path, content: bytes | None) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    provider = WatchedRootProvider(file)
    with pytest.raises(ConfigurationError):
        provider.start(_accept)
    assert provider.materials() == ()
    with pytest.raises(UnavailableError) as caught:
        _answer(provider)
    assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE
    file.write_bytes(b"{1}")
    provider.start(_accept, background=False)
    assert _answer(provider) == b"{1}"
    with pytest.raises(RuntimeError, match="already"):
        provider.start(_accept)


def test_whatever_acceptance_raises_it_is_a_refusal(file: Path) -> None:
    def stumble(material: TrustedMaterial) -> None:
        raise RecursionError("too deep")

    with pytest.raises(ConfigurationError, match="RecursionError: too deep"):
        WatchedRootProvider(file).start(stumble)


def test_in_the_background(file: Path) -> None:
    provider = WatchedRootProvider(file, pace=Pace(timedelta(milliseconds=5)))
    provider.start(_accept)
    file.write_bytes(b"{2}")
    pause = threading.Event()
    for _ in range(int(_PATIENCE / 0.01)):
        if _answer(provider) == b"{2}":
            break
        pause.wait(0.01)
    assert _answer(provider) == b"{2}"
    assert provider.stop(timedelta(seconds=_PATIENCE))
    file.write_bytes(b"{3}")
    pause.wait(0.05)  # several times its pace
    assert _answer(provider) == b"{2}"


def test_every_answer_is_one_whole_file(file: Path) -> None:
    """Written in place, as an editor does it: half a file is never taken for a root."""
    contents = {b"{" + str(count).encode() * 50_000 + b"}" for count in range(100)} | {b"{1}"}
    provider = WatchedRootProvider(
        file, pace=Pace(timedelta(milliseconds=1), retry=timedelta(milliseconds=1))
    )
    provider.start(_accept)
    seen: set[bytes] = set()
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.0005):
            seen.add(_answer(provider))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for content in sorted(contents):
            with file.open("wb") as stream:
                for start in range(0, len(content), 20_000):
                    stream.write(content[start : start + 20_000])
                    stream.flush()
            done.wait(0.003)
    finally:
        done.set()
        for thread in threads:
            thread.join(_PATIENCE)
    assert provider.stop(timedelta(seconds=_PATIENCE))
    assert seen <= contents
    assert len(seen) > 1


def test_status(file: Path) -> None:
    clock = Clock()
    provider = WatchedRootProvider(file, clock=clock)
    assert (provider.status().usable, provider.status().revision) == (False, "")
    provider.start(_accept, background=False)
    loaded = clock()
    clock.passes(hours=1)
    provider.refresh()
    status = provider.status()
    assert status.source == f"trusted-root:{file}"
    assert status.revision == provider.materials()[0].revision
    assert (status.last_success, status.age) == (clock(), timedelta(hours=1))
    assert (provider.materials()[0].loaded_at, status.expires) == (loaded, None)
