import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from chiasma.core.errors import FormatError
from chiasma.stats.extra_trees import ExtraTrees


def data(seed: int, *, n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, 3, n)
    return draw.normal(size=(n, 7)) + codes[:, None] * [1, 0.5, 0, 0, 0, 0, 0], codes


@pytest.mark.parametrize("least", [1, 5])
def test_arrays_answer_as_the_forest_does_to_the_bit(least):
    features, codes = data(1)
    forest = ExtraTreesClassifier(30, min_samples_leaf=least, random_state=4).fit(features.astype(np.float32), codes)
    kept = ExtraTrees.from_scikit(forest, n_classes=3)
    again = ExtraTrees.from_arrays(kept.arrays())
    fresh, _ = data(2)
    expected = forest.predict_proba(fresh.astype(np.float32))
    np.testing.assert_array_equal(kept.probabilities(fresh), expected)
    np.testing.assert_array_equal(again.probabilities(fresh), expected)
    assert (kept.shares.dtype == np.float32) == (least == 1)


def test_one_tree_is_walked_by_hand():
    features, codes = data(3, n=40)
    forest = ExtraTrees.grow(features, codes, n_classes=3, trees=1, seed=1)
    for row in features.astype(np.float32):
        node = int(forest.roots[0])
        while forest.feature[node] >= 0:
            low = row[forest.feature[node]] <= forest.threshold[node]
            node = int(forest.left[node] if low else forest.right[node])
        np.testing.assert_array_equal(forest.probabilities(row[None])[0], forest.shares[forest.left[node]])


def test_a_class_without_examples_keeps_its_column_and_seeds_repeat():
    features, codes = data(4)
    codes = np.where(codes == 1, 3, codes)
    one, two, other = (ExtraTrees.grow(features, codes, n_classes=4, trees=12, seed=s) for s in (5, 5, 6))
    found = one.probabilities(features)
    assert found.shape == (240, 4) and (found[:, 1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(found, two.probabilities(features))
    assert (other.threshold.shape != one.threshold.shape) or (other.threshold != one.threshold).any()


def test_features_that_tell_are_asked_for_more_often():
    features, codes = data(5, n=600)
    share = ExtraTrees.grow(features, codes, n_classes=3, trees=40, share_of_features=1.0, least_leaf=5, seed=1)
    importance = share.importance(7)
    assert importance.sum() == pytest.approx(1) and importance.argmax() == 0


def test_damaged_forests_are_refused():
    features, codes = data(6, n=60)
    arrays = ExtraTrees.grow(features, codes, n_classes=3, trees=2, seed=1).arrays()
    with pytest.raises(FormatError, match="no threshold"):
        ExtraTrees.from_arrays({name: value for name, value in arrays.items() if name != "threshold"})
    with pytest.raises(FormatError, match="lead out of it"):
        ExtraTrees.from_arrays({**arrays, "left": arrays["left"] + 10_000})
