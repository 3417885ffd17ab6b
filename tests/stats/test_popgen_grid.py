from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats as scipy_stats

from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.data.accessibility import accessibility
from chiasma.data.haplotypes import Haplotypes
from chiasma.data.intervals import make_intervals
from chiasma.io.ms import read_ms
from chiasma.io.populations import read_populations
from chiasma.io.vcf import read_vcf
from chiasma.stats.popgen.grid import DIPLOID, HAPLOID, diploid_grid, haploid_grid, normalise

# Of diploSHIC 1.1.0's feature vectors of the three files (replicate, statistic, window): the sum of each statistic over
# replicates and windows, both counted from 1, weighted by replicate * window**2.
RECORDED = {
    ("diploid", "hard"): [
        2719.8760348913,
        2606.2842318658,
        2746.6870628997,
        2683.6656536288,
        2387.727054432,
        2297.1645775342,
        2575.8044965615,
        2403.8645887083,
        2384.5368547861,
        2623.0454986508,
        2506.870393119,
        2412.4553276519,
    ],
    ("diploid", "soft"): [
        2527.3461631384,
        2559.0518743193,
        2541.7869407741,
        2553.5732781966,
        2610.016624668,
        2751.1892385246,
        2531.0702392345,
        2501.7874433626,
        2498.3102366026,
        2554.9385802032,
        2599.083132065,
        2496.2194894085,
    ],
    ("diploid", "neut"): [
        2458.7407528633,
        2516.613115861,
        2154.272101415,
        2398.3567996069,
        2565.1855240916,
        2537.4536006649,
        2527.2356691146,
        2535.2833489169,
        2540.6034547964,
        2523.1852702453,
        2453.2409056968,
        2472.351514014,
    ],
    ("haploid", "hard"): [
        2719.8760348913,
        2606.2842318658,
        2746.6870628997,
        2603.3441914114,
        2459.6268623574,
        2531.804364917,
        2603.3838091827,
        2351.740656095,
        2334.621054004,
        2666.9805717274,
        2489.1760824574,
        2320.0221998694,
        2680.1589697746,
        2292.8270577284,
        2446.6069420564,
    ],
    ("haploid", "soft"): [
        2527.3461631384,
        2559.0518743193,
        2541.7869407741,
        2563.9007750658,
        2469.4499248654,
        2525.3239778857,
        2528.3465463266,
        2491.356878725,
        2491.3312682391,
        2549.1300015675,
        2583.9589635249,
        2575.8046498565,
        2527.0764827148,
        2554.6572387161,
        2743.6179106784,
    ],
    ("haploid", "neut"): [
        2458.7407528633,
        2516.613115861,
        2154.272101415,
        2451.9023984314,
        2498.3844770344,
        2525.4083541602,
        2525.6749842106,
        2519.4105192414,
        2507.9776820522,
        2544.9228038381,
        2429.2221822371,
        2456.9269348031,
        2389.9308819529,
        2446.3975102161,
        2485.6626500527,
    ],
}
"""Made with its fvecSim scripts: 55000 bases, 11 subwindows, no masks, no mispolarisation."""


def region(alleles, positions=None, **changes):
    alleles = np.asarray(alleles, np.int8)
    n, s = alleles.shape
    positions = np.arange(s, dtype=float) if positions is None else np.asarray(positions, float)
    fields = {"ploidy": 1, "polarised": True} | changes
    names = np.arange(n // fields["ploidy"])
    return Haplotypes(alleles, positions, 0.0, float(s), "1", names, **fields)


def integer_positions(fractions, length):
    """0-based places as diploSHIC's msTools makes them: rounded down, one base early, later ones pushed on."""
    found, last, before = [], -1, -1.0
    for fraction in fractions:
        place = max(1, int(length * (fraction + 1e-6 if fraction == before else fraction)), last + 1)
        before, last = fraction, place
        found.append(place)
    return np.array(found, float) - 1


@pytest.mark.realdata
@pytest.mark.parametrize(("kind", "name"), list(RECORDED))
def test_diploshic_computes_the_same(data_dir, kind, name):
    replicates = read_ms(data_dir / "population" / "ms" / f"discoal_{name}55k.ms.gz")
    vectors = []
    for haplotypes in replicates:
        haplotypes = replace(haplotypes, positions=integer_positions(haplotypes.positions / 55000, 55000))
        grid = diploid_grid(haplotypes, zns="matrix") if kind == "diploid" else haploid_grid(haplotypes)
        vectors.append(grid.normalised())
    weights = np.arange(1, 11)[:, None] * np.arange(1, 12) ** 2
    found = np.einsum("rsw,rw->s", np.stack(vectors), weights)
    np.testing.assert_allclose(found, RECORDED[kind, name], rtol=1e-11)


@pytest.mark.realdata
def test_the_lactase_region_was_swept_in_europe_alone(data_dir):
    folder = data_dir / "population" / "lct_1kg"
    table = read_populations(folder / "samples.tsv")
    h12 = {}
    for name in ("CEU", "YRI"):
        read = read_vcf(
            folder / "lct_1kg_phase3.vcf.gz", samples=table, populations=[name], region="2:136550000-136650000"
        )
        h12[name] = diploid_grid(read.haplotypes).values[DIPLOID.index("diplotype_h12")]
    assert (h12["CEU"] > 5 * h12["YRI"]).all()


def slow_window(rows, ploidy):
    """Structure of one window from the definitions; rows are dosages."""
    n = len(rows)
    counts = np.sort(np.unique(rows, axis=0, return_counts=True)[1])[::-1] / n
    apart = np.array([(rows[i] != rows[j]).sum() for i in range(n) for j in range(i + 1, n)], float)
    sites = [c for c in rows.T]
    r2 = {
        (i, j): np.corrcoef(sites[i], sites[j])[0, 1] ** 2
        for j in range(len(sites))
        for i in range(j)
        if sites[i].std() and sites[j].std()
    }
    best = 0.0
    for split in range(3, len(sites) - 2):
        within = [v for (i, j), v in r2.items() if (i < split) == (j < split)]
        across = [v for (i, j), v in r2.items() if (i < split) != (j < split)]
        if within and across and np.mean(across) > 1e-12:
            best = max(best, np.mean(within) / np.mean(across))
    constant = apart.std() == 0
    return {
        "diplotypes": len(counts),
        "diplotype_h1": (counts**2).sum(),
        "diplotype_h12": counts[:2].sum() ** 2 + (counts[2:] ** 2).sum(),
        "diplotype_h2_h1": (counts[1:] ** 2).sum() / (counts**2).sum(),
        "diplotype_zns": np.mean(list(r2.values())) if r2 else 0.0,
        "diplotype_omega": best,
        "distance_skew": np.nan if constant else scipy_stats.skew(apart),
        "distance_kurtosis": np.nan if constant else scipy_stats.kurtosis(apart),
        "distance_variance": apart.var(ddof=1) / rows.shape[1] ** 2,
    }


@given(hnp.arrays(np.int8, st.tuples(st.sampled_from([6, 8, 12]), st.integers(1, 12)), elements=st.integers(0, 1)))
@settings(max_examples=30)
def test_slow_twin(alleles):
    alleles = alleles[:, (alleles.min(axis=0) == 0) & (alleles.max(axis=0) == 1)]
    if not alleles.shape[1]:
        return
    grid = diploid_grid(region(alleles), windows=1)
    values = dict(zip(DIPLOID, grid.values[:, 0], strict=True))
    for name, expected in slow_window(alleles[::2] + alleles[1::2], 2).items():
        assert values[name] == pytest.approx(expected, nan_ok=True, abs=1e-9), name
    haploid = dict(zip(HAPLOID, haploid_grid(region(alleles), windows=1).values[:, 0], strict=True))
    n, s = alleles.shape
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    differences = [(alleles[i] != alleles[j]).sum() for i, j in pairs]
    assert haploid["pi"] == pytest.approx(np.mean(differences) / s)
    assert haploid["pi"] == pytest.approx(values["pi"])
    ones = alleles.sum(axis=0)
    assert haploid["theta_h"] == pytest.approx((2 * ones**2 / (n * (n - 1))).sum() / s)
    assert haploid["fay_wu_h"] == pytest.approx(haploid["theta_h"] - haploid["pi"])
    assert haploid["max_derived_frequency"] == ones.max() / n


def test_normalise():
    values = np.array([[1.0, 3.0, 0.0], [-2.0, 0.0, 2.0], [0.0, 0.0, 0.0], [1.0, np.nan, 2.0], [5.0, 5.0, np.inf]])
    third = [1 / 3] * 3
    np.testing.assert_allclose(normalise(values), [[0.25, 0.75, 0], [0, 1 / 3, 2 / 3], third, third, third])


def test_a_scan_summarises_each_window_once():
    alleles = np.random.default_rng(4).integers(0, 2, (10, 90)).astype(np.int8)
    whole = region(alleles)
    runs = diploid_grid(whole, windows=9).sliding(5)
    assert runs.shape == (5, 12, 5)
    for run in range(5):
        alone = diploid_grid(whole.region(run * 10.0, run * 10.0 + 50.0), windows=5)
        np.testing.assert_allclose(runs[run], alone.normalised())
    with pytest.raises(InsufficientDataError, match="shorter than one run"):
        diploid_grid(whole, windows=9).sliding(11)


def test_windows_without_sites_and_with_few():
    alleles = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1], [1, 1, 1, 0]])
    haplotypes = replace(region(alleles, [0, 1, 2, 25]), end=30.0)
    grid = diploid_grid(haplotypes, windows=3)
    assert grid.sites.tolist() == [3, 0, 1]
    empty = dict(zip(DIPLOID, grid.values[:, 1], strict=True))
    assert empty["diplotypes"] == empty["diplotype_h1"] == empty["diplotype_h12"] == 1
    assert sum(abs(v) for v in empty.values()) == 3
    one = dict(zip(DIPLOID, grid.values[:, 2], strict=True))
    assert np.isnan(one["tajima_d"]) and one["diplotype_zns"] == one["diplotype_omega"] == 0
    # a window with too few sites for Tajima's D leaves the row without information
    assert grid.normalised()[DIPLOID.index("tajima_d")].tolist() == [1 / 3] * 3


def test_masks_scale_by_accessible_bases():
    random = np.random.default_rng(1)
    alleles = random.integers(0, 2, (8, 30)).astype(np.int8)
    whole = region(alleles)
    mask = accessibility(make_intervals(["chr1", "chr1"], [0, 20], [15, 30]))
    grid = diploid_grid(whole, windows=3, accessible=mask)
    assert grid.accessible.tolist() == [1.0, 0.5, 1.0]
    inside = [place for place in range(10, 15) if 0 < alleles[:, place].sum() < 8]
    assert grid.sites[1] == len(inside)
    expected = sum(2 * k * (8 - k) / 56 for k in alleles[:, inside].sum(axis=0)) / 5
    assert grid.values[0, 1] == pytest.approx(expected)
    with pytest.raises(InsufficientDataError, match="hides every base"):
        diploid_grid(whole, accessible=accessibility(make_intervals(["chr2"], [0], [30])))


def test_missing_genotypes_are_left_out_pair_by_pair():
    random = np.random.default_rng(2)
    alleles = random.integers(0, 2, (12, 9)).astype(np.int8)
    alleles[3, 4] = -1
    dosages = np.where((alleles[::2] < 0) | (alleles[1::2] < 0), -1, alleles[::2] + alleles[1::2])
    grid = diploid_grid(region(alleles), windows=1)
    r2 = []
    for j in range(9):
        for i in range(j):
            both = (dosages[:, i] >= 0) & (dosages[:, j] >= 0)
            a, b = dosages[both, i], dosages[both, j]
            if a.std() and b.std():
                r2.append(np.corrcoef(a, b)[0, 1] ** 2)
    assert grid.values[DIPLOID.index("diplotype_zns"), 0] == pytest.approx(np.mean(r2))


def test_what_cannot_be_answered():
    alleles = np.array([[0, 1], [1, 0], [1, 1], [0, 0]])
    with pytest.raises(InputError, match="derived allele is not known"):
        haploid_grid(region(alleles, polarised=False))
    with pytest.raises(InputError, match="phased"):
        haploid_grid(region(alleles, phased=False, ploidy=2))
    with pytest.raises(InputError, match="diploid genotypes"):
        diploid_grid(region(alleles, ploidy=4))
    with pytest.raises(InputError, match="few haplotypes"):
        diploid_grid(region(alleles[:2]))
