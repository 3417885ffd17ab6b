"""Selection by the label on all samples is told from chance, from true effects and from selection inside training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chiasma.audit.cheap import fit_and_score, indicators
from chiasma.audit.context import make_context
from chiasma.audit.leakage import check_leakage
from chiasma.audit.selection import association, below, cut_correlation
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.data.results import Finding
from chiasma.data.split import Split
from chiasma.metrics.classification import auroc

TRAIN = 40
ABOUT_SCALING = {"scaling", "scaled-before-split"}


def judged(values: np.ndarray, y: np.ndarray, *, train: int = TRAIN) -> Finding:
    ids = np.array([f"s{i}" for i in range(len(y))], dtype=object)
    features = np.array([f"f{j}" for j in range(values.shape[1])], dtype=object)
    classes = int(y.max()) + 1
    target = Target("binary" if classes == 2 else "multiclass", y, tuple("abcdef"[:classes]))
    data = Dataset(ids, Matrix(values, ids, features), target, np.arange(len(ids)))
    part = np.where(np.arange(len(y)) < train, "train", "test").astype(object)
    context = make_context(data, Split("given", ids, part), seed=0, budget_s=60)
    return next(finding for finding in check_leakage(context) if finding.name not in ABOUT_SCALING)


def noise(seed: int, *, n: int = 60, p: int = 300, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)), rng.permutation(np.arange(n) % classes)


def strongest(values: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    z = association(values, indicators(Target("binary" if y.max() == 1 else "multiclass", y, tuple(np.unique(y)))))
    return np.argsort(-np.abs(z).max(axis=1))[:count]


@pytest.mark.parametrize("count", [40, 100, 200])
def test_a_loose_cut_over_all_samples_is_caught(count):
    found, leaked = [], []
    for seed in range(12):
        values, y = noise(seed)
        chosen = values[:, strongest(values, y, count)]
        found.append(judged(chosen, y))
        scores = fit_and_score(chosen[:TRAIN], y[:TRAIN, None].astype(float), chosen[TRAIN:])
        leaked.append(auroc(y[TRAIN:], scores[:, 0]))
    assert np.mean(leaked) > 0.7  # what would have been believed
    assert sum(finding.severity == "critical" for finding in found) >= 11
    assert all(finding.severity != "ok" for finding in found)


def test_a_loose_cut_with_three_classes_is_caught():
    found = []
    for seed in range(8):
        values, y = noise(seed, classes=3)
        found.append(judged(values[:, strongest(values, y, 100)], y).severity)
    assert found.count("critical") >= 7


SPARED: dict[str, Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]] = {
    "no effect": lambda rng, x, y: x,
    "no effect, features correlated": lambda rng, x, y: 0.3 * x + np.repeat(rng.normal(size=(len(x), 30)), 10, axis=1),
    "small effects of one size": lambda rng, x, y: x + 0.4 * y[:, None],
    "effects of one size": lambda rng, x, y: x + 0.8 * y[:, None],
    "large effects of one size": lambda rng, x, y: x + 2.0 * y[:, None],
    "effects of all sizes": lambda rng, x, y: x + rng.normal(0, 0.5, x.shape[1]) * y[:, None],
    "effects on one factor": lambda rng, x, y: 0.5 * x + rng.normal(size=(len(x), 1)) + 0.7 * y[:, None],
    "the strongest, inside training": lambda rng, x, y: x[:, strongest(x[:TRAIN], y[:TRAIN], 100)],
}


@pytest.mark.parametrize("name", SPARED)
def test_without_such_a_selection_nothing_is_critical(name):
    for seed in range(12):
        values, y = noise(seed)
        finding = judged(SPARED[name](np.random.default_rng(seed + 100), values, y), y)
        assert finding.severity != "critical", (seed, finding)
        if name == "no effect":
            assert finding.severity in ("ok", "note")


@pytest.mark.parametrize(("cut", "outputs"), [(0.0, 1), (0.9, 1), (2.0, 1), (0.8, 3)])
def test_what_a_cut_does_to_the_correlation_equals_its_simulation(cut, outputs):
    rng = np.random.default_rng(1)
    train, test = rng.normal(size=(2, 400_000, outputs))
    whole = np.sqrt(0.7) * train + np.sqrt(0.3) * test
    best = np.argmax(np.abs(whole), axis=1)[:, None]
    left, right, over_all = (np.take_along_axis(z, best, 1)[:, 0] for z in (train, test, whole))
    kept = np.abs(over_all) > cut
    assert 1 - kept.mean() == pytest.approx(below(cut, outputs=outputs), abs=0.005)
    sign = np.sign(over_all[kept])
    simulated = np.corrcoef(left[kept] * sign, right[kept] * sign)[0, 1]
    assert cut_correlation(cut, 0.7, outputs=outputs) == pytest.approx(simulated, abs=0.01)
