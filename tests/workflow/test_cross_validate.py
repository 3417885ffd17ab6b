"""Cross-validation: what is held out is never seen, units stay whole, selection in noise finds nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.core.errors import InsufficientDataError, UsageError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.io.tables import write_labels, write_matrix
from chiasma.methods.omics.diablo import config as diablo_config, examples as diablo_examples, model as diablo_model
from chiasma.methods.omics.spls_da import config as spls_config, examples as spls_examples, model as spls_model
from chiasma.workflow.fitting.cross_validate import cross_validate, cross_validate_files, permute_labels, permuted


class Remembers:
    """A classifier that knows the samples it was fitted to, and says 0 of any other."""

    def fit(self, x: Matrix, y: np.ndarray) -> Remembers:
        self.known = dict(zip(x.samples, y))
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Matrix) -> np.ndarray:
        return np.array([self.known.get(name, 0) for name in x.samples])

    def predict_proba(self, x: Matrix) -> np.ndarray:
        return np.eye(len(self.classes_))[self.predict(x)]


def test_held_out_samples_are_never_seen():
    data = spls_examples.example(0)
    found = cross_validate(Remembers, data, seed=1, folds=5, repeats=2)
    assert (found.predicted == 0).all()
    assert found.ber.tolist() == pytest.approx([2 / 3, 2 / 3])
    assert found.class_error[:, 0].tolist() == [0, 0] and found.class_error[:, 1].tolist() == [1, 1]


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=3), min_size=4, max_size=12), st.integers(0, 2**32 - 1)
)
def test_permuted_labels_leave_every_class_as_many_units(units: list[list[int]], seed: int) -> None:
    unit = np.repeat(np.arange(len(units)), [len(one) for one in units])
    codes = np.concatenate([np.asarray(one) for one in units])
    new = permute_labels(codes, unit, random=np.random.default_rng(seed))
    assert sorted(new) == sorted(codes)
    for code in range(3):
        assert len(np.unique(unit[new == code])) == len(np.unique(unit[codes == code]))


def test_units_that_no_permutation_can_touch_are_counted():
    data = spls_examples.example(0)
    data = replace(data, unit=np.minimum(np.arange(60), 55), unit_name="patient")  # one of five, the others of one
    found = cross_validate(Remembers, data, seed=1, folds=4, repeats=1)
    about = permuted(Remembers, data, found, seed=1, permutations=2)["permutation"]
    assert about["folds"] == 4 and about["units"] == 56 and about["units_alone_of_their_size"] == 1


def test_units_stay_whole():
    data = spls_examples.example(0)
    data = replace(data, unit=np.arange(60) // 4, unit_name="patient")
    found = cross_validate(Remembers, data, seed=1, folds=5, repeats=1)
    assert all(len(np.unique(found.folds[0][data.unit == unit])) == 1 for unit in range(15))


def test_estimators_and_the_stability_of_what_they_select():
    for examples, config, model in (
        (diablo_examples, diablo_config, diablo_model),
        (spls_examples, spls_config, spls_model),
    ):
        build = model.build

        def make(build=build, config=config):
            return build(config.tiny())

        data = examples.example(1)
        found = cross_validate(make, data, seed=3, folds=5, repeats=2)
        assert found.ber.mean() < 0.3
        assert all(0 < row["stability"] <= 1 for row in found.stability)
        assert found.stability[0]["stability"] == 1
        np.testing.assert_allclose(found.probabilities.sum(axis=2), 1)
        tables = found.stability_tables()
        row = found.stability[-1]
        assert tables[row["view"]].loc[row["feature"], f"comp{row['component']}"] == row["stability"]
        again = cross_validate(make, data, seed=3, folds=5, repeats=2)
        assert np.array_equal(again.probabilities, found.probabilities)
        record = found.to_dict()
        assert record["ber"] == pytest.approx(found.ber.mean()) and record["folds"] == 5


def test_noise_stays_noise():
    random = np.random.default_rng(0)
    names = np.asarray([f"n{index}" for index in range(400)], dtype=object)
    noise = Matrix(random.standard_normal((40, 400)), names[:40], names)
    target = Target("binary", np.arange(40) % 2, ("a", "b"))
    data = Dataset(names[:40], noise, target, np.arange(40))
    found = cross_validate(lambda: spls_model.build(spls_config.tiny()), data, seed=0, folds=10, repeats=3)
    assert 0.3 < found.ber.mean() < 0.7


def test_refusals():
    data = spls_examples.example(0)
    with pytest.raises(UsageError, match="classes"):
        cross_validate(Remembers, replace(data, target=Target("none", np.zeros(0), ())), seed=1)
    lone = data.take(np.r_[0:20, 20:40, 40])
    with pytest.raises(InsufficientDataError, match="luminal"):
        cross_validate(Remembers, lone, seed=1)


def test_files(tmp_path):
    data = spls_examples.example(0)
    write_matrix(tmp_path / "m.tsv", data.x)
    names = data.target.names
    write_labels(tmp_path / "y.tsv", {name: names[code] for name, code in zip(data.ids, data.target.values)})
    inputs = {"matrix": tmp_path / "m.tsv", "labels": tmp_path / "y.tsv"}
    found = cross_validate_files("spls-da", inputs, preset="tiny", options={"folds": 4, "repeats": 1, "seed": 2})
    assert found["samples"] == 60 and found["folds"] == 4 and set(found["class_error"]) == set(names)


@pytest.mark.realdata
def test_breast_cancer_from_files(data_dir):
    folder = data_dir / "omics" / "breast_tcga"
    inputs = {
        "view": {view: folder / f"train_{view}.csv.gz" for view in ("mrna", "mirna", "protein")},
        "labels": folder / "train_subtype.csv.gz",
    }
    found = cross_validate_files("diablo", inputs, preset="breast_tcga", options={"folds": 10, "repeats": 4})
    assert abs(found["ber"] - 0.0811) < 0.02
    sure = {row["feature"] for row in found["stability"] if row["stability"] == 1 and row["component"] == 1}
    assert {"ZNF552", "KDM4B", "hsa-mir-17"} <= sure


def test_probabilities_may_be_held_to_the_views_that_new_samples_have():
    data = diablo_examples.example(0)
    views = list(data.x.blocks)
    assert len(views) > 1

    def make():
        return diablo_model.build(diablo_config.tiny())

    whole = cross_validate(make, data, seed=1, folds=3, repeats=1)
    part = cross_validate(make, data, seed=1, folds=3, repeats=1, shown=views[:1])
    np.testing.assert_array_equal(whole.predicted, part.predicted)
    assert not np.allclose(whole.probabilities, part.probabilities)
    np.testing.assert_allclose(part.probabilities.sum(axis=2), 1)
