"""Detection on painted chromosomes: what the networks are shown, the intervals they draw, and that both learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chiasma.core.errors import InsufficientDataError, MismatchError, MissingDependencyError, UsageError
from chiasma.data.tracts import Tracts
from chiasma.encode.painted import paint
from chiasma.fit.loop import build_seeded
from chiasma.methods.population.painted_chromosomes import examples
from chiasma.methods.population.painted_chromosomes.config import Config, faithful, tiny
from chiasma.methods.population.painted_chromosomes.model import box_scores, build, heat_scores
from chiasma.methods.population.painted_chromosomes.task import make_task
from chiasma.metrics.localisation import called_intervals
from chiasma.run.simulations import content_key

pytest.importorskip("msprime")


def test_the_published_scenario_is_the_default():
    config = Config()
    truth = np.array([examples.draw(config, 1, index) for index in range(2_000)])
    assert truth[:, 1].min() > 0 and truth[:, 1].max() == pytest.approx(0.5, abs=0.002)
    assert truth[:, 1].mean() == pytest.approx(0.25, abs=0.01)
    assert truth[:, 0].mean() == pytest.approx(2.5e7, rel=0.03) and truth[:, 0].max() < 5e7
    some = np.array([examples.draw(config.replace(neutral=0.3), 1, index) for index in range(2_000)])
    assert np.isnan(some[:, 0]).mean() == pytest.approx(0.3, abs=0.03)
    assert (some[np.isnan(some[:, 0]), 1] == 0).all()


def test_the_true_interval_has_the_site_in_its_middle_and_is_cut_at_the_ends():
    config = Config()
    truth = examples.true_interval(config, np.array([2.5e7 + 1, 0.0, 4.99e7, np.nan]))
    columns = [np.flatnonzero(row).tolist() for row in truth]
    assert columns[0] == list(range(95, 106)) and columns[1] == list(range(6)) and columns[2] == list(range(194, 200))
    assert columns[3] == []


def test_a_selected_source_is_commonest_at_the_site():
    config = tiny().replace(strongest=1.0)
    found = []
    for index in range(30):
        position, s = examples.draw(config, 3, index)
        if s > 0.5:
            tracts = Tracts.unpacked(examples.simulate(config, 3, index))
            assert tracts.problems() == []
            share = (paint(tracts, source=0, columns=config.columns) == 1).mean(axis=0)
            found.append((share[int(position / config.length * config.columns)], share.mean()))
    at, over = np.mean(found, axis=0)
    assert len(found) > 5 and at > 0.9 and at - over > 0.1


def test_pictures_and_columns_are_of_the_same_tracts():
    config = tiny().replace(network="detector", mirror=True)
    data = examples.example(1)
    task = make_task(config, data, None)
    batch = next(task.batches("all", 1, 0))
    assert batch["pixels"].shape == (100, config.haplotypes, config.columns)
    tracts = Tracts.unpacked(examples.simulate(config, 1, 7))
    picture = paint(tracts, source=0, columns=config.columns)
    assert np.array_equal(batch["pixels"][7].numpy(), np.where(picture == 1, 1, -1))
    assert batch["site"][7].item() == pytest.approx(examples.draw(config, 1, 7)[0] / config.length * config.columns)


def test_a_pass_asks_for_its_simulations_together(monkeypatch):
    data, config = examples.example(1), tiny()
    task, asked = make_task(config, data, None), []
    task.parts.rows["train"] = np.arange(40)
    take = type(data.x).take
    monkeypatch.setattr(type(data.x), "take", lambda x, index: asked.append(len(index)) or take(x, index))
    first, second = task.batches("train", 5, 1), task.batches("train", 5, 1)
    together = [(a["statistics"], b["statistics"]) for a, b in zip(first, second)]  # two who read at once
    assert asked == [40, 24] and len(together) == 3 and all(torch.equal(a, b) for a, b in together)
    again = [batch["statistics"] for batch in task.batches("train", 5, 1)]
    assert asked == [40, 24, 0] and all(torch.equal(a, b) for (a, _), b in zip(together, again, strict=True))


def test_a_chromosome_on_which_nothing_is_drawn_is_not_found():
    from chiasma.workflow.evaluating.located import best_and_right

    scores = np.zeros((3, 40))
    scores[1:, 10:15] = 0.9
    score, right = best_and_right(scores, np.array([12.5, 12.5, 30.0]))
    assert score.tolist() == [0.0, 0.9, 0.9] and right.tolist() == [0, 1, 0]


def test_a_chromosome_read_from_its_other_end_has_its_site_there():
    data, config = examples.example(1), tiny()
    task = make_task(config, data, None)
    task.parts.rows["train"] = np.arange(48)
    straight = list(task._rows(np.arange(48)))
    turned = 0
    for batch in task.batches("train", 5, 2):
        for values, site in zip(batch["statistics"].numpy(), batch["site"].tolist()):
            sites = examples.site_columns(config, data.columns["position"][:48])
            same = [row for row in range(48) if np.array_equal(values, straight[row])]
            if same:
                assert site == pytest.approx(sites[same[0]])
                continue
            turned += 1
            back = [row for row in range(48) if np.array_equal(task._turn(values), straight[row])]
            assert config.columns - site == pytest.approx(sites[back[0]])
    assert 10 < turned < 38


def test_a_heat_map_draws_the_likeliest_intervals_and_scores_them_with_their_probability():
    probability = np.full(41, 1e-6)
    probability[[9, 10, 11]], probability[30], probability[40] = [0.1, 0.4, 0.1], 0.25, 0.15
    log = torch.from_numpy(np.log(probability / probability.sum()))[None]
    scores = heat_scores(log, 5)[0].numpy()
    runs = called_intervals(scores, 0.05)
    assert [(one.first, one.last) for one in runs] == [(8, 13), (28, 33)]
    assert [one.score for one in runs] == pytest.approx([0.6, 0.25], abs=1e-4)
    edge = np.full(41, 1e-9)
    edge[0] = 1
    assert [
        one[:2] for one in called_intervals(heat_scores(torch.from_numpy(np.log(edge))[None], 5)[0].numpy(), 0.5)
    ] == [(0, 3)]
    nothing = np.full(41, 1e-4)
    nothing[40] = 1
    assert heat_scores(torch.from_numpy(np.log(nothing / nothing.sum()))[None], 5).max() == 0


def test_boxes_score_the_columns_under_them():
    logits = torch.tensor([[3.0, -1.0]])
    boxes = torch.tensor([[[0.25, 0.5, 0.1, 1.0], [0.28, 0.5, 0.2, 1.0]]])
    scores = box_scores(logits, boxes, 40)[0]
    high, low = torch.sigmoid(torch.tensor(3.0)), torch.sigmoid(torch.tensor(-1.0))
    assert torch.allclose(scores[8:12].float(), high) and torch.allclose(scores[12:15].float(), low)
    assert (scores[:7] == 0).all() and (scores[16:] == 0).all()


def test_all_weights_of_the_detector_learn():
    pytest.importorskip("transformers")
    config = tiny().replace(network="detector", mirror=False)
    task = make_task(config, examples.example(1), None)
    model = build_seeded(build, config, config.columns, seed=1)
    assert all(value.requires_grad for value in model.parameters())
    assert not any("Frozen" in type(one).__name__ for one in model.modules())
    batch = {name: value[:8] for name, value in next(task.batches("all", 1, 0)).items()}
    task.loss(model, batch).backward()
    first = [value.grad for name, value in model.named_parameters() if "embedder" in name]
    assert len(first) == 9 and all(grad is not None and grad.abs().sum() > 0 for grad in first)
    found = task.predict(model.eval(), batch)
    assert len(found) == config.columns and all(((v >= 0) & (v <= 1)).all() for v in found.values())


def test_without_transformers_the_detector_says_what_brings_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"chiasma\[detection\]"):
        build(faithful(), 200)


def test_what_cannot_be_is_refused():
    for wrong in ({"box": 10}, {"columns": 20, "box": 21}, {"sizes": (5.0, 6.0)}, {"width": 4}, {"model_width": 30}):
        with pytest.raises(UsageError):
            Config().replace(**wrong)


def test_a_cache_is_named_by_what_shapes_the_simulations():
    base: Any = examples.simulated_dataset(tiny(), 1, np.arange(2)).x
    assert content_key(base) == content_key(replace(base, config=tiny().replace(filters=13, network="detector")))
    for change in ({"share": 0.4}, {"neutral": 0.1}, {"sizes": (400.0,)}, {"generations": 21}):
        assert content_key(base) != content_key(replace(base, config=tiny().replace(**change)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from chiasma.workflow.fitting.fit import fit

    options = {"executor": "serial", "draws": 100}
    return fit("painted-chromosomes", output=tmp_path_factory.mktemp("r") / "run", preset="tiny", options=options,
               config={"neutral": 0.2, "threshold": 0.05, "training": {"epochs": 3}}).path  # fmt: skip


def test_a_fit_is_measured_beside_the_rivals_at_the_published_definitions(run: Path) -> None:
    from chiasma.core.files import read_json

    metrics = read_json(run / "metrics.json")
    names = {"auprc", "precision", "recall", "centre", "centre_error", "false_calls"}
    assert set(metrics["test"]) == names
    assert set(metrics["baselines"]) == {"peak-ancestry", "longest-tracts"}
    assert all(set(found) == names for found in metrics["baselines"].values())
    assert metrics["test"]["auprc"]["low"] <= metrics["test"]["auprc"]["value"] <= metrics["test"]["auprc"]["high"]
    assert metrics["calibration"]["temperature"] > 0 and metrics["drawn"]["peak-ancestry"]["intervals"]["value"] <= 1
    assert {row["slice"] for row in metrics["slices"]} == {"strength of selection"}
    assert read_json(run / "compare.json")["best_rival"] in metrics["baselines"]
    page = (run / "report.html").read_text()
    for words in ("sites inside a called interval", "Precision over recall of columns", "painted_chromosome_1"):
        assert words in page


def test_runs_on_the_same_chromosomes_are_compared(run: Path, tmp_path: Path) -> None:
    from shutil import copytree

    from chiasma.workflow.comparing.compare import compare_runs

    other = copytree(run, tmp_path / "poor")
    table = dict(np.load(other / "located.npz"))
    np.savez(other / "located.npz", **{**table, "scores": table["scores"][::-1]})
    found = compare_runs([run, other], output=tmp_path / "both", draws=50)
    assert found.verdict.startswith("Among the methods, run is ") and (tmp_path / "both" / "report.html").exists()
    rows = {row["name"]: row["auprc"]["value"] for row in found.table}
    assert set(rows) == {"run", "poor", "peak-ancestry", "longest-tracts"} and rows["run"] > rows["poor"]
    np.savez(other / "located.npz", **{**table, "ids": table["ids"][::-1]})
    with pytest.raises(MismatchError, match="not tested on the same chromosomes"):
        compare_runs([run, other], output=tmp_path / "both", draws=50)


# ---- called chromosomes ----


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulated chromosomes as `chiasma simulate` writes them."""
    from chiasma.workflow.simulating.simulate import simulate

    return simulate("painted-chromosomes", output=tmp_path_factory.mktemp("c"), number=2, seed=5, preset="tiny")


def region(length: float = 2e7, contig: str = "7") -> str:
    return f"{contig}:1-{int(length)}"


def test_called_and_simulated_chromosomes_are_read_alike(run: Path, calls: Path) -> None:
    from chiasma.workflow.fitted import load_fitted
    from chiasma.workflow.loading.painted import load_called

    fitted: Any = load_fitted(run)
    path = str(calls / "painted-chromosomes-5-1.tracts.tsv")
    data = load_called(path, fitted.config, {"region": region()}, target=fitted.target, seed=1)
    assert data.columns["source"].tolist() == ["one", "two"] and data.columns["chrom"].tolist() == ["7", "7"]
    simulated = examples.simulated_dataset(fitted.config, 5, np.array([1]))
    sides: list[Any] = [data.x, simulated.x]
    one, two = (side[0] for side in sides)
    for name in ("haplotype", "left", "right", "source", "extent"):
        assert np.array_equal(one[name], two[name]), name
    # the same but for how batches of other sizes are summed
    np.testing.assert_allclose(fitted.scores(data)[0], fitted.scores(simulated)[0], rtol=1e-5, atol=1e-7)
    for statistic, again in zip(
        examples.statistics(fitted.config, data), examples.statistics(fitted.config, simulated)
    ):
        assert np.array_equal(np.asarray(statistic)[0], np.asarray(again)[0])


def test_intervals_go_to_bed_with_a_page_and_the_gate(run: Path, calls: Path, tmp_path: Path, capsys: Any) -> None:
    from chiasma.workflow.predicting.predict import predict

    given = {"input": calls / "painted-chromosomes-5-0.tracts.tsv", "region": region()}
    columns, skips = predict(run, given, output=tmp_path / "out.bed")
    lines = [line.split("\t") for line in (tmp_path / "out.bed").read_text().splitlines()]
    assert len(lines) == len(columns["id"]) > 0 and skips == ()
    for line, name, score in zip(lines, columns["id"], columns["p_selected"]):
        assert line[0] == "7" and 0 <= int(line[1]) < int(line[2]) <= 2e7
        assert line[3] == name and int(line[4]) == round(1000 * score) and score >= 0.05
    page = (tmp_path / "out.painted.html").read_text()
    assert "Too few windows to say" in page and "share of the source" in page
    assert "2 windows, each painted by one source" in capsys.readouterr().err
    table, _ = predict(run, given, output=tmp_path / "none.tsv")
    assert set(table) == {"id", "source", "share_of_source", "p_selected"}


def test_long_chromosomes_are_read_in_windows_and_maps_bring_them_to_scale(tmp_path: Path) -> None:
    from chiasma.workflow.loading.painted import load_called, window_source

    config = tiny()
    text = "left\tright\tsource\thaplotype\n"
    text += "".join(f"0\t{cut}\tone\th{i}\n{cut}\t50000000\ttwo\th{i}\n" for i, cut in enumerate((10**7, 3 * 10**7)))
    path = tmp_path / "t.tsv"
    path.write_text(text)
    data: Any = load_called(str(path), config, {"region": region(5e7)}, target=example_target(), seed=1)
    source = window_source(data)
    lefts = [one.left for one in source.windows if one.source == 0]
    assert lefts == [0, 1e7, 2e7, 3e7] and len(source.windows) == 8
    borders = [one.own for one in source.windows if one.source == 0]
    assert borders == [(-np.inf, 1.5e7), (1.5e7, 2.5e7), (2.5e7, 3.5e7), (3.5e7, np.inf)]
    assert np.array_equal(data.x[1]["right"], [2e7, 2e7]) and np.array_equal(data.x[1]["source"], [1, 0])
    chart = tmp_path / "map.txt"
    chart.write_text("pos chr cM\n1 7 0\n50000001 7 26\n")  # 26 cM over 50 Mb: 0.4 of the simulated rate
    data = load_called(str(path), config, {"region": region(5e7), "map": chart}, target=example_target(), seed=1)
    source = window_source(data)
    assert [one.left for one in source.windows] == [0, 0] and source.rules[0].to_bases(2e7) == pytest.approx(5e7)
    assert data.x[0]["right"][0] == pytest.approx(4e6)


def example_target() -> Any:
    return examples.example(1).target


def test_calls_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    from chiasma.workflow.loading.painted import load_called

    def load(text: str, **given: Any) -> Any:
        path = tmp_path / "t.tsv"
        path.write_text("left\tright\tsource\thaplotype\n" + text)
        return load_called(str(path), tiny(), given, target=example_target(), seed=1)

    two = "0\t20000000\tone\ta.0\n0\t20000000\ttwo\ta.1\n"
    with pytest.raises(InsufficientDataError, match=r"too few haplotypes[\s\S]*got: +1"):
        load("0\t20000000\tone\ta\n")
    with pytest.raises(InsufficientDataError, match=r"shorter than half of the simulated 20 Mb[\s\S]*--region"):
        load("0\t4000000\tone\ta\n0\t4000000\ttwo\tb\n")
    with pytest.raises(InsufficientDataError, match="less than half is called"):
        load("0\t4000000\tone\ta\n0\t4000000\ttwo\tb\n", region=region())
    with pytest.raises(UsageError, match=r"--mask: called ancestry[\s\S]*remove them: what is not called is not read"):
        load(two, mask="m.bed")
    table = tmp_path / "samples.tsv"
    table.write_text("sample\tpopulation\na\tX\nb\tY\n")
    assert load(two, samples=f"{table}:population=X").notes["haplotypes"].startswith("all 2 haplotypes")
    with pytest.raises(MismatchError, match="none of these samples has calls"):
        load(two, samples=f"{table}:population=Y")
    chart = tmp_path / "map.txt"
    chart.write_text("pos chr cM\n1 3 0\n50000001 3 26\n")
    with pytest.raises(MismatchError, match="no such contig"):
        load(two, region=region(), map=chart)
