"""What every method without a target promises: factors without labels, for new samples, the same every time."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chiasma.core.cards import find_card, list_cards
from chiasma.core.errors import ChiasmaError
from chiasma.data.dataset import Dataset
from chiasma.fit.contracts import Representation, fit_representation
from chiasma.workflow.fitted import as_frames
from chiasma.workflow.fitting.head import as_noun, factor_names, factors_of
from chiasma.workflow.method import load_method

CARDS = [card for card in list_cards() if card.represents]
every = pytest.mark.parametrize("name", [card.name for card in CARDS])
inductive = pytest.mark.parametrize("name", [card.name for card in CARDS if not card.transductive])


@cache
def example(name: str) -> Dataset:
    return load_method(name).module("examples").example(1)


def fresh(name: str, data: Dataset | None = None) -> Any:
    """The tiny model, fitted to the example or to other samples."""
    method, data = load_method(name), data or example(name)
    model = method.module("model").build(method.configure(preset="tiny"))
    procedure = method.card.contract == "procedure"
    return fit_representation(model, data, as_frames(data.x), procedure=procedure, seed=3)


@cache
def fitted(name: str) -> Any:
    return fresh(name)


def frames(name: str) -> Any:
    return as_frames(example(name).x)


def each(x: Any, change: Any) -> Any:
    """A change made to one table, or to each of several."""
    return {key: change(table) for key, table in x.items()} if isinstance(x, dict) else change(x)


@every
def test_the_card_takes_samples_without_labels(name: str) -> None:
    card = find_card(name)
    assert card.targets[0] == "none"
    assert [port.name for port in card.inputs if port.required and port.name in ("labels", "test-labels")] == []
    assert card.contract in ("estimator", "procedure")


@every
def test_factors_have_names_and_are_numbers(name: str) -> None:
    model = fitted(name)
    assert isinstance(model, Representation)
    factors, names = factors_of(model, frames(name)), factor_names(model)
    assert factors.shape == (len(example(name)), len(names)) and np.isfinite(factors).all()
    assert len(set(names)) == len(names)
    assert not any(one.startswith(("p_", "yhat_")) or one in ("id", "part", "unit", "set") for one in names)


@every
def test_the_same_data_give_the_same_factors_whatever_the_labels(name: str) -> None:
    again = factors_of(fresh(name), frames(name))
    np.testing.assert_array_equal(factors_of(fitted(name), frames(name)), again)
    if find_card(name).contract == "estimator":
        method = load_method(name)
        y = np.arange(len(example(name))) % 2
        labelled = method.module("model").build(method.configure(preset="tiny")).fit(frames(name), y)
        np.testing.assert_array_equal(factors_of(labelled, frames(name)), again)


@every
def test_state_goes_to_disk_and_back(name: str, tmp_path: Path) -> None:
    from chiasma.fit.checkpoint import load_arrays, save_arrays

    model = fitted(name)
    arrays, facts = model.state()
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    save_arrays(tmp_path, "model", arrays, json.loads(json.dumps(facts)))
    read, told = load_arrays(tmp_path, "model")
    back = type(model).from_state(load_method(name).configure(preset="tiny"), read, told)
    expected = factors_of(model, frames(name))
    np.testing.assert_array_equal(factors_of(back, frames(name)), expected)
    assert factor_names(back) == factor_names(model)
    if hasattr(model, "reconstruct"):
        for view, values in model.reconstruct(expected).items():
            np.testing.assert_array_equal(values, back.reconstruct(expected)[view])
    if hasattr(model, "loadings"):
        for view, table in model.loadings().items():
            pd.testing.assert_frame_equal(table, back.loadings()[view])
    if hasattr(model, "explained"):
        pd.testing.assert_frame_equal(model.explained(), back.explained())


@inductive
def test_new_samples_find_their_place_one_by_one(name: str) -> None:
    data = example(name)
    new = np.arange(len(data)) % 4 == 3
    model = fresh(name, data.take(~new))
    x = as_frames(data.take(new).x)
    factors = factors_of(model, x)
    assert factors.shape == (new.sum(), len(factor_names(model))) and np.isfinite(factors).all()
    first = each(x, lambda table: table.iloc[[0]])
    np.testing.assert_allclose(factors_of(model, first)[0], factors[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", [card.name for card in CARDS if card.transductive])
def test_transductive_methods_refuse_new_samples(name: str) -> None:
    model = fitted(name)
    np.testing.assert_array_equal(model.embedding_, factors_of(model, frames(name)))
    with pytest.raises((ChiasmaError, ValueError)):
        model.transform(each(frames(name), lambda table: table.iloc[:5] + 1.0))


@inductive
def test_named_features_find_their_place(name: str) -> None:
    turned = each(frames(name), lambda table: table[table.columns[::-1]])
    if find_card(name).data == "matrix":  # scikit-learn's manner is to refuse; the workflow puts them in order
        with pytest.raises(ValueError, match="same order"):
            factors_of(fitted(name), turned)
        features = {"matrix": [str(column) for column in frames(name).columns]}
        turned = as_frames(as_noun(turned), features)
    np.testing.assert_allclose(
        factors_of(fitted(name), turned), factors_of(fitted(name), frames(name)), atol=1e-9, rtol=1e-9
    )


@inductive
def test_a_feature_that_is_gone_is_named(name: str) -> None:
    first = frames(name)
    table = next(iter(first.values())) if isinstance(first, dict) else first
    gone = str(table.columns[0])
    with pytest.raises((ChiasmaError, ValueError), match=gone):
        factors_of(fitted(name), each(first, lambda one: one.drop(columns=gone, errors="ignore")))


@every
def test_optional_parts_have_their_shapes(name: str) -> None:
    model, data, x = fitted(name), example(name), frames(name)
    tables = x if isinstance(x, dict) else {"x": x}
    names = factor_names(model)
    if hasattr(model, "reconstruct"):
        rebuilt = model.reconstruct(factors_of(model, x))
        assert {view: np.shape(values) for view, values in rebuilt.items()} == {
            view: (len(data), table.shape[1]) for view, table in tables.items()
        }
    if hasattr(model, "loadings"):
        for view, table in model.loadings().items():
            assert list(table.index) == [str(column) for column in tables[view].columns]
            assert set(table.columns) <= set(names)
    if hasattr(model, "explained"):
        shares = model.explained()
        assert set(shares.index) <= set(tables) and set(shares.columns) <= set(names)
        assert shares.to_numpy().min() > -0.05 and shares.to_numpy().max() < 1.001
    if hasattr(model, "figures"):
        for figure, table in model.figures().values():
            assert figure.svg.startswith("<svg") and isinstance(table, pd.DataFrame) and len(table)


@pytest.mark.parametrize("name", [card.name for card in CARDS if card.partial and card.data == "views"])
def test_samples_may_lack_a_view(name: str) -> None:
    data = example(name)
    x = frames(name)
    view = list(x)[-1]
    x[view] = x[view].copy()
    x[view].iloc[::5] = np.nan
    model = fresh(name, replace(data, x=as_noun(x)))
    assert np.isfinite(factors_of(model, x)).all()


@pytest.mark.parametrize("name", [card.name for card in CARDS if card.data == "views" and not card.transductive])
def test_a_view_that_is_absent_is_either_done_without_or_named(name: str) -> None:
    x = frames(name)
    gone = list(x)[-1]
    rest = {view: table for view, table in x.items() if view != gone}
    try:
        factors = factors_of(fitted(name), rest)
    except (ChiasmaError, ValueError) as error:
        assert gone in str(error)
    else:
        assert factors.shape[0] == len(example(name)) and np.isfinite(factors).all()
