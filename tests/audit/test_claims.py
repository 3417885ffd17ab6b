"""Predictions are matched to classes by name, refused where they cannot be, and repeated ones are counted."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.audit.claims import check_claims
from chiasma.audit.context import make_context
from chiasma.core.errors import MismatchError
from chiasma.data.dataset import Dataset, Target, TargetKind
from chiasma.data.matrix import Matrix
from chiasma.data.results import Finding, Predictions
from chiasma.data.split import Split

N = 90


def judged(
    values: np.ndarray,
    names: tuple[str, ...],
    columns: dict[str, np.ndarray],
    *,
    kind: TargetKind = "multiclass",
    ids: list[str] | None = None,
) -> dict[str, Finding]:
    own = np.array([f"e{i}" for i in range(N)], dtype=object)
    x = Matrix(np.random.default_rng(0).normal(size=(N, 3)), own, np.array(list("xyz"), dtype=object))
    data = Dataset(own, x, Target(kind, values, names), np.arange(N))
    split = Split("given", own, np.where(np.arange(N) < 30, "train", "test").astype(object))
    claims = Predictions(own if ids is None else np.array(ids, dtype=object), columns)
    context = make_context(data, split, seed=0, budget_s=60, predictions=claims)
    return {finding.name: finding for finding in check_claims(context)}


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
@pytest.mark.parametrize("prefix", ["p_", "yhat_", ""])
def test_perfect_predictions_are_perfect_in_any_order_of_columns(order, prefix):
    y = np.arange(N) % 3
    columns = {f"{prefix}{name}": (y == "abc".index(name)).astype(float) for name in order}
    assert judged(y, tuple("abc"), columns)["recomputed"].figures["value"] == 1.0


@pytest.mark.parametrize("shown", [("p_b", "p_a"), ("p_a", "p_b"), ("p_a",), ("p_b",)])
def test_two_classes_by_either_name(shown):
    y = np.arange(N) % 2
    both = {"p_b": y * 0.8 + 0.1, "p_a": 0.9 - y * 0.8}
    found = judged(y, ("a", "b"), {name: both[name] for name in shown}, kind="binary")
    assert found["recomputed"].figures["value"] == 1.0
    assert found["calibration"].figures["ece"] == pytest.approx(0.1)


def test_numbers_that_are_no_score_are_left_out_and_named():
    y = np.arange(N) % 2
    found = judged(y, ("a", "b"), {"logit": y * 3.0, "n_bases": 100.0 - y}, kind="binary")
    assert found["recomputed"].figures["value"] == 1.0
    assert found["other-columns"].figures["columns"] == ["n_bases"]


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        ("abc", ("p_a", "p_b")),  # fewer columns than classes
        ("abc", ("p_a", "p_b", "p_x")),
        ("abc", ("score",)),
        ("ab", ("first", "second")),  # either may be the score
        ("ab", ("p", "score")),
        ("ab", ("p_other",)),
    ],
)
def test_columns_that_do_not_say_what_they_are_of_are_refused_by_name(names, columns):
    y = np.arange(N) % len(names)
    kind: TargetKind = "binary" if len(names) == 2 else "multiclass"
    with pytest.raises(MismatchError, match="which score belongs to what") as caught:
        judged(y, tuple(names), {name: np.linspace(0, 1, N) for name in columns}, kind=kind)
    assert columns[0] in str(caught.value) and "p_a" in str(caught.value)


def test_tracks_by_name():
    y = np.random.default_rng(1).normal(size=(N, 2))
    found = judged(y, ("one", "two"), {"yhat_two": y[:, 1], "yhat_one": y[:, 0]}, kind="regression")
    assert found["recomputed"].figures["value"] == pytest.approx(1.0)


def test_repeated_ids_are_counted_and_the_first_is_taken():
    y = np.arange(N) % 2
    ids = [f"e{i}" for i in range(N)] + ["e50", "e51", "e52", "stranger", "stranger"]
    p = np.concatenate([y, [y[50], 1 - y[51], 1 - y[52], 0, 1]]).astype(float)
    found = judged(y, ("a", "b"), {"p_b": p}, kind="binary", ids=ids)
    assert found["recomputed"].figures["value"] == 1.0
    assert found["repeated-predictions"].severity == "warning"
    assert found["repeated-predictions"].figures == {"examples": 3, "differing": 2}


def test_a_prediction_that_is_no_number_counts_as_missing():
    y = np.arange(N) % 2
    p = np.where(np.arange(N) == 40, np.nan, y * 1.0)
    finding = judged(y, ("a", "b"), {"p_b": p}, kind="binary")["recomputed"]
    assert finding.figures["missing"] == 1 and finding.severity == "warning"
