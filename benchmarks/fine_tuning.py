"""The selection detector from random weights and from a run of pg-gan, on the same few regions.

    chiasma fit pg-gan --preset brief --model exp --set haplotypes=[20] --no-rivals -o runs/game
    OMP_NUM_THREADS=1 python benchmarks/fine_tuning.py runs/game [50 200 800]

Regions are neutral, or have an allele that arose 1,000 generations ago, under the history that the run was given; the
statistics beside are those of the whole region, fitted to the same regions. One seed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.data.split import Split
from chiasma.fit.loop import build_seeded, predict, train
from chiasma.methods.population.selection_detector.config import fine_tuning, published
from chiasma.methods.population.selection_detector.examples import simulated_dataset
from chiasma.methods.population.selection_detector.model import build
from chiasma.methods.population.selection_detector.task import make_task
from chiasma.rivals.haplotypes import SummaryLinear
from chiasma.rivals.sweeps import sweep_rivals
from chiasma.run.simulations import kept
from chiasma.stats.bootstrap import bootstrap, paired_difference
from chiasma.stats.slices import strength_slices
from chiasma.workflow.fitted import load_fitted

VALID, TEST = 100, 400


def main(run: str, sizes: list[int]) -> None:
    game: Any = load_fitted(run)
    shape: dict[str, Any] = {"model": game.config.model, "truth": game.config.truth}
    shape |= {"haplotypes": game.config.haplotypes[0], "dropout": 0.25}
    most = max(sizes)
    # parts begin at even addresses, so that each has its classes and strengths in turn
    first = np.concatenate([np.arange(most), 10**6 + np.arange(VALID), 2 * 10**6 + np.arange(TEST)])
    clock = time.process_time()
    data = simulated_dataset(published().replace(**shape), 1, first)
    data = replace(data, x=kept(data.x, None, executor="serial", workers=1))  # type: ignore[arg-type]
    x: Any = data.x
    list(x)  # all are simulated here
    print(f"{len(data)} regions simulated in {time.process_time() - clock:.0f} CPU seconds", flush=True)
    test = data.take(np.arange(most + VALID, len(data)))
    judged: dict[str, Any] = {"unit_name": "region", "seed": 1, "draws": 1000}
    for number in sizes:
        rows = np.concatenate([np.arange(number), np.arange(most, len(data))])
        part = np.repeat(["train", "valid", "test"], [number, VALID, TEST]).astype(object)
        chosen = data.take(rows)
        split = Split("given", chosen.ids, part, {}, {})
        found = {}
        for name, preset in (("random weights", published()), ("from pg-gan", fine_tuning())):
            clock = time.process_time()
            config: Any = preset.replace(**shape, introduced=1_000)
            task = make_task(config, chosen, split)
            model: Any = build_seeded(build, config, 1, seed=1)
            if name == "from pg-gan":
                model.begin_with(game.model.state()[0])
            with tempfile.TemporaryDirectory() as folder:
                train(task, model, config.training, seed=1, folder=Path(folder), device="cpu", progress=None)
            columns = predict(task, model, "test", device="cpu")
            found[name] = np.column_stack([columns[column] for column in task.columns])
            print(f"{number} regions, {name}: {time.process_time() - clock:.0f} CPU seconds", flush=True)
        learnt = chosen.take(part != "test")
        for rival in [SummaryLinear(), *sweep_rivals()]:
            found[rival.name] = rival.fit(learnt, seed=1).predict(test)
        for name, scores in found.items():
            whole = bootstrap(test.target, scores, test.unit, metrics=("auroc",), **judged)["auroc"]
            by = [one.estimates["auroc"] for one in strength_slices(test, scores, seed=1)]
            cells = [f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in (whole, *by)]
            print(f"| {number} | {name} | {' | '.join(cells)} |", flush=True)
        gain = paired_difference(
            test.target, found["from pg-gan"], found["random weights"], test.unit, metric="auroc", **judged
        )
        print(f"{number} regions, from pg-gan less random weights: {gain}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], [int(text) for text in sys.argv[2:]] or [50, 200, 800])
