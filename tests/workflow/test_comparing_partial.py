"""Compare on views whose sample ids match in part: every method and rival has the same samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.workflow.fitting.fit import plan
from command_line import done

QUICK = ("--draws", 100, "--repeats", 1, "--folds", 3, "--preset", "tiny", "--no-explain")
N = 48


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Inputs: two views, of which each lacks samples that the other has, and classes."""
    folder, draw = tmp_path_factory.mktemp("tables"), np.random.default_rng(0)
    codes = np.arange(N) % 2
    hidden = draw.normal(size=(N, 2)) + np.array([[-3, 0], [3, 0]])[codes]
    index = pd.Index([f"s{row:02d}" for row in range(N)], name="id")
    for view, size, absent in (("a", 12, ["s05", "s06"]), ("b", 8, [f"s{row}" for row in range(30, 37)])):
        values = hidden @ draw.normal(size=(2, size)) + draw.normal(size=(N, size))
        table = pd.DataFrame(values, index=index, columns=[f"{view}{i}" for i in range(size)])
        table.drop(index=absent).to_csv(folder / f"{view}.csv")
    pd.DataFrame({"class": np.array(["x", "y"])[codes]}, index=index).to_csv(folder / "labels.csv")
    return ("--view", f"a={folder / 'a.csv'}", "--view", f"b={folder / 'b.csv'}", "--labels", folder / "labels.csv")


@pytest.mark.parametrize("methods", [("mofa", "diablo"), ("pca", "mofa")])
def test_one_method_that_needs_every_view_gives_all_the_complete_samples(methods, words, tmp_path: Path) -> None:
    answer = done("compare", *methods, *words, *QUICK, "-o", tmp_path / "c", "--json")
    assert set(methods) <= {row["name"] for row in answer.json["table"]}
    assert answer.err.count("2 skipped: not measured in view a (s05, s06)") == 2
    assert answer.err.count("7 skipped: not measured in view b (s30, s31, s32, s33, s34, ...)") == 2
    splits = [pd.read_parquet(tmp_path / "c" / name / "split.parquet") for name in methods]
    pd.testing.assert_frame_equal(*splits)
    assert len(splits[0]) == N - 9
    options = {name: _identity(tmp_path / "c" / name)["options"] for name in methods}
    assert options.pop("mofa")["complete"] is True and all("complete" not in other for other in options.values())


def test_alone_such_a_method_takes_all_samples_and_names_those_that_lack_a_view(words, tmp_path: Path) -> None:
    answer = done("fit", "mofa", *words, *QUICK, "--no-rivals", "-o", tmp_path / "r")
    assert "samples without view a: 2 (s05, s06)" in answer.err
    assert "samples without view b: 7 (s30, s31, s32, s33, s34, ...)" in answer.err
    assert len(pd.read_parquet(tmp_path / "r" / "split.parquet")) == N
    assert "complete" not in _identity(tmp_path / "r")["options"]
    inputs = {"view": {word.partition("=")[0]: word.partition("=")[2] for word in (words[1], words[3])}}  # type: ignore[attr-defined]
    one, other = (plan("mofa", inputs, options={"complete": flag}).identity() for flag in (False, True))
    assert one != other


def _identity(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())["identity"]
