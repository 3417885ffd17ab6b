"""Sweeps beside the ten replicates each that diploSHIC's examples hold, by discoal under priors of its command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from chiasma.core.rng import generator
from chiasma.io.ms import read_ms
from chiasma.simulate.sweeps import SizeHistory, Sweep, simulate_sweep
from chiasma.stats.popgen.haplotypes import haplotype_summary
from chiasma.stats.popgen.sites import site_diversity

msprime = pytest.importorskip("msprime")
SIZE, LENGTH, HAPLOTYPES = 100_000, 55_000.0, 100


def region(kind: str, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Alleles (haplotype, site), positions: a draw of -Pt 77 770 -Pre 2100 6300 -Pa 100 5000 -Pu 0 .05 -Pf 0 .1."""
    rng = generator(1, "recorded", kind, index)
    rho = next(one for one in rng.exponential(2_100, 1_000) if one <= 6_300)
    mutation, recombination = rng.uniform(77, 770) / (4 * SIZE * LENGTH), rho / (4 * SIZE * LENGTH)
    if kind == "neut":
        ancestry = msprime.sim_ancestry(
            [msprime.SampleSet(HAPLOTYPES, ploidy=1)],
            population_size=SIZE,
            ploidy=2,
            sequence_length=LENGTH,
            recombination_rate=recombination,
            discrete_genome=False,
            random_seed=index + 1,
        )
    else:
        sweep = Sweep(
            position=LENGTH / 2,
            s=rng.uniform(100, 5_000) / SIZE,
            end=rng.uniform(0, 0.05) * 4 * SIZE,
            start_frequency=rng.uniform(0, 0.1) if kind == "soft" else 0.0,
        )
        history = SizeHistory.constant(SIZE)
        ancestry = simulate_sweep(
            sweep, history, haplotypes=HAPLOTYPES, length=LENGTH, recombination=recombination, seed=index + 1
        )
    ts = msprime.sim_mutations(
        ancestry, rate=mutation, random_seed=index + 1, discrete_genome=False, model=msprime.BinaryMutationModel()
    )
    return ts.genotype_matrix().T.astype(np.int8), ts.sites_position


def summary(alleles: np.ndarray, positions: np.ndarray) -> tuple[float, float, float]:
    """Segregating sites, diversity, and H12 of the eleventh in the middle."""
    ones = alleles.sum(axis=0)
    kept = (ones > 0) & (ones < len(alleles))
    alleles, positions = alleles[:, kept], positions[kept]
    middle = alleles[:, np.abs(positions - LENGTH / 2) < LENGTH / 22]
    return alleles.shape[1], float(site_diversity(alleles).sum()), haplotype_summary(middle).h12


@pytest.mark.slow
@pytest.mark.realdata
def test_ten_replicates_of_discoal_are_not_told_from_ours(data_dir: Path) -> None:
    """What ten can tell: H12 in the middle differs between kinds by more than it may differ from discoal's."""
    recorded, ours = {}, {}
    for kind in ("neut", "hard", "soft"):
        replicates = read_ms(data_dir / "population" / "ms" / f"discoal_{kind}55k.ms.gz")
        assert len(replicates) == 10
        recorded[kind] = np.array([summary(one.alleles, one.positions) for one in replicates])
        ours[kind] = np.array([summary(*region(kind, index)) for index in range(30)])
        p = [stats.ks_2samp(a, b).pvalue for a, b in zip(ours[kind].T, recorded[kind].T)]
        assert min(p) * 9 > 0.05, (kind, p)
    # the comparison could fail: the neutral regions of either are told from the other's hard sweeps
    for one, other in ((ours, recorded), (recorded, ours)):
        assert stats.ks_2samp(one["neut"][:, 2], other["hard"][:, 2]).pvalue < 0.01
