"""Estimators and Procedures: what they are asked for, what they are told, and how they go to disk and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest

from chiasma.core.cards import list_cards
from chiasma.core.config import Config
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.data.split import Split
from chiasma.fit.clock import cpu_time, usable_cores
from chiasma.fit.contracts import Estimator, Procedure, fit_estimator
from chiasma.workflow import fitted as fitted_module
from chiasma.workflow.fitted import load_fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.fitting.training import train_method, worker_count
from chiasma.workflow.loading.prepare import Prepared
from chiasma.workflow.method import load_method


class Settings(Config):
    """Of the procedure below."""

    draws: int = 7


class RandomMedian:
    """A procedure: class medians over random subsets, answers by the nearest."""

    def __init__(self, config: Settings) -> None:
        self.config = config

    def fit(self, data: Dataset, *, seed: int) -> Self:
        draw = generator(seed, "median")
        assert isinstance(data.x, Matrix)
        rows = [np.flatnonzero(data.target.values == code) for code in range(data.target.n_outputs)]
        picked = [draw.choice(index, self.config.draws) for index in rows]
        self.centres_ = np.stack([np.median(data.x.values[index], axis=0) for index in picked])
        return self

    def scores(self, data: Dataset) -> np.ndarray:
        assert isinstance(data.x, Matrix)
        distance = ((data.x.values[:, None] - self.centres_) ** 2).sum(axis=2)
        raised = np.exp(-(distance - distance.min(axis=1, keepdims=True)))
        return raised / raised.sum(axis=1, keepdims=True)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {"centres": self.centres_}, {"draws": self.config.draws}

    @classmethod
    def from_state(cls, config: Settings, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        made = cls(config)
        made.centres_ = arrays["centres"]
        return made


class Folder:
    """The method's folder, without a folder."""

    name = "random-median"
    card = SimpleNamespace(contract="procedure", transductive=False, represents=False)
    config_class = Settings

    def module(self, stem: str) -> Any:
        return SimpleNamespace(build=RandomMedian)


def matrix(n: int = 80) -> Prepared:
    draw = np.random.default_rng(1)
    codes = np.arange(n) % 2
    ids = np.array([f"s{i}" for i in range(n)], dtype=object)
    x = Matrix(draw.normal(size=(n, 3)) + 2 * codes[:, None], ids, np.array(["a", "b", "c"], dtype=object))
    data = Dataset(ids, x, Target("binary", codes, ("no", "yes")), np.arange(n) // 4, "patient")
    part = np.array(["train", "train", "valid", "test"], dtype=object)[np.arange(n) // 4 % 4]
    return Prepared(data, Split("given", ids, part))


def test_a_procedure_is_fitted_scored_and_goes_to_disk_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(RandomMedian(Settings()), Procedure)
    prepared, method = matrix(), Folder()
    first, cost = train_method(method, Settings(), prepared, FitOptions(seed=4), folder=tmp_path)
    again, _ = train_method(method, Settings(), prepared, FitOptions(seed=4), folder=tmp_path)
    other, _ = train_method(method, Settings(), prepared, FitOptions(seed=5), folder=tmp_path)
    test = prepared.dataset.take(prepared.split.where("test"))
    scores = first.scores(test)
    assert scores.shape == (len(test), 2) and (scores.argmax(axis=1) == test.target.values).mean() > 0.8
    np.testing.assert_array_equal(scores, again.scores(test))
    assert not np.array_equal(scores, other.scores(test))
    assert cost["cpu_seconds"] >= 0
    first.save(tmp_path)
    monkeypatch.setattr(fitted_module, "load_method", lambda name: method)
    np.testing.assert_array_equal(load_fitted(tmp_path).scores(test), scores)


@pytest.mark.parametrize(
    "name", [card.name for card in list_cards() if card.contract == "estimator" and not card.represents]
)
def test_estimators_keep_their_contract_and_get_seed_and_units(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = load_method(name)
    build = method.module("model").build
    config = method.configure(preset="tiny")
    assert isinstance(build(config), Estimator)
    told: dict[str, Any] = {}

    def watch(config: Config) -> Any:
        made = build(config)
        inner = type(made).fit

        def fit(X: Any, y: Any, **more: Any) -> Any:
            told.update(more, random_state=made.get_params().get("random_state"))
            return inner(made, X, y, **more)

        def fit_with_groups(X: Any, y: Any, *, groups: Any = None) -> Any:
            return fit(X, y, groups=groups)

        made.fit = fit_with_groups if "groups" in inner.__annotations__ else fit
        return made

    data = method.module("examples").example(1)
    part = np.array(["train", "train", "valid", "test"], dtype=object)[np.arange(len(data)) % 4]
    prepared = Prepared(data, Split("given", data.ids, part))
    monkeypatch.setattr(method.module("model"), "build", watch)
    fitted, _ = train_method(method, config, prepared, FitOptions(seed=9), folder=tmp_path)
    if "random_state" in type(config).model_fields:
        assert told["random_state"] == 9 and fitted.config.random_state == 9  # type: ignore[attr-defined]
    if "groups" in type(fitted.model).fit.__annotations__:
        np.testing.assert_array_equal(told["groups"], data.unit[np.isin(part, ["train", "valid"])])


def test_estimators_without_groups_are_not_told() -> None:
    class Plain:
        def fit(self, X: Any, y: Any) -> str:
            return f"{X}{y}"

    assert fit_estimator(Plain(), 1, 2, unit=np.zeros(1)) == "12"


def test_cores_are_those_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable_cores() == 1 == worker_count(FitOptions())


def test_the_time_of_children_counts() -> None:
    import subprocess
    import sys

    before = cpu_time()
    subprocess.run([sys.executable, "-c", "sum(range(6_000_000))"], check=True)
    assert cpu_time() - before > 0.05
