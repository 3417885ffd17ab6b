"""What methods share that bring new cells together with reference cells and hand their types over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp

from chiasma.core.config import Config
from chiasma.core.errors import InsufficientDataError, MismatchError, NotTrainedError, list_some
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix
from chiasma.stats.cells.counts import log_normalise, principal_components, scale_features
from chiasma.stats.cells.variable_genes import select_features
from chiasma.stats.graphs.knn import nearest

SET = "set"
"""Column of a Dataset: the library, donor or batch of each cell."""
TOTAL = "total"
"""Column of a Dataset: counts of all genes of each cell, where the matrix holds the shared ones only."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Two or more sets of cells over the same chosen genes.

    Attributes:
        values: log-normalised (cell, gene), reference cells first.
        sets: code of each cell's set (cell,).
        n_reference: reference cells.
        genes: names (gene,).
        varies: which genes vary in every set; the others have no say where sets are compared (gene,).
    """

    values: np.ndarray
    sets: np.ndarray
    n_reference: int
    genes: np.ndarray
    varies: np.ndarray

    def parts(self) -> list[np.ndarray]:
        """Values of each set over the genes that vary in all of them (cell, gene)."""
        return [self.values[self.sets == code][:, self.varies] for code in range(int(self.sets.max()) + 1)]

    def components(self, count: int) -> np.ndarray:
        """Principal components of all cells as they are, standardised together (cell, component)."""
        return principal_components(scale_features(self.values), count)[0]


@dataclass(frozen=True, eq=False)
class Aligned:
    """Reference and query in one space.

    Attributes:
        before: principal components of both as they were (cell, component), reference cells first.
        after: the common space (cell, component).
        shares: say of each reference cell in each query cell (query cell, reference cell); rows sum to 1.
        corrected: log-normalised query after correction (cell, gene), or None where only the space is corrected.
        genes: of `corrected`.
        anchors: columns of a table of matched cells, or None.
        facts: what is worth knowing of the alignment, JSON-ready.
        probabilities: of each class in each query cell (cell, class); no column where the reference has no classes.
    """

    before: np.ndarray
    after: np.ndarray
    shares: sp.csr_array
    corrected: np.ndarray | None = None
    genes: np.ndarray | None = None
    anchors: dict[str, np.ndarray] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    probabilities: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def impute(self, values: np.ndarray) -> np.ndarray:
        """Values of the reference cells (cell, column) foreseen in the query cells (cell, column).

        A missing value has no say; NaN where no cell with a value has one.
        """
        known = ~np.isnan(values)
        total = np.asarray(self.shares @ known.astype(np.float64))
        found = np.asarray(self.shares @ np.where(known, values, 0.0))
        return np.divide(found, total, out=np.full_like(found, np.nan), where=total > 0)


class PairTransfer(ABC):
    """Base of the procedures that keep a reference and align each query set with it; made to be subclassed.

    A subclass names its configuration in `config_class` and aligns in `_align`. The answer for a query cell depends on
    the query set that it comes with: sets are aligned, not cells. A set of the query is another than one of the
    reference, also of the same name, unless the configuration has `same_sets` and it is true.

    Attributes:
        config: the configuration.
        reference_: counts, or other values, of the reference (cell, gene).
        totals_: counts of all genes of each reference cell (cell,).
        sets_: name of each reference cell's set (cell,).
        codes_: class of each reference cell (cell,); empty where they have none.
        names_: class names, perhaps none.
        seed_: root of the randomness.
    """

    config_class: ClassVar[type[Config]]

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def _align(self, cells: Cells) -> Aligned:
        """Align the query (the cells from `n_reference` on) with the reference."""

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Keep the reference: a Matrix, with classes or without; column `set` names several sets in it.

        Raises:
            InsufficientDataError: fewer than three cells. MismatchError: missing values.
        """
        matrix = _matrix(data)
        if len(matrix) < 3:
            raise InsufficientDataError("too few reference cells", got=len(matrix), expected="three or more")
        self.reference_ = matrix
        self.totals_ = _totals(data, matrix)
        default = np.full(len(matrix), "reference", dtype=object)
        self.sets_ = np.asarray(data.columns.get(SET, default), dtype=object)
        self.codes_ = np.asarray(data.target.values, dtype=np.int64)  # empty without a target
        self.names_ = tuple(str(name) for name in data.target.names)
        self.seed_ = seed
        return self

    def align(self, query: Dataset) -> Aligned:
        """Bring a query set together with the reference.

        Raises:
            MismatchError: no gene in common. InsufficientDataError: too few cells or genes, or no anchors.
        """
        if not hasattr(self, "reference_"):
            raise NotTrainedError("no reference was kept", where=type(self).__name__, do="call fit first")
        found = self._align(self.cells(query))
        classes = np.eye(len(self.names_))[self.codes_] if self.names_ else np.zeros((len(self.reference_), 0))
        return replace(found, probabilities=np.asarray(found.shares @ classes))

    def scores(self, data: Dataset) -> np.ndarray:
        """Probability of each class in each query cell (cell, class)."""
        return self.align(data).probabilities

    def cells(self, query: Dataset) -> Cells:
        """Reference and query over shared variable genes, log-normalised where they are counts."""
        matrix = _matrix(query)
        if len(matrix) < 3:
            raise InsufficientDataError("too few query cells", got=len(matrix), expected="three or more")
        place = {name: column for column, name in enumerate(matrix.features)}
        shared = [column for column, name in enumerate(self.reference_.features) if name in place]
        if len(shared) < 3:
            raise MismatchError(
                f"reference and query have {len(shared)} genes in common",
                got=list_some(matrix.features, most=3),
                expected=f"three or more of {list_some(self.reference_.features, most=3)}",
                do="give more genes, named alike in both sets: symbols, or Ensembl ids without versions",
            )
        genes = self.reference_.features[shared]
        first = self.reference_.values[:, shared]
        second = matrix.values[:, [place[name] for name in genes]]
        default = np.full(len(matrix), "query", dtype=object)
        second_sets = np.asarray(query.columns.get(SET, default), dtype=object)
        sets = set_codes(self.sets_, second_sets, same_sets=getattr(self.config, "same_sets", False))
        if not sets.any():
            raise InsufficientDataError(
                "reference and query are one set: there is nothing to align",
                got=f"the set {self.sets_[0]}",
                expected="two sets or more",
                do="leave same_sets out, or name the sets of the cells apart",
            )
        both = np.vstack([first, second])
        counts = both.min() >= 0 and bool((both % 1 == 0).all())
        parts = [both[sets == code] for code in range(int(sets.max()) + 1)]
        chosen = _choose(parts, genes, self.config.features, counts=counts)
        totals = np.concatenate([self.totals_, _totals(query, matrix)])
        values = log_normalise(both[:, chosen], total=totals) if counts else both[:, chosen]
        varies = np.all([values[sets == code].std(axis=0) > 1e-12 for code in range(len(parts))], axis=0)
        if varies.sum() < 3:
            raise InsufficientDataError(
                "too few genes vary in every set", got=int(varies.sum()), expected="three or more"
            )
        return Cells(values, sets, len(first), genes[chosen], varies)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The reference, as the parts of a sparse matrix, and facts."""
        packed = sp.csr_matrix(self.reference_.values)
        arrays = {"data": packed.data, "indices": packed.indices, "indptr": packed.indptr}
        arrays |= {"totals": self.totals_, "codes": self.codes_}
        facts = {
            "cells": [str(name) for name in self.reference_.samples],
            "genes": [str(name) for name in self.reference_.features],
            "sets": [str(name) for name in self.sets_],
            "classes": list(self.names_),
            "seed": self.seed_,
        }
        return arrays, facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The procedure that `state` was taken from."""
        self = cls(config)
        cells, genes = (np.asarray(meta[name], dtype=object) for name in ("cells", "genes"))
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        self.reference_ = Matrix(sp.csr_matrix(parts, shape=(len(cells), len(genes))).toarray(), cells, genes)
        self.totals_, self.codes_ = arrays["totals"], arrays["codes"]
        self.sets_ = np.asarray(meta["sets"], dtype=object)
        self.names_, self.seed_ = tuple(meta["classes"]), int(meta["seed"])
        return self


def set_codes(reference: np.ndarray, query: np.ndarray, *, same_sets: bool) -> np.ndarray:
    """Code of each cell's set (cell,), reference cells first, from their names (cell,).

    A set of the query that has the name of one of the reference is another set, unless `same_sets` is true.
    """
    roles = ("", "") if same_sets else ("reference", "query")
    keys = [(role, name) for role, names in zip(roles, (reference, query)) for name in names]
    order = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    return np.asarray([order[key] for key in keys], dtype=np.int64)


def neighbour_shares(space: np.ndarray, n_reference: int, *, k: int) -> sp.csr_array:
    """Say of its k nearest reference cells in each query cell (query cell, reference cell), closer ones weighing more;
    `space` (cell, dimension) holds the reference cells first.
    """
    found = nearest(space[n_reference:], space[:n_reference], k)
    width = found.distance[:, -1:]
    scaled = np.divide(found.distance, width, out=np.zeros_like(found.distance), where=width > 0)
    weight = np.exp(-(scaled**2))
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(weight)), weight.shape[1])
    shape = (len(weight), n_reference)
    return sp.csr_array((weight.ravel(), (rows, found.index.ravel())), shape=shape)


def _choose(parts: list[np.ndarray], genes: np.ndarray, count: int, *, counts: bool) -> np.ndarray:
    """Places of the genes used: the most variable ones, increasing."""
    if len(genes) <= count:
        return np.arange(len(genes))
    if counts:
        return np.sort(select_features(parts, count))
    spread = np.mean([part.var(axis=0) for part in parts], axis=0)
    return np.sort(np.argsort(-spread, kind="stable")[:count])


def _matrix(data: Dataset) -> Matrix:
    matrix = data.x
    if not isinstance(matrix, Matrix):
        raise MismatchError("cells by genes are needed", got=type(matrix).__name__, expected="one Matrix")
    if np.isnan(matrix.values).any():
        row, column = np.argwhere(np.isnan(matrix.values))[0]
        raise MismatchError(
            f"{int(np.isnan(matrix.values).sum())} missing values",
            where=f"cell {matrix.samples[row]}, gene {matrix.features[column]}",
            expected="a number for every gene of every cell; 0 where nothing was counted",
        )
    return matrix


def _totals(data: Dataset, matrix: Matrix) -> np.ndarray:
    return np.asarray(data.columns.get(TOTAL, matrix.values.sum(axis=1)), dtype=np.float64)
