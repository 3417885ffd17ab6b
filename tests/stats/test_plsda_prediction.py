"""Distances and votes against their definitions in loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chiasma.stats.pls.block_plsda import PlsdaRules, TooFewClassesError, fit_block_plsda
from chiasma.stats.pls.block_summary import average_variance_explained, explained_variance, similarity
from chiasma.stats.pls.plsda_prediction import NO_CLASS, decide, give_opinion

CODES = np.repeat([0, 1, 2], 12)
DESIGN = np.array([[0.0, 0.1], [0.1, 0.0]])


def make_values(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    axes = np.array([[1.5, 0], [-1, 1], [-1, -1]])[CODES] + 0.7 * random.standard_normal((36, 2))
    return {
        name: random.standard_normal((36, width)) + axes @ random.standard_normal((2, width))
        for name, width in (("a", 15), ("b", 9))
    }


def make_model(values=None, **changes):
    values = make_values() if values is None else values
    rules = PlsdaRules(2, {"a": (6, 6), "b": (4, 4)}, DESIGN)
    return fit_block_plsda(values, CODES, 3, replace(rules, **changes))


def test_training_samples_get_back_their_variates_and_response():
    values, model = make_values(), make_model()
    for name, block in model.blocks.items():
        opinion = give_opinion(model, name, values[name])
        np.testing.assert_allclose(opinion.variates, block.variates, atol=1e-10)
        # the response is the least-squares projection of the dummy classes on the variates
        dummy = np.eye(3)[CODES]
        design = np.column_stack([np.ones(36), block.variates])
        np.testing.assert_allclose(opinion.response, design @ np.linalg.lstsq(design, dummy)[0], atol=1e-10)


@pytest.mark.parametrize("distance", ["centroids", "mahalanobis", "mahalanobis-mixomics"])
def test_distance_equals_its_definition(distance):
    model, values = make_model(), make_values(1)
    block = model.blocks["a"]
    opinion = give_opinion(model, "a", values["a"], distance=distance)
    around = block.variates - block.centroids[CODES]
    precision = np.linalg.inv(around.T @ around / 36)
    for row, scores in enumerate(opinion.variates):
        gaps = scores - block.centroids
        if distance == "centroids":
            distances = [gap @ gap for gap in gaps]
        elif distance == "mahalanobis":
            distances = [gap @ precision @ gap for gap in gaps]
        else:
            distances = [sum((gap @ precision @ other) ** 2 for other in gaps) for gap in gaps]
        assert opinion.classes[row] == np.argmin(distances)
        assert opinion.probabilities[row].argmax() == opinion.classes[row]
    np.testing.assert_allclose(opinion.probabilities.sum(axis=1), 1)


def test_max_distance_and_average_vote():
    model, values = make_model(), make_values(1)
    found = decide(model, values, distance="max", vote="average")
    responses = [found.opinions[name].response for name in ("a", "b")]
    assert np.array_equal(found.classes, np.mean(responses, axis=0).argmax(axis=1))
    weights = model.weights.mean(axis=1)
    weighted = decide(model, values, vote="weighted-average").classes
    expected = sum(w * r for w, r in zip(weights, responses)).argmax(axis=1)
    assert np.array_equal(weighted, expected)


@pytest.mark.parametrize("vote", ["weighted", "majority", "average", "weighted-average"])
@pytest.mark.parametrize("distance", ["max", "centroids", "mahalanobis", "mahalanobis-mixomics"])
def test_probabilities_agree_with_the_class(vote, distance):
    found = decide(make_model(), make_values(2), distance=distance, vote=vote)
    assert np.array_equal(found.probabilities.argmax(axis=1), found.classes)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert found.probabilities.min() >= 0


def test_weighted_vote_follows_the_heavier_block_and_majority_ties_are_named():
    model, values = make_model(), make_values(2)
    found = decide(model, values)
    heavier = ("a", "b")[int(model.weights.mean(axis=1).argmax())]
    assert np.array_equal(found.classes, found.opinions[heavier].classes)
    tied = found.opinions["a"].classes != found.opinions["b"].classes
    assert tied.any()
    faithful = decide(model, values, vote="majority", ties="mixomics")
    assert np.array_equal(faithful.classes == NO_CLASS, tied)
    ours = decide(model, values, vote="majority")
    assert (ours.classes >= 0).all()


def test_equal_weights_in_mixomics_fall_to_the_last_class():
    model = make_model()
    model = replace(model, weights=np.full_like(model.weights, 0.5))
    found = decide(model, make_values(2), ties="mixomics")
    a, b = (found.opinions[name].classes for name in ("a", "b"))
    assert np.array_equal(found.classes, np.maximum(a, b))


def test_an_absent_block_has_no_vote():
    model, values = make_model(), make_values(2)
    alone = decide(model, {"b": values["b"]})
    assert np.array_equal(alone.classes, alone.opinions["b"].classes)
    partly = {"a": values["a"].copy(), "b": values["b"]}
    partly["a"][:5] = np.nan
    found = decide(model, partly)
    assert np.array_equal(found.classes[:5], alone.classes[:5])
    nothing = decide(model, {name: np.full_like(block, np.nan) for name, block in values.items()})
    np.testing.assert_allclose(nothing.probabilities, 1 / 3)


def test_fewer_components_are_the_leading_ones():
    values = make_values()
    one = make_model(n_components=1)
    first = decide(one, values, distance="max")
    again = decide(make_model(), values, distance="max", n_components=1)
    np.testing.assert_allclose(first.opinions["a"].response, again.opinions["a"].response, atol=1e-10)


def test_one_class_is_an_error():
    with pytest.raises(TooFewClassesError, match="only one class"):
        fit_block_plsda(make_values(), np.zeros(36, int), 1, PlsdaRules(1, {"a": (3,), "b": (3,)}, DESIGN))


def test_exhausted_blocks_give_empty_components():
    values = make_values()
    values["b"] = values["b"][:, :1]
    model = fit_block_plsda(values, CODES, 3, PlsdaRules(3, {"a": (5, 5, 5), "b": (1, 1, 1)}, DESIGN))
    assert not model.blocks["b"].loadings[:, 1:].any()
    assert np.isfinite(decide(model, values).probabilities).all()


def test_constant_features_are_never_selected():
    values = make_values()
    values["a"][:, 3] = 7.0
    assert not make_model(values, keep={"a": (15, 15), "b": (4, 4)}).blocks["a"].loadings[3].any()


def test_explained_variance_of_all_components_is_all():
    values = {"a": make_values()["a"][:, :3]}
    rules = PlsdaRules(3, {"a": (3, 3, 3)}, np.zeros((1, 1)))
    model = fit_block_plsda(values, CODES, 3, rules)
    assert explained_variance(model, values, CODES)["a"].sum() == pytest.approx(1)


def test_summaries_equal_their_definitions():
    values, model = make_values(), make_model()
    ave = average_variance_explained(model, values, CODES, DESIGN)
    t = model.blocks["a"].variates[:, 0]
    expected = np.mean([np.corrcoef(column, t)[0, 1] ** 2 for column in values["a"].T])
    assert ave["a"][0] == pytest.approx(expected)
    members, alike = similarity(model, values)
    (one, i), (two, j) = members[0], members[-1]
    assert one == "a" and two == "b"
    product = sum(
        np.corrcoef(values["a"][:, i], model.blocks["a"].variates[:, h])[0, 1]
        * np.corrcoef(values["b"][:, j], model.blocks["b"].variates[:, h])[0, 1]
        for h in range(2)
    )
    assert alike[0, -1] == pytest.approx(product)


def test_mixomics_weighted_average_is_the_view_of_most_weight():
    values, model = make_values(1), make_model()
    loudest = ("a", "b")[int(model.weights.mean(axis=1).argmax())]
    found = decide(model, values, vote="weighted-average", ties="mixomics")
    assert np.array_equal(found.classes, found.opinions[loudest].response.argmax(axis=1))
    other = "b" if loudest == "a" else "a"
    alone = decide(model, {other: values[other]}, vote="weighted-average", ties="mixomics")
    assert np.array_equal(alone.classes, alone.opinions[other].response.argmax(axis=1))
