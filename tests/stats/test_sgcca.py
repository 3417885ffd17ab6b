"""Components against a twin written in loops, thresholding and missing values against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.stats.pls.block_scaling import learn_scaling, near_zero_variance
from chiasma.stats.pls.sgcca import (
    Block,
    Rules,
    deflate,
    find_component,
    keep_largest,
    leading_direction,
    start,
    variate,
)

PAIR = np.array([[0.0, 0.3, 1.0], [0.3, 0.0, 1.0], [1.0, 1.0, 0.0]])


def make_blocks(seed: int = 0, *, holes: bool = False) -> list[Block]:
    random = np.random.default_rng(seed)
    shared = random.standard_normal((20, 2))
    blocks = []
    for width in (30, 6, 3):
        values = random.standard_normal((20, width)) + shared @ random.standard_normal((2, width))
        if holes and width > 3:
            values[random.random(values.shape) < 0.15] = np.nan
        blocks.append(Block(*learn_scaling(values).apply(values)))
    return blocks


def slow_threshold(values: list[float], keep: int) -> list[float]:
    """Rank by definition: how many magnitudes are not above; the ranks up to p - keep are dropped."""
    drop = len(values) - keep
    if drop <= 0:
        return list(values)
    ranks = [sum(abs(other) <= abs(value) for other in values) for value in values]
    dropped = [abs(value) for value, rank in zip(values, ranks) if rank <= drop]
    border = max(dropped, default=0.0)
    return [np.sign(v) * (abs(v) - border) if rank > drop else 0.0 for v, rank in zip(values, ranks)]


@given(st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=12), st.integers(1, 12))
def test_threshold_equals_its_definition_by_ranks(values, keep):
    np.testing.assert_allclose(keep_largest(np.array(values), keep), slow_threshold(values, keep))


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=20, unique_by=abs), st.integers(1, 20))
def test_threshold_keeps_so_many(values, keep):
    kept = keep_largest(np.array(values), keep)
    expected = min(keep, len(values)) if keep < len(values) else np.count_nonzero(values)
    assert np.count_nonzero(kept) == expected


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_leading_direction_is_the_first_singular_vector(shape):
    values = np.random.default_rng(1).standard_normal(shape)
    found, expected = leading_direction(values), np.linalg.svd(values)[2][0]
    assert abs(found @ expected) == pytest.approx(1.0, abs=1e-12)


def slow_component(blocks, loadings, keep, design, scheme, sweeps):
    """The same alternation, one number at a time."""

    def score(block, loading):
        result = []
        for row in range(len(block.values)):
            total = sum(block.values[row, j] * loading[j] for j in range(len(loading)))
            if block.observed is not None:
                weight = sum(loading[j] ** 2 for j in range(len(loading)) if block.observed[row, j])
                total = total / weight if weight > 0 else 0.0
            result.append(total)
        return np.array(result)

    loadings = [np.array(loading) for loading in loadings]
    scores = [score(block, loading) for block, loading in zip(blocks, loadings)]
    for _ in range(sweeps):
        for q, block in enumerate(blocks):
            inner = np.zeros(len(block.values))
            for k in range(len(blocks)):
                covariance = np.cov(scores[k], scores[q])[0, 1]
                factor = {"horst": 1.0, "factorial": covariance, "centroid": np.sign(covariance)}[scheme]
                inner += design[q, k] * factor * scores[k]
            pulled = slow_threshold(list(block.values.T @ inner), keep[q])
            loadings[q] = np.array(pulled) / np.linalg.norm(pulled)
            scores[q] = score(block, loadings[q])
    return loadings, scores


@pytest.mark.parametrize("scheme", ["horst", "factorial", "centroid"])
@pytest.mark.parametrize("holes", [False, True])
def test_component_equals_its_slow_twin(scheme, holes):
    blocks = make_blocks(holes=holes)
    begin = start(blocks, "svd.single")
    rules = Rules(PAIR, scheme, tolerance=1e-300, max_iterations=7)
    found = find_component(blocks, begin, [5, 3, 3], rules)
    loadings, scores = slow_component(blocks, begin, [5, 3, 3], PAIR, scheme, found.iterations)
    for ours, slow in zip((*found.loadings, *found.variates), (*loadings, *scores)):
        np.testing.assert_allclose(ours, slow, atol=1e-10)


def test_criterion_rises_without_selection():
    blocks = make_blocks(3)
    for scheme in ("horst", "factorial", "centroid"):
        rules = Rules(PAIR, scheme, tolerance=1e-14, max_iterations=200)
        found = find_component(blocks, start(blocks, "svd.single"), [30, 6, 3], rules)
        assert found.converged
        assert np.diff(found.criterion).min(initial=0.0) > -1e-9 * abs(found.criterion[-1])


def test_start_points_the_way_of_the_response():
    blocks = make_blocks(4)
    for init in ("svd", "svd.single"):
        loadings = start(blocks, init)
        reference = variate(blocks[-1], loadings[-1])
        assert all(variate(b, w) @ reference >= 0 for b, w in zip(blocks[:-1], loadings[:-1]))
        assert all(np.linalg.norm(w) == pytest.approx(1) for w in loadings)


def test_deflation_leaves_nothing_along_the_variates():
    blocks = make_blocks(5)
    found = find_component(blocks, start(blocks, "svd"), [30, 6, 3], Rules(PAIR))
    left = deflate(blocks, found, "canonical")
    for block, scores in zip(left, found.variates):
        np.testing.assert_allclose(block.values.T @ scores, 0, atol=1e-10)
    response = deflate(blocks, found, "regression")[-1].values
    parts = []
    for scores in found.variates[:-1]:
        whole = blocks[-1].values
        parts.append(whole - np.outer(scores, whole.T @ scores) / (scores @ scores))
    np.testing.assert_allclose(response, np.mean(parts, axis=0), atol=1e-12)
    assert deflate(blocks, found, "invariant")[0] is blocks[0]
    assert np.linalg.norm(deflate(blocks, found, "classic")[-1].values) < np.linalg.norm(blocks[-1].values)


def test_a_hole_is_not_a_zero():
    block = Block(np.array([[2.0, 0.0], [2.0, 2.0]]), np.array([[1.0, 0.0], [1.0, 1.0]]))
    loading = np.array([0.6, 0.8])
    np.testing.assert_allclose(variate(block, loading), [1.2 / 0.36, 2.8])
    empty = Block(np.zeros((1, 2)), np.zeros((1, 2)))
    assert variate(empty, loading)[0] == 0


def test_scaling_ignores_holes_and_flags_constants():
    values = np.array([[1.0, 5.0, np.nan, 1e9], [3.0, 5.0, np.nan, 1e9], [np.nan, 5.0, np.nan, 1e9 + 2]])
    scaling = learn_scaling(values)
    assert scaling.mean[0] == 2 and scaling.sd[0] == pytest.approx(np.sqrt(2))
    assert scaling.sd[1] == scaling.sd[2] == 0 and scaling.sd[3] > 0
    scaled, observed = scaling.apply(values)
    assert scaled[2, 0] == 0 and observed[2, 0] == 0 and not scaled[:, 1:3].any()
    assert learn_scaling(values, scale=False).sd.tolist() == [1, 0, 0, 1]


def test_near_zero_variance_is_carets_rule():
    many = np.zeros(100)
    many[:4] = 1  # 96 : 4 = 24 > 19 and 2 % distinct
    fewer = np.zeros(100)
    fewer[:6] = 1  # 94 : 6 = 15.7
    spread = np.arange(100.0)
    table = np.column_stack([many, fewer, spread, np.ones(100)])
    assert near_zero_variance(table).tolist() == [True, False, False, True]
    assert learn_scaling(table, drop_near_zero=True).sd[0] == 0
