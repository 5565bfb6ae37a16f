from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from sigstore.models import ClientTrustConfig, TrustedRoot
from tuf.api.exceptions import DownloadHTTPError, ExpiredMetadataError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import FetcherInterface, Updater

from pycosign.lab import Lab, TrustWindows, Window
from pycosign.lab.tuf import TufRepository

PAST = Window(datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))


def test_the_root_reads_back(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    path.write_bytes(lab.trusted_root())
    root = TrustedRoot.from_file(str(path))
    assert list(root.get_fulcio_certs()) == list(lab.ca.chain)
    assert len(root.get_timestamp_authorities()) == 1


@pytest.mark.parametrize(
    ("windows", "place"),
    [
        (TrustWindows(ca=PAST), ("certificateAuthorities", 0)),
        (TrustWindows(tsa=PAST), ("timestampAuthorities", 0)),
        (TrustWindows(ctlog=PAST), ("ctlogs", 0, "publicKey")),
        (TrustWindows(rekor1=PAST), ("tlogs", 0, "publicKey")),
        (TrustWindows(rekor2=PAST), ("tlogs", 1, "publicKey")),
    ],
)
def test_one_window_is_changed(lab: Lab, windows: TrustWindows, place: tuple[str | int, ...]) -> None:
    changed, usual = json.loads(lab.trusted_root(windows=windows)), json.loads(lab.trusted_root())
    target, before = changed, usual
    for step in place:
        target, before = target[step], before[step]
    assert target["validFor"] == {"start": "2023-01-01T00:00:00Z", "end": "2024-06-01T00:00:00Z"}
    target["validFor"] = before["validFor"]
    assert changed == usual


def test_a_list_is_left_out(lab: Lab) -> None:
    root = json.loads(lab.trusted_root(without=["ctlogs"]))
    assert root["ctlogs"] == []
    assert root["tlogs"]


@pytest.mark.parametrize("rekor", [1, 2])
@pytest.mark.parametrize("timestamp", [True, False])
def test_a_signing_config_reads_back(lab: Lab, rekor: Literal[1, 2], timestamp: bool) -> None:
    text = lab.client_trust_config("http://h:1", rekor=rekor, timestamp=timestamp)
    config = ClientTrustConfig.from_json(text.decode()).signing_config
    assert len(config.get_tlogs()) == 1
    assert [client.url for client in config.get_tsas()] == ["http://h:1/api/v1/timestamp"] * timestamp
    assert json.loads(lab.signing_config("http://h:1", rekor=rekor))["caUrls"][0]["url"] == "http://h:1"


class _Memory(FetcherInterface):
    """Reads a repository without a socket."""

    def __init__(self, repository: TufRepository) -> None:
        self._repository = repository

    def _fetch(self, url: str) -> Iterator[bytes]:
        data = self._repository.file(url.removeprefix("http://tuf.test/"))
        if data is None:
            raise DownloadHTTPError(url, 404)
        yield data


def _updater(repository: TufRepository, folder: Path) -> Updater:
    updater = Updater(
        metadata_dir=str(folder),
        metadata_base_url="http://tuf.test/",
        target_base_url="http://tuf.test/targets/",
        target_dir=str(folder),
        fetcher=_Memory(repository),
        bootstrap=repository.root,
    )
    updater.refresh()
    return updater


def _target(updater: Updater, name: str) -> bytes:
    info = updater.get_targetinfo(name)
    assert info is not None
    return Path(updater.download_target(info)).read_bytes()


def test_tuf_targets_and_their_successors(lab: Lab, tmp_path: Path) -> None:
    repository = TufRepository({"trusted_root.json": lab.trusted_root()}, clock=lab.clock)
    assert _target(_updater(repository, tmp_path), "trusted_root.json") == lab.trusted_root()
    repository.publish({"trusted_root.json": b"next"})
    assert _target(_updater(repository, tmp_path), "trusted_root.json") == b"next"
    assert Metadata[Targets].from_bytes(repository.files()["2.targets.json"]).signed.version == 2
    repository.publish({}, lifetime=timedelta(0))
    with pytest.raises(ExpiredMetadataError):
        _updater(repository, tmp_path)


def test_tuf_says_what_it_is(lab: Lab) -> None:
    root = Metadata[Root].from_bytes(TufRepository({}, clock=lab.clock).root).signed
    assert "NOT A REAL SIGSTORE" in root.unrecognized_fields["x-pycosign-lab"]
