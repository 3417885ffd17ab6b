"""What a representation keeps: against scikit-learn, and against slow, obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness

from chiasma.metrics.embedding import LEAST, Kept, neighbourhoods, neighbours_of, reconstruction

ONCE = np.ones((1, 40))


def cloud(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    given = draw.normal(size=(40, 6))
    return given, given[:, :2] + 0.3 * draw.normal(size=(40, 2))


@pytest.mark.parametrize("k", [1, 5, 15, 19])
def test_trustworthiness_and_continuity_are_those_of_scikit_learn(k: int) -> None:
    given, embedded = cloud()
    found = neighbourhoods(given, embedded, k=k)
    assert found["trustworthiness"](ONCE)[0] == pytest.approx(trustworthiness(given, embedded, n_neighbors=k))
    assert found["continuity"](ONCE)[0] == pytest.approx(trustworthiness(embedded, given, n_neighbors=k))


def test_neighbours_kept_are_counted() -> None:
    given, embedded = cloud(1)
    kept = 0
    for row in range(40):
        near = [set(np.argsort(cdist(x[[row]], x)[0])[1:6]) for x in (given, embedded)]
        kept += len(near[0] & near[1])
    assert neighbourhoods(given, embedded, k=5)["neighbour_recall"](ONCE)[0] == pytest.approx(kept / 200)


def test_distances_are_ranked_as_spearman_ranks_them() -> None:
    given, embedded = cloud(2)
    upper = np.triu_indices(40, 1)
    expected = spearmanr(cdist(given, given)[upper], cdist(embedded, embedded)[upper]).statistic
    assert neighbourhoods(given, embedded)["distance_correlation"](ONCE)[0] == pytest.approx(expected)


def test_weights_count_samples_and_pairs() -> None:
    """Twice a sample is its row twice; of pairs, none of a sample with itself."""
    given, embedded = cloud(3)
    weights = np.random.default_rng(0).integers(0, 3, (4, 40)).astype(float)
    score = neighbourhoods(given, embedded)["distance_correlation"]
    from scipy.stats import rankdata

    upper = np.triu_indices(40, 1)
    one, two = (rankdata(cdist(x, x)[upper]) for x in (given, embedded))
    for row, value in zip(weights, score(weights), strict=True):
        pair = (row[:, None] * row[None, :])[upper]
        expected = np.cov(np.vstack([one, two]), aweights=pair, ddof=0)
        assert value == pytest.approx(expected[0, 1] / np.sqrt(expected[0, 0] * expected[1, 1]))
    kept = Kept(np.array([1.0, 0.0, 3.0]), np.array([2.0, 4.0, 4.0]))
    np.testing.assert_allclose(kept(np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])), [1 - 4 / 10, 1 - 5 / 8])


def test_the_samples_themselves_keep_all_and_chance_keeps_little() -> None:
    given, _ = cloud(4)
    same = neighbourhoods(given, given)
    assert [score(ONCE)[0] for score in same.values()] == pytest.approx([1.0] * 4)
    noise = neighbourhoods(given, np.random.default_rng(9).normal(size=(40, 2)))
    assert abs(noise["distance_correlation"](ONCE)[0]) < 0.15 and noise["trustworthiness"](ONCE)[0] < 0.7
    constant = neighbourhoods(given, np.zeros((40, 2)))
    assert np.isnan(constant["distance_correlation"](ONCE)[0])


def test_few_samples_are_said_to_be_few() -> None:
    given, embedded = cloud()
    assert neighbourhoods(given[: LEAST - 1], embedded[: LEAST - 1]) == {}
    assert [neighbours_of(n) for n in (5, 6, 30, 31, 32, 500)] == [2, 2, 14, 15, 15, 15]


def test_views_weigh_alike_in_what_is_explained() -> None:
    draw = np.random.default_rng(5)
    truth = {"small": draw.normal(size=(40, 2)), "large": draw.normal(size=(40, 200))}
    truth["large"][3, 7] = np.nan
    rebuilt = {"small": truth["small"].copy(), "large": np.zeros((40, 200))}
    found = reconstruction(truth, rebuilt)
    assert found["small"](ONCE)[0] == pytest.approx(1.0) and found["large"](ONCE)[0] == pytest.approx(0.0)
    expected = [np.nansum(view**2) / view.shape[1] for view in truth.values()]
    assert found["all"](ONCE)[0] == pytest.approx(expected[0] / sum(expected))
    nothing = reconstruction({"x": np.full((40, 3), np.nan)}, {"x": np.zeros((40, 3))})
    assert np.isnan(nothing["all"](ONCE)[0])
