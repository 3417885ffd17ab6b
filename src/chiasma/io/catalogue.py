"""Named datasets: looked for in $CHIASMA_DATA, then in the user's cache, then downloaded with their checksum."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chiasma.core.errors import InputError, MismatchError, unknown_name
from chiasma.core.files import content_hash
from chiasma.io.download import download, named
from chiasma.io.genome import cache_folder

CATALOGUE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True)
class NamedDataset:
    """One entry of the catalogue.

    Attributes:
        name: what it is called on the command line.
        what: a sentence.
        licence: of the data or their container.
        source: whom to cite.
        path: where it lies below $CHIASMA_DATA; a folder stands for all files below it.
        sha256: of the file, or of the folder as `chiasma.core.files.content_hash` takes it.
        url: public address of the file, or "" where none is known to us.
    """

    name: str
    what: str
    licence: str
    source: str
    path: str
    sha256: str
    url: str = ""

    def here(self) -> Path | None:
        """Where it lies on this machine, or None."""
        for root in (os.environ.get("CHIASMA_DATA"), cache_folder() / "datasets"):
            if root and (Path(root) / self.path).exists():
                return Path(root) / self.path
        return None

    def available(self) -> bool:
        """Whether it lies on this machine."""
        return self.here() is not None


@cache
def list_datasets(catalogue: Path = CATALOGUE) -> tuple[NamedDataset, ...]:
    """All entries, by name."""
    table = tomllib.loads(catalogue.read_text(encoding="utf-8"))
    return tuple(NamedDataset(name=name, **entry) for name, entry in sorted(table.items()))


def find_dataset(name: str, *, catalogue: Path = CATALOGUE) -> NamedDataset:
    """The entry of a name.

    Raises:
        UsageError: there is none; the nearest name is given.
    """
    entries = {entry.name: entry for entry in list_datasets(catalogue)}
    if name not in entries:
        raise unknown_name("dataset", name, entries)
    return entries[name]


def resolve(name: str, *, download: bool = True, catalogue: Path = CATALOGUE) -> Path:
    """Path of a named dataset: in $CHIASMA_DATA, else in the cache, else downloaded into the cache.

    Args:
        name: as `list_datasets` has it.
        download: whether the network may be used.
        catalogue: another catalogue.

    Raises:
        UsageError: no such name.
        InputError: it is not here and cannot be had.
        MismatchError: what the address gives now has another checksum; nothing is kept.
    """
    entry = find_dataset(name, catalogue=catalogue)
    found = entry.here()
    if found is not None:
        return found
    do = f"set CHIASMA_DATA to a folder that holds {entry.path}"
    if not entry.url:
        raise InputError(
            f"dataset {name} is not on this machine, and no public address of it is known to chiasma",
            where=name,
            got=f"neither $CHIASMA_DATA/{entry.path} nor a copy in the cache",
            expected=f"a copy of: {entry.what} ({entry.source})",
            do=do,
        )
    if not download:
        raise InputError(
            f"dataset {name} is not on this machine", where=name, do=f"run 'chiasma data get {name}', or {do}"
        )
    return _download(entry, do)


def check(name: str, *, catalogue: Path = CATALOGUE) -> Path:
    """Path of a dataset on this machine, its checksum verified.

    Raises:
        MismatchError: the content is another one.
    """
    entry = find_dataset(name, catalogue=catalogue)
    path = resolve(name, download=False, catalogue=catalogue)
    if (got := content_hash(path)) != entry.sha256:
        raise MismatchError(
            f"dataset {name} is not what it was", where=path, got=got, expected=entry.sha256, do="fetch it again"
        )
    return path


def _download(entry: NamedDataset, do: str) -> Path:
    target = cache_folder() / "datasets" / entry.path
    with named(f"dataset {entry.name}", do):
        download(entry.url, target, sha256=entry.sha256)
    return target
