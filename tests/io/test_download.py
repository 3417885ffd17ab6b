"""Downloads from a server of our own: broken off, resumed, changed meanwhile, published digests."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chiasma.core.errors import InputError, MismatchError
from chiasma.io.download import Remote, download, file_digest, named
from file_server import Shelf, serving

CONTENT = bytes(range(256)) * 1000
BLOCK = 1 << 16
OTHER = CONTENT[::-1]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving(Shelf(files={"a": CONTENT})) as found:
        yield found


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_whole_files_only_and_told_how_far(tmp_path: Path, shelf: Shelf) -> None:
    told: list[tuple[int, int | None]] = []
    remote = download(f"{shelf.url}/a", tmp_path / "deep/a", tell=lambda here, of: told.append((here, of)))
    assert (tmp_path / "deep/a").read_bytes() == CONTENT and names(tmp_path) == {"deep", "a"}
    assert remote.size == len(CONTENT) and told[-1] == (len(CONTENT), len(CONTENT))


def test_broken_connections_are_continued_without_a_word(tmp_path: Path, shelf: Shelf) -> None:
    shelf.breaks["a"] = [BLOCK + 5, 0, 0, BLOCK, 0]
    download(f"{shelf.url}/a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    first, second = f"bytes={BLOCK}-", f"bytes={2 * BLOCK}-"
    assert [asked for _, asked in shelf.asked] == [None, first, first, first, second, second]


def test_what_came_is_kept_for_the_next_call(tmp_path: Path, shelf: Shelf) -> None:
    shelf.breaks["a"] = [BLOCK, 0, 0, 0]
    with pytest.raises(InputError, match="65,536 bytes are kept") as caught:
        download(f"{shelf.url}/a", tmp_path / "a")
    assert "same command again" in str(caught.value) and names(tmp_path) == {"a.part", "a.part.json"}
    download(f"{shelf.url}/a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT and shelf.asked[-1] == ("a", f"bytes={BLOCK}-")


def test_stopped_after_the_last_byte(tmp_path: Path, shelf: Shelf) -> None:
    facts = tmp_path / "a.part.json"
    shelf.breaks["a"] = [BLOCK, 0, 0, 0]
    with pytest.raises(InputError):
        download(f"{shelf.url}/a", tmp_path / "a")
    (tmp_path / "a.part").write_bytes(CONTENT)
    asked = len(shelf.asked)
    download(f"{shelf.url}/a", tmp_path / "a")
    assert len(shelf.asked) == asked and not facts.exists() and (tmp_path / "a").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_begins_anew(tmp_path: Path, shelf: Shelf) -> None:
    shelf.breaks["a"] = [BLOCK, 0, 0, 0]
    with pytest.raises(InputError):
        download(f"{shelf.url}/a", tmp_path / "a")
    shelf.files["a"] = OTHER
    download(f"{shelf.url}/a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == OTHER


@pytest.mark.parametrize("kind", ["huggingface", "google", "rfc9530"])
def test_digests_that_hosts_publish(tmp_path: Path, shelf: Shelf, kind: str) -> None:
    """Hugging Face's stands on the redirection, not on the answer."""
    shelf.redirects["r"] = "a"
    raw = hashlib.new("md5" if kind == "google" else "sha256", OTHER, usedforsecurity=False).digest()
    text = base64.b64encode(raw).decode()
    header = {
        "huggingface": {"X-Linked-ETag": f'"{raw.hex()}"'},
        "google": {"x-goog-hash": f"crc32c=AAAAAA==,md5={text}"},
        "rfc9530": {"Repr-Digest": f"sha-256=:{text}:"},
    }[kind]
    shelf.headers["r"] = header
    with pytest.raises(MismatchError, match="another than was published"):
        download(f"{shelf.url}/r", tmp_path / "a")
    assert names(tmp_path) == set()
    shelf.files["a"] = OTHER
    remote = download(f"{shelf.url}/r", tmp_path / "a")
    assert list(remote.digests.values()) == [raw.hex()] == [file_digest(tmp_path / "a", next(iter(remote.digests)))]


def test_a_digest_given_and_an_answer_refused(tmp_path: Path, shelf: Shelf) -> None:
    def refuse(remote: Remote) -> None:
        raise MismatchError(f"{remote.size} bytes")

    with pytest.raises(MismatchError, match="256000 bytes"):
        download(f"{shelf.url}/a", tmp_path / "a", before=refuse)
    assert names(tmp_path) == set()
    with pytest.raises(MismatchError, match="has changed"), named("toy", "look elsewhere"):
        download(f"{shelf.url}/a", tmp_path / "a", sha256="0" * 64)
    with pytest.raises(InputError, match="toy cannot be downloaded") as caught, named("toy", "look elsewhere"):
        download(f"{shelf.url}/none", tmp_path / "a")
    assert "404" in str(caught.value) and "look elsewhere" in str(caught.value) and names(tmp_path) == set()
