"""diploS/HIC: the network's size and shape, what it is shown, its figures on the shipped vectors, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from chiasma.core.errors import InputError, MismatchError, UsageError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.data.simulated import Simulated
from chiasma.data.split import Split
from chiasma.io.fvec import FeatureVectors, write_fvec
from chiasma.methods.population.diploshic import examples
from chiasma.methods.population.diploshic.config import Config, tiny
from chiasma.methods.population.diploshic.model import build
from chiasma.methods.population.diploshic.task import make_task
from chiasma.rivals.grids import GridTrees
from chiasma.stats.popgen.grid import DIPLOID, HAPLOID, normalise
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.feature_vectors import load_vectors
from chiasma.workflow.predicting.predict import predict

pytest.importorskip("msprime")
QUIET = {"draws": 100, "executor": "serial", "seed": 2}
FILES = {
    "hard": "hard",
    "neutral": "neut",
    "soft": "soft",
    "linked_soft": "linkedSoft",
    "linked_hard": "linkedHard",
}


def write_folder(folder: Path, *, rows: int = 30, seed: int = 0, names: tuple[str, ...] = DIPLOID) -> Path:
    """Vectors of five classes; each has a dip of its own depth and place in every statistic."""
    folder.mkdir(exist_ok=True)
    draw = np.random.default_rng(seed)
    for code, stem in enumerate(FILES.values()):
        grid = draw.random((rows, len(names), 11)) + 1
        grid[:, :, 5 if code < 3 else 2] *= (0.1, 1.0, 0.5, 0.5, 0.1)[code]
        write_fvec(folder / f"{stem}.fvec", FeatureVectors(names, normalise(grid)))
    return folder


def test_layers_are_the_published_ones() -> None:
    model = build(Config(), 5)
    shapes = [tuple(value.shape) for name, value in model.named_parameters() if value.ndim > 1]
    branches = [shape for k in (3, 2, 2) for shape in ((128, 1, k, k), (64, 128, k, k))]
    assert shapes == [*branches, (512, 64 * (4 * 4 + 2 * 6 * 5)), (128, 512), (5, 128)]
    assert sum(value.numel() for value in model.parameters()) == 2_699_205
    assert model(torch.zeros(3, 12, 11)).shape == (3, 5)
    assert build(Config(statistics="haploid"), 5)(torch.zeros(2, 15, 11)).shape == (2, 5)


def test_dilated_filters_reach_three_and_four_windows_on() -> None:
    model = build(tiny(), 5).double().eval()
    for branch, step in ((1, 3), (2, 4)):
        first = model.branches[branch][:2]  # padding and the first convolution
        x = torch.zeros(1, 1, 12, 11, dtype=torch.double)
        x[0, 0, 6, 5] = 1
        touched = (first(x) - first(torch.zeros_like(x))).abs().sum(dim=(0, 1)).nonzero()
        left, total = step // 2, step
        assert sorted(set(touched[:, 1].tolist())) == [5 - (total - left), 5 + left]
        assert sorted(set(touched[:, 0].tolist())) == [5, 6]


def task_of(values: np.ndarray, codes: np.ndarray) -> tuple[Dataset, Split]:
    from chiasma.workflow.loading.feature_vectors import VectorTable, stored_vector

    n = len(values)
    data = Dataset(
        ids=np.array([f"v{i}" for i in range(n)], object),
        x=Simulated(stored_vector, VectorTable(values), 1, np.arange(n)),
        target=Target("multiclass", codes, examples.CLASSES),
        unit=np.arange(n),
    )
    part = np.array(["train", "train", "valid", "test"], object)[np.arange(n) % 4]
    return data, Split("given", data.ids, part)


def test_one_scale_is_learnt_in_training_and_kept() -> None:
    draw = np.random.default_rng(1)
    data, split = task_of(normalise(draw.random((60, 12, 11))), np.arange(60) % 5)
    task = make_task(tiny().replace(mirror=False), data, split)
    meta = task.meta()
    batches = list(task.batches("train", 1, 0))
    values = np.concatenate([batch["grid"].numpy() for batch in batches])
    assert meta["mean"] == pytest.approx(1 / 11) and values.std() == pytest.approx(1, abs=1e-4)
    alone = make_task(tiny(), data.take(np.array([7])), None, meta=meta)
    again = make_task(tiny(), data, None, meta=meta)
    one, all_ = (next(each.batches("all", 0, 0))["grid"] for each in (alone, again))
    assert torch.equal(one[0], all_[7])


def test_training_examples_are_mirrored_half_the_time_and_no_others() -> None:
    draw = np.random.default_rng(1)
    data, split = task_of(normalise(draw.random((80, 12, 11))), np.arange(80) % 5)
    plain, turned = (make_task(tiny().replace(mirror=mirror), data, split) for mirror in (False, True))
    one, two = (
        np.concatenate([batch["grid"].numpy() for batch in task.batches("train", 1, 0)]) for task in (plain, turned)
    )
    same = (one == two).all(axis=(1, 2))
    assert (same | (one[:, :, ::-1] == two).all(axis=(1, 2))).all() and 8 < same.sum() < 32
    for part in ("valid", "test"):
        assert torch.equal(next(plain.batches(part, 1, 0))["grid"], next(turned.batches(part, 1, 0))["grid"])


def test_other_grids_and_no_grids_are_refused() -> None:
    draw = np.random.default_rng(1)
    data, split = task_of(draw.random((20, 15, 11)), np.arange(20) % 5)
    with pytest.raises(MismatchError, match="--statistics"):
        list(make_task(tiny(), data, split).batches("train", 1, 0))
    matrix = Matrix(np.zeros((20, 1)), data.ids, np.array(["f"]))
    with pytest.raises(InputError, match="grids"):
        make_task(tiny(), replace(data, x=matrix), split)


def test_a_fit_on_vectors_faces_the_trees_and_scans_vectors(tmp_path: Path) -> None:
    train, test = write_folder(tmp_path / "a"), write_folder(tmp_path / "b", rows=12, seed=1)
    config = {"training": {"epochs": 3}}
    inputs = {"fvec": train, "test_fvec": test}
    result = fit("diploshic", inputs, output=tmp_path / "r", config=config, preset="tiny", options=QUIET)
    assert {"majority", "grid-logistic", "extra-trees"} == set(result.metrics["baselines"])
    assert result.metrics["baselines"]["extra-trees"]["balanced_accuracy"]["value"] > 0.8
    assert result.metrics["conditions"]["n"] == 60 and result.report is not None
    from chiasma.data.intervals import make_intervals

    places = make_intervals(["2"] * 4, np.arange(4) * 1000, np.arange(4) * 1000 + 1000)
    grid = np.ones((4, 12, 11))
    write_fvec(tmp_path / "new.fvec", FeatureVectors(DIPLOID, normalise(grid), places))
    columns, _ = predict(result.path, {"input": tmp_path / "new.fvec"}, output=tmp_path / "calls.bed")
    lines = (tmp_path / "calls.bed").read_text().strip().split("\n")
    assert lines[0].startswith("#chrom") and len(lines) == 5
    fields = lines[2].split("\t")
    assert fields[:4] == ["2", "1000", "2000", columns["call"][1]] and len(fields) == 6 + 5
    assert int(fields[4]) == round(1000 * max(columns[f"p_{name}"][1] for name in examples.CLASSES))
    with pytest.raises(UsageError, match="no genotypes"):
        predict(result.path, {"input": tmp_path / "new.fvec", "region": "2:1-9"})
    write_fvec(tmp_path / "other.fvec", FeatureVectors(HAPLOID, np.ones((2, 15, 11))))
    with pytest.raises(MismatchError, match="other statistics"):
        predict(result.path, {"input": tmp_path / "other.fvec"})


def test_bad_folders(tmp_path: Path) -> None:
    config, options = tiny(), FitOptions()
    folder = write_folder(tmp_path / "a")
    with pytest.raises(InputError, match="also learnt from"):
        load_vectors(config, {"fvec": folder, "test_fvec": folder}, options)
    with pytest.raises(UsageError, match="none to learn from"):
        load_vectors(config, {"test_fvec": folder}, options)
    with pytest.raises(MismatchError, match="--statistics haploid"):
        load_vectors(config, {"fvec": write_folder(tmp_path / "h", names=HAPLOID)}, options)
    some = write_folder(tmp_path / "c", seed=3)
    (folder / "hard.fvec").write_text((some / "hard.fvec").read_text())
    data, split = load_vectors(config, {"fvec": some, "test_fvec": folder}, options)
    assert data.skips[0].count == 30 and split is not None and split.sizes()["test"] == 120
    (some / "soft.fvec").rename(some / "sweep.fvec")
    with pytest.raises(InputError, match="unknown class"):
        load_vectors(config, {"fvec": some}, options)
    (some / "sweep.fvec").unlink()
    with pytest.raises(InputError, match="add soft"):
        load_vectors(config, {"fvec": some}, options)


@pytest.mark.realdata
@pytest.mark.slow
def test_trees_on_the_shipped_vectors(data_dir: Path) -> None:
    """.826 was measured with 300 trees of scikit-learn on the same files."""
    folder = data_dir / "population" / "diploshic_fvec"
    data, split = load_vectors(
        Config(), {"fvec": str(folder / "training"), "test_fvec": str(folder / "testing")}, FitOptions()
    )
    assert split is not None and split.sizes()["test"] == 10_000 and not data.skips
    rest = data.take(split.where("train", "valid", "calibration"))
    test = data.take(split.where("test"))
    right = GridTrees().fit(rest, seed=1).predict(test).argmax(axis=1) == test.target.values
    assert right.mean() == pytest.approx(0.826, abs=0.01)
