"""Regions with a sweep in their middle, near it, or none: classes of Flagel et al. 2019, ranges of our own."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.simulate.coalescent import Design, Parameters
from chiasma.simulate.sweeps import SizeHistory, Sweep, simulate_sweep

_LENGTH, _MU, _RATE = 100_000, 1.25e-8, 1.25e-8
_CLASSES = ("neutral", "hard", "hard_near", "soft", "soft_near")
_MIDDLE = 0.1
"""Share of the region, around its middle, in which the selected site of a hard or a soft sweep lies."""
_NEAR = 0.25
"""Share of the region at either end in which the selected site of a sweep near by lies."""


def _draw(rng: np.random.Generator) -> Parameters:
    label = int(rng.integers(len(_CLASSES)))
    size = float(rng.uniform(8_000, 12_000))
    place = float(rng.uniform(0.5 - _MIDDLE / 2, 0.5 + _MIDDLE / 2))
    edge = float(rng.uniform(0, _NEAR))
    if label in (2, 4):
        place = edge if rng.random() < 0.5 else 1 - edge
    return {
        "label": float(label),
        "size": size,
        "place": place,
        "s": float(np.exp(rng.uniform(np.log(0.005), np.log(0.05)))),
        "end": float(rng.uniform(1, 1_000)),
        "start_frequency": float(rng.uniform(0.01, 0.1)),
        "theta": 4 * size * _MU * _LENGTH,
    }


def _history(parameters: Parameters, haplotypes: tuple[int, ...]) -> dict[str, Any]:
    return {"samples": haplotypes[0], "population_size": parameters["size"], "recombination_rate": _RATE}


def _selected(parameters: Parameters, haplotypes: tuple[int, ...], seed: int) -> Any:
    label = int(parameters["label"])
    if not label:
        return None
    sweep = Sweep(
        position=parameters["place"] * _LENGTH,
        s=parameters["s"],
        end=parameters["end"],
        start_frequency=parameters["start_frequency"] if label > 2 else 0.0,
    )
    history = SizeHistory.constant(parameters["size"])
    return simulate_sweep(sweep, history, haplotypes=haplotypes[0], length=_LENGTH, recombination=_RATE, seed=seed)


SWEEPS = Design(
    name="sweeps",
    source="own ranges: 100 kb, one population of 8,000 to 12,000, s 0.005 to 0.05, fixed 1 to 1,000 generations ago; "
    "classes and sample size of Flagel et al. 2019",
    length=_LENGTH,
    mutation_rate=_MU,
    draw=_draw,
    history=_history,
    haplotypes=(208,),
    sizes=("size",),
    classes=_CLASSES,
    selected=_selected,
)
