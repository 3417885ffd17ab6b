import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from chiasma.stats.popgen import sites as popgen

samples = hnp.arrays(np.int8, st.tuples(st.integers(4, 8), st.integers(1, 9)), elements=st.integers(0, 1))


@given(samples)
@settings(max_examples=40)
def test_slow_twins(alleles):
    n, s = alleles.shape
    pairs = list(itertools.combinations(range(n), 2))
    differences = [int((alleles[i] != alleles[j]).sum()) for i, j in pairs]
    assert popgen.pairwise_differences(alleles).tolist() == differences
    assert popgen.site_diversity(alleles).sum() == pytest.approx(np.mean(differences))
    rows = [tuple(row) for row in alleles.tolist()]
    assert popgen.haplotype_counts(alleles).tolist() == sorted((rows.count(r) for r in set(rows)), reverse=True)
    gametes = popgen.four_gametes(alleles)
    r2 = popgen.r_squared(alleles.astype(float))
    for i, j in itertools.product(range(s), repeat=2):
        assert gametes[i, j] == (len({(a[i], a[j]) for a in rows}) == 4)
        if alleles[:, i].std() and alleles[:, j].std():
            assert r2[i, j] == pytest.approx(np.corrcoef(alleles[:, i], alleles[:, j])[0, 1] ** 2)
    assert popgen.minimum_recombinations(alleles) == slow_r_min(gametes)


def slow_r_min(gametes):
    """Most disjoint open intervals (i, j) with four gametes, by trying all of each size."""
    s = len(gametes)
    best = [0] * (s + 1)
    for right in range(s):
        best[right + 1] = best[right]
        for left in range(right):
            if gametes[left, right]:
                best[right + 1] = max(best[right + 1], best[left + 1] + 1)
    return best[s]


def test_wall_and_bins():
    alleles = np.array([[0, 0, 0, 1], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]], np.int8)
    # pairs 1-2 and none of 2-3, 3-4: 3 differs from all, 4 is the mirror of 2 but not adjacent
    assert popgen.wall_b_q(alleles) == (1 / 3, 2 / 4)
    r2 = popgen.r_squared(alleles.astype(float))
    binned = popgen.r2_by_distance(r2, np.array([0.0, 1, 2, 10]), np.array([0.0, 1.5, 5, 20]))
    assert binned.tolist() == pytest.approx([0.5, 0.0, (1 + 1 + 0) / 3])
    assert popgen.zns(r2) == pytest.approx((1 + 0 + 1 + 0 + 1 + 0) / 6)


def test_against_tskit():
    msprime = pytest.importorskip("msprime")
    ancestry = msprime.sim_ancestry(
        10, population_size=1e4, sequence_length=2e4, recombination_rate=1e-8, random_seed=2
    )
    ts = msprime.sim_mutations(ancestry, rate=2e-8, model=msprime.BinaryMutationModel(), random_seed=2)
    alleles = ts.genotype_matrix().T.astype(np.int8)
    assert popgen.site_diversity(alleles).sum() == pytest.approx(ts.diversity(span_normalise=False))
    assert popgen.tajimas_d(alleles) == pytest.approx(float(ts.Tajimas_D()))
    assert popgen.watterson_theta(ts.num_sites, 20) == pytest.approx(ts.num_sites / sum(1 / i for i in range(1, 20)))
    first, second = alleles[:8], alleles[8:]
    nodes = ts.samples()
    assert popgen.mean_differences_between(first, second) == pytest.approx(
        ts.divergence([nodes[:8], nodes[8:]], span_normalise=False)
    )
    # tskit's Fst: 1 - 2 (within) / (within + 2 between + ...) is Slatkin's; ours is Hudson's, checked by its parts
    within = (ts.diversity(nodes[:8], span_normalise=False) + ts.diversity(nodes[8:], span_normalise=False)) / 2
    between = ts.divergence([nodes[:8], nodes[8:]], span_normalise=False)
    assert popgen.hudson_fst(first, second) == pytest.approx(1 - within / between)


def test_moments_of_no_recombination_are_tajimas():
    for n in (5, 50):
        _, spread, mean_square = popgen._pair_moments(n)
        expected = 2 * (n**2 + n + 3) / (9 * n * (n - 1))  # Tajima 1983, variance of pi at theta^2
        assert mean_square[0] == pytest.approx(expected, rel=1e-6)
        assert spread[0] == pytest.approx(1 - expected, rel=1e-6)
        assert (np.diff(spread / (1 + mean_square)) < 0).all()


def test_hudson_rho_recovers_rho_on_average():
    msprime = pytest.importorskip("msprime")
    for rho in (20.0, 200.0):
        found = []
        for seed in range(1, 41):
            ancestry = msprime.sim_ancestry(
                samples=[msprime.SampleSet(20, ploidy=1)],
                ploidy=2,
                population_size=1e4,
                sequence_length=1e5,
                recombination_rate=rho / 4e9,
                random_seed=seed,
            )
            ts = msprime.sim_mutations(
                ancestry, rate=2.5e-8, model=msprime.BinaryMutationModel(), random_seed=seed, discrete_genome=False
            )
            found.append(popgen.hudson_rho(ts.genotype_matrix().T.astype(np.int8)))
        assert rho / 2 < np.median(found) < rho * 2


def test_nothing_to_say():
    none = np.zeros((6, 0), np.int8)
    row = popgen.summarise(none, np.zeros(0), 100.0)
    assert len(row) == len(popgen.STATISTICS) and row[0] == 0
    assert np.isnan(popgen.tajimas_d(none)) and np.isnan(popgen.hudson_rho(none))
