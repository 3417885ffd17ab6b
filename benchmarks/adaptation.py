"""Adaptation of the selection detector to windows of another history than it learns from: gains and losses.

Simulated regions of a constant size of 10,000 to learn from; "real" ones are simulated under a bottleneck and growth as
of Europeans (the `exp` history), so that their classes are known here, though not to the network. They come half swept,
or one in twenty. Beside stand the detector without adaptation and the one that learnt from the right history. All three
keep their last epoch, so that none has learnt longer than another.

    OMP_NUM_THREADS=1 python benchmarks/adaptation.py FOLDER [--json]
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from chiasma.core.files import read_json, write_json
from chiasma.data.dataset import Dataset, Target
from chiasma.data.simulated import Simulated
from chiasma.fit.adaptation_config import AdaptationConfig
from chiasma.fit.loop import build_seeded, train
from chiasma.methods.population.selection_detector import examples
from chiasma.methods.population.selection_detector.config import Config
from chiasma.run.simulations import kept
from chiasma.stats.compare import compare_all
from chiasma.workflow.fitted import Fitted, load_fitted
from chiasma.workflow.fitting.adapting import WITHOUT, judge_adaptation, train_adapted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.adaptation import divide_real
from chiasma.workflow.loading.prepare import Prepared
from chiasma.workflow.loading.simulations import load_simulations
from chiasma.workflow.method import load_method

EUROPE = {"N1": 22_552.0, "N2": 3_313.0, "growth": 0.00535, "T1": 3_589.0, "T2": 1_050.0}
LEARNT = Config(
    haplotypes=50,
    train_examples=1_500,
    calibration_examples=0,
    training=Config().training.replace(epochs=20),
)
RIGHT = LEARNT.replace(model="exp", truth=EUROPE)
WINDOWS = 1_000
CASES = {
    "half swept": (0.5, "all"),
    "one in twenty swept": (0.05, "all"),
    "one in twenty swept, held against neutral simulations": (0.05, "neutral"),
}
SEEDS = (1, 2)
TEST_SEED, WINDOW_SEED = 101, 202


def windows(share: float) -> Dataset:
    """Windows of the right history, a share of them swept, in an order of chance and without a label."""
    rng = np.random.default_rng(WINDOW_SEED)
    swept = rng.permutation(np.arange(WINDOWS) < round(share * WINDOWS))
    index = 2 * np.arange(WINDOWS) + swept
    data = examples.simulated_dataset(RIGHT, WINDOW_SEED, index)
    start = (np.arange(WINDOWS) * RIGHT.length).astype(np.int64)
    columns = {"chrom": np.full(WINDOWS, "1", object), "start": start, "end": start + int(RIGHT.length)}
    unlabelled = Target("none", np.zeros(0), data.target.names)
    return replace(
        data, target=unlabelled, columns=columns, x=kept(cast(Simulated, data.x), None, executor="serial", workers=1)
    )


def measure(folder: Path) -> list[dict[str, Any]]:
    """One row for each case and seed of the training."""
    method = load_method("selection-detector")
    tested = examples.simulated_dataset(RIGHT, TEST_SEED, np.arange(1_000))
    tested = replace(tested, x=kept(cast(Simulated, tested.x), None, executor="serial", workers=1))
    learnt, right = (Prepared(*load_simulations(config, seed=1)) for config in (LEARNT, RIGHT))
    real = {share: windows(share) for share in {share for share, _ in CASES.values()}}
    rows = []
    for seed in SEEDS:
        options = FitOptions(seed=seed, device="cpu")
        best = fit_right(method, right, options, folder / f"right{seed}").scores(tested, device="cpu")
        for name, (share, against) in CASES.items():
            config = LEARNT.replace(adaptation=AdaptationConfig(against=against))
            data = real[share]
            given = replace(learnt, real=Prepared(data, divide_real(data, config, where="simulated windows")))
            where = folder / f"{against}{share}_{seed}"
            if (first := folder / f"all0.5_{seed}" / WITHOUT).exists() and not where.exists():
                shutil.copytree(first, where / WITHOUT)  # trained already: it goes on where it ended
            task = method.module("task").make_task(config, given.dataset, given.split)
            model = build_seeded(method.module("model").build, config, 2, seed=seed)
            model, _ = train_adapted(method, config, given, options, task=task, model=model, folder=where)
            adapted = Fitted(method, config, data.target, model, {"task": task.meta(), "length": None})
            write_json(where / "metrics.json", {})
            judge_adaptation(adapted, given, options, folder=where)
            told = read_json(where / "metrics.json")["adaptation"]
            scores = {"adapted": adapted.scores(tested, device="cpu")}
            scores |= {"without": load_fitted(where / WITHOUT).scores(tested, device="cpu"), "right history": best}
            rows.append({"case": name, "seed": seed, **on_target(tested, scores, seed), "source": told["test"]})
            rows[-1] |= {"area": told["area"], "cpu_seconds": told["cpu_seconds"], "calls": told["calls_changed"]}
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def fit_right(method: Any, prepared: Prepared, options: FitOptions, folder: Path) -> Fitted:
    """The detector that learnt from the history of the windows."""
    task = method.module("task").make_task(RIGHT, prepared.dataset, prepared.split)
    model = build_seeded(method.module("model").build, RIGHT, 2, seed=options.seed)
    train(task, model, RIGHT.training, seed=options.seed, folder=folder, device="cpu", keeps_last=True)
    return Fitted(method, RIGHT, prepared.dataset.target, model, {"task": task.meta(), "length": None})


def on_target(tested: Dataset, scores: dict[str, np.ndarray], seed: int) -> dict[str, Any]:
    """AUROC and balanced accuracy on labelled regions of the right history, and what adaptation changes of them."""
    found: dict[str, Any] = {}
    for metric in ("auroc", "balanced_accuracy"):
        pairs = compare_all(tested.target, scores, tested.unit, unit_name="region", seed=seed, metric=metric)
        found[metric] = {pair.a: pair.value_a for pair in pairs} | {pair.b: pair.value_b for pair in pairs}
        found[metric]["adapted - without"] = pairs[0].difference.to_dict()
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    rows = measure(folder)
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print(row["case"], row["seed"])
        for metric in ("auroc", "balanced_accuracy"):
            gap = row[metric]["adapted - without"]
            values = ", ".join(f"{name} {row[metric][name]:.3f}" for name in ("without", "adapted", "right history"))
            print(
                f"  {metric}: {values}; adapted - without {gap['value']:+.3f} ({gap['low']:+.3f} to {gap['high']:+.3f})"
            )
        areas = {
            name: f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})" for name, one in row["area"].items()
        }
        print(f"  area {areas}; on its own simulations {row['source']}; CPU seconds {row['cpu_seconds']}")


if __name__ == "__main__":
    main()
