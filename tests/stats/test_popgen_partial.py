import numpy as np
import pytest
from scipy import stats as scipy_stats

from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.data.haplotypes import Haplotypes
from chiasma.io.ms import read_ms
from chiasma.stats.popgen.partial import (
    DISTRIBUTIONS,
    PARTIAL,
    SCALARS,
    SUMMARIES,
    IhsStandard,
    neutral_scores,
    partial_grid,
    summarise_distribution,
)
from chiasma.stats.popgen.scan import EhhRules, ihs


def test_rows_stand_in_the_published_order():
    assert len(PARTIAL) == 89 and len(SCALARS) == 17 and len(set(PARTIAL)) == 89
    assert SCALARS[:5] == ("pi", "theta_w", "tajima_d", "theta_h", "fay_wu_h")
    assert SCALARS[5:11] == ("haplotypes", "h1", "h12", "h2_h1", "zns", "omega")
    assert SCALARS[11:14] == ("ihs_mean", "ihs_max", "ihs_outliers")
    assert PARTIAL[17] == "haf_mean" and PARTIAL[-1] == "safe_kurtosis"


@pytest.mark.parametrize("values", [[1.0, 2, 2, 5, 9], [0.1, 0.4, 0.4, 0.9, 0.9, 0.91], [3.0, 3.0]])
def test_summaries(values):
    found = dict(zip(SUMMARIES, summarise_distribution(values), strict=True))
    assert found["mean"] == pytest.approx(np.mean(values)) and found["median"] == np.median(values)
    assert found["variance"] == pytest.approx(np.var(values)) and found["deviation"] == pytest.approx(np.std(values))
    for name, percent in (("q2.5", 2.5), ("q25", 25), ("q75", 75), ("q97.5", 97.5), ("max", 100)):
        assert found[name] == pytest.approx(np.percentile(values, percent))
    if np.std(values):
        assert found["skew"] == pytest.approx(scipy_stats.skew(values))
        assert found["kurtosis"] == pytest.approx(scipy_stats.kurtosis(values))
    else:
        assert np.isnan(found["skew"]) and np.isnan(found["kurtosis"])


def test_mode():
    assert summarise_distribution([1.0, 2, 2, 5])[2] == 2
    # .4 and .9 stand twice: the fullest fiftieth of [0, 1] is that of .9 and .91
    assert summarise_distribution([0.0, 0.4, 0.4, 0.9, 0.9, 0.91, 1.0])[2] == pytest.approx(0.91)
    assert summarise_distribution([3.0, 3.0])[2] == 3


def test_standard():
    random = np.random.default_rng(1)
    frequencies = random.integers(1, 40, 2000) / 40
    scores = frequencies * 3 + random.normal(size=2000) * (1 + frequencies)
    scores[::50] = np.nan
    standard = IhsStandard.fit(scores, frequencies, bins=10)
    found = standard.apply(scores, frequencies)
    for low, high in zip(standard.edges, [*standard.edges[1:], 2.0], strict=True):
        part = found[(frequencies >= low) & (frequencies < high) & np.isfinite(found)]
        assert part.mean() == pytest.approx(0, abs=1e-9) and part.std() == pytest.approx(1)
    assert np.isnan(found[0]) and standard.apply(scores[1:2], np.zeros(1)).size == 1
    with pytest.raises(InsufficientDataError, match="neutral"):
        IhsStandard.fit(scores[:60], frequencies[:60])


def neutral(n, sites, seed):
    random = np.random.default_rng(seed)
    founders = random.integers(0, 2, (4, sites))
    alleles = np.stack([np.where(random.random(sites) < 0.1, random.integers(0, 2, sites), founders[i % 4])
                        for i in range(n)]).astype(np.int8)  # fmt: skip
    return Haplotypes(alleles, np.arange(sites) * 10.0, 0.0, sites * 10.0, "1", np.arange(n), 1, polarised=True)


def test_grid_follows_the_definitions():
    haplotypes = neutral(14, 60, 3)
    standard = IhsStandard.fit(*neutral_scores(neutral(14, 400, 4)), bins=5)
    grid = partial_grid(haplotypes, standard=standard, windows=3)
    alleles = haplotypes.alleles
    frequency = alleles.mean(axis=0)
    use = (frequency > 0) & (frequency < 1)
    part = np.flatnonzero(use & (haplotypes.positions >= 200) & (haplotypes.positions < 400))
    window = alleles[:, part]
    haf = np.array([sum(window[:, j].sum() for j in range(len(part)) if row[j]) for row in window])
    kinds = {tuple(row): score for row, score in zip(window.tolist(), haf, strict=True)}
    phi = np.array([haf[window[:, j] == 1].sum() / haf.sum() for j in range(len(part))])
    kappa = np.array([len(set(haf[window[:, j] == 1]) - {0}) / len(set(haf) - {0}) for j in range(len(part))])
    f = frequency[part]
    samples = (haf, list(kinds.values()), phi, kappa, f, (phi - kappa) / np.sqrt(f * (1 - f)))
    for name, sample in zip(DISTRIBUTIONS, samples, strict=True):
        rows = [PARTIAL.index(f"{name}_{summary}") for summary in SUMMARIES]
        np.testing.assert_allclose(grid.values[rows, 1], summarise_distribution(sample), atol=1e-9)
    scores = np.abs(standard.apply(ihs(alleles[:, use], haplotypes.positions[use], rules=EhhRules()), frequency[use]))
    scores = scores[np.isin(np.flatnonzero(use), part)]
    scores = scores[np.isfinite(scores)]
    found = dict(zip(PARTIAL, grid.values[:, 1], strict=True))
    assert len(scores) > 3
    assert found["ihs_mean"] == pytest.approx(scores.mean()) and found["ihs_max"] == pytest.approx(scores.max())
    assert found["ihs_outliers"] == pytest.approx((scores > 2).mean())


def test_missing_alleles_are_refused():
    haplotypes = neutral(8, 40, 5)
    standard = IhsStandard.fit(*neutral_scores(neutral(8, 400, 6)), bins=5)
    haplotypes.alleles[2, 7] = -1
    with pytest.raises(InputError, match="1 sites with missing alleles"):
        partial_grid(haplotypes, standard=standard)


@pytest.mark.realdata
def test_sweeps_stand_out(data_dir):
    folder = data_dir / "population" / "ms"
    replicates = {name: read_ms(folder / f"discoal_{name}55k.ms.gz")[:4] for name in ("neut", "hard")}
    pairs = [neutral_scores(haplotypes) for haplotypes in replicates["neut"]]
    standard = IhsStandard.fit(*(np.concatenate(column) for column in zip(*pairs, strict=True)))
    grids = {
        name: np.stack([partial_grid(haplotypes, standard=standard).values for haplotypes in some])
        for name, some in replicates.items()
    }
    assert np.isfinite(grids["neut"]).all()
    h12 = PARTIAL.index("h12")
    assert grids["hard"][:, h12, 5].mean() > 2 * grids["neut"][:, h12, 5].mean()
