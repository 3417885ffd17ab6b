"""Tables that are not as they should be, at the command line: refused with a reason, or used with a remark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from command_line import call, done

QUICK = ("--preset", "tiny", "--draws", 100, "--repeats", 1, "--folds", 2, "--no-rivals", "--no-explain")
IDS = [f"s{row:02d}" for row in range(40)]


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Two views with a factor in common, and classes that follow it."""
    draw, codes = np.random.default_rng(0), np.arange(40) % 2
    hidden = draw.normal(size=(40, 1)) + 3 * codes[:, None]
    found = {
        view: pd.DataFrame(hidden + draw.normal(size=(40, size)), IDS, [f"{view}{i}" for i in range(size)])
        for view, size in (("a", 9), ("b", 5))
    }
    return {**found, "class": pd.DataFrame({"class": np.array(["u", "v"])[codes]}, IDS)}


def words(found: dict[str, pd.DataFrame], folder: Path, *, labels: bool) -> list[object]:
    for name, table in found.items():
        table.to_csv(folder / f"{name}.csv")
    views: list[object] = [f"--view={name}={folder / name}.csv" for name in ("a", "b")]
    return [*views, *(("--labels", folder / "class.csv") if labels else ()), *QUICK, "-o", folder / "run"]


@pytest.mark.parametrize("method", ["mofa", "diablo", "wnn"])
def test_gaps_constants_and_strangers_are_counted_and_named(method: str, tmp_path: Path) -> None:
    found = tables(tmp_path)
    found["a"].iloc[[3, 5], [2, 0]] = np.nan
    found["a"]["a4"] = 1.0
    found["b"].index = [*IDS[:-2], "x1", "x2"]
    found["class"].iloc[0, 0] = "alone"
    answer = done("fit", method, *words(found, tmp_path, labels=True))
    assert "view a: 4 values are missing" in answer.err
    assert "view a: 1 of 9 features are constant and tell nothing (a4)" in answer.err
    assert "1 skipped: the only sample of its class (alone) (s00)" in answer.err
    assert "2 skipped: no label (x1, x2)" in answer.err
    partly = "samples without view b: 2 (s38, s39)" if method != "diablo" else "2 skipped: not measured in view b"
    assert partly in answer.err


@pytest.mark.parametrize(
    ("method", "flags", "said"),
    [
        ("mofa", ("--factors", 60), "more factors than the data can hold"),
        ("mofa", ("--set", "likelihoods.b=bernoulli"), "do not suit the likelihood"),
        ("autoencoder", ("--likelihood", "bernoulli"), "cannot be bernoulli"),
    ],
)
def test_what_the_data_cannot_hold_is_refused(
    method: str, flags: tuple[object, ...], said: str, tmp_path: Path
) -> None:
    answer = call("fit", method, *words(tables(tmp_path), tmp_path, labels=False), *flags)
    assert answer.code == 3 and said in answer.err and "do:" in answer.err
    assert not (tmp_path / "run").exists()


def test_a_repeated_sample_and_a_view_without_variation_are_refused(tmp_path: Path) -> None:
    found = tables(tmp_path)
    found["b"].index = [*IDS[:-1], IDS[0]]
    answer = call("fit", "diablo", *words(found, tmp_path, labels=True))
    assert answer.code == 3 and "duplicate sample id" in answer.err and "b.csv" in answer.err
    found = tables(tmp_path)
    found["a"][:] = 2.0
    answer = call("fit", "wnn", *words(found, tmp_path, labels=False))
    assert answer.code == 3 and "view a: no feature varies" in answer.err


def test_a_view_of_one_feature_is_a_view(tmp_path: Path) -> None:
    found = tables(tmp_path)
    found["b"] = found["b"][["b0"]]
    for method in ("mofa", "diablo"):
        folder = tmp_path / method
        folder.mkdir()
        done("fit", method, *words(found, folder, labels=True))


def test_two_sets_of_cells_that_hardly_match(tmp_path: Path) -> None:
    from chiasma.methods.omics.cca_anchors.examples import example

    data = example(0)
    second = data.columns["set"] == "second"
    counts = pd.DataFrame(data.x.values, data.ids, data.x.features)  # type: ignore[union-attr]
    reference, query = counts[~second], counts[second].copy()

    def run(query: pd.DataFrame, name: str, *flags: object) -> tuple[int, str]:
        reference.to_csv(tmp_path / "reference.csv")
        query.to_csv(tmp_path / "query.csv")
        sets = ("--reference", tmp_path / "reference.csv", "--query", tmp_path / "query.csv")
        answer = call("fit", "cca-anchors", *sets, "--preset", "tiny", "--no-explain", *flags, "-o", tmp_path / name)
        return answer.code, answer.err

    code, said = run(query.iloc[:, :1], "one")
    assert code == 3 and "reference and query have 1 genes in common" in said
    holed = query.astype(float)
    holed.iloc[2, 3] = np.nan
    code, said = run(holed, "holed")
    assert code == 3 and "cell cell082, gene gene003" in said
    query.iloc[4] = 0
    code, said = run(query, "deep", "--ncomp", 500)
    assert code == 0 and "cells without a count: 1 (cell084)" in said
    assert "500 components were asked for, " in said
    code, said = run(query - 0.5, "shifted")
    assert code == 0 and "values are not counts: taken as normalised already" in said
