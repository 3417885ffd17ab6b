"""partialS/HIC: its layers, iHS standardised by neutral training regions, nine classes end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from chiasma.core.errors import InputError, MismatchError
from chiasma.io.fvec import FeatureVectors, write_fvec
from chiasma.methods.population.partialshic import examples
from chiasma.methods.population.partialshic.config import Config, tiny
from chiasma.methods.population.partialshic.model import build
from chiasma.methods.population.partialshic.task import make_task
from chiasma.stats.popgen.grid import DIPLOID, normalise
from chiasma.stats.popgen.partial import PARTIAL
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.feature_vectors import load_new_vectors, load_vectors
from chiasma.workflow.predicting.predict import predict

pytest.importorskip("msprime")
QUIET = {"draws": 100, "executor": "serial", "seed": 2, "rivals": False, "explain": False}
SCALARS = "pi thetaW tajD thetaH fayWuH HapCount H1 H12 H2/H1 ZnS Omega iHSMean iHSMax iHSOutFrac"
NSL = "nSLMean nSLMax nSLOutFrac"
DISTANCES = "distVar distSkew distKurt"
SUMMARIES = "Mean Median Mode Lower95% Lower50% Upper50% Upper95% Max Var SD Skew Kurt"
PUBLISHED = [
    *f"{SCALARS} {NSL} {DISTANCES}".split(),
    *(f"{one}-{how}" for one in ["HAF", "HAFunique", "phi", "kappa", "SFS", "SAFE"] for how in SUMMARIES.split()),
]
"""Statistics of the header that partialS/HIC writes (xanderxue/partialSHIC), in its order: three are then cut out."""
FILES = [
    "neut",
    "hard",
    "linkedHard",
    "soft",
    "linkedSoft",
    "partialHard",
    "linkedPartialHard",
    "partialSoft",
    "linkedPartialSoft",
]


def write_published(path: Path, grids: np.ndarray, *, lead: dict[str, str] | None = None) -> Path:
    """A file of grids (example, 92, window) as partialS/HIC writes it, with columns before the statistics."""
    lead = {"classLabel": path.stem} if lead is None else lead
    head = [*lead, *(f"{name}_win{window}" for name in PUBLISHED for window in range(11))]
    lines = ["\t".join([*lead.values(), *map(str, grid.ravel())]) for grid in grids]
    path.write_text("\n".join(["\t".join(head), *lines]) + "\n")
    return path


def write_folder(folder: Path, *, rows: int = 24) -> Path:
    """Nine classes; each raises a window and statistics of its own."""
    folder.mkdir()
    draw = np.random.default_rng(3)
    for code, stem in enumerate(FILES):
        grids = draw.random((rows, 92, 11)) + 1
        grids[:, 10 * code : 10 * code + 10, code] += 9
        write_published(folder / f"{stem}.fvec", normalise(grids))
    return folder


def test_the_published_header_is_read_statistic_by_statistic(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((2, 92, 11))
    place = {"chrom": "2L", "classifiedWinStart": "25001", "classifiedWinEnd": "30000", "bigWinRange": "1-55000"}
    path = write_published(tmp_path / "new.fvec", values, lead=place)
    data, places = load_new_vectors(path, tiny(), target=examples.example(1).target)
    assert [str(skip) for skip in data.skips] == [
        "3 skipped: statistics that partialS/HIC computes and leaves out (nSLMean, nSLMax, nSLOutFrac)"
    ]
    assert places is not None and (places.start[0], places.end[0]) == (25_000, 30_000)
    rows = [row for row, name in enumerate(PUBLISHED) if not name.startswith("nSL")]
    grids = np.stack([one["grid"] for one in data.x])
    np.testing.assert_array_equal(grids, values[:, rows])  # the published order is ours
    for name, ours in {"SFS-Lower50%": "frequency_q25", "HAFunique-SD": "haf_distinct_deviation"}.items():
        np.testing.assert_array_equal(grids[:, PARTIAL.index(ours)], values[:, PUBLISHED.index(name)])
    shares = normalise(values[:, rows])
    write_fvec(tmp_path / "cut.fvec", FeatureVectors(PARTIAL, shares))  # the 89 that are left
    cut, _ = load_new_vectors(tmp_path / "cut.fvec", tiny(), target=data.target)
    assert not cut.skips
    np.testing.assert_allclose(np.stack([one["grid"] for one in cut.x]), shares, rtol=1e-5)


def test_other_vectors_name_what_is_missing_and_who_reads_them(tmp_path: Path) -> None:
    write_fvec(tmp_path / "diploid.fvec", FeatureVectors(DIPLOID, np.ones((1, 12, 11))))
    target = examples.example(1).target
    with pytest.raises(MismatchError, match=r"expected: 11 windows of 89[\s\S]*diploshic read them, with --statistics"):
        load_new_vectors(tmp_path / "diploid.fvec", tiny(), target=target)
    write_fvec(tmp_path / "part.fvec", FeatureVectors(PARTIAL[:-1], np.ones((1, 88, 11))))
    with pytest.raises(MismatchError, match="expected: 11 windows of 89 statistics: safe_kurtosis"):
        load_new_vectors(tmp_path / "part.fvec", tiny(), target=target)


def test_a_value_that_is_no_number_is_told_by_its_line(tmp_path: Path) -> None:
    values = np.ones((3, 89, 11))
    values[1, 4, 2] = np.nan
    write_fvec(tmp_path / "holes.fvec", FeatureVectors(PARTIAL, values))
    with pytest.raises(InputError, match=r"holes.fvec, line 3: [\s\S]*1 such lines of 3"):
        load_new_vectors(tmp_path / "holes.fvec", tiny(), target=examples.example(1).target)


def test_a_fit_on_vectors_reads_vectors_and_no_genotypes(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    data, split = load_vectors(tiny(), {"fvec": str(folder)}, FitOptions())
    assert len(data) == 216 and split is None and data.skips[0].count == 3
    config = {"filters": 16, "hidden": [64, 32], "training": {"epochs": 15}}
    run = fit("partialshic", {"fvec": folder}, output=tmp_path / "r", config=config, preset="tiny", options=QUIET)
    assert run.metrics["test"]["balanced_accuracy"]["value"] > 0.3  # chance is a ninth
    columns, _ = predict(run.path, {"input": folder / "hard.fvec"})
    assert len(columns["p_linked_partial_soft"]) == 24
    examples.tree_sequence(tiny(), 5, 0).dump(tmp_path / "region.trees")
    with pytest.raises(MismatchError, match="learnt from feature vectors"):
        predict(run.path, {"input": tmp_path / "region.trees"})


def test_layers_are_the_published_ones() -> None:
    model = build(Config(), 9)
    shapes = [tuple(value.shape) for value in model.parameters() if value.ndim > 1]
    assert shapes == [(256, 1, 3, 6), (256, 256, 3, 3), (512, 256 * 10 * 2), (128, 512), (9, 128)]
    assert model(torch.zeros(2, 89, 11)).shape == (2, 9)


def test_ihs_is_standardised_by_neutral_training_regions_only() -> None:
    data = examples.example(1)
    task = make_task(tiny(), data, None)
    facts = task.meta()["reader"]
    neutral = [one for one, code in zip(data.x, data.target.values) if examples.CLASSES[code] == "neutral"]
    scores = np.concatenate([one["scores"] for one in neutral])
    edges = np.array(facts["edges"])
    frequency = np.concatenate([one["frequency"] for one in neutral])
    group = np.searchsorted(edges, frequency, side="right") - 1
    for number in range(len(edges)):
        assert facts["mean"][number] == pytest.approx(scores[group == number].mean(), rel=1e-6)
    batch = next(task.batches("all", 0, 0))["grid"]
    row = PARTIAL.index("ihs_mean")
    assert float((batch[:, row].max(dim=1).values - batch[:, row].min(dim=1).values).max()) > 0


def test_two_passes_at_once_read_what_one_reads() -> None:
    data, rows = examples.example(1), np.arange(12)
    alone = list(make_task(tiny(), data, None)._read(rows))
    task = make_task(tiny(), data, None)
    one, two = task._read(rows), task._read(rows)
    begun = [next(one), next(two), next(one)]  # the first is ahead when the second goes on
    np.testing.assert_array_equal(np.stack([*begun, *two]), np.stack([alone[0], alone[0], *alone[1:2], *alone[1:]]))
    np.testing.assert_array_equal(np.stack(list(one)), np.stack(alone[2:]))


def test_from_simulation_to_a_scan(tmp_path: Path) -> None:
    config = {"training": {"epochs": 1}}
    run = fit("partialshic", output=tmp_path / "r", config=config, preset="tiny", options=QUIET).path
    longer = tiny().replace(sweeps=tiny().sweeps.replace(length=150_000))
    examples.tree_sequence(longer, 5, 0).dump(tmp_path / "long.trees")
    columns, _ = predict(run, {"input": tmp_path / "long.trees"}, output=tmp_path / "scan.bed")
    lines = (tmp_path / "scan.bed").read_text().strip().split("\n")
    assert len(lines) == 1 + 5 and [line.split("\t")[1] for line in lines[1:]] == [
        str(50_000 + 10_000 * i) for i in range(5)
    ]
    assert set(columns["call"]) <= set(examples.CLASSES) and len(columns["p_partial_soft"]) == 5
    write_published(tmp_path / "new.fvec", np.random.default_rng(0).random((3, 92, 11)))
    columns, skips = predict(run, {"input": tmp_path / "new.fvec"})
    assert len(columns["call"]) == 3 and [skip.count for skip in skips] == [3]
