"""Aligned subspaces: a simulated warp undone, genes that agree, the switch for the original's signs, several sets."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.stats.cells.cca_operator import several_cca, standardise_cells
from chiasma.stats.cells.counts import scale_features
from chiasma.stats.cells.subspace_alignment import AlignmentRules, align_components, midcorrelation, shared_genes


def one_axis(sizes: list[int], seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sets along one axis (position of each cell from 0 to 1), sampled in each set in another density."""
    random = np.random.default_rng(seed)
    slope = random.standard_normal(200) * (np.arange(200) < 80)
    positions = [np.sort(random.random(size)) ** power for size, power in zip(sizes, (1.0, 2.5, 0.5))]
    values = [p[:, None] * slope * 4 + random.standard_normal((len(p), 200)) * 0.5 for p in positions]
    return positions, [scale_features(v) for v in values]


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("sizes", [[300, 200], [250, 180, 160]])
def test_cells_of_the_same_state_come_together(sizes, faithful):
    positions, scaled = one_axis(sizes)
    scores = several_cca([standardise_cells(values) for values in scaled], 1)
    aligned = align_components(scores, scaled, AlignmentRules(faithful=faithful))

    def gap(found: list[np.ndarray]) -> float:
        """Largest difference between the sets in the mean place of cells at the same position."""
        whole = np.concatenate(found)[:, 0]
        curves = []
        for place, values in zip(positions, found):
            curve = [values[np.abs(place - at) < 0.1, 0].mean() for at in (0.2, 0.4, 0.6, 0.8)]
            curves.append(np.array(curve) / whole.std())
        return float(np.ptp(np.stack(curves), axis=0).max())

    assert gap(aligned) < 0.7 * gap([values / values.std(axis=0) for values in scores])
    whole = np.vstack(aligned)
    np.testing.assert_allclose([whole.mean(), whole.std(ddof=1)], [0, 1], atol=1e-9)
    for place, values in zip(positions, aligned):
        assert abs(np.corrcoef(place, values[:, 0])[0, 1]) > 0.9


def test_the_reference_keeps_its_own_order_and_spacing():
    _, scaled = one_axis([120, 90], seed=3)
    scores = several_cca([standardise_cells(values) for values in scaled], 2)
    aligned = align_components(scores, scaled, AlignmentRules(band=0.3))
    for component in range(2):
        assert np.corrcoef(scores[0][:, component], aligned[0][:, component])[0, 1] == pytest.approx(1)


def test_genes_that_run_the_other_way_in_one_set_are_left_out():
    random = np.random.default_rng(2)
    scores = [np.sort(random.standard_normal(80)), np.sort(random.standard_normal(60))]
    noise = [random.standard_normal((len(score), 10)) for score in scores]
    scaled = [score[:, None] * np.array([3, -3, 3] + [0] * 7) + wild for score, wild in zip(scores, noise)]
    scaled[1][:, 2] *= -1
    loadings = [values.T @ score for values, score in zip(scaled, scores)]
    genes, sign = shared_genes(scores, scaled, loadings, 2)
    assert dict(zip(genes.tolist(), sign.tolist())) == {0: 1.0, 1: -1.0}


def test_one_outlier_does_not_make_a_midcorrelation():
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, 100))
    x[0] = y[0] = 50
    assert abs(midcorrelation(x[:, None], y)[0]) < 0.3 < np.corrcoef(x, y)[0, 1]
    assert midcorrelation(y[:, None], y)[0] == pytest.approx(1)


def test_three_sets_have_orthogonal_components_of_falling_strength():
    _, scaled = one_axis([70, 60, 50], seed=5)
    sets = [standardise_cells(values) for values in scaled]
    scores = several_cca(sets, 3)
    for values in scores:
        np.testing.assert_allclose(values.T @ values, np.eye(3), atol=1e-8)
    profile = [values.T @ score for values, score in zip(sets, scores)]
    strength = [sum(profile[a][:, c] @ profile[b][:, c] for a in range(3) for b in range(a)) for c in range(3)]
    assert strength[0] > strength[1] > 0
