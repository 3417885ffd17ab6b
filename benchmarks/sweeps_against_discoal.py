"""Sweeps against discoal's recorded distributions: means, Kolmogorov-Smirnov distances, quantiles against quantiles.

CHIASMA_DATA=... OMP_NUM_THREADS=1 python benchmarks/sweeps_against_discoal.py REPLICATES [FIGURE.svg]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import matplotlib
import msprime
import numpy as np
import pandas as pd
from scipy import stats

from chiasma.simulate.sweeps import SizeHistory, Sweep, simulate_sweep
from chiasma.stats.popgen.sites import haplotype_counts, site_diversity, tajimas_d

SIZE, LENGTH = 1e4, 2e4
RATE = 40 / (4 * SIZE * LENGTH)
STATISTICS = ("segsites", "pi", "tajima_d", "n_haplotypes", "h12", "pi_w1", "pi_w3")


def scaled(tau: float, alpha: float, **more: float) -> Sweep:
    """Of discoal's units: tau in 4N generations, alpha = 2 N s/2."""
    return Sweep(LENGTH / 2, alpha / SIZE, end=tau * 4 * SIZE, **more)


CONSTANT = SizeHistory.constant(SIZE)
SCENARIOS = {
    "hard_const": (scaled(0.005, 500), CONSTANT),
    "hard_bottleneck": (scaled(0.02, 1000), SizeHistory.of((0, SIZE), (400, SIZE / 10), (2000, SIZE))),
    "partial_c06_const": (scaled(0, 500, final_frequency=0.6), CONSTANT),
    "soft_f005_const": (scaled(0.005, 500, start_frequency=0.05), CONSTANT),
    "soft_f005_expansion": (
        scaled(0.005, 1000, start_frequency=0.05),
        SizeHistory.of((0, SIZE), (800, 0.3 * SIZE)),
    ),
    "recurrent_uA2_const": (scaled(0.005, 500, recurrence=2 / (4 * SIZE)), CONSTANT),
}


def summary(sweep: Sweep, history: SizeHistory, seed: int) -> list[float]:
    """The STATISTICS of one replicate."""
    ts = simulate_sweep(sweep, history, haplotypes=40, length=LENGTH, recombination=RATE, seed=seed)
    model = msprime.BinaryMutationModel()
    ts = msprime.sim_mutations(ts, rate=RATE, random_seed=seed + 1, discrete_genome=False, model=model)
    alleles = ts.genotype_matrix().T.astype(np.int8)
    ones = alleles.sum(axis=0)
    use = (ones > 0) & (ones < len(alleles))
    alleles, place = alleles[:, use], ts.sites_position[use] / LENGTH
    frequency = haplotype_counts(alleles) / len(alleles)
    pi = site_diversity(alleles)
    fifths = [pi[(place >= low) & (place < low + 0.2)].sum() for low in (0.0, 0.4)]
    h12 = frequency[:2].sum() ** 2 + (frequency[2:] ** 2).sum()
    return [alleles.shape[1], pi.sum(), tajimas_d(alleles), len(frequency), h12, *fifths]


def main() -> None:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    replicates = int(sys.argv[1])
    data = Path(os.environ["CHIASMA_DATA"])
    folder = Path(os.environ.get("CHIASMA_REFERENCE", data.parent / "reference")) / "discoal"
    figure, axes = pyplot.subplots(len(SCENARIOS), len(STATISTICS), figsize=(14, 12))
    print("| scenario | statistic | chiasma | discoal | KS distance | p |\n|---|---|---|---|---|---|")
    for row, (name, (sweep, history)) in zip(axes, SCENARIOS.items()):
        ours = pd.DataFrame([summary(sweep, history, seed) for seed in range(replicates)], columns=list(STATISTICS))
        theirs = pd.read_csv(folder / f"{name}.csv.gz", comment="#")
        for axis, statistic in zip(row, STATISTICS):
            a, b = ours[statistic].dropna(), theirs[statistic].dropna()
            test = stats.ks_2samp(a, b)
            errors = (a.std() / len(a) ** 0.5, b.std() / len(b) ** 0.5)
            means = f"{a.mean():.3f} ± {errors[0]:.3f} | {b.mean():.3f} ± {errors[1]:.3f}"
            print(f"| {name} | {statistic} | {means} | {test.statistic:.3f} | {test.pvalue:.3f} |", flush=True)
            shares = np.linspace(0.005, 0.995, 100)
            axis.plot(np.quantile(b, shares), np.quantile(a, shares), ".", markersize=3)
            axis.axline((0, 0), slope=1, color="0.6", linewidth=0.8)
            axis.set_title(f"{name}\n{statistic}", fontsize=6)
            axis.tick_params(labelsize=5)
    figure.supxlabel("quantiles of discoal")
    figure.supylabel("quantiles of chiasma")
    figure.tight_layout()
    if len(sys.argv) > 2:
        figure.savefig(sys.argv[2])


if __name__ == "__main__":
    main()
