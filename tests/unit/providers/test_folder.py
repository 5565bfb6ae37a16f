"""The files of a folder, as they were together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from providers.errors import ConfigurationError
from providers.folder import Files, FolderLimits, Found, ReadFile, read_file, read_folder
from tests.unit.providers.provider_world import turn

LIMITS = FolderLimits(files=8, file_bytes=10, all_bytes=30)


def _read(folder: Path, known: Files | None = None, read: ReadFile = read_file) -> dict[str, bytes | str]:
    found = read_folder(folder, (".a", ".b"), LIMITS, known, read)
    return {name: file.problem or file.content for name, file in found.items()}


def test_only_files_with_the_suffixes(tmp_path: Path) -> None:
    for name in ("2.a", "1.b", "3.c", ".hidden.a", "a"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "folder.a").mkdir()
    assert list(_read(tmp_path).items()) == [("1.b", b"1.b"), ("2.a", b"2.a")]


def test_a_file_that_cannot_be_read_takes_nothing_from_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.a").write_bytes(b"good")
    (tmp_path / "empty.a").touch()
    (tmp_path / "large.a").write_bytes(b"x" * 11)
    (tmp_path / "gone.a").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.a")
    assert _read(tmp_path) == {
        "empty.a": "it is empty",
        "gone.a": "it cannot be read: No such file or directory",
        "good.a": b"good",
        "large.a": "it is larger than 10 bytes",
        "pipe.a": "it is no file",
    }


def test_more_than_the_limits(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.a").write_bytes(b"x" * 8)
    with pytest.raises(ConfigurationError, match="more than 30 bytes"):
        _read(tmp_path)
    for number in range(9):
        (tmp_path / f"{number}.a").write_bytes(b"x")
    with pytest.raises(ConfigurationError, match="at most 8"):
        _read(tmp_path)


@pytest.mark.parametrize("spoil", [lambda path: None, lambda path: path.write_bytes(b"a file")])
def test_a_folder_that_is_none(tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    spoil(tmp_path / "folder")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        _read(tmp_path / "folder")


def test_a_config_map_is_read_where_its_link_leads(tmp_path: Path) -> None:
    """Between turning ``..data`` and renewing the links to single files, these name what is gone, and miss what is
    new: a reader of them would see half of the change.
    """
    turn(tmp_path, "..1", {"a.a": b"1", "gone.a": b"1"})
    assert _read(tmp_path) == {"a.a": b"1", "gone.a": b"1"}
    (tmp_path / "..2").mkdir()
    (tmp_path / "..2" / "a.a").write_bytes(b"2")
    (tmp_path / "..2" / "new.a").write_bytes(b"2")
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    assert not (tmp_path / "new.a").exists()
    assert _read(tmp_path) == {"a.a": b"2", "new.a": b"2"}


def test_files_beside_a_config_map_count_too(tmp_path: Path) -> None:
    turn(tmp_path, "..1", {"a.a": b"1"})
    (tmp_path / "own.a").write_bytes(b"own")
    (tmp_path / "elsewhere").write_bytes(b"else")
    (tmp_path / "link.a").symlink_to("elsewhere")
    assert _read(tmp_path) == {"a.a": b"1", "link.a": b"else", "own.a": b"own"}


class _Reads:
    """Reads files, and lets something happen before some of them."""

    def __init__(self, happen: Mapping[int, Callable[[], object]]) -> None:
        self.count = 0
        self._happen = happen

    def __call__(self, path: Path, limit: int) -> Found:
        self.count += 1
        self._happen.get(self.count, lambda: None)()
        return read_file(path, limit)


def test_what_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    turn(tmp_path, "..1", {"1.a": b"1", "2.a": b"1"})
    reads = _Reads({2: lambda: turn(tmp_path, "..2", {"1.a": b"2", "2.a": b"2"})})
    assert _read(tmp_path, read=reads) == {"1.a": b"2", "2.a": b"2"}
    assert reads.count > 4


def test_what_is_written_in_place_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    def write(content: bytes) -> None:
        for name in ("1.a", "2.a"):
            (tmp_path / name).write_bytes(content)

    write(b"1")
    assert _read(tmp_path, read=_Reads({2: lambda: write(b"2")})) == {"1.a": b"2", "2.a": b"2"}


def test_what_never_comes_to_rest_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "1.a").write_bytes(b"0")
    versions = iter(range(1, 100))

    def write() -> None:
        (tmp_path / "1.a").write_bytes(b"%d" % next(versions))

    with pytest.raises(ConfigurationError, match="being changed"):
        _read(tmp_path, read=_Reads(dict.fromkeys(range(100), write)))


def test_what_is_known_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "1.a").write_bytes(b"1")
    known = read_folder(tmp_path, (".a",), LIMITS)
    reads = _Reads({})
    assert _read(tmp_path, known, reads) == {"1.a": b"1"}
    assert reads.count == 1


def test_a_folder_that_is_a_link_is_followed_once(tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        for name in ("1.a", "2.a"):
            (tmp_path / version / name).write_bytes(version.encode())
    link = tmp_path / "link"
    link.symlink_to("1")

    def turn_link() -> None:
        (tmp_path / "new").symlink_to("2")
        (tmp_path / "new").replace(link)

    assert _read(link, read=_Reads({2: turn_link})) == {"1.a": b"2", "2.a": b"2"}
