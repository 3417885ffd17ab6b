"""More components than the data hold: told, counted and named, or refused; through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.core.rng import generator
from chiasma.workflow.fitted import load_fitted
from chiasma.workflow.fitting.component_count import component_facts, component_remarks
from command_line import Answer, call

QUICK = ("--draws", 100, "--repeats", 1, "--folds", 2, "--no-rivals", "--no-explain", "--valid-fraction", 0,
         "--calibration-fraction", 0)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty samples of three classes: five features of rank three, and four others of rank four."""
    path = tmp_path_factory.mktemp("rank")
    y = np.tile(["a", "b", "c"], 20)
    x = generator(1, "rank").normal(size=(60, 5)) + (y == "a")[:, None]
    x[:, 3], x[:, 4] = 2 * x[:, 0], x[:, 1] - x[:, 2]
    index = pd.Index([f"s{row}" for row in range(60)], name="id")
    pd.DataFrame(x, index=index, columns=list("vwxyz")).to_csv(path / "x.csv")
    other = np.column_stack([x[:, :3] ** 3, x[:, 0] * x[:, 1]])
    pd.DataFrame(other, index=index, columns=list("abcd")).to_csv(path / "other.csv")
    pd.DataFrame({"y": y}, index=index).to_csv(path / "labels.csv")
    return path


def _fit(method: str, folder: Path, run: Path, *words: object) -> Answer:
    two = method in ("rcca", "rgcca", "mofa", "diablo")
    other = ("--view", f"two={folder / 'other.csv'}") if two else ()
    data = ("--view", f"one={folder / 'x.csv'}", *other) if two else (folder / "x.csv",)
    return call("fit", method, *data, *words, *QUICK, "-o", run)


@pytest.mark.parametrize("method", ["pca", "pls-da", "spls-da", "mint", "diablo", "rcca", "rgcca"])
def test_components_beyond_the_rank_are_counted_and_named(method: str, folder: Path, tmp_path: Path) -> None:
    labels = ("--labels", folder / "labels.csv") if method in ("pls-da", "spls-da", "mint", "diablo") else ()
    keep: tuple[str, ...] = ("--set", "keep_x=5") if method in ("spls-da", "mint") else ()
    if method == "diablo":
        keep = ("--set", "keep_x.one=[5, 5, 5, 5, 5, 5]", "--set", "keep_x.two=[4, 4, 4, 4, 4, 4]")
    answer = _fit(method, folder, tmp_path / "run", *labels, "--set", "ncomp=6", *keep)
    assert answer.code == 0, answer.err
    found = 4 if method == "diablo" else 3  # the second view, with its four, goes on where the first has no more
    told = f"6 components were asked for, {found} found"
    assert told in answer.err, answer.err
    cost = json.loads((tmp_path / "run" / "provenance.json").read_text())["cost"]
    assert cost["components"] == {"asked": 6, "found": found}
    (remark,) = cost["remarks"]
    assert told in remark and "for component " + ", ".join(str(n) for n in range(found + 1, 7)) in remark
    fitted = load_fitted(tmp_path / "run")
    assert component_facts(fitted.config, fitted.model) == cost["components"]  # as read back


def test_components_within_the_rank_are_not_remarked_upon(folder: Path, tmp_path: Path) -> None:
    answer = _fit("pca", folder, tmp_path / "run", "--set", "ncomp=3")
    assert answer.code == 0 and "asked for" not in answer.err
    cost = json.loads((tmp_path / "run" / "provenance.json").read_text())["cost"]
    assert cost["components"] == {"asked": 3, "found": 3} and "remarks" not in cost
    assert component_remarks({}) == []


def test_more_factors_than_mofa_can_hold_are_refused(folder: Path, tmp_path: Path) -> None:
    answer = _fit("mofa", folder, tmp_path / "run", "--set", "factors=20")
    assert answer.code == 3 and "more factors than the data can hold" in answer.err and "at most 9" in answer.err
    assert not (tmp_path / "run").exists()
