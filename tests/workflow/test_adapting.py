"""`fit --adapt`: real windows through predict's door, what the run and its model say of them, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chiasma.core.errors import InsufficientDataError, UsageError
from chiasma.data.dataset import Target
from chiasma.fit.checkpoint import load_arrays
from chiasma.fit.loop import build_seeded
from chiasma.methods.population.diploshic.config import tiny as tiny_grid
from chiasma.methods.population.selection_detector.config import tiny
from chiasma.methods.population.selection_detector.examples import simulated_dataset
from chiasma.split.table import read_split
from chiasma.workflow.comparing.compare import compare
from chiasma.workflow.fitted import Fitted, load_fitted
from chiasma.workflow.fitting.adapting import adaptation_text, judge_adaptation, train_adapted
from chiasma.workflow.fitting.fit import fit, plan
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.adaptation import adaptation_remark, divide_real
from chiasma.workflow.loading.prepare import Prepared, prepare
from chiasma.workflow.loading.simulations import load_simulations
from chiasma.workflow.method import load_method
from chiasma.workflow.predicting.predict import predict
from command_line import call

msprime = pytest.importorskip("msprime")
QUIET = {"rivals": False, "explain": False, "executor": "serial", "draws": 100, "seed": 3}
CONFIG = {"training": {"epochs": 4}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Genotypes of a population three times as large as the simulated one; a run without and one with them."""
    folder = tmp_path_factory.mktemp("adapting")
    ancestry = msprime.sim_ancestry(
        7, population_size=6_000, sequence_length=1_000_000, recombination_rate=1.25e-8, random_seed=3
    )
    trees = msprime.sim_mutations(ancestry, rate=3e-7, random_seed=3)
    trees.dump(folder / "real.trees")
    trees.keep_intervals([[0, 500_000]]).rtrim().dump(folder / "short.trees")
    trees.simplify(trees.samples()[:10]).dump(folder / "few.trees")
    fit("selection-detector", output=folder / "plain", preset="tiny", config=CONFIG, options=QUIET)
    adapt(folder)
    return folder


def adapt(folder: Path, *, output: str = "run", real: str = "real.trees", method: str = "selection-detector") -> Any:
    return fit(method, {"adapt": folder / real}, output=folder / output, preset="tiny", config=CONFIG, options=QUIET)


def test_without_adaptation_nothing_changes(world: Path) -> None:
    """The network that a run with --adapt trains first is that of a run without, at the last epoch and not the best."""
    first = load_fitted(world / "run" / "without").model.state_dict()
    last, facts = load_arrays(world / "plain" / "checkpoint", "last")
    assert len(facts["history"]["epochs"]) == 4
    plain = {name.removeprefix("model|"): torch.from_numpy(last[name]) for name in last if name.startswith("model|")}
    adapted = load_fitted(world / "run").model.state_dict()
    assert set(plain) == set(first) == set(adapted)
    assert all(np.array_equal(plain[name], first[name]) for name in plain)
    assert not all(np.array_equal(plain[name], adapted[name]) for name in plain)
    assert not (world / "plain" / "without").exists()
    identities = [json.loads((world / name / "run.json").read_text())["identity"] for name in ("plain", "run")]
    assert "adaptation" not in identities[0]["config"] and "adaptation" in identities[1]["config"]
    assert len(identities[1]["inputs"]["adapt"]) == 64  # a digest of the windows' file


def test_the_run_names_its_windows_and_says_what_adaptation_did(world: Path) -> None:
    run = world / "run"
    split = read_split(run / "adaptation.parquet")
    sizes = split.sizes()
    assert sizes["train"] >= tiny().training.batch_size and sizes["test"] >= 20 and 0 < sizes["dropped"] < 6
    spans = [name.split(":")[1].split("-") for name in split.ids.astype(str)]
    starts, ends = (np.array([float(span[side]) for span in spans]) for side in (0, 1))
    assert ends[split.where("train")].max() <= starts[split.where("test")].min()
    provenance = json.loads((run / "provenance.json").read_text())
    assert provenance["adaptation"]["sizes"] == sizes and provenance["inputs"]["adapt"]["sha256"]
    found = json.loads((run / "metrics.json").read_text())["adaptation"]
    assert found["windows"] == sizes["train"] and found["held_out"] == sizes["test"]
    assert found["epochs"] == {"without": 4, "adapted": 4} and "both keep their last epoch, of 4" in found["text"]
    in_train = split.where("train")
    apart = [0]
    for row in in_train[1:]:  # of windows in order, the next that begins where the last one taken ends
        if starts[row] >= ends[in_train[apart[-1]]]:
            apart.append(int(np.flatnonzero(in_train == row)[0]))
    assert found["apart"] == len(apart) < found["windows"] / 2
    assert f"overlapping, at most {len(apart)} side by side" in found["text"]
    assert found["digest"] == split.proof["hashes"]["train"]
    for name in ("without", "adapted"):
        row = found["area"][name]
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1 and found["cpu_seconds"][name] > 0
    gap = found["test"]["adapted"] - found["test"]["without"]
    assert found["test"]["value"] == pytest.approx(gap) and found["test"]["low"] <= gap <= found["test"]["high"]
    page = (run / "report.html").read_text()
    assert "Adaptation to real windows" in page and "transductive" in page
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines() if '"epoch"' in line]
    assert len([row for row in log if row.get("event") == "epoch"]) == 4  # no stop by the simulations' loss


def test_predictions_on_these_windows_are_called_transductive(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns, _ = predict(world / "run", {"input": world / "real.trees"})
    said = capsys.readouterr().err
    assert "the model was adapted to" in said and "transductive" in said and f"of these {len(columns['id']):,}" in said
    predict(world / "run", {"input": world / "real.trees", "region": "1:900000-1000000"})
    assert "none of which overlaps these" in capsys.readouterr().err
    assert "adaptation" not in load_fitted(world / "run" / "without").meta


def test_runs_with_and_without_are_compared_on_the_same_simulations(world: Path) -> None:
    found = compare([str(world / "plain"), str(world / "run")], output=world / "both", options={"draws": 100})
    assert {row["a"] for row in found.pairs} | {row["b"] for row in found.pairs} >= {"plain", "run"}


def test_a_finished_training_without_is_not_announced_again(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = plan("selection-detector", {"adapt": world / "real.trees"}, preset="tiny", config=CONFIG, options=QUIET)
    prepared = prepare(job.method.card, job.config, job.inputs, job.options)
    for name in ("checkpoint", "without"):
        shutil.copytree(world / "run" / name, tmp_path / name)
    task = job.method.module("task").make_task(job.config, prepared.dataset, prepared.split)
    model = build_seeded(job.method.module("model").build, job.config, 2, seed=3)
    capsys.readouterr()
    train_adapted(job.method, job.config, prepared, job.options, task=task, model=model, folder=tmp_path)
    said = capsys.readouterr().err
    assert "trained without adaptation before" in said and "first" not in said


def test_a_weight_of_zero_is_not_called_adaptation(world: Path) -> None:
    found = json.loads((world / "run" / "metrics.json").read_text())["adaptation"]
    text = adaptation_text({**found, "weight": 0})
    assert text.startswith("Not adapted, for the weight is 0") and "transductive" not in text
    assert found["text"].startswith("Adapted to") and adaptation_text(found) == found["text"]


@pytest.mark.slow
def test_a_run_again_is_recognised_and_ends_with_the_same_numbers(world: Path) -> None:
    assert adapt(world).state == "complete"
    adapt(world, output="again")
    for name in ("model.safetensors", "adaptation.parquet"):
        assert (world / "again" / name).read_bytes() == (world / "run" / name).read_bytes(), name
    records = [json.loads((world / name / "metrics.json").read_text())["adaptation"] for name in ("again", "run")]
    assert all(records[0][name] == records[1][name] for name in records[0] if name != "cpu_seconds")


def test_grids_are_adapted_against_neutral_simulations(world: Path) -> None:
    real = msprime.sim_mutations(
        msprime.sim_ancestry(
            tiny_grid().sweeps.haplotypes // 2,
            population_size=5_000,
            sequence_length=tiny_grid().sweeps.length / 11 * 60,
            recombination_rate=tiny_grid().sweeps.recombination_rate,
            random_seed=4,
        ),
        rate=tiny_grid().sweeps.mutation_rate,
        random_seed=4,
    )
    real.dump(world / "grids.trees")
    config = {**CONFIG, "adaptation": {"against": "neutral", "schedule": "constant", "weight": 0.5, "held_out": 0.2}}
    fit(
        "diploshic",
        {"adapt": world / "grids.trees"},
        output=world / "grids",
        preset="tiny",
        config=config,
        options=QUIET,
    )
    found = json.loads((world / "grids" / "metrics.json").read_text())["adaptation"]
    assert found["against"] == "neutral" and found["weight"] == 0.5 and found["area"] is None
    assert "too few to say" in found["text"] and found["test"]["metric"] == "balanced_accuracy"
    facts = load_fitted(world / "grids").meta["adaptation"]
    assert facts["adapted_to"].startswith("1:0-") and facts["windows"] == found["windows"]


def test_windows_that_cannot_be_adapted_to_are_refused(world: Path) -> None:
    (world / "some.fvec").write_text("")
    detector, grids = "selection-detector", "diploshic"
    cases: list[tuple[str, dict[str, Any], dict[str, Any], type[Exception], str]] = [
        (
            detector,
            {"adapt": world / "short.trees"},
            {"training": {"batch_size": 200}},
            InsufficientDataError,
            r"which takes about \d+ windows in all[^$]*2.7 million bases in all",
        ),
        (detector, {"adapt": world / "few.trees"}, {}, InsufficientDataError, "too few haplotypes"),
        (grids, {"adapt": world / "few.trees"}, {}, InsufficientDataError, "as in training"),
        (grids, {"adapt": world / "some.fvec"}, {}, UsageError, "which of them overlap"),
        (
            detector,
            {"adapt": world / "real.trees"},
            {"adaptation": {"region": "1:1-5"}},
            InsufficientDataError,
            "no window",
        ),
    ]
    for method, inputs, config, error, words in cases:
        job = plan(method, inputs, preset="tiny", config=config, options=QUIET)
        with pytest.raises(error, match=words):
            prepare(job.method.card, job.config, job.inputs, job.options)
    for inputs, words in (
        ({"adapt_samples": world / "real.trees"}, "not given"),
        ({"adapt": world / "real.trees", "mask": world / "absent.bed"}, "no such file"),
        ({"adapt": world / "absent.vcf"}, "no such file"),
    ):
        with pytest.raises(UsageError, match=words):
            plan(detector, inputs, preset="tiny")
    with pytest.raises(UsageError, match="no answer is known"):
        plan(detector, {"adapt": world / "real.trees"}, preset="tiny", options=FitOptions(tries=3))
    for method in (detector, grids):
        with pytest.raises(UsageError, match=r"--adaptation.weight: .*none are given"):
            plan(method, preset="tiny", config={"adaptation": {"weight": 0.5}})
    plan(detector, preset="tiny", config={"adaptation": {"weight": 1.0}})  # as a run without it writes it down
    with pytest.raises(UsageError, match="input of shic"):
        plan("shic", {"adapt": world / "real.trees"}, preset="tiny")


def test_masked_windows_wear_what_simulations_wear(world: Path) -> None:
    (world / "half.bed").write_text("1\t0\t600000\n")
    job = plan("selection-detector", {"adapt": world / "real.trees", "mask": world / "half.bed"}, preset="tiny")
    prepared = prepare(job.method.card, job.config, job.inputs, FitOptions(executor="serial"))
    assert prepared.real is not None
    assert prepared.real.dataset.columns["start"].max() < 600_000
    assert any("mask" in str(skip) for skip in prepared.real.dataset.skips)
    facts = {"file": "x.vcf", "windows": 9, "adapted_to": "chr1:0-100000"}
    assert "and 10 of these" in adaptation_remark(facts, prepared.real.dataset, job.config)


@pytest.mark.slow
def test_regions_of_another_mutation_rate_are_told_less(tmp_path: Path) -> None:
    """Real windows with a twentieth of the sites: the last hidden layer tells them, and after adaptation less."""
    config = tiny().replace(
        train_examples=240,
        valid_examples=32,
        calibration_examples=0,
        test_examples=120,
        training={**tiny().training.model_dump(), "epochs": 20, "schedule": "constant"},
    )
    data = simulated_dataset(config.replace(mutation_rate=config.mutation_rate / 20), 202, np.arange(240))
    start = np.arange(240) * int(config.length)
    columns = {"chrom": np.full(240, "1", object), "start": start, "end": start + int(config.length)}
    data = replace(data, target=Target("none", np.zeros(0), data.target.names), columns=columns)
    simulated = Prepared(*load_simulations(config, seed=1))
    prepared = replace(simulated, real=Prepared(data, divide_real(data, config, where="simulated")))
    method, options = load_method("selection-detector"), FitOptions(seed=1, device="cpu", draws=100)
    task = method.module("task").make_task(config, prepared.dataset, prepared.split)
    model = build_seeded(method.module("model").build, config, 2, seed=1)
    model, _ = train_adapted(method, config, prepared, options, task=task, model=model, folder=tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    adapted = Fitted(method, config, data.target, model, {"task": {}, "length": None})
    found = judge_adaptation(adapted, prepared, options, folder=tmp_path)
    assert found["area"]["without"]["value"] > 0.8
    assert found["area"]["adapted"]["value"] < found["area"]["without"]["value"] - 0.03
    assert found["test"]["adapted"] > 0.7


def test_the_command_line_has_the_flag(world: Path) -> None:
    answer = call("fit", "selection-detector", "--help")
    assert "--adapt" in answer.out and "--adaptation.weight" in answer.out and "--adapt-samples" in answer.out
    dry = call("fit", "selection-detector", "--preset", "tiny", "--adapt", world / "absent.vcf", "--dry-run")
    assert dry.code == 2 and "no such file" in dry.err
