from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from chiasma.core.errors import UsageError
from chiasma.data.sequences import encode
from chiasma.data.split import Split
from chiasma.fit.loop import build_seeded, predict, train
from chiasma.fit.progress import Silent
from chiasma.methods.sequence.transformer.config import Config, default, single_base
from chiasma.methods.sequence.transformer.model import build
from chiasma.methods.sequence.transformer.task import make_task
from chiasma.metrics.classification import auroc
from chiasma.nn.onehot import one_hot
from chiasma.simulate.planted import planted_motifs


def dna(*texts: str) -> torch.Tensor:
    return one_hot(torch.from_numpy(np.stack([encode(text) for text in texts])))


def test_it_learns_a_planted_motif(tmp_path: Path) -> None:
    data = planted_motifs(4, examples=1200)
    part = np.array(["train", "train", "train", "train", "valid", "test"], dtype=object)[np.arange(1200) % 6]
    split = Split("given", data.ids, part)
    training = {"epochs": 15, "batch_size": 32, "learning_rate": 3e-3, "schedule": "one-cycle"}
    config = Config.parse({"channels": 16, "width": 15, "layers": 1, "hidden": 16, "training": training})
    task, model = make_task(config, data, split), build_seeded(build, config, 2, seed=1)
    train(task, model, config.training, seed=1, folder=tmp_path, device="cpu", progress=Silent())
    found = predict(task, model, "test", device="cpu")
    assert auroc(data.target.values[split.where("test")], found["p_ctcf"]) > 0.9


@torch.no_grad()
def test_attention_can_be_looked_at() -> None:
    torch.manual_seed(1)
    model = build(default(), 2).eval()
    x = dna("ACGT" * 10, "NNNNNNNN" + "ACGTA" * 6 + "NN")
    maps = model.attention(x)
    assert maps.shape == (2, 2, 4, 10, 10)  # (layer, batch, head, query, key)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, 2, 4, 10))
    assert (maps[:, 1, :, :, :2] == 0).all(), "padding is not attended to"
    assert (maps[:, 1, :, :, 2:] > 0).all()


@torch.no_grad()
def test_sequence_of_unknown_bases_still_has_an_answer() -> None:
    model = build(default(), 2).eval()
    x = dna("N" * 40)
    assert torch.isfinite(model(x)).all() and torch.isfinite(model.attention(x)).all()


@torch.no_grad()
def test_without_a_stem_a_token_is_a_base() -> None:
    model = build(single_base(), 3).eval()
    assert model(dna("ACGTACGTAC")).shape == (1, 3)
    assert model.attention(dna("ACGTACGTAC")).shape == (2, 1, 4, 10, 10)


@pytest.mark.parametrize(
    ("settings", "message"), [({"width": 8}, "must be odd"), ({"channels": 10, "heads": 4}, "a multiple of heads")]
)
def test_shapes_that_cannot_be_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Config.parse(settings)
