"""Harmony as a procedure: query and reference mixed, types kept, several sets in the reference."""

from __future__ import annotations

import json

import numpy as np

from chiasma.methods.omics.harmony.config import Config, tiny
from chiasma.methods.omics.harmony.examples import example
from chiasma.methods.omics.harmony.model import Harmony, build
from chiasma.workflow.fitting.integrating import mixing_figures


def test_query_and_reference_mix_and_types_are_kept():
    data = example(0)
    second = data.columns["set"] == "second"
    reference, query = data.take(~second), data.take(second)
    model = build(tiny()).fit(reference, seed=1)
    aligned = model.align(query)
    assert (aligned.probabilities.argmax(axis=1) == query.target.values).mean() > 0.95
    np.testing.assert_allclose(aligned.probabilities.sum(axis=1), 1.0)
    types = np.concatenate([reference.target.values, query.target.values]).astype(str).tolist()
    figures = mixing_figures(aligned, ["a"] * 80 + ["b"] * 70, types)
    before, after = figures["before"], figures["after"]
    assert after["ilisi"] > before["ilisi"] + 0.2 and after["clisi"] > before["clisi"] - 0.1
    assert aligned.facts["sets"] == 2
    arrays, facts = model.state()
    back = Harmony.from_state(tiny(), arrays, json.loads(json.dumps(facts)))
    np.testing.assert_array_equal(back.scores(query), aligned.probabilities)


def test_a_reference_of_several_sets():
    data = example(1)
    model = build(Config(features=60, ncomp=6, clusters=5)).fit(data.take(np.arange(120)), seed=1)
    new = data.take(np.arange(120, 150))
    assert model.align(new).facts["sets"] == 3  # a query set is never one of the reference, also of the same name
    new.columns["set"][:] = "third"
    assert model.align(new).facts["sets"] == 3
