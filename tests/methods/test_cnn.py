from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.sequences import Sequences
from chiasma.data.split import Split
from chiasma.fit.loop import build_seeded, predict, train
from chiasma.fit.progress import Silent
from chiasma.methods.sequence.cnn.config import Config, default
from chiasma.methods.sequence.cnn.model import build
from chiasma.methods.sequence.cnn.task import make_task
from chiasma.metrics.classification import auroc
from chiasma.simulate.planted import planted_motifs


def small(**training: Any) -> Config:
    settings = {"epochs": 15, "batch_size": 32, "learning_rate": 5e-3, "schedule": "one-cycle", **training}
    return Config.parse({"filters": 16, "width": 15, "layers": 1, "hidden": 16, "dropout": 0.1, "training": settings})


def fit(data: Dataset, config: Config, part: np.ndarray, folder: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    split = Split("given", data.ids, part)
    task = make_task(config, data, split)
    model = build_seeded(build, config, data.target.n_outputs, seed=1)
    train(task, model, config.training, seed=1, folder=folder, device="cpu", progress=Silent())
    return predict(task, model, "test", device="cpu"), data.target.values[split.where("test")]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_every_kind_of_target_is_learnt(kind: Any, tmp_path: Path) -> None:
    data = planted_motifs(4, kind=kind, examples=1200)
    part = np.array(["train", "train", "train", "train", "valid", "test"], dtype=object)[np.arange(1200) % 6]
    found, truth = fit(data, small(), part, tmp_path)
    scores = np.column_stack(list(found.values()))
    if kind == "multiclass":
        assert (scores.argmax(axis=1) == truth).mean() > 0.7
    elif kind == "regression":
        assert np.corrcoef(scores[:, 0], truth[:, 0])[0, 1] > 0.7
    else:
        column = truth if kind == "binary" else truth[:, 1]
        assert auroc(column, scores[:, -1]) > 0.9


def test_it_reads_any_length() -> None:
    model = build(default(), 3)
    for length in (23, 81, 100, 1000):
        assert model(torch.rand(2, 4, length)).shape == (2, 3)


def test_first_layer_can_be_exponential() -> None:
    model = build(default().replace(activation="exp"), 2)
    assert torch.isfinite(model(torch.rand(2, 4, 100))).all()


@pytest.mark.parametrize("key", ["width", "layer_width"])
def test_even_windows_are_refused(key: str) -> None:
    with pytest.raises(UsageError, match=f"{key}: .*must be odd"):
        Config.parse({key: 8})


def test_receptive_field_follows_the_settings() -> None:
    assert Config(layers=0).receptive_field == 19 - 1 + 4
    assert Config(layers=2, layer_width=3, dilation_growth=2, pool=2, width=5).receptive_field == 4 + (1 + 2 * 3) * 2


@pytest.mark.realdata
def test_ctcf_peaks_against_shuffled_letters_in_one_pass(data_dir: Path, tmp_path: Path) -> None:
    """A reduced form of the acceptance case: 12,000 peaks, one epoch, base-shuffled negatives."""
    import gzip

    with gzip.open(data_dir / "sequence" / "peaks" / "ctcf.fa.gz", "rt") as handle:
        lines = [next(handle).strip() for _ in range(24_000)]
    chromosomes, peaks = [line[1:].split(":")[0] for line in lines[::2]], lines[1::2]
    positives = Sequences.from_strings([f"p{i}" for i in range(len(peaks))], peaks)
    draw = np.random.default_rng(1)
    shuffled = [draw.permutation(positives[index]) for index in range(len(peaks))]
    ids = np.array([f"{kind}{i}" for kind in "pn" for i in range(len(peaks))], dtype=object)
    codes = [*(positives[index] for index in range(len(peaks))), *shuffled]
    y = np.repeat([1, 0], len(peaks))
    data = Dataset(ids, Sequences.from_codes(list(ids), codes), Target("binary", y, ("shuffled", "peak")), y)
    part = np.array([{"chr8": "test", "chr9": "test", "chr7": "valid"}.get(c, "train") for c in chromosomes * 2])
    config = default().replace(training=default().training.replace(epochs=1, min_steps=0))
    found, truth = fit(data, config, part.astype(object), tmp_path)
    assert auroc(truth, found["p_peak"]) > 0.9
