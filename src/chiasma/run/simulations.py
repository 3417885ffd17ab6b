"""Simulations that were made once: packed in memory, and on disk where a folder is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from chiasma.core.config import Config
from chiasma.core.errors import UsageError
from chiasma.core.files import content_hash, text_hash
from chiasma.data.simulated import Simulated
from chiasma.data.split import PARTS
from chiasma.run.executor import stream
from chiasma.run.shards import read_shard, write_shard

SHARD = 256
"""Addresses in one file."""

Example = dict[str, np.ndarray]

_SIMULATORS = "2"
"""Raised whenever a simulator makes something else at an address than before."""
_SHAPES_NOTHING = {"training", "cache", *(f"{part}_examples" for part in PARTS)}
"""Fields on which no example depends."""


def content_key(x: Simulated) -> str:
    """Names what is simulated: simulators, fields of the configuration that shape it, run seed, msprime's version.

    A configuration names these fields in `shapes_simulations`; where it does not, all count but those of the training.
    Of files that they name the contents count too.

    Raises:
        InputError: such a file cannot be read.
    """
    from importlib import metadata

    fields = [name for name in getattr(type(x.config), "model_fields", ()) if name not in _SHAPES_NOTHING]
    shaping = getattr(x.config, "shapes_simulations", fields)
    shape = [getattr(x.config, name, None) for name in shaping]
    try:
        version = metadata.version("msprime")
    except metadata.PackageNotFoundError:
        version = "none"
    named = x.config.named_files() if isinstance(x.config, Config) else {}
    read = [content_hash(path) for name, path in named.items() if name.partition(".")[0] in shaping]
    who = (_SIMULATORS, x.simulate.__module__, x.simulate.__qualname__)
    return text_hash(*who, repr(shape), str(x.run_seed), version, *read)[:16]


class Store:
    """Examples of one Simulated, each run at most once, whoever asks: a network, its rivals, its evaluation.

    Attributes:
        held: packed examples by address.
        runs: simulations run by this store.
    """

    def __init__(self, x: Simulated, folder: Path | None, *, executor: str, workers: int) -> None:
        self.x, self.executor, self.workers = x, executor, workers
        self.folder = folder / content_key(x) if folder is not None else None
        self.held: dict[int, Example] = {}
        self.runs = 0

    def read(self, addresses: list[int]) -> Iterator[Example]:
        """The examples at these addresses of the Simulated, in that order; missing ones are run as they are needed."""
        self._load(addresses)
        absent = list(dict.fromkeys(a for a in addresses if a not in self.held))
        simulate = partial(self.x.simulate, self.x.config, self.x.run_seed)
        made = zip(absent, stream(simulate, absent, executor=self.executor, workers=self.workers))
        fresh: list[int] = []
        for address in addresses:
            while address not in self.held:
                # of two who read at once, the other may have made some of these meanwhile: ours are then dropped
                now, example = next(made)
                self.held.setdefault(now, _pack(example))
                fresh.append(now)
                self.runs += 1
                # kept as they come: a killed run loses little, and callers need not exhaust the iterator
                if self.folder is not None and (len(fresh) % SHARD == 0 or len(fresh) == len(absent)):
                    self._save(fresh[-SHARD:])
            yield _unpack(self.held[address])

    def _path(self, shard: int) -> Path:
        assert self.folder is not None
        return self.folder / f"{shard:06d}.zarr.zip"

    def _load(self, addresses: list[int]) -> None:
        if self.folder is None:
            return
        for shard in sorted({a // SHARD for a in addresses if a not in self.held}):
            if not self._path(shard).exists():
                continue
            for address, example in read_shard(self._path(shard)).items():
                self.held.setdefault(address, example)

    def _save(self, fresh: list[int]) -> None:
        for shard in sorted({a // SHARD for a in fresh}):
            inside = sorted(a for a in self.held if a // SHARD == shard)
            write_shard(self._path(shard), {a: self.held[a] for a in inside})


def kept(x: Simulated, folder: Path | None, *, executor: str, workers: int) -> Simulated:
    """The same examples, with a store that everything taken from them shares."""
    return replace(x, keeper=Store(x, folder, executor=executor, workers=workers))


def part_of(addresses: np.ndarray, part: tuple[int, int]) -> np.ndarray:
    """The addresses of part i of n (i from 1): whole shards, so that parts run on different machines share no file.

    Raises:
        UsageError: no such part.
    """
    i, n = part
    if not 1 <= i <= n:
        raise UsageError("no such part", got=f"{i}/{n}", expected="1/N to N/N")
    shards = np.unique(addresses // SHARD)
    return addresses[np.isin(addresses // SHARD, np.array_split(shards, n)[i - 1])]


def fill(x: Simulated, folder: Path, *, part: tuple[int, int], executor: str, workers: int) -> tuple[int, int]:
    """Run the examples of one part into a cache; those that are there already are not run again.

    Returns:
        Examples in this part, and how many of them were run now.
    """
    store = Store(x, folder, executor=executor, workers=workers)
    addresses = part_of(x.index, part).tolist()
    for _, inside in groupby(sorted(addresses), key=lambda address: address // SHARD):
        for _ in store.read(list(inside)):
            pass
        store.held.clear()
    return len(addresses), store.runs


def _pack(example: Example) -> Example:
    """Alleles without missing ones as bits, eight a byte."""
    alleles = example.get("alleles")
    if alleles is None or (alleles.size and alleles.min() < 0):
        return example
    packed = {name: value for name, value in example.items() if name != "alleles"}
    return {**packed, "bits": np.packbits(alleles.astype(np.uint8), axis=1), "shape": np.array(alleles.shape)}


def _unpack(packed: Example) -> Example:
    if "bits" not in packed:
        return packed
    rest = {name: value for name, value in packed.items() if name not in ("bits", "shape")}
    alleles = np.unpackbits(packed["bits"], axis=1, count=int(packed["shape"][1])).astype(np.int8)
    return {"alleles": alleles, **rest}
