"""Permuted labels give chance in a sound division, and something for nothing where the parts share examples."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.audit.context import Context, make_context
from chiasma.audit.permuted import check_permuted, families
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.data.results import Finding
from chiasma.data.sequences import Sequences, reverse_complement
from chiasma.data.split import Split


def of_rows(values: np.ndarray, target: Target, *, train: int, unit: np.ndarray | None = None) -> Context:
    n = len(values)
    ids = np.array([f"s{i}" for i in range(n)], dtype=object)
    x = Matrix(values, ids, np.array([f"f{j}" for j in range(values.shape[1])], dtype=object))
    data = Dataset(ids, x, target, np.arange(n) if unit is None else unit)
    part = np.where(np.arange(n) < train, "train", "test").astype(object)
    return make_context(data, Split("given", ids, part), seed=0, budget_s=60)


def binary(y: np.ndarray) -> Target:
    return Target("binary", y, ("a", "b"))


def only(context: Context) -> Finding:
    (found,) = check_permuted(context)
    return found


def test_a_test_part_that_is_the_training_part_is_not_chance():
    rng = np.random.default_rng(0)
    values, y = rng.normal(size=(200, 50)), rng.integers(0, 2, 200)
    finding = only(of_rows(np.vstack([values, values]), binary(np.tile(y, 2)), train=200))
    assert finding.severity == "critical" and finding.figures["value"] > 0.7
    assert finding.figures["families"] == 200
    assert "something for nothing" in finding.message


@pytest.mark.parametrize("flipped", [False, True])
def test_copied_sequences_and_their_other_strand_are_seen(flipped):
    codes = list(np.random.default_rng(1).integers(0, 4, (150, 60)).astype(np.uint8))
    other = [reverse_complement(code) for code in codes] if flipped else codes
    x = Sequences.from_codes([f"s{i}" for i in range(300)], [*codes, *other])
    y = np.tile(np.arange(150) % 2, 2)
    data = Dataset(x.ids, x, binary(y), np.arange(300))
    part = np.repeat(["train", "test"], 150).astype(object)
    assert only(make_context(data, Split("given", x.ids, part), seed=0, budget_s=60)).severity == "critical"


def test_copies_of_a_patient_with_other_noise_are_seen_by_unit():
    rng = np.random.default_rng(2)
    patient = np.tile(np.arange(60), 2)
    values = rng.normal(size=(60, 40))[patient] + rng.normal(0, 0.3, (120, 40))
    target = binary((np.arange(60) % 2)[patient])
    assert only(of_rows(values, target, train=60, unit=patient)).severity == "critical"
    assert only(of_rows(values, target, train=60)).severity == "ok"  # not knowing the patients


def test_sound_divisions_give_chance_and_the_real_score_its_p_value():
    rng = np.random.default_rng(3)
    for kind in ("binary", "multiclass", "regression", "multilabel"):
        values = rng.normal(size=(240, 30))
        signal = values[:, :2] + rng.normal(0, 0.5, (240, 2))
        target = {
            "binary": binary((signal[:, 0] > 0).astype(int)),
            "multiclass": Target("multiclass", np.digitize(signal[:, 1], [-0.5, 0.5]), ("a", "b", "c")),
            "regression": Target("regression", signal, ("one", "two")),
            "multilabel": Target("multilabel", (signal > 0).astype(float), ("one", "two")),
        }[kind]
        finding = only(of_rows(values, target, train=160))
        assert finding.severity == "ok", kind
        assert finding.figures["p"] == 0.01 and finding.figures["permutations"] == 99
    empty = only(of_rows(rng.normal(size=(240, 30)), binary(np.arange(240) % 2), train=160))
    assert empty.severity == "ok" and empty.figures["p"] > 0.05


def test_a_leak_in_the_second_output_alone_counts_too():
    rng = np.random.default_rng(4)
    values = rng.normal(size=(200, 50))
    y = rng.normal(size=(400, 2))
    y[200:, 1] = y[:200, 1]
    assert (
        only(of_rows(np.vstack([values, values]), Target("regression", y, ("one", "two")), train=200)).severity
        == "critical"
    )


def test_a_unit_with_both_labels_is_no_family():
    unit = np.tile(np.arange(20), 2)
    values = np.random.default_rng(5).normal(size=(40, 5))
    context = of_rows(values, binary(np.repeat([0, 1], 20)), train=30, unit=unit)
    assert len(np.unique(families(context))) == 40
    constant = of_rows(values, binary(unit % 2), train=30, unit=unit)
    assert np.array_equal(np.unique(families(constant), return_inverse=True)[1], unit)
    values[3] = values[17]
    joined = families(of_rows(values, binary(unit % 2), train=30, unit=unit))
    assert joined[3] == joined[17] == joined[23] == joined[37]
