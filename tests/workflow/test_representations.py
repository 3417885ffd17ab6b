"""Methods without a target through the whole workflow: with and without labels, one matrix and several views."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chiasma.core.cards import find_card
from chiasma.core.errors import UsageError
from chiasma.data.dataset import Target
from chiasma.data.matrix import Matrix
from chiasma.workflow.evaluating.factors import SCORES, load_factor_scores
from chiasma.workflow.fitted import load_fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import check_inputs, prepare
from chiasma.workflow.loading.tables import load_new, load_views
from chiasma.workflow.method import load_method
from command_line import Answer, call, done

QUICK = ("--draws", 100, "--repeats", 1, "--folds", 3, "--preset", "tiny")
N = 48


def tables(folder: Path, *, n: int = N, seed: int = 0) -> dict[str, Path]:
    """Two views that share two factors, classes that differ in the first, and labels."""
    draw = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    hidden = draw.normal(size=(n, 2)) + np.array([[-3, 0], [0, 3], [3, 0]])[codes]
    index = pd.Index([f"s{row:02d}" for row in range(n)], name="id")
    paths = {}
    for view, size in (("rna", 20), ("protein", 8)):
        values = hidden @ draw.normal(size=(2, size)) + draw.normal(size=(n, size))
        paths[view] = folder / f"{view}.csv"
        pd.DataFrame(values, index=index, columns=[f"{view}{i}" for i in range(size)]).to_csv(paths[view])
    paths["labels"] = folder / "labels.csv"
    pd.DataFrame({"class": np.array(["a", "b", "c"])[codes]}, index=index).to_csv(paths["labels"])
    return paths


def changed(path: Path, change: Any, name: str) -> Path:
    """The table after a change, in a file of its own."""
    new = path.with_name(name)
    change(pd.read_csv(path, index_col=0)).to_csv(new)
    return new


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def unlabelled(paths: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "none"
    done("fit", "pca", paths["rna"], *QUICK, "-o", run)
    return run


@pytest.fixture(scope="module")
def labelled(paths: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "classes"
    done("fit", "pca", paths["rna"], "--labels", paths["labels"], *QUICK, "--permutations", 4, "-o", run)
    return run


def test_without_labels_the_factors_are_scored_on_held_out_samples(unlabelled: Path) -> None:
    metrics = json.loads((unlabelled / "metrics.json").read_text())
    assert metrics["primary"] == "reconstruction_r2"
    assert set(metrics["baselines"]) == {"random-projection", "concatenated-pca"}
    scores = ("reconstruction_r2", "trustworthiness", "continuity", "neighbour_recall", "distance_correlation")
    for row in (metrics["test"], *metrics["baselines"].values()):
        assert tuple(row) == scores
        assert all(figure["low"] <= figure["value"] <= figure["high"] for figure in row.values())
    ours, random = metrics["test"], metrics["baselines"]["random-projection"]
    assert all(ours[name]["value"] > random[name]["value"] for name in scores)
    assert metrics["conditions"]["scored on"] == "the test part"
    compare = json.loads((unlabelled / "compare.json").read_text())
    assert "reconstruction R²" in compare["verdict"] and compare["best_rival"] == "concatenated-pca"
    audit = json.loads((unlabelled / "audit.json").read_text())
    assert {"no-label", "features-per-sample", "exact-duplicates"} <= {one["name"] for one in audit["findings"]}
    table = pd.read_parquet(unlabelled / "predictions.parquet")
    assert list(table.columns[:3]) == ["id", "part", "unit"] and len(table) == N
    assert [name for name in table if name.startswith("pc")] == load_fitted(unlabelled).meta["factors"]
    page = (unlabelled / "report.html").read_text()
    assert "concatenated-pca" in page and "nan" not in page.lower().split("<svg")[0]


def test_scores_go_to_disk_and_back(unlabelled: Path) -> None:
    found = load_factor_scores(unlabelled / SCORES)
    metrics = json.loads((unlabelled / "metrics.json").read_text())
    for name, row in {"pca": metrics["test"], **metrics["baselines"]}.items():
        for metric, figure in row.items():
            weights = np.ones((1, len(found.units(metric))))
            assert found.rows[name][metric](weights)[0] == pytest.approx(figure["value"])


def test_new_samples_are_projected(unlabelled: Path, paths: dict[str, Path], tmp_path: Path) -> None:
    new = changed(paths["rna"], lambda table: table.iloc[:5, ::-1], f"new-{tmp_path.name}.csv")
    done("predict", unlabelled, new, "-o", tmp_path / "new.csv")
    found = pd.read_csv(tmp_path / "new.csv", index_col=0)
    old = pd.read_parquet(unlabelled / "predictions.parquet").set_index("id").loc[found.index, found.columns]
    np.testing.assert_allclose(found, old, rtol=1e-4, atol=1e-4)


def test_with_labels_a_head_reads_the_factors(labelled: Path, paths: dict[str, Path], tmp_path: Path) -> None:
    metrics = json.loads((labelled / "metrics.json").read_text())
    assert metrics["primary"] == "balanced_accuracy" and metrics["test"]["balanced_accuracy"]["value"] > 0.8
    assert "pca-logistic" in metrics["baselines"]
    folds = json.loads((labelled / "cross_validation.json").read_text())
    assert folds["ber"] < 0.2 and folds["permutation"]["p"] == pytest.approx(1 / 5)
    assert min(folds["permutation"]["ber"]) > folds["ber"]
    assert (labelled / "explain" / "head.tsv").exists() and (labelled / "explain" / "explained.tsv").exists()
    done("predict", labelled, paths["rna"], "-o", tmp_path / "p.csv")
    found = pd.read_csv(tmp_path / "p.csv")
    assert {"p_a", "p_b", "p_c", "pc1"} <= set(found)
    np.testing.assert_allclose(found[["p_a", "p_b", "p_c"]].sum(axis=1), 1.0, atol=1e-4)
    first, second = load_fitted(labelled), load_fitted(labelled)
    data = load_new({"matrix": paths["rna"]}, target=first.target, data="matrix")
    np.testing.assert_array_equal(first.scores(data), second.scores(data))


def test_a_test_set_needs_no_labels(paths: dict[str, Path], tmp_path: Path) -> None:
    train = changed(paths["rna"], lambda table: table.iloc[:30], f"train-{tmp_path.name}.csv")
    test = changed(paths["rna"], lambda table: table.iloc[30:].T, f"test-{tmp_path.name}.csv")  # turned by its features
    done("fit", "pca", train, "--test-matrix", test, *QUICK, "--no-explain", "-o", tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["conditions"]["n"] == N - 30
    answer = call("fit", "pca", train, "--test-matrix", test, "--test-labels", paths["labels"], "-o", tmp_path / "x")
    assert answer.code == 2 and "half of a test set" in answer.err


def test_views_without_labels_are_turned_by_each_others_ids(paths: dict[str, Path], tmp_path: Path) -> None:
    turned = {
        view: changed(paths[view], lambda table: table.T, f"{view}-{tmp_path.name}.csv") for view in ("rna", "protein")
    }
    expected, _ = load_views({view: paths[view] for view in turned}, seed=1)
    for mixed in ({"rna": turned["rna"], "protein": paths["protein"]}, turned):
        found, _ = load_views(mixed, seed=1)
        for view, block in found.x.blocks.items():  # type: ignore[union-attr]
            np.testing.assert_allclose(block.values, expected.x.blocks[view].values)  # type: ignore[union-attr]
    assert expected.target.kind == "none" and len(expected) == N


def test_samples_that_lack_a_view_are_skipped_or_kept(paths: dict[str, Path], tmp_path: Path) -> None:
    def holed(table: pd.DataFrame) -> pd.DataFrame:
        table.iloc[3] = np.nan
        return table.drop(index=["s05", "s06"])

    views = {"rna": paths["rna"], "protein": changed(paths["protein"], holed, f"holed-{tmp_path.name}.csv")}
    strict, _ = load_views(views, seed=1)
    assert len(strict) == N - 3
    assert [str(skip) for skip in strict.skips] == ["3 skipped: not measured in view protein (s03, s05, s06)"]
    loose, _ = load_views(views, seed=1, partial=True)
    assert len(loose) == N and loose.notes["samples without view protein"] == "3 (s03, s05, s06)"
    none = Target("none", np.zeros(0), ())
    assert len(load_new({"view": views}, target=none, data="views", needs="all")) == N - 3
    assert len(load_new({"view": views}, target=none, data="views", needs="any")) == N


def refused(answer: Answer, code: int, *said: str) -> None:
    assert answer.code == code, (answer.code, answer.err)
    assert all(word in answer.err for word in said), answer.err
    assert "Traceback" not in answer.err and "unforeseen" not in answer.err


def _twice(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.iloc[[0]]])


def _gone(table: pd.DataFrame) -> pd.DataFrame:
    table.iloc[7] = np.nan
    return table


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{str(table.columns[0]): 1.0})


def test_bad_tables_are_refused_or_counted(paths: dict[str, Path], tmp_path: Path) -> None:
    def fit(change: Any, *words: object) -> Answer:
        path = changed(paths["rna"], change, f"bad-{tmp_path.name}.csv")
        where = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        return call("fit", "pca", path, *QUICK, "--no-explain", *words, "-o", where)

    refused(fit(_twice), 3, "s00")
    refused(fit(lambda table: table * 0 + 1.0), 3, "pca")
    gone = fit(_gone)
    assert gone.code == 0 and "1 skipped: no value in its row (s07)" in gone.err
    assert fit(_flat).code == 0
    assert fit(lambda table: table.iloc[:, :1]).code == 0
    few = fit(lambda table: table.iloc[:, :3], "--ncomp", 10)
    assert few.code == 0, few.err
    refused(fit(lambda table: table.iloc[:2]), 3, "do:")


def test_a_class_of_one_member_is_skipped_and_ids_may_match_in_part(paths: dict[str, Path], tmp_path: Path) -> None:
    def lonely(table: pd.DataFrame) -> pd.DataFrame:
        table.iloc[0] = "alone"
        return table.iloc[:-4]

    labels = changed(paths["labels"], lonely, f"lonely-{tmp_path.name}.csv")
    words = ("--labels", labels, *QUICK, "--no-explain", "--no-rivals")
    answer = done("fit", "pca", paths["rna"], *words, "-o", tmp_path / "run")
    assert "1 skipped: the only sample of its class (alone) (s00)" in answer.err
    assert "4 skipped: no label (s44, s45, s46, s47)" in answer.err


def test_methods_without_a_target_are_compared(paths: dict[str, Path], unlabelled: Path, tmp_path: Path) -> None:
    words = ("--draws", 100, "--no-explain", "--json")
    found = done("compare", "pca:tiny", "pca", paths["rna"], *words, "-o", tmp_path / "c").json
    names = [row["name"] for row in found["table"]]
    assert names[:2] == ["pca-tiny", "pca"] and "concatenated-pca (3 factors)" in names
    assert found["verdict"].startswith(
        "Methods with different numbers of factors are not ranked (pca-tiny: 3; pca: 10)"
    )
    assert len(found["pairs"]) == 6  # each method and its two rivals
    done("fit", "pca", paths["rna"], "--set", "ncomp=3", *QUICK[:2], "--no-explain", "-o", tmp_path / "three")
    alike = done("compare", unlabelled, tmp_path / "three", *words[:2], "--json", "-o", tmp_path / "alike").json
    assert alike["verdict"].startswith("Among the methods, none is not distinguishable from three")
    assert len(alike["pairs"]) == 6  # two methods, and two rivals that match both
    assert (tmp_path / "c" / "report.html").exists()
    assert unlabelled.exists()


def test_methods_scored_on_different_scales_are_not_ranked(paths: dict[str, Path], tmp_path: Path) -> None:
    views = ("--view", f"rna={paths['rna']}", "--view", f"protein={paths['protein']}")
    words = ("--preset", "tiny", "--draws", 100, "--no-explain", "--json")
    found = done("compare", "mofa", "pca", "pca@rna", *views, *words, "-o", tmp_path / "c").json
    assert (
        found["verdict"].startswith("Not all scores are on one scale") and "Among the methods" not in found["verdict"]
    )
    for said in ("mofa: protein + rna, each view alike", "pca: protein + rna, each feature alike", "pca-rna: rna"):
        assert said in found["verdict"]
    names = {"mofa", "pca", "pca-rna"}
    assert found["pairs"] and not any({pair["a"], pair["b"]} <= names for pair in found["pairs"])
    assert len(found["table"]) == 9  # three methods, each with both projections on its own scale


@pytest.mark.slow
def test_single_views_face_several_on_the_same_folds(paths: dict[str, Path], tmp_path: Path) -> None:
    views = ("--view", f"rna={paths['rna']}", "--view", f"protein={paths['protein']}", "--labels", paths["labels"])
    words = (*views, *QUICK, "--no-explain", "--json")
    found = done("compare", "lda@rna", "diablo", *words, "-o", tmp_path / "c").json
    folds = found["cross_validation"]
    names = [row["name"] for row in folds["table"]]
    assert names[:2] == ["lda-rna", "diablo"]
    assert {"rna-logistic", "protein-logistic", "concatenated-logistic"} <= set(names)
    assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in folds["table"])
    assert all(row["permutation_p"] is None for row in folds["table"]) and "not asked" in folds["verdict"]
    selecting = {row["name"] for row in folds["table"] if row["features_selected"]}
    assert "diablo" in selecting and "lda-rna" not in selecting
    assert len(folds["pairs"]) == len(names) * (len(names) - 1) / 2
    assert len(load_fitted(tmp_path / "c" / "lda-rna").meta["features"]["matrix"]) == 20
    answer = call("compare", "lda@nothing", "pca", *views, "-o", tmp_path / "x")
    assert answer.code == 2 and "nothing" in answer.err


def test_a_matrix_method_takes_views_side_by_side_or_one_of_them(paths: dict[str, Path]) -> None:
    card = find_card("pca")
    inputs = {"view": {"rna": paths["rna"], "protein": paths["protein"]}, "labels": paths["labels"]}
    config = load_method("pca").configure(preset="tiny")
    inputs = check_inputs(card, inputs)
    both = prepare(card, config, inputs, FitOptions()).dataset.x
    one = prepare(card, config, inputs, FitOptions(views=("protein",))).dataset.x
    assert isinstance(both, Matrix) and isinstance(one, Matrix)
    assert list(both.features[[0, 27]]) == ["rna:rna0", "protein:protein7"] and one.features[0] == "protein0"
    with pytest.raises(UsageError, match="nothing"):
        prepare(card, config, inputs, FitOptions(views=("nothing",)))


def test_methods_beside_a_transductive_one_hold_nothing_out(paths: dict[str, Path], tmp_path: Path) -> None:
    asked = ("--draws", 100, "--preset", "tiny", "--no-explain", "--stability", 2)
    answer = done("compare", "pca", "tsne", paths["rna"], "--labels", paths["labels"], *asked, "-o", tmp_path / "c")
    found = json.loads((tmp_path / "c" / "compare.json").read_text())
    assert found["primary"] == "trustworthiness" and "cross_validation" not in found
    assert [row["over"] for row in found["stability"]] == ["seeds", "subsamples"] * 2
    assert found["stability"][0]["method"] == "pca" and found["stability"][0]["spread"] < 1e-6
    unseen, unlike = found["verdict"].split(". ")[:2]
    assert unseen == "No sample was held out: nothing may be claimed of samples that the method has not seen"
    assert unlike == "Methods with different numbers of factors are not ranked (pca: 3; tsne: 2)"
    assert "Among the methods" not in found["verdict"] and unseen in answer.out
    assert not any({pair["a"], pair["b"]} == {"pca", "tsne"} for pair in found["pairs"])
    facing = [word for word in ("(2 factors)", "(3 factors)") if word in found["verdict"].split("tsne", 2)[-1]]
    assert facing == ["(2 factors)"]  # a layout of two dimensions faces projections of two
    page = (tmp_path / "c" / "report.html").read_text()
    assert "Stability" in page and "no part was held out" in (tmp_path / "c" / "pca" / "report.html").read_text()


def test_a_layout_is_not_said_to_be_tested(paths: dict[str, Path], tmp_path: Path) -> None:
    answer = done("fit", "tsne", paths["rna"], *QUICK, "--no-explain", "-o", tmp_path / "run")
    assert "all samples, trustworthiness:" in answer.out and "test trustworthiness" not in answer.out


def test_rivals_have_as_many_factors_as_live(paths: dict[str, Path], tmp_path: Path) -> None:
    """A factor that died, or a component beyond the rank, holds nothing: rivals may not have a direction for it."""
    draw = np.random.default_rng(5)
    index = pd.Index([f"s{row}" for row in range(60)], name="id")
    hidden, views = draw.normal(size=(60, 1)), []
    for name in "ab":
        values = hidden @ draw.normal(size=(1, 8)) * 2 + draw.normal(size=(60, 8))
        pd.DataFrame(values, index=index, columns=[f"{name}{i}" for i in range(8)]).to_csv(tmp_path / f"{name}.csv")
        views += ["--view", f"{name}={tmp_path / name}.csv"]
    words = (*views, "--draws", 100, "--no-explain")
    for method, asked, living in (("mofa", 6, 1), ("rgcca", 12, 8)):
        run = tmp_path / method
        setting = f"{'factors' if method == 'mofa' else 'ncomp'}={asked}"
        answer = done("fit", method, *words, "--set", setting, "-o", run)
        conditions = json.loads((run / "metrics.json").read_text())["conditions"]
        assert (conditions["factors"], conditions["asked"]) == (living, asked), method
        placed = pd.read_parquet(run / "predictions.parquet").iloc[:, 3:].select_dtypes("number")
        assert placed.shape[1] == asked and (placed.std() > 1e-9).sum() == living
        assert load_factor_scores(run / SCORES).rows["random-projection"]
        page = (run / "report.html").read_text()
        assert f"{living} of {asked} factors tell samples apart" in page
        if method == "mofa":
            assert "5 of 6 factors explain nothing of any view" in answer.err + page
    beside = done("compare", tmp_path / "mofa", tmp_path / "rgcca", "-o", tmp_path / "c", "--json").json
    assert {f"random-projection ({n} factors)" for n in (1, 8)} <= {row["name"] for row in beside["table"]}
    assert beside["verdict"].startswith("Methods with different numbers of factors are not ranked (mofa: 1; rgcca: 8)")


def test_a_method_with_a_target_is_not_scored_on_its_training_samples(paths: dict[str, Path], tmp_path: Path) -> None:
    answer = call("fit", "lda", paths["rna"], "--labels", paths["labels"], "--undivided", "-o", tmp_path / "r")
    assert answer.code == 2 and "lda has a target" in answer.err


def test_one_mudata_file_gives_all_views(paths: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("mudata")
    from chiasma.data.matrix import Views
    from chiasma.io.containers import write_h5mu
    from chiasma.io.tables import read_matrix

    labels = pd.read_csv(paths["labels"], index_col=0)["class"]
    both = Views({name: read_matrix(paths[name]) for name in ("rna", "protein")})
    write_h5mu(tmp_path / "both.h5mu", both, obs={"class": labels.tolist()})
    asked = ("--labels", f"{tmp_path / 'both.h5mu'}:class", *QUICK, "--no-rivals", "--no-explain")
    done("fit", "diablo", tmp_path / "both.h5mu", *asked, "-o", tmp_path / "run")
    assert sorted(load_fitted(tmp_path / "run").model.views_) == ["protein", "rna"]
    done("predict", tmp_path / "run", tmp_path / "both.h5mu", "-o", tmp_path / "one.tsv")
    done("predict", tmp_path / "run", "--view", tmp_path / "both.h5mu", "-o", tmp_path / "two.tsv")
    assert (tmp_path / "one.tsv").read_text() == (tmp_path / "two.tsv").read_text()
    answer = call("fit", "diablo", paths["rna"], "--labels", paths["labels"], "-o", tmp_path / "no")
    assert answer.code == 2 and "NAME=FILE, or one .h5mu file" in answer.err
