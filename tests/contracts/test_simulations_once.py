"""Within a fit every address is simulated once: by the network, for its rivals and its evaluation alike."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from chiasma.core.cards import find_card, list_cards
from chiasma.data.simulated import Simulated
from chiasma.run.simulations import Store, kept
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.method import load_method

SEEN: Counter[int] = Counter()


def toy(config: None, run_seed: int, index: int) -> dict[str, np.ndarray]:
    SEEN[index] += 1
    return {"alleles": np.full((2, 3), index % 2, np.int8), "positions": np.arange(3.0)}


def test_two_who_read_at_once_get_their_own_examples() -> None:
    SEEN.clear()
    x = kept(Simulated(toy, None, 1, np.arange(6)), None, executor="serial", workers=1)
    first, second = iter(x), iter(x.take(np.array([3, 0, 2])))
    found = []
    for one, two in zip(first, second):
        found.append((int(one["alleles"][0, 0]), int(two["alleles"][0, 0])))
    assert found == [(0, 1), (1, 0), (0, 0)]
    assert [int(example["alleles"][0, 0]) for example in x] == [0, 1, 0, 1, 0, 1]
    assert x[5]["alleles"][0, 0] == 1
    SEEN.clear()
    assert len(list(x)) == 6 and not SEEN


@pytest.mark.parametrize("name", [card.name for card in list_cards() if card.data == "simulations"])
def test_a_fit_simulates_every_address_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("msprime")
    examples = load_method(name).module("examples")
    inner, seen, stores = examples.simulate, Counter[tuple[str, int]](), []
    start = Store.__init__

    def count(config: object, run_seed: int, index: int) -> dict[str, np.ndarray]:
        seen[repr(config), index] += 1  # an example of larger populations is another one
        return inner(config, run_seed, index)

    def remember(store: Store, *arguments: object, **more: object) -> None:
        stores.append(store)
        start(store, *arguments, **more)  # type: ignore[arg-type]

    for home in {examples.__name__, inner.__module__}:  # a family may share its simulator
        monkeypatch.setattr(import_module(home), "simulate", count)
    monkeypatch.setattr(Store, "__init__", remember)
    options = {"executor": "serial", "explain": False, "draws": 100}
    config = {"training": {"epochs": 2}} if find_card(name).contract == "task" else {}
    result = fit(name, output=tmp_path / "r", config=config, preset="tiny", options=options)
    assert result.metrics["baselines"], "rivals took part"
    assert set(seen.values()) == {1}
    assert len(stores) == 1 and stores[0].runs == len({index for _, index in seen})
