"""How DIABLO's choice of features scales: the grid of mixOmics' case study, and ten blocks where no grid can be run.

mixOmics tries every combination (its time for the 24-point grid, 9.7 s, was recorded with mixOmics 6.35.2 on one idle
core). Here: all of them, one view at a time, and halving, with CPU seconds, fits made and the error of the choice on
samples held out from all of it.

    CHIASMA_DATA=... OMP_NUM_THREADS=1 python benchmarks/diablo_tuning.py [--json]
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chiasma.methods.omics.diablo.model import Diablo
from chiasma.stats.folds import balanced_error_rate

GRIDS = {"mrna": (5, 6, 7, 8, 9, 10), "mirna": (5, 10), "protein": (5, 10)}
RECORDED = 9.7
"""Seconds of tune.block.splsda for GRIDS, two components, five folds."""


def fit_timed(model: Diablo, x: Any, y: np.ndarray, repeats: int) -> tuple[Diablo, float]:
    """The fitted model and the least CPU seconds of several fits."""
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        model.fit(x, y)
        spent.append(time.process_time() - begin)
    return model, min(spent)


def row(name: str, model: Diablo, seconds: float, error: float, recorded: float | None) -> dict[str, Any]:
    """One line of the table."""
    assert model.tuning_ is not None
    return {
        "work": name,
        "cpu_s": seconds,
        "judged_by_all_folds": sum(len(errors) for errors in model.tuning_.errors),
        "held_out_ber": error,
        "mixomics_recorded_s": recorded,
    }


def breast(folder: Path) -> list[dict[str, Any]]:
    """The published grid on the published train part, judged on its test part."""

    def read(part: str, what: str) -> pd.DataFrame:
        return pd.read_csv(folder / f"{part}_{what}.csv.gz", index_col=0)

    train = {view: read("train", view) for view in GRIDS}
    test = {view: read("test", view) for view in list(GRIDS)[:2]}
    y, truth = (read(part, "subtype")["subtype"].to_numpy() for part in ("train", "test"))
    rows = []
    for search in ("full", "coordinate", "halving"):
        model, seconds = fit_timed(Diablo(tune_grids=GRIDS, tune_search=search), train, y, 5)
        error = balanced_error_rate(truth, model.predict(test))
        recorded = RECORDED if search == "full" else None
        rows.append(row(f"breast, 24 combinations, 2 components, 5 folds: {search}", model, seconds, error, recorded))
    return rows


def ten_blocks() -> list[dict[str, Any]]:
    """Ten views of 100 samples by 200 features, four candidates each: 1,048,576 combinations a component."""
    random = np.random.default_rng(0)
    codes = np.tile(np.arange(3), 100)
    axes = np.array([[1.2, 0.0], [-0.6, 1.0], [-0.6, -1.0]])[codes] + random.standard_normal((300, 2))
    x = {}
    for number in range(10):
        telling = (5, 10, 20, 50)[number % 4]
        values = random.standard_normal((300, 200))
        values[:, :telling] += 0.5 * axes @ random.standard_normal((2, telling))
        x[f"view{number}"] = values
    train, test = ({name: block[rows] for name, block in x.items()} for rows in (slice(100), slice(100, None)))
    rows = []
    for search in ("coordinate", "halving"):
        model, seconds = fit_timed(Diablo(tune_search=search), train, codes[:100], 1)
        error = balanced_error_rate(codes[100:], model.predict(test))
        rows.append(row(f"ten views, 4 candidates each, 2 components, 5 folds: {search}", model, seconds, error, None))
    return rows


def main() -> None:
    root = os.environ.get("CHIASMA_DATA")
    if root is None:
        sys.exit("CHIASMA_DATA is not set: the breast cancer data are needed")
    rows = breast(Path(root) / "omics" / "breast_tcga") + ten_blocks()
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'work':62s} {'CPU s':>7s} {'judged':>7s} {'BER':>7s} {'mixOmics s (recorded)':>22s}")
    for one in rows:
        theirs = "" if one["mixomics_recorded_s"] is None else f"{one['mixomics_recorded_s']:.1f}"
        figures = f"{one['cpu_s']:7.2f} {one['judged_by_all_folds']:7d} {one['held_out_ber']:7.3f} {theirs:>22s}"
        print(f"{one['work']:62s} {figures}")


if __name__ == "__main__":
    main()
