import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from chiasma.core.errors import InputError
from chiasma.stats.popgen import haplotypes as hap, ld, scan, spectrum as sfs
from chiasma.stats.popgen.bits import pack

dosages = hnp.arrays(np.int8, st.tuples(st.integers(2, 9), st.integers(1, 7)), elements=st.integers(-1, 2))
haplotypes = hnp.arrays(np.int8, st.tuples(st.integers(3, 9), st.integers(1, 10)), elements=st.integers(0, 1))


@pytest.fixture(scope="module")
def simulated():
    """Haplotypes and whole positions: 120 haplotypes, so more than one word of bits."""
    msprime = pytest.importorskip("msprime")
    ancestry = msprime.sim_ancestry(
        60, population_size=1e4, sequence_length=4e4, recombination_rate=1e-8, random_seed=4
    )
    ts = msprime.sim_mutations(ancestry, rate=1.5e-8, model=msprime.BinaryMutationModel(), random_seed=4)
    return ts, np.ascontiguousarray(ts.genotype_matrix().T.astype(np.int8)), ts.sites_position


@given(dosages)
@settings(max_examples=40)
def test_correlation_is_pearsons_over_samples_called_at_both(values):
    found = ld.correlation(values)
    for i, j in itertools.product(range(values.shape[1]), repeat=2):
        both = (values[:, i] >= 0) & (values[:, j] >= 0)
        a, b = values[both, i], values[both, j]
        if len(a) and a.std() and b.std():
            assert found[i, j] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)
        else:
            assert np.isnan(found[i, j])


def test_ld_decay(simulated):
    _, alleles, positions = simulated
    edges = np.array([100.0, 1000, 5000, 40000])
    mean, count = ld.ld_decay(alleles, positions, edges, least_frequency=0.05)
    frequency = alleles.mean(axis=0)
    use = np.minimum(frequency, 1 - frequency) >= 0.05
    r2 = ld.r_squared(alleles[:, use])
    first, second = np.triu_indices(use.sum(), 1)
    distance = positions[use][second] - positions[use][first]
    for place in range(3):
        here = (distance >= edges[place]) & (distance < edges[place + 1])
        assert count[place] == here.sum() > 0
        assert mean[place] == pytest.approx(r2[first, second][here].mean())
    assert mean[0] > mean[2]


def test_omega_by_hand():
    block = np.full((6, 6), 0.1)
    block[:3, :3] = block[3:, 3:] = 0.5
    assert ld.omega(block) == pytest.approx(5.0)
    assert np.isnan(ld.omega(block[:5, :5]))
    apart = np.where(block > 0.1, 0.5, 0.0)
    assert np.isnan(ld.omega(apart)), "no linkage across: no ratio"


def shared(alleles, site, i, j, step):
    """Sites at which two haplotypes agree from a site on, it included."""
    length = 0
    while 0 <= site < alleles.shape[1] and alleles[i, site] == alleles[j, site]:
        length += 1
        site += step
    return length


@given(haplotypes)
@settings(max_examples=40)
def test_scans_compare_all_pairs(alleles):
    s = alleles.shape[1]
    positions = np.cumsum(1.0 + np.arange(s) % 3)
    rules = scan.EhhRules(least_ehh=0.2, least_frequency=0.0, edges=True)
    scores = scan.ihs(alleles, positions, rules=rules)
    lengths = scan.nsl(alleles)
    for site in range(s):
        mean, integral = np.full(2, np.nan), np.full(2, np.nan)
        for allele in (0, 1):
            pairs = list(itertools.combinations(np.flatnonzero(alleles[:, site] == allele), 2))
            if not pairs:
                continue
            stretches = {step: [shared(alleles, site, i, j, step) for i, j in pairs] for step in (-1, 1)}
            mean[allele] = np.mean(stretches[-1]) + np.mean(stretches[1])
            integral[allele] = sum(slow_integral(positions, site, stretches[step], step, 0.2) for step in (-1, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            assert lengths[site] == pytest.approx(np.log(mean[1] / mean[0]), nan_ok=True)
            assert scores[site] == pytest.approx(np.log(integral[1] / integral[0]), nan_ok=True)


def slow_integral(positions, site, stretches, step, least):
    """Trapezia under the share of pairs that reach each site, until it has fallen to `least` or the data end."""
    total, before = 0.0, 1.0
    for reach in range(1, len(positions)):
        place = site + step * reach
        if not 0 <= place < len(positions) or before <= least:
            break
        now = np.mean([stretch > reach for stretch in stretches])
        total += abs(positions[place] - positions[place - step]) * (now + before) / 2
        before = now
    return total


def test_gaps():
    alleles = np.array([[0, 0, 1], [0, 0, 1], [1, 0, 0], [1, 1, 0]], np.int8)
    positions = np.array([0.0, 100.0, 50_100.0])
    free = scan.EhhRules(edges=True, gap_scale=0, longest_gap=0)
    near = scan.ihs(alleles, positions, rules=free)
    halved = scan.ihs(alleles, positions, map_positions=positions / 2, rules=free)
    np.testing.assert_allclose(near, halved)
    scaled = scan.ihs(alleles, positions, rules=scan.EhhRules(edges=True, longest_gap=0))
    squeezed = scan.ihs(alleles, np.array([0.0, 100.0, 20_100.0]), rules=free)
    np.testing.assert_allclose(scaled, squeezed)
    barred = scan.ihs(alleles, positions, rules=scan.EhhRules(edges=True, longest_gap=1e4))
    assert np.isnan(barred).all()
    with pytest.raises(InputError, match="1 sites with missing"):
        scan.nsl(np.array([[0, -1], [1, 1]]))


def test_standardise():
    scores = np.array([1.0, 3.0, np.nan, 5.0, 5.0, 7.0])
    counts = np.array([1, 2, 2, 10, 11, 12])
    found = scan.standardise(scores, counts, bins=np.array([2, 10]))
    np.testing.assert_allclose(found[[0, 1]], [-1, 1])
    assert np.isnan(found[2])
    assert found[3:].mean() == pytest.approx(0) and found[3:].std() == pytest.approx(1)
    assert np.isnan(scan.standardise(scores, counts, bins=np.arange(13))).all()


def test_spectra(simulated):
    ts, alleles, _ = simulated
    spectrum = sfs.site_frequency_spectrum(alleles)
    tskit_afs = ts.allele_frequency_spectrum(polarised=True, span_normalise=False)
    np.testing.assert_allclose(spectrum[1:-1], tskit_afs[1:-1])
    folded = sfs.site_frequency_spectrum(alleles, folded=True)
    np.testing.assert_allclose(folded[1:], ts.allele_frequency_spectrum(span_normalise=False)[1 : len(folded)])
    joint = sfs.joint_spectrum(alleles[:50], alleles[50:])
    sets = [ts.samples()[:50], ts.samples()[50:]]
    expected = ts.allele_frequency_spectrum(sets, polarised=True, span_normalise=False)
    np.testing.assert_allclose(joint.ravel()[1:-1], expected.ravel()[1:-1])
    theta = sfs.thetas(spectrum)
    assert theta["pi"] == pytest.approx(float(ts.diversity(span_normalise=False)))
    assert sfs.fay_wu_h(spectrum) == pytest.approx(theta["pi"] - theta["h"])
    # theta_H = 2 theta_L - pi: the same information (Zeng et al. 2006)
    assert theta["h"] == pytest.approx(2 * theta["l"] - theta["pi"])


def test_missing_alleles_leave_a_site_out_of_the_spectrum():
    alleles = np.array([[0, 1, -1], [1, 1, 1], [0, 1, 0]])
    assert sfs.site_frequency_spectrum(alleles).tolist() == [0, 1, 0, 1]
    assert sfs.site_frequency_spectrum(alleles, folded=True).tolist() == [1, 1]


def fu_covariance(n):
    """Cov(xi_i, xi_j) / theta^2 of the spectrum without recombination (Fu 1995, eq. 2-3)."""
    a = np.concatenate([[0, 0], np.cumsum(1 / np.arange(1, n + 1))])  # a[k]: sum of 1/i below k

    def beta(i):
        return 2 * n / ((n - i + 1) * (n - i)) * (a[n + 1] - a[i]) - 2 / (n - i)

    sigma = np.zeros((n - 1, n - 1))
    for i, j in itertools.product(range(1, n), repeat=2):
        if i < j:
            continue
        if i == j and 2 * i < n:
            value = beta(i + 1)
        elif i == j and 2 * i == n:
            value = 2 * (a[n] - a[i]) / (n - i) - 1 / i**2
        elif i == j:
            value = beta(i) - 1 / i**2
        elif i + j < n:
            value = (beta(i + 1) - beta(i)) / 2
        elif i + j == n:
            value = (a[n] - a[i]) / (n - i) + (a[n] - a[j]) / (n - j) - (beta(i) + beta(j + 1)) / 2 - 1 / (i * j)
        else:
            value = (beta(j) - beta(j + 1)) / 2 - 1 / (i * j)
        sigma[i - 1, j - 1] = sigma[j - 1, i - 1] = value
    return sigma


@pytest.mark.parametrize("n", [5, 8, 21])
def test_variances_follow_from_fus_covariances(n):
    weights = sfs.theta_weights(n)
    sigma, i = fu_covariance(n), np.arange(1, n)
    a1, a2 = (1 / i).sum(), (1 / i**2).sum()
    spectrum = np.zeros(n + 1, int)
    spectrum[1], spectrum[n - 1] = 7, 4
    theta, square = 11 / a1, 11 * 10 / (a1**2 + a2)
    for first, second, score in (
        ("pi", "l", sfs.normalised_h(spectrum)),
        ("pi", "watterson", float(sfs.tajimas_d_of(sfs.thetas(spectrum)["pi"], 11, n))),
    ):
        w = weights[first] - weights[second]
        variance = theta * (w**2 / i).sum() + square * w @ sigma @ w
        estimates = sfs.thetas(spectrum)
        assert score == pytest.approx((estimates[first] - estimates[second]) / variance**0.5)


@given(haplotypes)
@settings(max_examples=40)
def test_haplotype_statistics(alleles):
    n, s = alleles.shape
    rows = [tuple(row) for row in alleles.tolist()]
    shares = np.sort([rows.count(row) / n for row in set(rows)])[::-1]
    found = hap.haplotype_summary(alleles)
    assert found.distinct == len(shares)
    assert found.h1 == pytest.approx((shares**2).sum())
    assert found.h12 == pytest.approx(shares[:2].sum() ** 2 + (shares[2:] ** 2).sum())
    assert found.h123 == pytest.approx(shares[:3].sum() ** 2 + (shares[3:] ** 2).sum())
    assert found.h2_h1 == pytest.approx((shares[1:] ** 2).sum() / (shares**2).sum())
    scores = [sum(alleles[:, j].sum() for j in range(s) if row[j]) for row in rows]
    assert hap.haf(alleles).tolist() == scores
    safe = hap.safe_scores(alleles)
    for j in range(s):
        carriers = [i for i in range(n) if alleles[i, j]]
        phi = sum(scores[i] for i in carriers) / sum(scores) if sum(scores) else 0
        kinds = {score for score in scores if score}
        kappa = len({scores[i] for i in carriers} - {0}) / len(kinds) if kinds else 0
        f = len(carriers) / n
        assert (safe.phi[j], safe.kappa[j]) == pytest.approx((phi, kappa))
        assert safe.safe[j] == pytest.approx((phi - kappa) / (f * (1 - f)) ** 0.5 if 0 < f < 1 else 0.0)


@given(dosages, st.integers(0, 70))
@settings(max_examples=60)
def test_a_row_joins_the_first_kind_that_it_does_not_differ_from(rows, others):
    # columns alike in all rows move what differs into a second word of bits
    rows = np.concatenate([np.ones((len(rows), others), np.int8), rows], axis=1)
    first, sizes = [], []
    for row in rows:
        alike = [np.all((row == kind) | (row < 0) | (kind < 0)) for kind in first]
        if any(alike):
            sizes[alike.index(True)] += 1
        else:
            first.append(row)
            sizes.append(1)
    shares = np.sort(sizes)[::-1] / len(rows)
    found = hap.haplotype_summary(rows)
    assert found.distinct == len(first)
    assert found.h12 == pytest.approx(shares[:2].sum() ** 2 + (shares[2:] ** 2).sum())


@pytest.mark.oracle
def test_scikit_allel(simulated):
    allel = pytest.importorskip("allel")
    _, alleles, positions = simulated
    rows = np.ascontiguousarray(alleles.T)
    upper = np.triu_indices(len(rows), 1)
    np.testing.assert_allclose(ld.correlation(alleles)[upper], allel.rogers_huff_r(rows), atol=2e-6)
    for edges in (False, True):
        ours = scan.ihs(alleles, positions, rules=scan.EhhRules(edges=edges))
        with np.errstate(divide="ignore", invalid="ignore"):
            theirs = allel.ihs(rows, positions.astype(int), include_edges=edges, use_threads=False)
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
        assert not edges or np.isfinite(ours).sum() > 50
    with np.errstate(divide="ignore", invalid="ignore"):
        theirs = allel.nsl(rows, use_threads=False)
    np.testing.assert_allclose(scan.nsl(alleles), theirs, rtol=1e-10)
    found = hap.haplotype_summary(alleles)
    np.testing.assert_allclose((found.h1, found.h12, found.h123, found.h2_h1), allel.garud_h(rows))
    assert found.diversity == pytest.approx(allel.haplotype_diversity(rows))


@pytest.mark.parametrize("n", [20, 64, 70, 130])
@pytest.mark.parametrize("ploidy", [1, 2, 3])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_summaries_need_no_matrix(n, ploidy, missing):
    random = np.random.default_rng(n)
    values = random.integers(0, ploidy + 1, (n, 12)).astype(np.int8)
    values[random.random(values.shape) < missing] = -1
    values[:, 3] = 1
    total, mean, most = ld.ld_summaries(pack(values.T.copy(), ploidy), n, 3)
    r2 = ld.r_squared(values)
    upper = r2[np.triu_indices(12, 1)]
    assert total == pytest.approx(np.nansum(upper))
    assert mean == pytest.approx(np.nanmean(upper)) == ld.zns(r2)
    splits = []
    for split in range(3, 10):
        across = np.nanmean(r2[:split, split:])
        within = [r2[:split, :split][np.triu_indices(split, 1)], r2[split:, split:][np.triu_indices(12 - split, 1)]]
        splits.append(np.nanmean(np.concatenate(within)) / across)
    assert most == pytest.approx(max(splits)) == ld.omega(r2)
