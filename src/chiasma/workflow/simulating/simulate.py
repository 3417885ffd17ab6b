"""`simulate`: examples of a method's simulator, or simulated peaks, to files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.files import write_json
from chiasma.io.trees import write_trees
from chiasma.run.simulations import fill
from chiasma.simulate.stretch import Stretch
from chiasma.workflow.loading.simulations import load_simulations
from chiasma.workflow.method import load_method
from chiasma.workflow.predicting.predictions import write_table
from chiasma.workflow.simulating.populations import is_population, simulate_population, write_tracts


def simulate(
    model: str,
    *,
    output: Path | str,
    number: int = 100,
    seed: int = 1,
    config: Mapping[str, Any] | None = None,
    preset: str = "default",
    stretch: Stretch | None = None,
) -> Path:
    """Write simulated examples with their truth.

    Args:
        model: a method whose examples.py has a simulator, "peaks", "sweep", "admixture", or "demography:" and a model.
        output: a folder for tree sequences and truth.tsv, or a FASTA for peaks.
        number: how many examples.
        seed: root of all randomness; example i of a seed is always the same.
        config: fields of the method's configuration.
        preset: one of its presets.
        stretch: of a genome, whose map and mask sweeps, admixture and demographic models are simulated with.

    Raises:
        UsageError: the method has no simulator, or takes nothing from a genome.
    """
    output = Path(output)
    if stretch is not None and not is_population(model):
        raise UsageError(
            "a map or a mask is of use with sweep, admixture and demography:MODEL",
            got=model,
            do="leave --region, --map and --mask out; methods take a mask in fit",
        )
    if model == "peaks":
        from chiasma.io.fasta import write_fasta
        from chiasma.simulate.peaks import simulate_peaks

        write_fasta(output, simulate_peaks(number, seed=seed))
        return output
    if is_population(model):
        return simulate_population(model, output=output, number=number, seed=seed, settings=config, stretch=stretch)
    method = load_method(model)
    if method.card.data != "simulations":
        raise UsageError(
            "this method has no simulator",
            got=model,
            expected="a method of data kind simulations, peaks, sweep, admixture or demography:MODEL",
        )
    chosen = method.configure(config, preset=preset)
    examples = method.module("examples")
    output.mkdir(parents=True, exist_ok=True)
    truth = []
    for index in range(number):
        tree_sequence = examples.tree_sequence(chosen, seed, index)
        write_trees(output / f"{model}-{seed}-{index}.trees", tree_sequence)
        if hasattr(examples, "called_tracts"):
            write_tracts(output / f"{model}-{seed}-{index}.tracts.tsv", examples.called_tracts(chosen, seed, index))
        truth.append(np.atleast_1d(examples.draw(chosen, seed, index)))
    values = np.vstack(truth)
    names = examples.target_names(chosen)
    columns: dict[str, Any] = {"id": np.array([f"{model}-{seed}-{index}" for index in range(number)])}
    columns |= {name: values[:, index] for index, name in enumerate(names[: values.shape[1]])}
    write_table(output / "truth.tsv", columns)
    record = {"method": model, "seed": seed, "number": number, "config": chosen.model_dump(mode="json")}
    write_json(output / "simulation.json", record)
    return output


def fill_cache(
    model: str,
    *,
    output: Path | str,
    part: tuple[int, int],
    seed: int = 1,
    workers: int = 1,
    config: Mapping[str, Any] | None = None,
    preset: str = "default",
) -> tuple[int, int]:
    """Run one part of the examples that a fit would run, into the folder of its setting `cache`.

    Args:
        model: a method with a simulator.
        output: the folder; parts may be filled on different machines that share it.
        part: i of n, i from 1.
        seed: of the fit.
        workers: processes.
        config, preset: of the fit.

    Returns:
        Examples of this part, and how many were run now: those that were there are kept.

    Raises:
        UsageError: the method has no simulator, or there is no such part.
    """
    method = load_method(model)
    if method.card.data != "simulations":
        raise UsageError("this method has no simulator", got=model, expected="a method of data kind simulations")
    data, _ = load_simulations(method.configure(config, preset=preset), seed=seed)
    x: Any = data.x
    executor = "local" if workers > 1 else "serial"
    return fill(replace(x, keeper=None), Path(output), part=part, executor=executor, workers=workers)
