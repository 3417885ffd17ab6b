"""The selection detector: what it is shown, that it begins where pg-gan ended, and that it learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from chiasma.core.errors import MismatchError, UsageError
from chiasma.encode.central_sites import encode_central
from chiasma.fit.checkpoint import module_arrays
from chiasma.methods.population.pg_gan import config as game_config, examples as game_examples
from chiasma.methods.population.pg_gan.model import PgGan
from chiasma.methods.population.selection_detector import examples
from chiasma.methods.population.selection_detector.config import Config, tiny
from chiasma.methods.population.selection_detector.model import Detector, build
from chiasma.methods.population.selection_detector.task import make_task
from chiasma.simulate.sweeps import SizeHistory, Sweep, simulate_sweep
from chiasma.stats.popgen.sites import STATISTICS, site_diversity
from chiasma.workflow.explaining.explain import explain
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.starting import check_start
from chiasma.workflow.method import load_method
from chiasma.workflow.predicting.predict import predict

msprime = pytest.importorskip("msprime")


def test_strengths_come_in_turn_and_neutral_regions_have_none() -> None:
    data = examples.simulated_dataset(Config(), 1, np.arange(8))
    assert data.columns["strength"].tolist() == [0, 0.01, 0, 0.025, 0, 0.05, 0, 0.1]
    assert data.target.values.tolist() == [0, 1] * 4 and data.problems() == []


def test_sweeps_take_diversity_from_the_middle() -> None:
    config = tiny().replace(lowest_frequency=0.95)
    found: dict[int, list[tuple[float, float]]] = {0: [], 1: []}
    for index in range(24):
        example = examples.simulate(config, 1, index)
        near = np.abs(example["positions"] - config.length / 2) < 5_000
        diversity = site_diversity(example["alleles"])
        found[index % 2].append((float(diversity[near].sum()), float(diversity.sum())))
    neutral, selected = np.mean(found[0], axis=0), np.mean(found[1], axis=0)
    assert selected[0] < 0.5 * neutral[0] and selected[1] < 0.8 * neutral[1]


def test_it_begins_where_the_game_ended() -> None:
    config = game_config.tiny()
    game = PgGan(config).fit(game_examples.example(1), seed=1)
    detector = Detector(tiny().replace(length=config.length, mutation_rate=config.mutation_rate)).eval()
    detector.begin_with(game.state()[0])
    data = game_examples.example(1)
    task = make_task(tiny().replace(length=config.length), data, None)
    batch = next(task.batches("all", 1, 0))
    with torch.no_grad():
        found = detector(batch["alleles"], batch["distances"]).sigmoid().numpy()
    np.testing.assert_allclose(found, game.scores(data)[:, 1], atol=1e-6)
    with pytest.raises(MismatchError, match="no discriminator"):
        detector.begin_with({})


def test_real_windows_are_encoded_as_simulated_ones() -> None:
    """The first distance is 0 for all, and sites that all haplotypes share are not counted."""
    config = tiny()
    example = examples.simulate(config, 1, 3)
    rows, sites = example["alleles"].shape
    padded = np.zeros((rows, 2 * sites), np.int8)
    padded[:, ::2] = example["alleles"]
    positions = np.repeat(example["positions"], 2)
    given: dict[str, Any] = {"sites": config.sites, "length": config.length}
    one = encode_central(example, **given)
    two = encode_central({**example, "alleles": padded, "positions": positions}, **given)
    for left, right in zip(one, two):
        np.testing.assert_array_equal(left, right)
    assert one[1][0] == 0
    data = examples.example(1)
    batch = next(make_task(config, data, None).batches("all", 0, 0))
    for row, region in enumerate(list(data.x)[: len(batch["alleles"])]):  # type: ignore[arg-type]
        codes, distances = encode_central(region, **given)
        np.testing.assert_array_equal(batch["alleles"][row].numpy(), codes)
        np.testing.assert_array_equal(batch["distances"][row].numpy(), distances)


def test_larger_populations_keep_address_and_class() -> None:
    config = tiny()
    for index in (2, 3):
        one, other = examples.simulate(config, 1, index), examples.resized(config, 1, index, factor=1.0)
        assert all(np.array_equal(one[name], other[name]) for name in one)
    small, large = (
        np.mean([make(config, 1, index)["alleles"].shape[1] for index in range(10)])
        for make in (examples.simulate, lambda *address: examples.resized(*address, factor=3.0))
    )
    assert large > 1.5 * small
    assert examples.parameters(config, 1, 2).tolist() == [0, 0]
    assert examples.parameters(config, 1, 3)[0] == 0.05 and 0.3 <= examples.parameters(config, 1, 3)[1] <= 1


def test_alleles_that_arose_at_a_time() -> None:
    config = tiny().replace(introduced=100, strengths=(0.3,))
    one, other = examples.simulate(config, 1, 3), examples.simulate(config, 1, 3)
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert examples.parameters(config, 1, 3).tolist() == [0.3, 0] and examples.parameters(config, 1, 2)[0] == 0


def test_frozen_convolutions_stay_as_they_began(tmp_path: Path) -> None:
    training = tiny().training.replace(epochs=1)
    model = build(tiny().replace(freeze=True), 2)
    before = {name: value.copy() for name, value in module_arrays(model).items()}
    task = make_task(tiny(), examples.example(1), None)
    optimiser = torch.optim.Adam([value for value in model.parameters() if value.requires_grad], training.learning_rate)
    task.loss(model, next(task.batches("all", 1, 0))).backward()
    optimiser.step()
    after = module_arrays(model)
    kept = {name for name in before if np.array_equal(before[name], after[name])}
    assert {f"network.{layer}.{kind}" for layer in ("first", "second") for kind in ("weight", "bias")} <= kept
    assert "network.dense1.weight" not in kept


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector that began with a discriminator of pg-gan, and learnt from few regions."""
    folder = tmp_path_factory.mktemp("detector")
    options = {"rivals": False, "explain": False, "executor": "serial"}
    game = {"length": 50_000, "starts": 1, "start_batches": 2, "iterations": 1, "posterior_sets": 0}
    fit("pg-gan", output=folder / "game", preset="tiny", config=game, options=options)
    config = {"test_examples": 90, "strengths": (0.1, 0.2), "training": {"epochs": 2}}
    options = {"executor": "serial", "draws": 100}
    fit(
        "selection-detector",
        output=folder / "run",
        preset="tiny",
        config=config,
        options=options,
        start=folder / "game",
    )
    return folder / "run"


def test_a_run_of_pg_gan_is_fine_tuned_and_one_of_others_is_refused(run: Path, tmp_path: Path) -> None:
    findings = json.loads((run / "audit.json").read_text())["findings"]
    assert any("parent" in finding["name"] for finding in findings)
    with pytest.raises(UsageError, match="selection-detector"):
        check_start(load_method("haplotype-cnn"), run)
    check_start(load_method("selection-detector"), run)


def test_areas_by_strength_stand_beside_single_statistics(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    rows = {(row["scorer"], row["s"]): row["auroc"] for row in metrics["by_strength"]}
    assert {name for name, _ in rows} == {"selection-detector", "summary-linear", "tajimas-d", "h12", "ihs"}
    assert {s for _, s in rows} == {0.1, 0.2} and all(
        row["low"] <= row["value"] <= row["high"] for row in rows.values()
    )
    slices = [row for row in metrics["slices"] if row["slice"].startswith("selection coefficient")]
    assert [row["value"] for row in slices] == ["0.1", "0.2"]
    assert slices[0]["auroc"]["value"] == rows["selection-detector", 0.1]["value"]
    page = (run / "report.html").read_text()
    assert "selection coefficient, against neutral" in page and 'id="figure-area_by_strength"' in page


def test_hidden_units_are_told_in_the_run_and_by_explain(run: Path, tmp_path: Path) -> None:
    table = pd.read_csv(run / "explain" / "hidden_units.tsv", sep="\t")
    assert len(table) == 128 * len(STATISTICS) and table.correlation.abs().max() <= 1
    assert "rank correlation" in json.loads((run / "explain" / "notes.json").read_text())["messages"][0]
    again = pd.read_csv(explain(run, {}, output=tmp_path / "again") / "hidden_units.tsv", sep="\t")
    pd.testing.assert_frame_equal(again, table)


def test_a_scan_has_calls_shares_of_neutral_simulations_and_a_page(run: Path, tmp_path: Path) -> None:
    history = SizeHistory.constant(2_000)
    where: dict[str, Any] = {"haplotypes": 12, "length": 200_000, "recombination": 1.25e-8}
    ancestry = simulate_sweep(Sweep(position=100_000, s=0.1), history, **where, seed=1)
    trees = msprime.sim_mutations(ancestry, rate=3e-7, discrete_genome=False, random_seed=1)
    trees.dump(tmp_path / "swept.trees")
    columns, _ = predict(run, {"input": tmp_path / "swept.trees"}, output=tmp_path / "scan.tsv")
    starts = np.array([int(name.split(":")[1].split("-")[0]) for name in columns["id"]])
    assert (np.diff(starts) == 10_000).all() and set(columns["call"]) <= {"neutral", "selected"}
    kept = json.loads((run / "model.json").read_text())["meta"]["neutral_scores"]
    expected = [(1 + sum(one >= score for one in kept)) / (len(kept) + 1) for score in columns["p_selected"]]
    np.testing.assert_allclose(columns["neutral_share"], expected)
    page = (tmp_path / "scan.scan.html").read_text()
    assert "overlap" in page and "neutral simulations as high" in page
    predict(run, {"input": tmp_path / "swept.trees"}, output=tmp_path / "scan.bed")
    lines = (tmp_path / "scan.bed").read_text().splitlines()
    assert len(lines) == len(columns["id"]) + 1 and lines[1].split("\t")[3] in ("neutral", "selected")


@pytest.mark.realdata
@pytest.mark.slow
def test_lactase_stands_out_in_europe(data_dir: Path, tmp_path: Path) -> None:
    """A detector trained for seconds under each population's history; the record of a longer one is in docs/results."""
    histories = {
        "CEU": {"N1": 22_552, "N2": 3_313, "growth": 0.00535, "T1": 3_589, "T2": 1_050},
        "YRI": {"N1": 23_231, "N2": 29_962, "growth": 0.00531, "T1": 4_870, "T2": 581},
        "CHB": {"N1": 24_609, "N2": 3_481, "growth": 0.00403, "T1": 4_417, "T2": 1_024},
    }
    sizes = {"train_examples": 600, "valid_examples": 100, "calibration_examples": 100, "test_examples": 100}
    common = {"model": "exp", "recombination_rate": 1.6e-9, "dropout": 0.25, "training": {"epochs": 15}, **sizes}
    folder, found = data_dir / "population" / "lct_1kg", {}
    for name, truth in histories.items():
        options = {"rivals": False, "explain": False, "executor": "serial", "draws": 100}
        fit("selection-detector", output=tmp_path / name, config={**common, "truth": truth}, options=options)
        inputs = {
            "input": folder / "lct_1kg_phase3.vcf.gz",
            "samples": f"{folder / 'samples.tsv'}:population={name}",
            "region": "2:136400001-136700000",
        }
        columns, _ = predict(tmp_path / name, inputs, output=tmp_path / f"{name}.tsv")
        found[name] = dict(zip(columns["id"], columns["p_selected"]))
        assert (tmp_path / f"{name}.gate.json").is_file()
    same = [place for place in found["CEU"] if place in found["YRI"] and place in found["CHB"]]
    assert len(same) > 20
    for other in ("YRI", "CHB"):
        assert np.mean([found["CEU"][place] > found[other][place] for place in same]) > 0.8
