"""Studies of samples from the command line: scaled by themselves at the fit, in every fold and at prediction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.methods.omics.mint.examples import example
from chiasma.workflow.fitted import load_fitted
from command_line import call, done

QUICK = ("--draws", 100, "--repeats", 1, "--folds", 2, "--preset", "tiny", "--no-rivals", "--no-explain")
UNDIVIDED = ("--valid-fraction", 0, "--calibration-fraction", 0)
"""Six studies make a train and a test part, and no more."""
STUDIES = ("Li", "Ng", "Ito", "Roe", "Kim", "Paz")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("studies")
    data = example(1)
    index = pd.Index(data.ids, name="id")
    pd.DataFrame(data.x.values, index=index, columns=data.x.features).to_csv(folder / "x.csv")
    about = {
        "class": np.asarray(data.target.names)[data.target.values],
        "study": np.asarray(STUDIES)[data.unit],
        "patient": [f"p{row // 2}" for row in range(len(data))],
    }
    pd.DataFrame(about, index=index).to_csv(folder / "about.csv")
    pd.DataFrame(about, index=index).iloc[:-3].to_csv(folder / "short.csv")
    pd.DataFrame(data.x.values[:12], index=index[:12], columns=data.x.features).to_csv(folder / "new.csv")
    return {path.stem: path for path in folder.glob("*.csv")}


def labels(paths: dict[str, Path]) -> tuple[object, ...]:
    return "--labels", f"{paths['about']}:class"


def test_mint_learns_from_studies_and_tells_samples_with_theirs(paths: dict[str, Path], tmp_path: Path) -> None:
    study = f"{paths['about']}:study"
    run = tmp_path / "run"
    done("fit", "mint", paths["x"], *labels(paths), "--study", study, "--groups", f"{paths['about']}:patient", *QUICK,
         "-o", run)  # fmt: skip
    fitted = load_fitted(run)
    assert list(fitted.model.scaling_.studies) == sorted(STUDIES)
    assert json.loads((run / "metrics.json").read_text())["conditions"]["unit_name"] == "patient"
    assert json.loads((run / "cross_validation.json").read_text())["ber"] < 0.2  # halves of few samples; 0.5 is chance
    told, untold = tmp_path / "told.csv", tmp_path / "untold.csv"
    done("predict", run, paths["new"], "--study", study, "-o", told)
    done("predict", run, paths["new"], "-o", untold)
    with_study, without = (pd.read_csv(path, index_col="id") for path in (told, untold))
    x = pd.read_csv(paths["new"], index_col=0)
    expected = fitted.model.decide(x, study=["Li"] * 12).probabilities[:, 1]
    order = with_study["p_stem"].to_numpy().argsort()
    assert np.array_equal(order, expected.argsort())
    assert np.abs(with_study["p_stem"] - without["p_stem"]).max() > 0.01


def test_groups_name_the_studies_where_none_are_given(paths: dict[str, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    done(
        "fit", "mint", paths["x"], *labels(paths), "--groups", f"{paths['about']}:study", *QUICK, *UNDIVIDED, "-o", run
    )
    fitted = load_fitted(run)
    held = pd.read_parquet(run / "predictions.parquet").query("part == 'test'")
    about = pd.read_csv(paths["about"], index_col=0)
    unseen = set(about.loc[held["id"], "study"])
    assert set(fitted.model.scaling_.studies) <= set(STUDIES) - unseen and unseen
    assert (held["p_stem"].round() == held["y"]).mean() > 0.9  # an unseen study is scaled by its own samples


def test_mofa_centres_each_study_and_rebuilds_it(paths: dict[str, Path], tmp_path: Path) -> None:
    found = {}
    for name, more in (("told", ("--study", f"{paths['about']}:study")), ("untold", ())):
        done(
            "fit",
            "mofa",
            "--view",
            f"x={paths['x']}",
            *more,
            "--factors",
            2,
            "--draws",
            100,
            "--no-rivals",
            "--no-explain",
            "-o",
            tmp_path / name,
        )
        found[name] = json.loads((tmp_path / name / "metrics.json").read_text())
    assert load_fitted(tmp_path / "told").model.studies_ == sorted(STUDIES)
    share = {name: one["test"]["reconstruction_r2"]["value"] for name, one in found.items()}
    assert share["told"] > share["untold"] + 0.1  # the levels of the studies need no factor
    done("predict", tmp_path / "told", "--view", f"x={paths['new']}", "--study", f"{paths['about']}:study",
         "-o", tmp_path / "f.csv")  # fmt: skip
    assert set(pd.read_csv(tmp_path / "f.csv").columns) >= {"id", "factor1"}


def test_methods_beside_mint_are_not_told(paths: dict[str, Path], tmp_path: Path) -> None:
    done("compare", "spls-da", "mint", paths["x"], *labels(paths), "--study", f"{paths['about']}:study",
         "--groups", f"{paths['about']}:study", *QUICK, *UNDIVIDED, "-o", tmp_path / "c")  # fmt: skip
    table = json.loads((tmp_path / "c" / "compare.json").read_text())["cross_validation"]["table"]
    value = {row["name"]: row["value"] for row in table}
    assert value["mint"] > 0.9 > value["spls-da"]  # in folds of studies never seen


def test_two_studies_that_are_not_to_be_divided(paths: dict[str, Path], tmp_path: Path) -> None:
    """One to learn from and one to test on leave none to cross-validate with: every refusal names a way out."""
    for name in ("x", "about"):
        table = pd.read_csv(paths[name], index_col=0)
        about = pd.read_csv(paths["about"], index_col=0)
        table[about["study"].isin(["Li", "Ng"])].to_csv(tmp_path / f"{name}.csv")
    study = f"{tmp_path / 'about.csv'}:study"
    asked = ("fit", "mint", tmp_path / "x.csv", "--labels", f"{tmp_path / 'about.csv'}:class", "--study", study, *QUICK)
    answer = call(*asked, "--groups", study, *UNDIVIDED, "-o", tmp_path / "empty")
    assert answer.code == 3 and "--test-fraction 0.5" in answer.err and "--valid-fraction 0" not in answer.err
    answer = call(*asked, "--groups", study, *UNDIVIDED, "--test-fraction", 0.5, "-o", tmp_path / "one")
    assert answer.code == 3 and "too small to be cross-validated" in answer.err and "without --groups" in answer.err
    done(*asked, *UNDIVIDED, "-o", tmp_path / "run")


def test_what_is_wrong_with_studies_is_named(paths: dict[str, Path], tmp_path: Path) -> None:
    asked = ("fit", "mint", paths["x"], *labels(paths), *QUICK, "-o", tmp_path / "run")
    answer = call(*asked, "--study", f"{paths['short']}:study")
    assert answer.code == 3 and "3 of 72 samples have no study" in answer.err and "sample69" in answer.err
    answer = call("fit", "spls-da", paths["x"], *labels(paths), "--study", paths["about"], *QUICK, "-o", tmp_path / "n")
    assert answer.code == 2 and "--study" in answer.err
