from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from chiasma.core.errors import UsageError
from chiasma.data.split import Split
from chiasma.fit.loop import build_seeded, predict, train
from chiasma.fit.progress import Silent
from chiasma.methods.sequence.lstm.config import Config, default
from chiasma.methods.sequence.lstm.model import build
from chiasma.methods.sequence.lstm.task import make_task
from chiasma.metrics.classification import auroc
from chiasma.simulate.planted import planted_motifs


def test_it_learns_a_planted_motif(tmp_path: Path) -> None:
    data = planted_motifs(4, examples=1200)
    part = np.array(["train", "train", "train", "train", "valid", "test"], dtype=object)[np.arange(1200) % 6]
    split = Split("given", data.ids, part)
    training = {"epochs": 15, "batch_size": 32, "learning_rate": 1e-2, "schedule": "one-cycle"}
    config = Config.parse({"filters": 16, "width": 15, "units": 12, "hidden": 16, "training": training})
    task, model = make_task(config, data, split), build_seeded(build, config, 2, seed=1)
    train(task, model, config.training, seed=1, folder=tmp_path, device="cpu", progress=Silent())
    found = predict(task, model, "test", device="cpu")
    assert auroc(data.target.values[split.where("test")], found["p_ctcf"]) > 0.9


def test_it_reads_in_order_both_ways() -> None:
    """The first bin's reading depends on the last bin, and the last bin's on the first."""
    torch.manual_seed(1)
    model = build(default(), 2).eval()
    x = torch.rand(1, 4, 100, requires_grad=True)
    read, _ = model.lstm(model.scanner(x).transpose(1, 2))  # (batch, bin, 2 * unit)
    for bin_read, far in ((0, slice(80, 100)), (-1, slice(0, 20))):
        (gradient,) = torch.autograd.grad(read[0, bin_read].sum(), x, retain_graph=True)
        assert gradient[:, :, far].abs().sum() > 0


def test_it_reads_any_length_with_several_layers() -> None:
    model = build(default().replace(layers=2), 3)
    for length in (24, 81, 1000):
        assert model(torch.rand(2, 4, length)).shape == (2, 3)


def test_even_windows_are_refused() -> None:
    with pytest.raises(UsageError, match=r"width: .*must be odd"):
        Config.parse({"width": 8})
