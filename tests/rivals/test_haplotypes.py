import warnings

import numpy as np
import pytest

from chiasma.core.errors import NotTrainedError
from chiasma.rivals.haplotypes import HudsonMoment, SummaryLinear, haplotype_rivals, statistics_of

pytest.importorskip("msprime")
from chiasma.methods.population.haplotype_cnn.config import tiny
from chiasma.methods.population.haplotype_cnn.examples import example, simulated_dataset


def test_rivals_of_rho_beat_the_mean():
    data = example(3)
    train, test = data.take(np.arange(72)), data.take(np.arange(72, 96))
    names = [rival.name for rival in haplotype_rivals(data)]
    assert names == ["hudson-moment", "summary-linear"]
    truth = test.target.values
    for rival in haplotype_rivals(data):
        got = rival.fit(train, seed=1).predict(test)
        assert got.shape == (24, 1) and np.isfinite(got).all()
        assert ((got - truth) ** 2).mean() < 0.8 * truth.var()


def test_classes_have_probabilities():
    config = tiny().replace(target="introgression", haplotypes=(6, 5))
    data = simulated_dataset(config, 1, np.arange(40))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of scikit-learn too
        rival = SummaryLinear().fit(data, seed=1)
    chances = rival.predict(data)
    assert chances.shape == (40, 3) and np.allclose(chances.sum(axis=1), 1)
    assert statistics_of(data).shape[1] > 3 * 15
    assert [r.name for r in haplotype_rivals(data)] == ["summary-linear"]


def test_not_fitted():
    for rival in (HudsonMoment(), SummaryLinear()):
        with pytest.raises(NotTrainedError):
            rival.predict(example(1))
