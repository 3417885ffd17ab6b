"""A model fine-tuned from one that was trained on the test part is found out."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.audit.inheritance import inherited
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.data.sequences import Sequences, reverse_complement
from chiasma.data.split import Split

N = 40
OWN = np.repeat(["train", "valid", "calibration", "test"], N // 4).astype(object)


def dna(seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 4, (N, 60)).astype(np.uint8))


def data_of(codes: list[np.ndarray], *, prefix: str = "s") -> Dataset:
    x = Sequences.from_codes([f"{prefix}{i}" for i in range(N)], codes)
    return Dataset(x.ids, x, Target("binary", np.arange(N) % 2, ("a", "b")), np.arange(N))


def divided(data: Dataset, part: np.ndarray) -> Split:
    return Split("given", data.ids, part)


@pytest.mark.parametrize("part", ["train", "valid"])
def test_test_ids_of_the_parent_are_critical(part):
    data = data_of(dna(1))
    before = np.where(np.arange(N) >= N - 3, part, "test").astype(object)
    finding = inherited(data, divided(data, OWN), divided(data, before))
    assert finding.severity == "critical" and finding.figures["examples"]["test"] == 3
    assert "s37" in finding.message


def test_the_same_split_and_other_data_are_fine():
    data = data_of(dna(1))
    assert inherited(data, divided(data, OWN), divided(data, OWN)).severity == "ok"
    other = data_of(dna(2), prefix="t")
    learned = divided(other, np.full(N, "train", dtype=object))
    assert inherited(data, divided(data, OWN), learned, parent=other).severity == "ok"


def test_sequences_count_and_not_their_names():
    data = data_of(dna(1))
    split, learned = divided(data, OWN), np.full(N, "train", dtype=object)
    namesake = data_of(dna(2))
    assert inherited(data, split, divided(namesake, learned), parent=namesake).severity == "ok"
    other = data_of([reverse_complement(code) for code in dna(1)], prefix="t")
    finding = inherited(data, split, divided(other, learned), parent=other)
    assert finding.severity == "critical" and finding.figures["examples"]["test"] == N // 4
    near = dna(1)
    for code in near:
        code[30] = (code[30] + 1) % 4
    kin = data_of(near, prefix="t")
    assert inherited(data, split, divided(kin, learned), parent=kin).figures["near"] == N // 4


def test_calibration_alone_is_a_warning():
    data = data_of(dna(1))
    before = np.where(OWN == "calibration", "train", "test").astype(object)
    assert inherited(data, divided(data, OWN), divided(data, before)).severity == "warning"


def test_samples_of_a_matrix_go_by_name():
    ids = np.array([f"p{i}" for i in range(N)], dtype=object)
    x = Matrix(np.random.default_rng(0).normal(size=(N, 3)), ids, np.array(list("xyz"), dtype=object))
    data = Dataset(ids, x, Target("binary", np.arange(N) % 2, ("a", "b")), np.arange(N))
    learned = divided(data, np.full(N, "train", dtype=object))
    assert inherited(data, divided(data, OWN), learned, parent=data).severity == "critical"
