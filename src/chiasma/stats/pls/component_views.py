"""Methods whose factors are components of each view: placing, telling and keeping what was learnt."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from chiasma.core.errors import list_some
from chiasma.stats.pls.block_components import (
    Course,
    FittedView,
    count_found,
    course_facts,
    course_from,
    decode,
    from_arrays,
    shares,
    to_arrays,
)
from chiasma.stats.pls.block_scaling import Scaling
from chiasma.stats.pls.sgcca import Block
from chiasma.stats.principal_components import feature_correlations
from chiasma.stats.views import ViewsError
from chiasma.stats.views_representation import ViewsRepresentation

if TYPE_CHECKING:
    import pandas as pd


class ComponentViews(ViewsRepresentation):
    """Base of the methods with a component of each view for each factor; made to be subclassed.

    A subclass learns loadings and variates and hands them to `_settle`. Where one view places the samples, factors are
    its variates; where several do, the mean of their variates, each in units of its spread, over those that a sample
    has. A value that is missing in a new sample is the train part's mean.

    Attributes:
        placing_: views that place samples.
        fitted_: of each view, its loadings, variates and what new samples need.
        course_: sweeps of each component, whether it stood still, and its criterion.
        n_iter_: most sweeps of any component.
    """

    factor_stem = "comp"

    def transform(self, X: Any) -> np.ndarray:
        """Place of each sample on the components (sample, component); a view that places it is needed."""
        return self._factors(self._new(X))

    def variates(self, X: Any) -> dict[str, np.ndarray]:
        """Scores (sample, component) of each view given that places samples."""
        values = self._new(X)
        return {name: self.fitted_[name].place(values[name]) for name in values if name in self.placing_}

    def reconstruct(self, factors: np.ndarray) -> dict[str, np.ndarray]:
        """What factors (sample, component) say of each view (sample, feature), in the units of the input."""
        check_is_fitted(self, "fitted_")
        return {name: view.tell(factors) for name, view in self.fitted_.items()}

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Loadings of each view, features as rows and comp1, comp2, ... as columns."""
        check_is_fitted(self, "fitted_")
        return self._tables({name: view.loadings for name, view in self.fitted_.items()})

    def correlations(self) -> dict[str, pd.DataFrame]:
        """Correlation of each feature with its own view's variates (feature, component), by view."""
        check_is_fitted(self, "fitted_")
        return self._tables({name: view.correlations for name, view in self.fitted_.items()})

    def explained(self) -> pd.DataFrame:
        """Share of each view's variance along each of its own variates (view, component)."""
        check_is_fitted(self, "fitted_")
        return self._shares({name: view.explained for name, view in self.fitted_.items()})

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        check_is_fitted(self, "fitted_")
        facts = {"placing": self.placing_, "course": course_facts(self.course_)}
        return to_arrays(self.fitted_), self._facts() | facts

    @classmethod
    def from_state(cls, config: Any, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls._restored(config, meta)
        self.placing_ = list(meta["placing"])
        self.fitted_ = from_arrays(arrays, self.views_)
        self._keep_course(course_from(meta["course"]))
        return self

    @property
    def n_components_(self) -> int:
        """Components that hold something; those after them are empty, the views having no more."""
        return count_found(view.variates for view in self.fitted_.values())

    @property
    def _n_features_out(self) -> int:
        return int(next(iter(self.fitted_.values())).loadings.shape[1])

    def _settle(
        self,
        values: Mapping[str, np.ndarray],
        blocks: Mapping[str, Block],
        scaling: Mapping[str, Scaling],
        learnt: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    ) -> None:
        """Keep what was learnt, and how the common factors tell each view.

        Args:
            values: of the train part, as they came, by view (sample, feature).
            blocks: the same scaled.
            scaling: of each view.
            learnt: loadings (feature, component), variates (sample, component) and the variates' X loadings
                (component, component) of each view.
        """
        self.fitted_ = {
            name: FittedView(
                scaling[name],
                loadings,
                variates,
                cross,
                decoder=np.zeros(loadings.T.shape),
                explained=shares(blocks[name], variates),
                correlations=feature_correlations(blocks[name].values, blocks[name].observed, variates),
            )
            for name, (loadings, variates, cross) in learnt.items()
        }
        factors = self._factors(values)
        self.fitted_ = {
            name: replace(view, decoder=decode(blocks[name], factors)) for name, view in self.fitted_.items()
        }

    def _keep_course(self, found: Course) -> None:
        self.course_, self.n_iter_ = found, max(found.iterations)

    def _warn_unless_settled(self, config: Any) -> None:
        if not all(self.course_.converged):
            warnings.warn(
                f"no convergence to tol={config.tol} in {config.max_iter} sweeps; raise max_iter",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _factors(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        known = {name: values[name] for name in values if name in self.placing_}
        present = {name: ~np.isnan(block).all(axis=1) for name, block in known.items()}
        n_samples = len(next(iter(values.values())))
        lacking = ~np.any(list(present.values()), axis=0) if known else np.ones(n_samples, dtype=bool)
        if lacking.any():
            rows = [str(row) for row in np.flatnonzero(lacking)]
            raise ViewsError(
                f"{len(rows)} samples lack the view that places them",
                got=f"rows {list_some(rows)}",
                expected=" or ".join(self.placing_),
            )
        variates = {name: self.fitted_[name].place(block) for name, block in known.items()}
        if len(self.placing_) == 1:
            return next(iter(variates.values()))
        return common_place(variates, present, {name: spread(self.fitted_[name].variates) for name in variates})


def stack(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """One vector a component as columns."""
    return np.stack(vectors, axis=1)


def common_place(
    variates: Mapping[str, np.ndarray], present: Mapping[str, np.ndarray], size: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Mean over the views that a sample has of its variates in units of their spread (sample, component).

    Args:
        variates: of each view (sample, component).
        present: whether a sample has any value in the view (sample,).
        size: of each view, root mean square of the train part's variates (component,).
    """
    seen = np.stack([present[name].astype(float) for name in variates])  # (view, sample)
    placed = np.stack([variates[name] / size[name] for name in variates])  # (view, sample, component)
    return np.einsum("vn,vnk->nk", seen, placed) / np.maximum(seen.sum(axis=0), 1)[:, None]


def spread(variates: np.ndarray) -> np.ndarray:
    """Root mean square of each variate (component,), 1 where it is 0."""
    size = np.sqrt((variates**2).mean(axis=0))
    return np.where(size > 0, size, 1.0)
