"""Named datasets: on this machine, in the cache, from a server of our own."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chiasma.core.errors import InputError, MismatchError, UsageError
from chiasma.io.catalogue import check, find_dataset, list_datasets, resolve

CONTENT = b">a\nACGT\n"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "x.fa").write_bytes(CONTENT)
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def empty_machine(tmp_path, monkeypatch):
    monkeypatch.delenv("CHIASMA_DATA", raising=False)
    monkeypatch.setenv("CHIASMA_CACHE", str(tmp_path / "cache"))


def _catalogue(tmp_path, *, url="", sha256=None):
    digest = sha256 or hashlib.sha256(CONTENT).hexdigest()
    path = tmp_path / "catalogue.toml"
    path.write_text(
        f'[toy]\nwhat = "toy"\nlicence = "MIT"\nsource = "us"\npath = "deep/x.fa"\nsha256 = "{digest}"\nurl = "{url}"\n'
    )
    return path


def test_download_once_then_from_the_cache(tmp_path, server, empty_machine):
    catalogue = _catalogue(tmp_path, url=f"{server}/x.fa")
    with pytest.raises(InputError, match="chiasma data get toy"):
        resolve("toy", download=False, catalogue=catalogue)
    path = resolve("toy", catalogue=catalogue)
    assert path.read_bytes() == CONTENT and path.is_relative_to(tmp_path / "cache")
    assert find_dataset("toy", catalogue=catalogue).available()
    (tmp_path / "served/x.fa").unlink()
    assert resolve("toy", catalogue=catalogue) == path == check("toy", catalogue=catalogue)
    path.write_bytes(b"changed")
    with pytest.raises(MismatchError, match="not what it was"):
        check("toy", catalogue=catalogue)


def test_changed_content_is_refused_and_not_kept(tmp_path, server, empty_machine):
    catalogue = _catalogue(tmp_path, url=f"{server}/x.fa", sha256="0" * 64)
    with pytest.raises(MismatchError, match="has changed"):
        resolve("toy", catalogue=catalogue)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_no_network_no_address_no_name(tmp_path, server, empty_machine):
    with pytest.raises(InputError, match="cannot be downloaded"):
        resolve("toy", catalogue=_catalogue(tmp_path, url=f"{server}/absent.fa"))
    list_datasets.cache_clear()
    with pytest.raises(InputError, match="no public address"):
        resolve("toy", catalogue=_catalogue(tmp_path))
    with pytest.raises(UsageError, match="ctcf-peaks"):
        resolve("ctcf-peak")


def test_the_data_folder_comes_first(tmp_path, monkeypatch, empty_machine):
    (tmp_path / "data/deep").mkdir(parents=True)
    (tmp_path / "data/deep/x.fa").write_bytes(CONTENT)
    monkeypatch.setenv("CHIASMA_DATA", str(tmp_path / "data"))
    list_datasets.cache_clear()
    assert resolve("toy", catalogue=_catalogue(tmp_path)) == tmp_path / "data/deep/x.fa"


def test_entries_are_complete():
    entries = list_datasets()
    assert {"ctcf-peaks", "hocomoco-v12-core", "yeast-genome"} <= {entry.name for entry in entries}
    for entry in entries:
        assert len(entry.sha256) == 64 and entry.licence and entry.source and not entry.path.startswith("/")
        assert not entry.url or entry.url.startswith("https://")


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["ctcf-peaks", "hg38-1m", "hocomoco-v12-core", "pbmc5k"])
def test_checksums_are_those_of_the_files(data_dir, monkeypatch, name):
    monkeypatch.setenv("CHIASMA_DATA", str(data_dir))
    assert check(name).exists()
