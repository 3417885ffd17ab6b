"""PLS discriminant analysis of one matrix: what the dense, the sparse and the one over several studies share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning

from chiasma.core.config import Config
from chiasma.core.errors import UsageError
from chiasma.stats.matrix_classifier import MatrixClassifier
from chiasma.stats.matrix_input import VIEW
from chiasma.stats.pls.block_perf import choices, cross_validated_errors
from chiasma.stats.pls.block_plsda import BlockPlsda, PlsdaRules, fit_block_plsda
from chiasma.stats.pls.block_summary import RESPONSE, explained_variance
from chiasma.stats.pls.block_tuning import TuningRules, tune_keep, tuning_folds
from chiasma.stats.pls.plsda_prediction import Verdict, decide
from chiasma.stats.pls.plsda_state import from_arrays, selected_rows, to_arrays
from chiasma.stats.principal_components import feature_correlations

if TYPE_CHECKING:
    import pandas as pd


class PlsdaClassifier(ClassNamePrefixFeaturesOutMixin, TransformerMixin, MatrixClassifier):
    """Base of the discriminant analyses by components of one matrix; made to be subclassed.

    A subclass fits with `_fit_model` and adds what it alone knows to `state` and `from_state`. Missing values are
    passed over.

    Attributes:
        model_: the fitted BlockPlsda with the one block "x".
        correlations_: of each feature with each variate (feature, component).
        explained_variance_: share of the matrix's variance by component, and of the class as "Y".
        n_iter_: most sweeps of any component.
        perf_: error rates of one component, two, ... by distance on samples held out of the fit, all learnt and tuned
            anew without them; None if not asked for.
    """

    model_: BlockPlsda

    def predict(self, X: Any) -> np.ndarray:
        """Class of each sample (sample,), by the distance of the configuration."""
        classes = self.decide(X).classes
        return self.classes_[classes]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class (sample, class).

        The posterior under one Gaussian a class with common spread (centroids) or covariance (mahalanobis) and equal
        priors, or the clipped dummy response (max). Uncalibrated.
        """
        return self.decide(X).probabilities

    def decide(self, X: Any) -> Verdict:
        """Classes with probabilities, dummy response and variates."""
        values = self._new(X)
        return decide(self.model_, {VIEW: values}, distance=self._config().distance)

    def transform(self, X: Any) -> np.ndarray:
        """Variates (sample, component)."""
        return self.decide(X).opinions[VIEW].variates

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Loadings, features as rows and comp1, comp2, ... as columns."""
        return {VIEW: self._of_components(self.model_.blocks[VIEW].loadings)}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        facts = self._facts()
        arrays, model = to_arrays(self.model_)
        arrays |= {f"explained/{name}": values for name, values in self.explained_variance_.items()}
        arrays["correlations"] = np.ascontiguousarray(self.correlations_)
        return arrays, facts | {"model": model, "perf": self.perf_}

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls._restored(config, meta)
        self.model_ = from_arrays(arrays, meta["model"])
        self.n_iter_ = max(self.model_.iterations)
        self.explained_variance_ = {name: arrays[f"explained/{name}"] for name in (VIEW, RESPONSE)}
        self.correlations_ = arrays["correlations"]
        self.perf_ = meta["perf"]
        return self

    def components_worth_having(self, measure: str = "ber") -> pd.Series:
        """Number of components for each distance, by `ber` or `overall` error on held-out samples.

        A further component must better the error by a one-sided t-test over three repeats or more; with fewer, the
        least error.
        """
        import pandas as pd

        if self.perf_ is None:
            raise UsageError(
                "nothing was cross-validated", expected="a fit with perf_repeats of 3 or more (mint: perf)"
            )
        found = {distance: number for (distance, _), number in choices(self.perf_, measure).items()}
        return pd.Series(found, name="components").rename_axis("distance")

    def _fit_model(
        self, values: np.ndarray, codes: np.ndarray, config: Any, rules: PlsdaRules, *, study: np.ndarray | None = None
    ) -> None:
        """Fit to values (sample, feature) and class codes (sample,), by study (sample,) where there are several."""
        self.model_ = fit_block_plsda({VIEW: values}, codes, len(self.classes_), rules, study=study)
        self.n_iter_ = max(self.model_.iterations)
        if not all(self.model_.converged):
            warnings.warn(
                f"no convergence to tol={config.tol} in {config.max_iter} sweeps; raise max_iter",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _judge(
        self,
        values: np.ndarray,
        codes: np.ndarray,
        rules: PlsdaRules | Callable[[np.ndarray], PlsdaRules],
        *,
        folds: Sequence[np.ndarray] | None,
        study: np.ndarray | None = None,
    ) -> None:
        """Errors on samples held out; arguments as of `cross_validated_errors`, no folds where none are asked for."""
        self.perf_: list[dict[str, Any]] | None = None
        if folds is not None:
            self.perf_ = cross_validated_errors(
                {VIEW: values}, codes, rules, folds=folds, votes=("majority",), study=study
            )

    def _summarise(self, values: np.ndarray, codes: np.ndarray) -> None:
        """Shares of variance and correlations of the features of the train part (sample, feature)."""
        self.explained_variance_ = explained_variance(self.model_, {VIEW: values}, codes)
        block = self.model_.blocks[VIEW]
        self.correlations_ = feature_correlations(*block.scaling.apply(values), block.variates)

    def correlations(self) -> dict[str, pd.DataFrame]:
        """Correlation of each feature with each variate (feature, component)."""
        return {VIEW: self._of_components(self.correlations_)}

    def _of_components(self, values: np.ndarray) -> pd.DataFrame:
        import pandas as pd

        index = pd.Index(self.feature_names(), name="feature")
        return pd.DataFrame(values, index=index, columns=[f"comp{number + 1}" for number in range(values.shape[1])])

    def explained(self) -> pd.DataFrame:
        """Share of the matrix's and of the class's variance along each component (view, component)."""
        import pandas as pd

        columns = [f"comp{number + 1}" for number in range(self.model_.n_components)]
        return pd.DataFrame(self.explained_variance_, index=columns).T

    @property
    def n_components_(self) -> int:
        """Components that hold something; those after them are empty, the matrix having no more."""
        return self.model_.n_found

    @property
    def _n_features_out(self) -> int:
        return self.model_.n_components


class SparsePlsda(PlsdaClassifier):
    """Base of the discriminant analyses that keep few features at each component; made to be subclassed.

    Attributes:
        keep_x_: features kept at each component, given or tuned.
        tuning_errors_: for each component, balanced error rate by number of kept features; None if not tuned.
        profile_: mean of every scaled feature in every class (class, feature).
    """

    keep_x_: tuple[int, ...]
    tuning_errors_: list[dict[int, float]] | None
    profile_: np.ndarray

    def selected(self) -> list[dict[str, Any]]:
        """Selected features as rows: view, component, rank, feature, loading, class in which it is highest."""
        return selected_rows(self.model_, {VIEW: self.feature_names()}, {VIEW: self.profile_}, self.classes_)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays, facts = super().state()
        errors = self.tuning_errors_
        tuning = None if errors is None else [[list(pair) for pair in table.items()] for table in errors]
        arrays["profile"] = np.ascontiguousarray(self.profile_)
        return arrays, facts | {"keep_x": list(self.keep_x_), "tuning": tuning}

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = super().from_state(config, arrays, meta)
        self.keep_x_ = tuple(meta["keep_x"])
        tuning = meta["tuning"]
        self.tuning_errors_ = None if tuning is None else [{int(k): float(e) for k, e in table} for table in tuning]
        self.profile_ = arrays["profile"]
        return self


def make_rules(config: Any, keep: tuple[int, ...] | int, n_features: int, *, init: Any = "svd") -> PlsdaRules:
    """Rules of one block from a PlsdaConfig and the features kept, one number or one a component."""
    numbers = (keep,) * config.ncomp if isinstance(keep, int) else keep
    return PlsdaRules(
        config.ncomp,
        {VIEW: tuple(min(number, n_features) for number in numbers)},
        np.zeros((1, 1)),
        mode=config.mode,
        init=init,
        scale=config.scale,
        tolerance=config.tol,
        max_iterations=config.max_iter,
        drop_near_zero=config.near_zero_var,
    )


def tune_one_block(
    values: np.ndarray, codes: np.ndarray, config: Any, rules: PlsdaRules, groups: Any
) -> tuple[tuple[int, ...], list[dict[int, float]] | None]:
    """Features to keep at each component by the inner folds, and the error of each candidate.

    Where a class is too small for folds, the middle of the grid, and None.

    Args:
        values: (sample, feature).
        codes: class of each sample (sample,).
        config: a TuningConfig that has ncomp and distance.
        rules: of the model.
        groups: unit of each sample (sample,) that no fold divides, or None.
    """
    folds = tuning_folds(codes, config, groups)
    if folds is None:
        return (config.middle(),) * config.ncomp, None
    tuning = TuningRules({VIEW: config.tune_grid}, config.distance)
    found = tune_keep({VIEW: values}, codes, rules, tuning, folds=folds)
    return found.keep[VIEW], [{choice[0]: error for choice, error in table.items()} for table in found.errors]
