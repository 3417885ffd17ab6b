"""Extremely randomised trees (Geurts et al. 2006) as named arrays: grown by scikit-learn, kept and asked without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numba
import numpy as np

from chiasma.core.errors import FormatError

_LEAF = -1


@dataclass(frozen=True, eq=False)
class ExtraTrees:
    """A grown forest; the nodes of all trees stand in one row, each tree's root first.

    Attributes:
        roots: first node of each tree (tree,).
        feature: that a node asks for; -1 in a leaf (node,).
        threshold: rows up to it go left (node,).
        left: node for these; in a leaf, the row of `shares` (node,).
        right: node for the others (node,).
        shares: of the classes in each leaf (leaf, class).
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    shares: np.ndarray

    @classmethod
    def grow(
        cls,
        features: np.ndarray,
        classes: np.ndarray,
        *,
        n_classes: int,
        trees: int,
        least_leaf: int = 1,
        share_of_features: float | None = None,
        seed: int,
    ) -> Self:
        """Grow the trees, each on all examples.

        Args:
            features: (example, feature), compared as 32-bit numbers.
            classes: code of each example's class (example,).
            n_classes: columns of the answers, also where a class has no example.
            trees: how many.
            least_leaf: examples in a leaf at least.
            share_of_features: tried at a split; None takes the root of their number.
            seed: of features and thresholds.
        """
        from sklearn.ensemble import ExtraTreesClassifier

        forest = ExtraTreesClassifier(
            n_estimators=trees,
            min_samples_leaf=least_leaf,
            max_features=share_of_features or "sqrt",
            random_state=seed % 2**32,
        )
        forest.fit(np.asarray(features, np.float32), classes)
        return cls.from_scikit(forest, n_classes=n_classes)

    @classmethod
    def from_scikit(cls, forest: Any, *, n_classes: int) -> Self:
        """The arrays of a fitted scikit-learn forest of classifiers of one output, its classes codes."""
        columns: dict[str, list[np.ndarray]] = {field.name: [] for field in fields(cls)}
        nodes = leaves = 0
        known = forest.classes_.astype(int)
        for estimator in forest.estimators_:
            tree = estimator.tree_
            leaf = tree.children_left < 0
            left = np.where(leaf, leaves + np.cumsum(leaf) - 1, tree.children_left + nodes)
            shares = np.zeros((int(leaf.sum()), n_classes))
            shares[:, known] = tree.value[leaf, 0]
            columns["roots"].append(np.array([nodes]))
            columns["feature"].append(np.where(leaf, _LEAF, tree.feature).astype(np.int32))
            columns["threshold"].append(np.where(leaf, 0.0, tree.threshold))
            columns["left"].append(left.astype(np.int32))
            columns["right"].append(np.where(leaf, 0, tree.children_right + nodes).astype(np.int32))
            columns["shares"].append(shares)
            nodes, leaves = nodes + tree.node_count, leaves + len(shares)
        arrays = {name: np.concatenate(parts) for name, parts in columns.items()}
        single = arrays["shares"].astype(np.float32)
        if (single == arrays["shares"]).all():  # pure leaves take half the room without loss
            arrays["shares"] = single
        return cls(**arrays)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Mean over trees of the shares in the leaf that each row falls in (example, class)."""
        rows = np.ascontiguousarray(features, np.float32)
        nodes = (self.feature, self.threshold, self.left, self.right)
        return _ask(rows, self.roots, *nodes, self.shares.astype(np.float64))

    def importance(self, n_features: int) -> np.ndarray:
        """Share of the forest's splits that ask for each feature (feature,)."""
        counts = np.bincount(self.feature[self.feature >= 0], minlength=n_features)
        return counts / max(int(counts.sum()), 1)

    def arrays(self) -> dict[str, np.ndarray]:
        """The forest by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The forest that `arrays` gave.

        Raises:
            FormatError: an array is absent, or a node leads out of the forest.
        """
        wanted = [field.name for field in fields(cls)]
        if missing := [name for name in wanted if name not in arrays]:
            raise FormatError("not a forest", got=f"no {', '.join(missing)}", expected=", ".join(wanted))
        made = cls(**{name: np.asarray(arrays[name]) for name in wanted})
        inner, nodes = made.feature >= 0, len(made.feature)
        inside = (made.left >= 0) & (made.left < np.where(inner, nodes, len(made.shares)))
        inside &= ~inner | ((made.right >= 0) & (made.right < nodes))
        if not inside.all() or (made.roots >= nodes).any():
            raise FormatError("a forest whose nodes lead out of it", got=f"{int((~inside).sum())} nodes")
        return made


@numba.njit(cache=True)
def _ask(
    rows: np.ndarray,
    roots: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    shares: np.ndarray,
) -> np.ndarray:
    found = np.zeros((len(rows), shares.shape[1]))
    for root in roots:
        for row in range(len(rows)):
            node = root
            while feature[node] >= 0:
                node = left[node] if np.float64(rows[row, feature[node]]) <= threshold[node] else right[node]
            for column in range(shares.shape[1]):
                found[row, column] += shares[left[node], column]
    return found / len(roots)
