"""Correlation across people: against scipy, slow permutations and published eQTL figures, and where nothing is."""

import csv

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from chiasma.core.errors import InsufficientDataError
from chiasma.stats.personal_correlation import across_people, p_of_correlation
from chiasma.stats.personal_drivers import take_apart


def simulated(seed, *, genes=40, people=80, effects=None):
    rng = np.random.default_rng(seed)
    predicted = rng.normal(size=(genes, people))
    effects = np.zeros(genes) if effects is None else effects
    return predicted, effects[:, None] * predicted + rng.normal(size=(genes, people))


def test_correlations_are_those_of_scipy():
    predicted, measured = simulated(1, genes=5, effects=np.array([1.0, -1.0, 0.0, 0.0, 2.0]))
    found = across_people(predicted, measured, permutations=200, draws=200)
    for gene in range(5):
        assert found.pearson[gene] == pytest.approx(pearsonr(predicted[gene], measured[gene])[0], abs=1e-12)
        assert found.spearman[gene] == pytest.approx(spearmanr(predicted[gene], measured[gene])[0], abs=1e-12)
    assert found.right.tolist() == [True, False, False, False, True]
    assert found.wrong.tolist() == [False, True, False, False, False]


def test_p_values_are_those_of_slow_permutations_and_near_the_t_test():
    predicted, measured = simulated(2, genes=6, people=30, effects=np.array([0.0, 0.1, 0.2, 0.3, 0.4, -0.4]))
    found = across_people(predicted, measured, permutations=2000, draws=50)
    rng = np.random.default_rng(5)
    for gene in range(6):
        r = pearsonr(predicted[gene], measured[gene])[0]
        drawn = np.array(
            [abs(np.corrcoef(rng.permutation(predicted[gene]), measured[gene])[0, 1]) for _ in range(2000)]
        )
        slow = (1 + (drawn >= abs(r)).sum()) / 2001
        assert found.p[gene] == pytest.approx(slow, abs=5 * np.sqrt(max(slow * (1 - slow), 1e-3) / 2000) + 0.01)
        assert found.p[gene] == pytest.approx(p_of_correlation(r, 30), abs=0.06)


def test_intervals_are_those_of_people_drawn_one_by_one():
    predicted, measured = simulated(3, genes=2, people=60, effects=np.array([0.8, 0.0]))
    found = across_people(predicted, measured, permutations=20, draws=2000)
    rng = np.random.default_rng(6)
    for gene in range(2):
        chosen = rng.integers(0, 60, (2000, 60))
        drawn = [np.corrcoef(predicted[gene, rows], measured[gene, rows])[0, 1] for rows in chosen]
        np.testing.assert_allclose([found.low[gene], found.high[gene]], np.percentile(drawn, [2.5, 97.5]), atol=0.03)


def test_nothing_is_found_where_there_is_nothing():
    found = across_people(*simulated(4, genes=300, people=50), permutations=500, draws=100)
    assert 0.02 < (found.p < 0.05).mean() < 0.09
    assert (found.right | found.wrong).mean() < 0.02
    assert 0.4 < found.summary(seed=1)["share_negative"].value < 0.6
    worlds = [across_people(*simulated(seed, genes=60, people=40), permutations=99, draws=5) for seed in range(30)]
    means = [world.summary(seed=1)["mean_pearson"] for world in worlds]
    assert sum(mean.low < 0 < mean.high for mean in means) >= 25
    assert sum(world.p_mean < 0.05 for world in worlds) <= 5


def test_a_difference_between_populations_is_no_prediction():
    rng = np.random.default_rng(7)
    groups = np.repeat(["a", "b"], 40)
    shift = np.where(groups == "a", 0.0, 5.0)
    predicted, measured = (rng.normal(size=(1, 80)) + shift for _ in range(2))
    assert across_people(predicted, measured, permutations=100, draws=50).right.all()
    inside = across_people(predicted, measured, groups=groups, permutations=500, draws=200)
    assert not inside.right.any()
    assert inside.low[0] < 0 < inside.high[0]


def test_equal_predictions_have_no_correlation():
    predicted, measured = simulated(8, genes=2, effects=np.ones(2))
    predicted[0] = 3 + 1e-8 * predicted[0]
    found = across_people(predicted, measured, permutations=50, draws=50)
    assert np.isnan([found.pearson[0], found.spearman[0], found.p[0], found.q[0], found.low[0]]).all()
    assert found.right.tolist() == [False, True]
    with pytest.raises(InsufficientDataError, match="too few people"):
        across_people(predicted[:, :9], measured[:, :9])


@pytest.mark.realdata
def test_p_values_of_the_published_eqtls(data_dir):
    """Of Huang et al. 2023: 2,352 genes, their best eQTL's r in 373 Europeans, and -log10 p beside it."""
    with open(data_dir / "sequence" / "personal_expression" / "eqtl_features.csv", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["rvalue"]]
    r, published = (np.array([float(row[key]) for row in rows]) for key in ("rvalue", "log10pvalue"))
    assert len(r) == 2352
    found = -np.log10(p_of_correlation(r, 373))
    assert np.quantile(np.abs(found / published - 1), 0.95) < 0.01
    assert np.corrcoef(found, published)[0, 1] > 0.9999
    assert np.abs(r).min() > 0.2


def test_additive_predictions_are_taken_apart_exactly():
    rng = np.random.default_rng(9)
    dosage = rng.binomial(2, [0.5, 0.3, 0.01, 0.4], size=(200, 4)).astype(float)
    effect = np.array([0.1, -1.0, 1.5, 0.0])
    predicted = 7 + dosage @ effect / 2
    measured = dosage[:, 1] + 0.1 * rng.normal(size=200)
    found = take_apart(effect, dosage, predicted, measured, ploidy=2)
    assert found.linear == pytest.approx(1.0)
    assert found.main == 1  # rarer alleles of larger effect tell fewer people apart
    assert found.slope[1] > 0.9
    assert found.p[1] < 1e-20
    assert found.agrees is False
    assert take_apart(-effect, dosage, predicted, measured, ploidy=2).agrees is True
    assert take_apart(0 * effect, dosage, predicted, measured, ploidy=2).agrees is None
