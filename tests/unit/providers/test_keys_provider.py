"""Public keys from all their sources, kept as they are there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.errors import ConfigurationError, PycosignError, UnavailableError
from providers.key_sources import InlineKey, KeyFile, KeyFolder, KeyTerms, KeyVariable, RemoteKey
from providers.keys import KeysProvider
from providers.kms import KmsPublicKey
from providers.reasons import ReasonCode
from providers.refresh import Pace
from providers.trust import TrustedKey
from tests.unit.providers.provider_world import PATIENCE, PEM, SUBJECT, accept_pem, public_pem, turn, wait_for
from tests.unit.providers.tuf_world import Clock

OTHER = public_pem()
_SOON = Pace(timedelta(milliseconds=5), retry=timedelta(milliseconds=5))


@dataclass
class Cloud:
    """A key that is kept elsewhere; ``answer`` is what comes of asking."""

    answer: KmsPublicKey | Exception
    uri: str = "awskms:///alias/release"
    asked: int = 0
    closed: int = 0
    gate: threading.Event | None = field(default=None)

    def read(self) -> KmsPublicKey:
        self.asked += 1
        if self.gate is not None:
            self.gate.wait(PATIENCE)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        self.closed += 1


def _away(why: str = "away") -> UnavailableError:
    return UnavailableError(ReasonCode.TRUST_UNAVAILABLE, why)


def _remote(cloud: Cloud, name: str = "release", used_with: str = "") -> RemoteKey:
    return RemoteKey(cloud, KeyTerms(name, used_with))


def _keys(provider: KeysProvider) -> dict[str, bytes]:
    return {key.name: key.public_key for key in provider.trusted_material(SUBJECT, None, "").keys}


def _started(*local: object, **options: object) -> KeysProvider:
    provider = KeysProvider(local=local, **options)  # type: ignore[arg-type]  # as the cases need it
    provider.start(accept_pem, background=False)
    return provider


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.mkdir()
    (path / "release.pub").write_bytes(PEM)
    (path / "factory.pem").write_bytes(OTHER)
    return path


def test_every_source_on_this_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", PEM.decode())
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    provider = _started(
        InlineKey(TrustedKey("inline", PEM)),
        KeyFile(folder / "release.pub", KeyTerms("file", "sha512", start, end)),
        KeyVariable("SOME_KEY", KeyTerms("variable")),
        KeyFolder(folder, "sha384"),
    )
    found = provider.trusted_material(SUBJECT, None, "hint")
    assert found.keys == (
        TrustedKey("inline", PEM),
        TrustedKey("file", PEM, "sha512", start, end),
        TrustedKey("variable", PEM),
        TrustedKey("factory", OTHER, "sha384"),
        TrustedKey("release", PEM, "sha384"),
    )
    assert found.trusted_root == b""
    assert found.source == f"key:inline, key:{folder}/release.pub, key:env:SOME_KEY, 1 other keys"
    assert provider.materials() == (found,)
    assert provider.names == {"inline", "file", "variable", "factory", "release"}


def test_the_revision_names_the_content(folder: Path) -> None:
    before = _started(KeyFolder(folder)).materials()[0]
    assert _started(KeyFolder(folder)).materials()[0].revision == before.revision
    (folder / "release.pub").write_bytes(OTHER)
    assert _started(KeyFolder(folder)).materials()[0].revision != before.revision


def test_two_keys_of_one_name_while_one_replaces_the_other(folder: Path) -> None:
    (folder / "release.pem").write_bytes(OTHER)
    names = [key.name for key in _started(KeyFolder(folder)).materials()[0].keys]
    assert names == ["factory", "release", "release"]


def test_the_folder_is_followed(folder: Path) -> None:
    provider = _started(KeyFolder(folder))
    before = provider.materials()[0]
    provider.refresh()
    assert provider.materials()[0] is before
    (folder / "release.pub").write_bytes(OTHER)
    (folder / "factory.pem").unlink()
    (folder / "new.pub").write_bytes(PEM)
    provider.refresh()
    assert _keys(provider) == {"release": OTHER, "new": PEM}


def test_a_config_map_that_is_swapped(tmp_path: Path) -> None:
    turn(tmp_path, "..1", {"a.pub": PEM, "b.pub": PEM})
    provider = _started(KeyFolder(tmp_path))
    turn(tmp_path, "..2", {"a.pub": OTHER, "c.pub": OTHER})
    provider.refresh()
    assert _keys(provider) == {"a": OTHER, "c": OTHER}


@pytest.mark.parametrize("spoilt", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----"])
def test_of_a_file_that_is_spoilt_the_last_good_key_stays_and_the_others_follow(
    folder: Path, spoilt: bytes
) -> None:
    """Above all, a key that is taken away is gone, whatever is wrong elsewhere."""
    (folder / "stolen.pub").write_bytes(PEM)
    provider = _started(KeyFolder(folder))
    (folder / "release.pub").write_bytes(spoilt)
    (folder / "stolen.pub").unlink()
    (folder / "factory.pem").write_bytes(PEM)
    (folder / "bad.pub").write_bytes(spoilt)
    with pytest.raises(ConfigurationError) as caught:
        provider.refresh()
    assert _keys(provider) == {"release": PEM, "factory": PEM}
    status = provider.status()
    assert (status.failures, status.usable) == (1, True)
    assert status.failure == str(caught.value)
    assert "bad" in status.failure
    (folder / "release.pub").write_bytes(OTHER)
    (folder / "bad.pub").unlink()
    provider.refresh()
    assert _keys(provider) == {"release": OTHER, "factory": PEM}
    assert provider.status().failures == 0


def test_a_folder_that_is_away_changes_nothing(folder: Path) -> None:
    provider = _started(KeyFolder(folder))
    folder.rename(folder.parent / "elsewhere")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        provider.refresh()
    assert _keys(provider) == {"release": PEM, "factory": OTHER}


def test_a_folder_without_keys_is_no_trust(folder: Path) -> None:
    provider = _started(KeyFolder(folder))
    for path in folder.iterdir():
        path.unlink()
    provider.refresh()
    with pytest.raises(UnavailableError, match="there is no key") as caught:
        _keys(provider)
    assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE
    assert provider.materials() == ()
    assert not provider.status().usable


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (lambda folder: KeyFolder(folder / "nowhere"), "cannot be read"),
        (lambda folder: KeyFile(folder / "nowhere", KeyTerms("a")), "cannot be read"),
        (lambda folder: KeyVariable("NOT_SET", KeyTerms("a")), "NOT_SET is not set"),
        (lambda folder: InlineKey(TrustedKey("a", b"no key")), "cannot be used"),
        (lambda folder: KeyFile(folder / "release.pub", KeyTerms("a", "md5")), "no hash function"),
        (lambda folder: (folder / "bad.pub").write_bytes(b"no key") and KeyFolder(folder), "cannot be used"),
        (lambda folder: (folder / "sub").mkdir() or KeyFolder(folder / "sub"), "there is no key"),
    ],
)
def test_it_does_not_start_with_what_cannot_be_used(
    folder: Path, source: Callable[[Path], object], why: str
) -> None:
    provider = KeysProvider(local=(source(folder),))  # type: ignore[arg-type]  # as the cases need it
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=why):
            provider.start(accept_pem)
    assert provider.materials() == ()
    with pytest.raises(UnavailableError):
        _keys(provider)


def test_contradictions_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no key is named"):
        KeysProvider()
    with pytest.raises(ConfigurationError, match="staleness"):
        KeysProvider(local=(InlineKey(TrustedKey("a", PEM)),), max_staleness=timedelta(0))


def test_no_more_keys_than_are_tried(tmp_path: Path) -> None:
    many = tuple(InlineKey(TrustedKey(f"{number}", PEM)) for number in range(255))
    (tmp_path / "one.pub").write_bytes(PEM)
    provider = _started(*many, KeyFolder(tmp_path))
    (tmp_path / "two.pub").write_bytes(PEM)
    with pytest.raises(ConfigurationError, match="at most 256"):
        provider.refresh()
    assert len(_keys(provider)) == 256


def test_a_key_of_a_cloud() -> None:
    cloud = Cloud(KmsPublicKey(PEM, "sha512"))
    provider = _started(remote=(_remote(cloud),))
    assert provider.trusted_material(SUBJECT, None, "").keys == (TrustedKey("release", PEM, "sha512"),)
    assert provider.stop()
    assert cloud.closed == 1


def test_the_operators_hash_counts_more_than_the_clouds() -> None:
    provider = _started(remote=(_remote(Cloud(KmsPublicKey(PEM, "sha512")), used_with="sha256"),))
    assert provider.trusted_material(SUBJECT, None, "").keys[0].hash == "sha256"


def test_the_start_does_not_wait_for_a_cloud_and_the_answer_does() -> None:
    """Until it has been read, nobody knows whether it would have let something pass: could-not-check, and not the
    refusal that the other keys alone would give.
    """
    gate = threading.Event()
    cloud = Cloud(KmsPublicKey(OTHER), gate=gate)
    provider = KeysProvider(local=(InlineKey(TrustedKey("a", PEM)),), remote=(_remote(cloud),))
    provider.start(accept_pem)
    try:
        with pytest.raises(UnavailableError, match="awskms:///alias/release has not been read yet") as caught:
            _keys(provider)
        assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE
        assert provider.names == {"a", "release"}
        assert [key.name for key in provider.materials()[0].keys] == ["a"]
        assert not provider.status().usable
        gate.set()
        assert wait_for(lambda: provider.status().usable)
        assert _keys(provider) == {"a": PEM, "release": OTHER}
    finally:
        gate.set()
        assert provider.stop(timedelta(seconds=PATIENCE))


def test_a_cloud_that_is_away_at_the_start_is_asked_again() -> None:
    cloud = Cloud(_away("not yet"))
    provider = KeysProvider(remote=(_remote(cloud),), remote_pace=_SOON)
    provider.start(accept_pem)
    try:
        assert wait_for(lambda: cloud.asked > 1)
        with pytest.raises(UnavailableError, match="not yet"):
            _keys(provider)
        cloud.answer = KmsPublicKey(PEM)
        assert wait_for(lambda: provider.status().usable)
    finally:
        assert provider.stop(timedelta(seconds=PATIENCE))
    assert cloud.closed > 1  # after each failure: the next attempt begins afresh


def test_without_background_a_cloud_that_is_away_is_said_at_once() -> None:
    with pytest.raises(UnavailableError, match="away"):
        _started(remote=(_remote(Cloud(_away())),))


@pytest.mark.parametrize("failure", [_away(), None])
def test_the_last_good_key_of_a_cloud_stays_until_it_is_stale(failure: UnavailableError | None) -> None:
    clock, cloud = Clock(), Cloud(KmsPublicKey(PEM))
    provider = _started(remote=(_remote(cloud),), max_staleness=timedelta(days=1), clock=clock)
    cloud.answer = failure or KmsPublicKey(b"no key")
    clock.passes(days=1)
    with pytest.raises(PycosignError):
        provider.refresh()
    assert _keys(provider) == {"release": PEM}
    assert provider.status().age == timedelta(days=1)
    clock.passes(seconds=1)
    with pytest.raises(UnavailableError, match="nothing confirms it since 2026-01-31T12:00:00Z"):
        _keys(provider)
    assert not provider.status().usable
    cloud.answer = KmsPublicKey(PEM)
    provider.refresh()
    assert _keys(provider) == {"release": PEM}


def test_a_cloud_that_hangs_keeps_nobody_from_taking_back_a_key_in_a_file(folder: Path) -> None:
    gate = threading.Event()
    gate.set()
    cloud = Cloud(KmsPublicKey(PEM), gate=gate)
    provider = KeysProvider(
        local=(KeyFolder(folder),), remote=(_remote(cloud, "cloud"),), local_pace=_SOON, remote_pace=_SOON
    )
    provider.start(accept_pem)
    try:
        assert wait_for(lambda: provider.status().usable)
        gate.clear()
        asked = cloud.asked
        assert wait_for(lambda: cloud.asked > asked)
        (folder / "release.pub").unlink()
        assert wait_for(lambda: "release" not in _keys(provider))
        assert _keys(provider) == {"factory": OTHER, "cloud": PEM}
    finally:
        gate.set()
        assert provider.stop(timedelta(seconds=PATIENCE))


def test_a_variable_that_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "\udcff")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        _started(KeyVariable("SOME_KEY", KeyTerms("a")))


def test_status(folder: Path) -> None:
    clock = Clock()
    provider = KeysProvider(local=(KeyFolder(folder),), clock=clock)
    assert (provider.status().usable, provider.status().revision) == (False, "")
    provider.start(accept_pem, background=False)
    loaded = clock()
    clock.passes(hours=1)
    assert provider.status().age == timedelta(hours=1)
    provider.refresh()
    status = provider.status()
    assert (status.source, status.last_success, status.age) == (f"keys:{folder}", clock(), timedelta(0))
    assert status.revision == provider.materials()[0].revision
    assert provider.materials()[0].loaded_at == loaded
    with pytest.raises(RuntimeError, match="already"):
        provider.start(accept_pem)
