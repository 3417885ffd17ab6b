"""`predict` on the inputs of a run gives what the run wrote in predictions.parquet, whatever the method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chiasma.core.cards import find_card, list_cards
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.method import load_method
from chiasma.workflow.predicting.predict import predict

CARDS = list_cards()
QUIET = {"rivals": False, "explain": False, "draws": 100, "executor": "serial", "seed": 2, "repeats": 1}
FEW = {"training": {"epochs": 1, "min_steps": 0}}
BASES = np.array(list("ACGT"))


def same(run: Path, columns: dict[str, Any], *, least: int = 1) -> None:
    """Every number and set of the run, for the ids that it wrote."""
    told = pd.read_parquet(run / "predictions.parquet").set_index("id")
    found = pd.DataFrame(columns).set_index("id")
    shared = told.index.intersection(found.index)
    assert len(shared) >= least
    numeric = [name for name in told if name.startswith(("p_", "yhat_"))]
    assert numeric
    for name in [*numeric, *(["set"] if "set" in told else [])]:
        expected, got = told.loc[shared, name], found.loc[shared, name]
        if name == "set":
            assert (expected == got).all()
        else:
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9, err_msg=name)


def write_sequences(path: Path, lengths: np.ndarray, *, seed: int) -> Path:
    """Labelled FASTA of random bases, the second class with a planted word."""
    draw = np.random.default_rng(seed)
    lines = []
    for index, length in enumerate(lengths):
        bases = BASES[draw.integers(0, 4, length)]
        if index % 2:
            bases[length // 2 : length // 2 + 8] = list("TTGACATA")
        lines.append(f">s{index} label={'ab'[index % 2]}\n{''.join(bases)}\n")
    path.write_text("".join(lines))
    return path


SEQUENCE_CARDS = [card.name for card in CARDS if card.data == "sequences"]
LENGTHS = {
    "odd-in-even": (100, 61, None),
    "even-in-odd": (61, 40, None),
    "window": (90, None, 51),
    "even": (80, 60, 71),
}


@pytest.mark.parametrize("name", SEQUENCE_CARDS)
@pytest.mark.parametrize("case", LENGTHS)
def test_sequences(name: str, case: str, tmp_path: Path) -> None:
    bases, network, window = LENGTHS[case]
    lengths = np.full(120, bases) + (np.arange(120) % 7 if case == "window" else 0)
    source = write_sequences(tmp_path / "s.fa", lengths, seed=1)
    config = {**FEW, **({"length": network} if network else {})}
    options = {**QUIET, "length": window, "split": {"kind": "random"}}
    run = fit(name, {"sequences": source}, output=tmp_path / "r", config=config, preset="tiny", options=options).path
    columns, _ = predict(run, {"sequences": source}, device="cpu")
    same(run, columns, least=20)


@pytest.mark.parametrize("name", SEQUENCE_CARDS)
@pytest.mark.parametrize("window", [None, 45, 64])
def test_peaks_of_varied_length(name: str, window: int | None, tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    genome = tmp_path / "g.fa"
    genome.write_text("".join(f">c{i}\n{''.join(BASES[draw.integers(0, 4, 9000)])}\n" for i in range(4)))
    rows: dict[str, list[str]] = {"p": [], "n": []}
    for index in range(120):
        start, length = 200 + 70 * (index // 4), 40 + index % 31
        rows["pn"[index % 2]].append(f"c{index % 4}\t{start}\t{start + length}\tx{index}\n")
    for key, lines in rows.items():
        (tmp_path / f"{key}.bed").write_text("".join(lines))
    inputs = {"positives": tmp_path / "p.bed", "negatives": tmp_path / "n.bed", "fasta": genome}
    options = {**QUIET, "length": window, "split": {"kind": "random"}}
    run = fit(name, inputs, output=tmp_path / "r", config=FEW, preset="tiny", options=options).path
    found = [predict(run, {"input": tmp_path / f"{key}.bed", "fasta": genome}, device="cpu")[0] for key in "pn"]
    same(run, {key: np.concatenate([one[key] for one in found]) for key in found[0]}, least=20)


# those that draw intervals read called ancestry: test_painted_chromosomes.py has the same for them
@pytest.mark.parametrize("name", [card.name for card in CARDS if card.data == "simulations" and not card.locates])
def test_simulations(name: str, tmp_path: Path) -> None:
    pytest.importorskip("msprime")
    few = FEW if find_card(name).contract == "task" else {}
    run = fit(name, output=tmp_path / "r", config=few, preset="tiny", options=QUIET).path
    method = load_method(name)
    examples, config = method.module("examples"), method.configure(few, preset="tiny")
    table = pd.read_parquet(run / "predictions.parquet").set_index("id")
    compared = 0
    for text in table.index[-3:]:
        address = int(text.rpartition(":")[2])
        path = tmp_path / f"{address}.trees"
        examples.tree_sequence(config, QUIET["seed"], address).dump(path)
        columns, _ = predict(run, {"genotypes": path}, device="cpu")
        for key in (key for key in columns if key.startswith(("p_", "yhat_"))):
            np.testing.assert_allclose(columns[key][0], table.loc[text, key], rtol=1e-5, atol=1e-6)
            compared += 1
    assert compared


def write_tables(name: str, folder: Path) -> dict[str, Any]:
    """The method's own example as files, with names of the inputs on its card."""
    data = load_method(name).module("examples").example(1)
    many = find_card(name).data == "views"
    blocks = data.x.blocks if many else {"matrix": data.x}
    written = {}
    for key, block in blocks.items():
        written[key] = folder / f"{key}.csv"
        pd.DataFrame(block.values, index=block.samples, columns=block.features).to_csv(written[key])
        samples = block.samples
    labels = np.asarray(data.target.names, dtype=object)[data.target.values]
    pd.DataFrame({"label": labels}, index=samples).to_csv(folder / "labels.csv")
    return {**({"view": written} if many else written), "labels": folder / "labels.csv"}


@pytest.mark.parametrize(
    "name", [card.name for card in CARDS if card.data in ("matrix", "views") and not card.transductive]
)
def test_tables(name: str, tmp_path: Path) -> None:
    inputs = write_tables(name, tmp_path)
    run = fit(name, inputs, output=tmp_path / "r", preset="tiny", options=QUIET).path
    columns, _ = predict(run, {key: value for key, value in inputs.items() if key != "labels"})
    same(run, columns)
