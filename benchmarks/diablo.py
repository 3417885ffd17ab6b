"""DIABLO on the breast cancer data: CPU seconds of fit, prediction, tuning and cross-validation.

mixOmics cannot be installed here; its column holds CPU seconds recorded with mixOmics 6.35.2 (R 4.2.2, one core) on the
same data, on another day and a busier machine, and is marked so: a comparison of orders of magnitude, no more.

    CHIASMA_DATA=... OMP_NUM_THREADS=1 python benchmarks/diablo.py [--json]
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.rng import generator
from chiasma.methods.omics.diablo.config import Config, breast_tcga
from chiasma.methods.omics.diablo.model import build
from chiasma.stats.folds import stratified_folds
from chiasma.workflow.fitting.cross_validate import cross_validate
from chiasma.workflow.loading.tables import load_views

RECORDED = {
    "fit, keepX given": 0.035,
    "predict 70 samples, all votes": 0.421,
    "tune 24 combinations, 2 components, 5 folds": 9.7,
    "cross-validate 5 components, 10 folds x 3": 14.9,
}
"""CPU seconds of block.splsda and predict; for tune and perf seconds on the idle machine, one core."""


def median_cpu(work: Callable[[], Any], repeats: int) -> float:
    """Median CPU seconds of several calls after one that warms up."""
    work()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def measure(folder: Path) -> list[dict[str, Any]]:
    views = ("mrna", "mirna", "protein")
    data, split = load_views(
        {view: folder / f"train_{view}.csv.gz" for view in views},
        folder / "train_subtype.csv.gz",
        seed=1,
        test_views={view: folder / f"test_{view}.csv.gz" for view in views[:2]},
        test_labels=folder / "test_subtype.csv.gz",
    )
    assert split is not None
    train, test = data.take(split.where("train")), data.take(split.where("test"))
    model = build(breast_tcga()).fit(train.x, train.target.values)
    accuracy = float(np.mean(model.predict(test.x) == test.target.values))
    assert abs(accuracy - 65 / 70) < 1e-12, "not the published predictions: timings would mean nothing"

    five = Config(ncomp=5, keep_x={"mrna": (6, 14, 5, 5, 5), "mirna": (5, 18, 5, 5, 5), "protein": (6, 7, 5, 5, 5)})
    work: dict[str, tuple[Callable[[], Any], int]] = {
        "fit, keepX given": (lambda: build(breast_tcga()).fit(train.x, train.target.values), 25),
        "predict 70 samples, all votes": (lambda: _all_votes(model, test.x), 25),
        "tune 24 combinations, 2 components, 5 folds": (lambda: _tune(train), 5),
        "cross-validate 5 components, 10 folds x 3": (
            lambda: cross_validate(lambda: build(five), train, seed=1, folds=10, repeats=3),
            3,
        ),
    }
    rows = []
    for name, (call, repeats) in work.items():
        ours = median_cpu(call, repeats)
        rows.append({"work": name, "chiasma_cpu_s": ours, "mixomics_recorded_s": RECORDED[name]})
    return rows


def _all_votes(model: Any, x: Any) -> None:
    """As predict of mixOmics: every distance and vote."""
    for distance in ("max", "centroids", "mahalanobis"):
        for vote in ("weighted", "majority", "average"):
            model.set_params(distance=distance, vote=vote).predict(x)
    model.set_params(distance="centroids", vote="weighted")


def _tune(train: Any) -> None:
    from chiasma.stats.pls.block_plsda import PlsdaRules
    from chiasma.stats.pls.block_tuning import TuningRules, tune_keep
    from chiasma.stats.views import to_arrays

    design = np.full((3, 3), 0.1) - 0.1 * np.eye(3)
    grid = {"mrna": (5, 6, 7, 8, 9, 10), "mirna": (5, 10), "protein": (5, 10)}
    codes = np.asarray(train.target.values)
    folds = [stratified_folds(codes, 5, random=generator(1, "benchmark"))]
    values = to_arrays(train.x).values
    tune_keep(values, codes, PlsdaRules(2, {}, design), TuningRules(grid, search="full"), folds=folds)


def main() -> None:
    root = os.environ.get("CHIASMA_DATA")
    if root is None:
        sys.exit("CHIASMA_DATA is not set: the breast cancer data are needed")
    rows = measure(Path(root) / "omics" / "breast_tcga")
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'work':46s} {'chiasma':>11s} {'mixOmics (recorded)':>20s} {'ratio':>7s}")
    for row in rows:
        ours, theirs = row["chiasma_cpu_s"], row["mixomics_recorded_s"]
        print(f"{row['work']:46s} {ours * 1e3:8.1f} ms {theirs * 1e3:17.0f} ms {theirs / ours:6.0f}x")


if __name__ == "__main__":
    main()
