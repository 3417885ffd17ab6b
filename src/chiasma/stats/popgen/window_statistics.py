"""Statistics of windows of one or several populations, by name: what real and simulated windows are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from chiasma.stats.popgen.sites import STATISTICS, hudson_fst, mean_differences_between, summarise


def statistic_names(n_populations: int) -> tuple[str, ...]:
    """Names of the columns of `window_statistics`: all haplotypes, each population, each pair of populations."""
    if n_populations < 2:
        return STATISTICS
    parts = ["all", *(f"population {i + 1}" for i in range(n_populations))]
    names = [f"{part}: {name}" for part in parts for name in STATISTICS]
    for i, j in combinations(range(1, n_populations + 1), 2):
        names += [f"fst {i}, {j}", f"differences {i}, {j}"]
    return tuple(names)


def window_statistics(example: Mapping[str, np.ndarray]) -> np.ndarray:
    """Statistics of one window (statistic,), NaN where one is not defined.

    Args:
        example: alleles int8 (haplotype, site), positions (site,), region (start, end) and, of several populations,
            sizes: haplotypes of each, in row order.
    """
    alleles = np.asarray(example["alleles"])
    start, end = (float(value) for value in example["region"])
    positions = np.asarray(example["positions"], np.float64) - start
    rows = [summarise(alleles, positions, end - start)]
    sizes = np.asarray(example.get("sizes", [len(alleles)]))
    if len(sizes) > 1:
        groups = np.split(alleles, np.cumsum(sizes)[:-1])
        rows += [summarise(group, positions, end - start) for group in groups]
        for first, second in combinations(groups, 2):
            rows.append(np.array([hudson_fst(first, second), mean_differences_between(first, second)]))
    return np.concatenate(rows)
