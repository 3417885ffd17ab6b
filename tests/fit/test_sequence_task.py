from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from chiasma.core.errors import InputError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.data.sequences import Sequences, decode, reverse_complement
from chiasma.data.split import Split
from chiasma.fit.loop import predict
from chiasma.fit.sequence_task import LONGEST, SequenceTask
from chiasma.simulate.planted import planted_motifs


def dataset(texts: list[str], target: Target | None = None) -> Dataset:
    ids = np.array([f"s{index}" for index in range(len(texts))], dtype=object)
    target = target or Target("binary", np.arange(len(texts)) % 2, ("no", "yes"))
    return Dataset(ids, Sequences.from_strings(list(ids), texts), target, np.arange(len(texts)))


def task_of(data: Dataset, parts: list[str] | None = None, **changes: Any) -> SequenceTask:
    settings: dict[str, Any] = {"length": None, "shortest": 1, "batch_size": 4, "reverse_complement": True}
    split = None if parts is None else Split("given", data.ids, np.array(parts, dtype=object))
    return SequenceTask(data, split, **{**settings, "max_shift": 0, **changes})


def read(task: SequenceTask, part: str, epoch: int = 0) -> list[str]:
    return [decode(row) for batch in task.batches(part, 7, epoch) for row in batch["codes"].numpy()]


def test_sequences_are_centred_padded_and_cropped_and_the_cropped_are_named() -> None:
    data = dataset(["ACGT", "ACGTACG", "AACCCGGTT"])
    task = task_of(data, length=6)
    assert read(task, "all") == ["NACGTN", "CGTACG", "CCCGGT"]
    assert [str(skip) for skip in task.skips] == [
        "2 skipped: ends of sequences longer than 6 bases (the middle was read) (s1, s2)"
    ]
    assert task_of(data, shortest=12).length == 12 and task_of(data).length == 9 and task_of(data).skips == ()
    assert task_of(dataset(["A" * (LONGEST + 3), "C"])).length == LONGEST


def test_length_is_learnt_from_the_training_part_alone() -> None:
    data = dataset(["ACGT", "ACG", "ACGTACGT", "ACGTA"])
    assert task_of(data, ["train", "train", "test", "valid"]).length == 4


def test_training_batches_are_the_obvious_loop() -> None:
    """Shift within margins of real bases or N, then turn, in the order that the seed draws."""
    data = dataset(["ACGTTGCAAC", "CCCCGGG", "TTTACGTAAAAC", "GATTACA", "AC", "GGGGGGGGGGGGGGGGGGAC"])
    task = task_of(data, ["train"] * 6, length=10, max_shift=3)
    draw = generator(7, "train", 2)
    order = draw.permutation(np.arange(6))
    shifts, turned = draw.integers(-3, 4, 6), draw.random(6) < 0.5
    expected = []
    for index, shift, turn in zip(order, shifts, turned, strict=True):
        wide = data.x.take(np.array([index])).padded(16)[0]  # type: ignore[union-attr]
        window = np.array([wide[3 + shift + position] for position in range(10)], np.uint8)
        expected.append(decode(reverse_complement(window) if turn else window))
    assert read(task, "train", epoch=2) == expected
    assert read(task, "train", epoch=2) != read(task, "train", epoch=3)
    assert [len(batch["y"]) for batch in task.batches("train", 7, 0)] == [4, 2]


def test_without_augmentation_sequences_are_as_given() -> None:
    data = dataset(["ACGTT", "CCCCG", "TTTAC"])
    task = task_of(data, ["train"] * 3, reverse_complement=False)
    assert sorted(read(task, "train")) == sorted(data.x.strings())  # type: ignore[union-attr]


class Counter(nn.Module):
    """Outputs that can be worked out by hand: counts of A, and of C."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :2].sum(dim=2)


def test_answers_are_the_mean_over_both_strands() -> None:
    data = dataset(["AACG", "TTTT"])
    found = predict(task_of(data), Counter(), "all", device="cpu")
    e = np.exp
    forward, backward = [e(1) / (e(2) + e(1)), 0.5], [e(1) / (1 + e(1)), 1 / (e(4) + 1)]
    np.testing.assert_allclose(found["p_yes"], (np.array(forward) + backward) / 2, rtol=1e-6)
    one = predict(task_of(data, reverse_complement=False), Counter(), "all", device="cpu")
    np.testing.assert_allclose(one["p_yes"], forward, rtol=1e-6)


def test_losses_are_the_formulas() -> None:
    texts = ["AACG", "TTTT", "CCCA"]
    counts = np.array([[2.0, 1.0], [0.0, 0.0], [1.0, 3.0]])

    def loss(target: Target) -> float:
        task = task_of(dataset(texts, target), ["train"] * 3, reverse_complement=False)
        return float(task.loss(Counter(), next(iter(task.batches("train", 1, 0)))))

    y = np.array([0, 1, 1])
    expected = -np.mean([row[label] - np.log(np.exp(row).sum()) for row, label in zip(counts, y, strict=True)])
    assert loss(Target("multiclass", y, ("a", "b"))) == pytest.approx(expected, rel=1e-5)
    present = np.array([[1.0, 0], [1, 1], [0, 0]])
    p = 1 / (1 + np.exp(-counts))
    expected = -np.mean(present * np.log(p) + (1 - present) * np.log(1 - p))
    assert loss(Target("multilabel", present, ("a", "b"))) == pytest.approx(expected, rel=1e-5)
    values = np.array([[1.0, 10.0], [2.0, 30.0], [6.0, 20.0]])
    scaled = (values - values.mean(0)) / values.std(0)
    assert loss(Target("regression", values, ("a", "b"))) == pytest.approx(np.mean((counts - scaled) ** 2), rel=1e-5)


def test_regression_answers_in_original_units_with_the_scale_of_training() -> None:
    values = np.array([[10.0], [14.0], [900.0]])
    data = dataset(["AC", "TT", "GG"], Target("regression", values, ("rate",), "log rho"))
    task = task_of(data, ["train", "train", "test"], reverse_complement=False)
    assert (task.meta()["mean"], task.meta()["deviation"]) == ([12.0], [2.0])

    class CountA(Counter):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)[:, :1]

    new = dataset(["AAAA", "C"], Target("none", np.zeros(0), ()))
    later = task_of(new, meta=task.meta(), reverse_complement=False)
    assert later.length == 2 and later.columns == ("yhat_rate",)
    np.testing.assert_allclose(predict(later, CountA(), "all", device="cpu")["yhat_rate"], [16.0, 12.0])
    assert "y" not in next(iter(later.batches("all", 0, 0)))


def test_constant_track_does_not_divide_by_zero() -> None:
    data = dataset(["AC", "TT"], Target("regression", np.full((2, 1), 3.0), ("rate",)))
    assert task_of(data, ["train", "train"]).meta()["deviation"] == [1.0]


def test_what_does_not_fit_is_refused() -> None:
    data = dataset(["ACGT", "ACGA"])
    with pytest.raises(InputError, match="not that of the model"):
        other = replace(data, target=Target("binary", np.array([0, 1]), ("yes", "no")))
        task_of(other, meta=task_of(data).meta())
    with pytest.raises(InputError, match="not of these data"):
        SequenceTask(
            data,
            Split("given", data.ids[::-1], np.array(["train", "test"], dtype=object)),
            length=None,
            shortest=1,
            batch_size=2,
            reverse_complement=True,
            max_shift=0,
        )
    matrix = Matrix(np.zeros((2, 1)), data.ids, np.array(["f"], dtype=object))
    with pytest.raises(InputError, match="sequences are needed"):
        task_of(replace(data, x=matrix))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_planted_motifs_are_there(kind: Any) -> None:
    data = planted_motifs(2, kind=kind, examples=60)
    assert data.problems() == [] and len(data) == 60
    texts = data.x.strings()  # type: ignore[union-attr]
    other = data.x.reverse_complemented().strings()  # type: ignore[union-attr]
    found = np.array(["CCACCAGGGGGCG" in one or "CCACCAGGGGGCG" in two for one, two in zip(texts, other, strict=True)])
    values = data.target.values
    truth = {
        "binary": lambda: values == 1,
        "multiclass": lambda: values == 2,
        "multilabel": lambda: values[:, 1] == 1,
        "regression": lambda: values[:, 0] > 0.5,
    }[kind]()
    assert (found == truth).mean() > 0.96
