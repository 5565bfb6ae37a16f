"""What an operator writes about a mirror, and what is refused of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.errors import ConfigurationError
from providers.tuf_http import HttpSource

_NO_URLS = [
    "mirror.test",
    "ftp://mirror.test",
    "http://",
    "http://user:secret@mirror.test/",
    "http://mirror.test/?a=b",
    "http://mirror.test/#a",
    "http://mirror.test:port/",
    "http://mirror.test:99999/",
    "http://mirror.test/a b",
    "http://mirror.test/\n",
    "http://[mirror.test/",
]


@pytest.mark.parametrize("url", ["", *_NO_URLS])
def test_what_is_no_mirror(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not the URL of a TUF repository") as caught:
        HttpSource(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", _NO_URLS)
def test_what_holds_no_targets(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not the URL of a TUF repository"):
        HttpSource("http://mirror.test", targets_url=url)


def test_where_things_are() -> None:
    source = HttpSource("https://mirror.test/tuf", proxies={})
    assert source.metadata_url == "https://mirror.test/tuf/"
    assert source.targets_url == "https://mirror.test/tuf/targets/"
    assert HttpSource("http://m.test", targets_url="http://t.test/x").targets_url == "http://t.test/x/"


@pytest.mark.parametrize(
    "proxy",
    ["http://user:secret@proxy.test", "https://proxy.test", "socks5://proxy.test", "http://proxy.test:a"],
)
def test_what_is_no_proxy(proxy: str) -> None:
    for name in ("https", "all"):
        with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
            HttpSource("https://mirror.test", proxies={name: proxy})
        assert "secret" not in str(caught.value)
    HttpSource("http://mirror.test", proxies={"https": proxy})  # in plain HTTP it is asked directly
    HttpSource("https://mirror.test", proxies={"https": proxy, "no": ".test"})


def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "https://proxy.test")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
        HttpSource("https://mirror.test")


def test_a_ca_file_that_holds_none(tmp_path: Path) -> None:
    (tmp_path / "words.pem").write_text("no certificate")
    for name, why in (("words.pem", "holds no certificates"), ("absent.pem", "cannot be read")):
        with pytest.raises(ConfigurationError, match=why):
            HttpSource("https://mirror.test", ca_file=tmp_path / name)
