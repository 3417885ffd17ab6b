"""Aligned subspaces as a procedure: two and three sets mixed, types kept, bands, the original's signs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chiasma.data.dataset import Dataset
from chiasma.methods.omics.align_subspace.config import faithful, tiny
from chiasma.methods.omics.align_subspace.examples import example
from chiasma.methods.omics.align_subspace.model import AlignSubspace, build
from chiasma.workflow.fitting.integrating import mixing_figures


def pair(seed: int) -> tuple[Dataset, Dataset]:
    data = example(seed)
    second = data.columns["set"] == "second"
    return data.take(~second), data.take(second)


@pytest.mark.parametrize("seed", [0, 1])
def test_sets_mix_and_types_are_kept(seed):
    reference, query = pair(seed)
    config = tiny().replace(ncomp=3)
    aligned = build(config).fit(reference, seed=1).align(query)
    assert (aligned.probabilities.argmax(axis=1) == query.target.values).mean() > 0.9
    types = np.concatenate([reference.target.values, query.target.values]).astype(str).tolist()
    figures = mixing_figures(aligned, ["a"] * 80 + ["b"] * 70, types)
    before, after = figures["before"], figures["after"]
    assert after["ilisi"] > before["ilisi"] + 0.2 and after["clisi"] > before["clisi"] - 0.1


def test_three_sets_bands_signs_and_state():
    reference, query = pair(2)
    reference.columns["set"][:30] = "zeroth"
    model = build(tiny().replace(band=0.2)).fit(reference, seed=1)
    aligned = model.align(query)
    assert aligned.facts["sets"] == 3 and aligned.after.shape == (150, 6)
    assert (aligned.probabilities.argmax(axis=1) == query.target.values).mean() > 0.8
    arrays, facts = model.state()
    back = AlignSubspace.from_state(model.config, arrays, json.loads(json.dumps(facts)))
    np.testing.assert_array_equal(back.scores(query), aligned.probabilities)
    other = build(faithful().replace(features=60, ncomp=6)).fit(reference, seed=1).align(query)
    assert other.after.shape == (150, 6) and np.isfinite(other.after).all()
