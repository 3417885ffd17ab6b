"""The audit catches what is planted, and is quiet where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.audit.audit import audit
from chiasma.audit.cheap import crossed_scores, fit_and_score, folds_by_unit, rate
from chiasma.audit.selection import association
from chiasma.core.errors import MismatchError
from chiasma.core.files import plain
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views
from chiasma.data.results import Audit, Finding, Predictions
from chiasma.data.sequences import Sequences
from chiasma.data.split import Split
from chiasma.split.make import make_split
from chiasma.split.options import SplitOptions

BINARY = ("negative", "positive")


def sequences(codes: list[np.ndarray], y: np.ndarray, **columns: np.ndarray) -> Dataset:
    ids = [f"s{i}" for i in range(len(codes))]
    x = Sequences.from_codes(ids, codes)
    return Dataset(x.ids, x, Target("binary", y, BINARY), np.arange(len(ids)), columns=columns)


def random_dna(n: int, seed: int, *, length: int = 80) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8))


def table(values: np.ndarray, y: np.ndarray, kind: str = "binary") -> Dataset:
    ids = np.array([f"m{i}" for i in range(len(values))], dtype=object)
    features = np.array([f"f{j}" for j in range(values.shape[1])], dtype=object)
    names = BINARY if kind == "binary" else ("y",)
    return Dataset(ids, Matrix(values, ids, features), Target(kind, y, names), np.arange(len(ids)))  # type: ignore[arg-type]


def divided(data: Dataset, *, seed: int = 0) -> Split:
    return make_split(data, SplitOptions(kind="random", test=0.3, valid=0.0, calibration=0.0, seed=seed))


def named(found: Audit, name: str) -> Finding:
    return next(finding for finding in found.findings if finding.name == name)


def names(found: Audit, *severities: str) -> set[str]:
    return {finding.name for finding in found.findings if finding.severity in severities}


def test_clean_data_raise_nothing_but_what_is_so():
    data = sequences(random_dna(600, 1), np.arange(600) % 2)
    found = audit(data, make_split(data, SplitOptions()))
    # Random sequences hold nothing to learn, and the audit says that; there is no leak to report.
    assert names(found, "warning", "critical") == {"learning-curve"}
    assert named(found, "permuted-labels").severity == "ok"
    assert 0.4 < named(found, "predicted-by-gc-content").figures["value"] < 0.6


def test_reverse_complement_twins_across_a_random_split_are_caught():
    half = random_dna(200, 2)
    codes = [*half, *[(3 - code)[::-1] for code in half]]
    data = sequences(codes, np.tile(np.arange(200) % 2, 2))
    found = audit(data, divided(data))
    finding = named(found, "reverse-complement-twins")
    assert finding.severity == "critical" and finding.figures["examples"] > 50
    assert named(found, "near-duplicates").severity == "critical"
    assert "should not be believed" in found.verdict
    careful = audit(data, make_split(data, SplitOptions()))
    assert named(careful, "reverse-complement-twins").severity == "ok"


def test_a_planted_gc_confounder_is_critical():
    rng = np.random.default_rng(3)
    y = np.arange(400) % 2
    codes = [rng.choice(4, 80, p=[0.3, 0.2, 0.2, 0.3] if k else [0.2, 0.3, 0.3, 0.2]).astype(np.uint8) for k in y]
    found = audit(sequences(codes, y), divided(sequences(codes, y)))
    assert named(found, "predicted-by-gc-content").severity == "critical"
    assert found.worst == "critical"


def test_length_study_and_case_are_each_caught():
    y = np.arange(300) % 2
    codes = [code[: 60 + 20 * k] for code, k in zip(random_dna(300, 4), y, strict=True)]
    study = np.where(y == 1, "one", "two").astype(object)
    data = sequences(codes, y, study=study, lower_case_share=1.0 - y)
    found = audit(data, divided(data))
    assert {"predicted-by-length", "predicted-by-column-study"} <= names(found, "critical")
    assert named(found, "letter-case").severity == "warning"  # case never reaches a model here, so no more than that


def noise(seed: int, *, n: int = 100, p: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)), np.arange(n) % 2


def top(values: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-np.abs(association(values, y[:, None].astype(float))[:, 0]))[:k]


@pytest.mark.parametrize("seed", range(4))
def test_features_selected_by_the_label_before_the_split_are_caught(seed):
    values, y = noise(seed)
    data = table(values[:, top(values, y, 50)], y)
    split = divided(data, seed=seed)
    found = audit(data, split)
    assert named(found, "selected-before-split").severity == "critical"
    # The score that would have been believed:
    train, test = split.where("train"), split.where("test")
    assert isinstance(data.x, Matrix)
    scores = fit_and_score(data.x.values[train], y[train, None].astype(float), data.x.values[test])
    figure = rate(y[test, None], scores, unit=test, continuous=False, unit_name="sample")
    assert figure.value > 0.8


@pytest.mark.parametrize("seed", range(4))
def test_selection_inside_training_no_selection_and_true_signal_are_not_accused(seed):
    values, y = noise(seed)
    split = divided(table(values, y), seed=seed)
    train = split.where("train")
    inside = table(values[:, top(values[train], y[train], 50)], y)
    assert "selected-before-split" not in names(audit(inside, split), "critical")
    unselected = table(values[:, :50], y)
    assert named(audit(unselected, split), "feature-selection").severity == "ok"
    effect = np.random.default_rng(seed + 50).uniform(0.8, 2.5, 50)
    true = table(values[:, :50] + effect * y[:, None], y)
    assert "selected-before-split" not in names(audit(true, split), "critical")


def test_with_the_matrix_before_selection_the_gap_is_measured():
    values, y = noise(11)
    data = table(values[:, top(values, y, 50)], y)
    full = table(values, y).x
    assert isinstance(full, Matrix)
    finding = named(audit(data, divided(data), full_features=full), "nested-selection")
    assert finding.severity == "critical" and finding.figures["gap"] > 0.15


def test_scaling_before_the_split_and_the_label_as_a_feature():
    values, y = noise(12, p=20)
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    assert "scaled-before-split" in names(audit(table(scaled, y), divided(table(scaled, y))), "warning")
    values[:, 3] = y * 2.0 + 1
    assert "label-among-features" in names(audit(table(values, y), divided(table(values, y))), "critical")


def test_duplicate_rows_and_many_features():
    values, y = noise(13)
    values[50:] = values[:50]
    found = audit(table(values, y), divided(table(values, y)))
    assert {"exact-duplicates", "near-duplicates"} <= names(found, "critical")
    assert named(found, "features-per-sample").severity == "warning"


def test_regression_is_measured_by_correlation():
    rng = np.random.default_rng(14)
    gc = rng.uniform(0.2, 0.8, 300)
    codes = [rng.choice(4, 100, p=[(1 - g) / 2, g / 2, g / 2, (1 - g) / 2]).astype(np.uint8) for g in gc]
    data = sequences(codes, np.zeros(300, int))
    data = Dataset(data.ids, data.x, Target("regression", gc[:, None], ("activity",)), data.unit)
    found = audit(data, divided(data))
    finding = named(found, "predicted-by-gc-content")
    assert finding.severity == "critical" and finding.figures["metric"] == "Pearson r"
    assert named(found, "permuted-labels").severity == "ok"


def test_one_class_and_imbalance_are_named():
    data = sequences(random_dna(60, 15), np.zeros(60, int))
    part = np.where(np.arange(60) < 40, "train", "test").astype(object)
    found = audit(data, Split("given", data.ids, part))
    assert named(found, "one-class").severity == "critical"
    skewed = sequences(random_dna(400, 16), (np.arange(400) % 20 == 0).astype(int))
    finding = named(audit(skewed, divided(skewed)), "class-shares")
    assert finding.severity == "warning" and np.isclose(finding.figures["majority_accuracy"], 0.95)


def test_self_overlap_and_contradictions():
    codes = random_dna(80, 17)
    codes[40:] = codes[:40]
    start = np.arange(80) * 20
    places = {"chrom": np.full(80, "chr1", dtype=object), "start": start, "end": start + 80}
    data = sequences(codes, np.repeat([0, 1], 40), **places)
    found = audit(data, divided(data))
    assert named(found, "self-overlap").severity == "critical"
    assert named(found, "repeated-sequences").figures["contradictory"] == 80
    assert named(found, "overlap-across-classes").figures["intervals"] > 0


def test_predictions_are_measured_again_and_sliced_by_distance():
    rng = np.random.default_rng(18)
    codes = random_dna(400, 18)
    codes[300:350] = codes[:50]  # half of the test part are copies, and only they are predicted well
    y = np.tile(np.arange(50) % 2, 8)
    data = sequences(codes, y)
    part = np.where(np.arange(400) < 300, "train", "test").astype(object)
    p = rng.random(100)
    p[:50] = np.clip(y[300:350] * 0.8 + 0.1 + rng.normal(0, 0.05, 50), 0, 1)
    claims = Predictions(data.ids[300:], {"p_negative": 1 - p, "p_positive": p})
    found = audit(data, Split("given", data.ids, part), predictions=claims)
    assert named(found, "by-distance-to-training").severity == "warning"
    assert named(found, "recomputed").figures["value"] > 0.6


def test_the_result_is_json_ready_and_the_same_again():
    data = sequences(random_dna(120, 19), np.arange(120) % 2)
    split = divided(data)
    one, other = (plain(audit(data, split, seed=3).to_dict()) for _ in range(2))
    assert one == other
    with pytest.raises(MismatchError):
        audit(data, divided(data.take(np.arange(100))))


def test_without_time_the_rest_is_named():
    data = sequences(random_dna(120, 20), np.arange(120) % 2)
    found = audit(data, divided(data), budget_s=0)
    assert "confounding-skipped" in names(found, "note")


def slow_auroc(y, score):
    pairs = [(a, b) for a in score[y == 1] for b in score[y == 0]]
    return np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])


def test_the_rate_equals_the_slow_twin_and_its_interval_covers():
    rng = np.random.default_rng(21)
    y = rng.integers(0, 2, 40)
    score = rng.normal(size=40).round(1) + y
    figure = rate(y[:, None], score[:, None], unit=np.arange(40), continuous=False, unit_name="x")
    assert np.isclose(figure.value, slow_auroc(y, score))
    covered = 0
    for _ in range(400):  # true area of two unit normals a distance 1 apart: .7602
        y = np.arange(100) % 2
        score = rng.normal(size=100) + y
        interval = rate(y[:, None], score[:, None], unit=np.arange(100), continuous=False, unit_name="x")
        covered += interval.low <= 0.7602 <= interval.high
    assert covered / 400 > 0.91


def test_ridge_primal_equals_dual():
    rng = np.random.default_rng(22)
    x, y, new = rng.normal(size=(30, 30)), rng.normal(size=(30, 2)), rng.normal(size=(5, 30))
    primal = fit_and_score(x, y, new)
    # One feature more that says nothing turns the primal form into the dual.
    wider = fit_and_score(np.hstack([x, x[:, :1]])[:, :31], y, np.hstack([new, new[:, :1]]))
    assert primal.shape == wider.shape == (5, 2)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    z, v = (x - mean) / deviation, (new - mean) / deviation
    dual = v @ z.T @ np.linalg.solve(z @ z.T + 0.3 * np.eye(30), y - y.mean(axis=0)) + y.mean(axis=0)
    assert np.allclose(primal, dual)


def test_folds_keep_units_whole_and_scores_come_from_outside():
    unit = np.arange(60) // 3
    fold = folds_by_unit(unit, np.arange(60) % 2, seed=1)
    assert all(len(set(fold[unit == value])) == 1 for value in range(20))
    x = np.eye(60)
    scores = crossed_scores(x, (np.arange(60) % 2).astype(float)[:, None], fold)
    assert np.unique(scores.round(12)).size <= 5  # own row unseen: only the mean of the other folds is left


def test_what_tells_the_parts_apart_is_named():
    rng = np.random.default_rng(23)
    part = np.where(np.arange(300) < 200, "train", "test").astype(object)
    odds = {"train": [0.3, 0.2, 0.2, 0.3], "test": [0.2, 0.3, 0.3, 0.2]}
    codes = [rng.choice(4, 80, p=odds[name]).astype(np.uint8) for name in part]
    data = sequences(codes, np.arange(300) % 2, lower_case_share=(part == "test") * 1.0)
    found = audit(data, Split("given", data.ids, part))
    finding = named(found, "train-against-test")
    assert finding.severity == "warning" and "GC content alone" in finding.message
    assert named(found, "letter-case-by-part").severity == "warning"


def test_a_view_that_no_test_sample_has_is_named():
    values, y = noise(26, n=60, p=12)
    data = table(values, y)
    assert isinstance(data.x, Matrix)
    part = np.where(np.arange(60) < 40, "train", "test").astype(object)
    other = Matrix(np.where((part == "test")[:, None], np.nan, values[::-1]), data.x.samples, data.x.features)
    views = Dataset(data.ids, Views({"rna": data.x, "protein": other}), data.target, data.unit)
    finding = named(audit(views, Split("given", data.ids, part)), "view-absent-in-test")
    assert finding.severity == "note" and finding.figures == {"views": ["protein"]}


def test_a_random_division_of_twins_would_leak():
    from chiasma.audit.hypothetical import if_divided_at_random

    half = random_dna(200, 24)
    data = sequences([*half, *[(3 - code)[::-1] for code in half]], np.tile(np.arange(200) % 2, 2))
    finding = if_divided_at_random(data, seed=1)
    assert finding is not None and finding.severity == "warning"
    share = finding.figures["are the reverse complement of a training example"] / finding.figures["test"]
    assert 0.65 < share < 0.95  # the twin of a test example is in training with probability .8
    assert if_divided_at_random(sequences(random_dna(100, 25), np.arange(100) % 2), seed=1) is None


@pytest.mark.parametrize(("count", "text"), [(1, "One more warning follows."), (2, "2 more warnings follow.")])
def test_the_verdict_counts_what_follows(count, text):
    from chiasma.audit.audit import collect

    found = collect([Finding("x", f"f{i}", "warning", f"Message {i}.") for i in range(count + 1)])
    assert found.verdict.endswith(text)


@pytest.mark.realdata
def test_shuffled_twins_of_real_peaks_have_no_cheap_tell(data_dir):
    from chiasma.io.fasta import read_fasta

    peaks = read_fasta(data_dir / "sequence" / "peaks" / "ctcf.fa.gz")
    rng = np.random.default_rng(0)
    half = peaks.take(np.arange(8_000))
    twins = [rng.permutation(half[i]) for i in range(8_000)]
    codes = [*(half[i] for i in range(8_000)), *twins]
    assert half.intervals is not None
    place = half.intervals
    columns = {key: np.tile(getattr(place, key), 2) for key in ("chrom", "start", "end")}
    data = sequences(codes, np.repeat([1, 0], 8_000), **columns)
    data = Dataset(data.ids, data.x, data.target, np.tile(np.arange(8_000), 2), "peak with its twin", columns)
    found = audit(data, make_split(data, SplitOptions()))
    for name in ("predicted-by-gc-content", "predicted-by-position"):
        finding = named(found, name)
        assert finding.severity == "ok" and abs(finding.figures["value"] - 0.5) < 0.02
        assert "near chance" in finding.message


def test_without_a_target_a_batch_is_looked_for_in_the_features() -> None:
    draw = np.random.default_rng(0)
    n = 60
    ids = np.array([f"s{i}" for i in range(n)], dtype=object)
    batch = np.array(["one", "two", "three"], dtype=object)[np.arange(n) % 3]
    part = np.array(["train", "train", "train", "test"], dtype=object)[np.arange(n) % 4]
    for shift, severity in ((0.0, "ok"), (2.0, "warning")):
        values = draw.normal(size=(n, 30)) + shift * (batch == "one")[:, None]
        x = Matrix(values, ids, np.array([f"f{i}" for i in range(30)], dtype=object))
        columns = {"batch": batch, "label": batch}
        data = Dataset(ids, x, Target("none", np.zeros(0), ()), np.arange(n), "sample", columns)
        found = {one.name: one for one in audit(data, Split("given", ids, part)).findings}
        assert found["variance-by-batch"].severity == severity and "variance-by-label" not in found
        assert abs(found["variance-by-batch"].figures["share"] - (0.0 if shift == 0 else 0.47)) < 0.05
