"""What every estimator over several views promises, in the manner of scikit-learn's estimator checks.

Each check takes `make`, which gives a fresh estimator for the example, and the example: views and classes.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

Make = Callable[[], Any]
Frames = dict[str, pd.DataFrame]


def check_constructor_only_keeps_parameters(make: Make, x: Frames, y: np.ndarray) -> None:
    estimator = make()
    assert set(vars(estimator)) == set(estimator.get_params(deep=False))
    other = clone(estimator)
    assert other is not estimator and other.get_params() == estimator.get_params()


def check_parameters_are_validated_in_fit(make: Make, x: Frames, y: np.ndarray) -> None:
    from chiasma.core.errors import UsageError

    estimator = make().set_params(ncomp=0)
    with pytest.raises(UsageError, match="ncomp"):
        estimator.fit(x, y)


def check_fit_returns_self_and_spares_its_input(make: Make, x: Frames, y: np.ndarray) -> None:
    before = {name: frame.copy() for name, frame in x.items()}
    estimator = make()
    parameters = estimator.get_params()
    assert estimator.fit(x, y) is estimator
    assert estimator.get_params() == parameters
    learnt = set(vars(estimator)) - set(parameters)
    assert learnt and all(name.endswith("_") for name in learnt)
    for name, frame in x.items():
        pd.testing.assert_frame_equal(frame, before[name])


def check_unfitted_says_so(make: Make, x: Frames, y: np.ndarray) -> None:
    for verb in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(make(), verb)(x)


def check_same_data_same_answer(make: Make, x: Frames, y: np.ndarray) -> None:
    one, two = make().fit(x, y), make().fit(x, y)
    assert np.array_equal(one.predict_proba(x), two.predict_proba(x))
    again = one.fit(x, y)
    assert np.array_equal(again.predict_proba(x), two.predict_proba(x))


def check_probabilities(make: Make, x: Frames, y: np.ndarray) -> None:
    estimator = make().fit(x, y)
    probabilities = estimator.predict_proba(x)
    assert probabilities.shape == (len(y), len(np.unique(y)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(estimator.classes_[probabilities.argmax(axis=1)], estimator.predict(x))
    assert np.array_equal(estimator.classes_, np.unique(y))


def check_it_learns(make: Make, x: Frames, y: np.ndarray) -> None:
    assert make().fit(x, y).score(x, y) > 0.8


def check_frames_arrays_and_nouns_alike(make: Make, x: Frames, y: np.ndarray) -> None:
    from chiasma.data.matrix import Matrix, Views

    expected = make().fit(x, y).predict_proba(x)
    arrays = {name: frame.to_numpy() for name, frame in x.items()}
    assert np.array_equal(make().fit(arrays, y).predict_proba(arrays), expected)
    samples = np.asarray([f"s{i}" for i in range(len(y))], dtype=object)
    views = Views({n: Matrix(f.to_numpy(), samples, np.asarray(f.columns, dtype=object)) for n, f in x.items()})
    assert np.array_equal(make().fit(views, y).predict_proba(views), expected)


def check_labels_of_any_kind(make: Make, x: Frames, y: np.ndarray) -> None:
    codes = np.unique(y, return_inverse=True)[1]
    words = np.array(["a", "b", "c", "d", "e", "f"], dtype=object)[codes]
    expected = make().fit(x, codes).predict_proba(x)
    for labels in (words, words.tolist(), pd.Series(words), codes * 10):
        assert np.array_equal(make().fit(x, labels).predict_proba(x), expected)


def check_subsets_predict_alike(make: Make, x: Frames, y: np.ndarray) -> None:
    estimator = make().fit(x, y)
    whole = estimator.predict_proba(x)
    for row in (0, len(y) - 1):
        one = estimator.predict_proba({name: frame.iloc[[row]] for name, frame in x.items()})
        np.testing.assert_allclose(one[0], whole[row], atol=1e-10)


def check_named_features_find_their_place(make: Make, x: Frames, y: np.ndarray) -> None:
    estimator = make().fit(x, y)
    turned = {name: frame[frame.columns[::-1]] for name, frame in x.items()}
    assert np.array_equal(estimator.predict_proba(turned), estimator.predict_proba(x))
    name = next(iter(x))
    with pytest.raises(ValueError, match=str(x[name].columns[0])):
        estimator.predict({**x, name: x[name].iloc[:, 1:]})


def check_a_view_may_be_missing(make: Make, x: Frames, y: np.ndarray) -> None:
    estimator = make().fit(x, y)
    last = list(x)[-1]
    without = {name: frame for name, frame in x.items() if name != last}
    blank = {**without, last: x[last] * np.nan}
    np.testing.assert_allclose(estimator.predict_proba(without), estimator.predict_proba(blank), atol=1e-12)
    with pytest.raises(ValueError, match="unknown view"):
        estimator.predict({**x, "nosuchview": x[last]})


def check_missing_values(make: Make, x: Frames, y: np.ndarray) -> None:
    random = np.random.default_rng(0)
    holed = {name: frame.mask(random.random(frame.shape) < 0.1) for name, frame in x.items()}
    assert np.isfinite(make().fit(holed, y).predict_proba(holed)).all()


def check_bad_input_is_refused(make: Make, x: Frames, y: np.ndarray) -> None:
    name = next(iter(x))
    infinite = x[name].copy()
    infinite.iloc[0, 0] = np.inf
    words = x[name].astype(object)
    words.iloc[0, 0] = "high"
    cases = {
        "infinite": ({**x, name: infinite}, y),
        "not numbers": ({**x, name: words}, y),
        "number of samples": ({**x, name: x[name].iloc[1:]}, y),
        "differ in number": (x, y[1:]),
        "several views": (x[name], y),
        "an empty mapping": ({}, y),
        "one class": (x, np.zeros(len(y))),
        "shape": ({**x, name: x[name].to_numpy()[:, 0]}, y),
        "repeated features": ({**x, name: pd.concat([x[name], x[name]], axis=1)}, y),
    }
    for message, (views, classes) in cases.items():
        with pytest.raises(ValueError, match=message):
            make().fit(views, classes)


def check_state_goes_round(make: Make, x: Frames, y: np.ndarray) -> None:
    estimator = make().fit(x, y)
    arrays, meta = estimator.state()
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    config = estimator._config()
    back = type(estimator).from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.predict_proba(x), estimator.predict_proba(x))
    assert np.array_equal(back.predict(x), estimator.predict(x))
    assert back.state()[1] == json.loads(json.dumps(meta))
    assert set(vars(back)) == set(vars(estimator))
    for name, table in estimator.loadings().items():
        pd.testing.assert_frame_equal(table, back.loadings()[name])
    assert np.array_equal(pickle.loads(pickle.dumps(estimator)).predict(x), estimator.predict(x))


CHECKS = tuple(value for name, value in sorted(globals().items()) if name.startswith("check_"))
