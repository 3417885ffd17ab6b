"""From a method's configuration to simulated examples and their split, nothing simulated yet."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.config import Config
from chiasma.core.files import content_hash, text_hash
from chiasma.data.dataset import Dataset, Skip
from chiasma.data.split import PARTS, Split
from chiasma.io.masks import read_mask
from chiasma.run.simulations import kept
from chiasma.simulate.masked import find_stretches, masked
from chiasma.workflow.loading.haplotypes import LEAST_ACCESSIBLE

FIRST = {name: number * 10**9 for number, name in enumerate(PARTS)}
"""Address at which each part begins: what is tested on does not depend on how much is trained on."""


def load_simulations(
    config: Config, *, seed: int, executor: str = "serial", workers: int = 1, mask: Path | str | None = None
) -> tuple[Dataset, Split]:
    """Examples of a simulating method and which part each belongs to.

    Training takes addresses from 0 up as they come. Each other part counts up from an address of its own and takes
    those that the method's examples.py admits for scoring (`held_out`), the others are counted: two training budgets
    are tested on the same regions, and the smaller one's simulations are the first of the larger one's. Parts are
    independent draws, and the proof says that no address is in two of them.

    Args:
        config: of a method whose folder has examples.py with `simulated_dataset` and `held_out`; its fields
            train_examples, valid_examples, calibration_examples and test_examples give the sizes.
        seed: root of all randomness.
        executor: who runs the examples; they are then kept, for the network, its rivals and its evaluation alike.
        workers: processes.
        mask: BED of the bases of the real genome that could be called; each region is given the mask of a stretch
            drawn from it, so that the network learns from windows as they are predicted on.

    Raises:
        InsufficientDataError: the mask leaves no stretch of which enough is accessible.
    """
    settings: Any = config
    examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
    index = list(range(settings.train_examples))
    part = ["train"] * settings.train_examples
    left_out = 0
    for name in PARTS[1:]:
        wanted, address = getattr(settings, f"{name}_examples"), FIRST[name]
        while wanted:
            if examples.held_out(config, seed, address):
                index.append(address)
                part.append(name)
                wanted -= 1
            else:
                left_out += 1
            address += 1
    data = examples.simulated_dataset(config, seed, np.array(index, np.int64))
    if mask is not None:
        data = _masked(data, config, examples, mask)
    folder = Path(settings.cache) if getattr(settings, "cache", "") else None
    data = replace(data, x=kept(data.x, folder, executor=executor, workers=workers))
    if left_out:
        skip = Skip("simulated addresses outside the range that is scored (theta too small)", left_out)
        data = replace(data, skips=(skip,))
    return data, _split(data, np.array(part, object), seed)


def _masked(data: Dataset, config: Config, examples: Any, mask: Path | str) -> Dataset:
    """The dataset with sites left out as the mask leaves them out of real windows."""
    length = examples.design(config).length
    digest = content_hash(Path(mask))[:16]
    stretches = find_stretches(read_mask(mask), length=length, least=LEAST_ACCESSIBLE, where=str(mask))
    x = masked(data.x, stretches, digest=digest)  # type: ignore[arg-type]
    told = f"{Path(mask).name}: one of {len(stretches.starts):,} stretches for each region"
    return replace(data, x=x, notes={**data.notes, "mask": told})


def _split(data: Dataset, part: np.ndarray, seed: int) -> Split:
    names = [name for name in PARTS if (part == name).any()]
    ranges, hashes = {}, {}
    for name in names:
        addresses = data.x.index[part == name]  # type: ignore[union-attr]
        ranges[name] = [int(addresses.min()), int(addresses.max())]
        hashes[name] = text_hash(*data.ids[part == name].tolist())[:16]
    addresses = data.x.index  # type: ignore[union-attr]
    proof = {
        "kind": "given",
        "parameters": {"run_seed": seed, "rule": "ranges of addresses; every address has random streams of its own"},
        "sizes": {name: int((part == name).sum()) for name in names},
        "addresses": ranges,
        "hashes": hashes,
        "shared_ids": int(len(data.ids) - len(set(data.ids.tolist()))),
        "shared_addresses": int(len(addresses) - len(np.unique(addresses))),
    }
    return Split("given", data.ids, part, {"by": "address", "run_seed": seed}, proof)
