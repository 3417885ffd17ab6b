"""What checkpoints are published: the weights.toml beside each method, read from disk."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from chiasma.core.cards import METHODS_FOLDER
from chiasma.core.config import Config, read_toml
from chiasma.core.errors import UsageError, unknown_name
from chiasma.data.track_table import Scale
from chiasma.io.genome import cache_folder

CATALOGUES = METHODS_FOLDER
"""The folder whose WING/METHOD/weights.toml are read."""


class Golden(Config):
    """Figures of the first head that the converted checkpoint must reach."""

    mean: float = Field(description="of all outputs for the fixed sequence of `weights check`, to 0.1 %")
    dataset: str = Field(description="name in `chiasma data list`")
    folder: str = Field(description="of a Basenji data folder below the dataset")
    part: str = Field(default="test", description="part of its windows")
    pearson: float = Field(description="mean over tracks of Pearson's r over bins and windows")
    tolerance: float = Field(gt=0, description="largest difference from pearson")


class PublishedWeights(Config):
    """One published checkpoint.

    The names of the attributes are those of weights.toml, but for name, wing and method, which follow from the file.
    """

    name: str = Field(description="on the command line")
    wing: str = Field(description="of the method that it is of")
    method: str = Field(description="folder of that method")
    what: str = Field(description="a sentence")
    source: str = Field(description="whom to cite")
    licence: str = Field(min_length=2, description="of the weights")
    non_commercial: bool = Field(default=False, description="whether that licence forbids commercial use")
    url: str = Field(description="public address of the file")
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$", description="of the file, where it is known")
    format: Literal["safetensors", "torch", "keras"] = Field(description="of the file")
    megabytes: float = Field(gt=0, description="of the file, about")
    preset: str = Field(description="of the method, with which it was made")
    settings: dict[str, Any] = Field(default={}, description="what differs from the preset")
    tables: dict[str, str] = Field(default={}, description="address of the track table of each head")
    squash: Scale | None = Field(default=None, description="order of squashing, where the tables do not say")
    golden: Golden | None = None

    @property
    def folder(self) -> Path:
        """Where it lies on this machine once fetched."""
        return cache_folder() / "weights" / self.name

    @property
    def available(self) -> bool:
        """Whether it was fetched and converted."""
        return (self.folder / "published.safetensors").exists()

    @property
    def files(self) -> tuple[Path, ...]:
        """What a prediction depends on: the converted file, and the track tables that are here."""
        tables = [self.table_path(head) for head in sorted(self.tables)]
        return (self.folder / "published.safetensors", *(path for path in tables if path.exists()))

    def table_path(self, head: str) -> Path:
        """Where the track table of a head lies."""
        return self.folder / f"targets_{head}.txt"

    def module(self, name: Literal["config", "model", "weights"]) -> Any:
        """A module of the method's package; a method need not have a card to have weights."""
        return import_module(f"chiasma.methods.{self.wing}.{self.method}.{name}")

    def config(self) -> Any:
        """Configuration of the network, with all heads of the checkpoint."""
        base = self.module("config").PRESETS[self.preset]()
        return base.replace(**self.settings) if self.settings else base


def list_weights() -> tuple[PublishedWeights, ...]:
    """All published checkpoints that are known, by name."""
    return _read(CATALOGUES)


def find_weights(name: str) -> PublishedWeights:
    """The entry of a name.

    Raises:
        UsageError: there is none; the nearest name is given.
    """
    entries = {entry.name: entry for entry in list_weights()}
    if name not in entries:
        raise unknown_name("weights", name, entries, see="chiasma weights list")
    return entries[name]


def named_weights(model: str) -> tuple[PublishedWeights, str | None] | None:
    """Checkpoint and head that MODEL, NAME or NAME:HEAD, stands for; None where it is no name of weights or a path."""
    name, _, head = model.partition(":")
    entry = next((one for one in list_weights() if one.name == name), None)
    return None if entry is None or Path(model).exists() else (entry, head or None)


@cache
def _read(folder: Path) -> tuple[PublishedWeights, ...]:
    found: dict[str, PublishedWeights] = {}
    for path in sorted(folder.glob("*/*/weights.toml")):
        where = f"{path.parent.parent.name}/{path.parent.name}/weights.toml"
        for key, table in read_toml(path).items():
            for name, values in _replicates(key, table):
                place = {"name": name, "wing": path.parent.parent.name, "method": path.parent.name}
                if name in found:
                    raise UsageError("two checkpoints of one name", where=where, got=name, do="rename one")
                found[name] = PublishedWeights.parse({**values, **place}, source=f"{where}: {name}")
    return tuple(found[name] for name in sorted(found))


def _replicates(key: str, table: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The entry itself, or one for each replicate with its number in place of {}."""
    table = dict(table)
    count = table.pop("replicates", None)
    if count is None:
        return [(key, table)]
    filled = []
    for number in map(str, range(count)):
        values = {
            name: value.replace("{}", number) if isinstance(value, str) else value for name, value in table.items()
        }
        filled.append((key.replace("{}", number), values))
    return filled
