from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.data.accessibility import accessibility
from chiasma.data.haplotypes import Haplotypes
from chiasma.data.intervals import make_intervals
from chiasma.encode.binned_haplotypes import BinnedEncoding, encode_bins


def region(alleles, positions):
    n = len(alleles)
    names = np.array([f"s{i}" for i in range(n // 2)], object)
    return Haplotypes(alleles, np.sort(positions), 10.0, 50.0, "2", names, 2, polarised=True)


matrices = hnp.arrays(np.int8, st.tuples(st.sampled_from([2, 4, 6]), st.integers(0, 9)), elements=st.integers(-1, 1))


@given(matrices, st.integers(1, 6), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_slow_twin(alleles, bins, random):
    positions = np.array([random.uniform(10, 49.9) for _ in range(alleles.shape[1])])
    haplotypes = region(alleles, positions)
    found = encode_bins(haplotypes, BinnedEncoding(bins=bins))
    counts, missing = np.zeros((len(alleles), bins)), np.zeros((len(alleles), bins))
    edges = np.linspace(10, 50, bins + 1)
    for column, place in zip(alleles.T, haplotypes.positions, strict=True):
        ones, zeros = (column == 1).sum(), (column == 0).sum()
        if ones and zeros:
            at = max(b for b in range(bins) if edges[b] <= place)
            counts[:, at] += column == (1 if ones <= zeros else 0)
            missing[:, at] += column == -1
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_array_equal(found.missing, missing)
    samples = encode_bins(replace(haplotypes, phased=False), BinnedEncoding(bins=bins, rows="genotypes"))
    np.testing.assert_array_equal(samples.counts, counts[::2] + counts[1::2])


def test_masks_and_rare_sites():
    alleles = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1]], np.int8)
    haplotypes = region(alleles, np.array([12.0, 22.0, 32.0]))
    mask = accessibility(make_intervals(["2", "2"], [0, 30], [15, 40]))
    found = encode_bins(haplotypes, BinnedEncoding(bins=4), accessible=mask)
    assert found.n_sites.tolist() == [1, 0, 1, 0] and found.accessible.tolist() == [0.5, 0, 1, 0]
    common = encode_bins(haplotypes, BinnedEncoding(bins=4, least_frequency=0.3))
    assert common.n_sites.tolist() == [0, 1, 1, 0]
    with pytest.raises(InsufficientDataError, match="hides every base"):
        encode_bins(haplotypes, BinnedEncoding(), accessible=accessibility(make_intervals(["2"], [90], [99])))


def test_what_is_not_known():
    haplotypes = region(np.array([[0, 1], [1, 0]], np.int8), np.array([12.0, 22.0]))
    with pytest.raises(InputError, match="not phased"):
        encode_bins(replace(haplotypes, phased=False), BinnedEncoding())
    with pytest.raises(InputError, match="derived allele is not known"):
        encode_bins(replace(haplotypes, polarised=False), BinnedEncoding(orient="derived"))


def test_simulated_and_real_are_encoded_alike(tmp_path):
    msprime = pytest.importorskip("msprime")
    from chiasma.io.trees import from_tree_sequence
    from chiasma.io.vcf import read_vcf

    ancestry = msprime.sim_ancestry(6, population_size=1e4, sequence_length=2e4, random_seed=3)
    ts = msprime.sim_mutations(ancestry, rate=2e-8, random_seed=3)
    with open(tmp_path / "x.vcf", "w") as handle:
        ts.write_vcf(handle, position_transform=lambda positions: np.asarray(positions) + 1)
    config = BinnedEncoding(bins=50)
    simulated = encode_bins(from_tree_sequence(ts).haplotypes, config)
    read = encode_bins(read_vcf(tmp_path / "x.vcf", region="1:1-20000").haplotypes, config)
    np.testing.assert_array_equal(simulated.counts, read.counts)
    assert simulated.n_sites.sum() > 10
