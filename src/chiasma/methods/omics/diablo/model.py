"""DIABLO as a scikit-learn estimator over several views."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from chiasma.core.errors import UsageError
from chiasma.methods.omics.diablo.config import Config
from chiasma.stats.pls.block_design import keep_by_view, make_design
from chiasma.stats.pls.block_perf import choices, cross_validated_errors, perf_folds
from chiasma.stats.pls.block_plsda import PlsdaRules, fit_block_plsda
from chiasma.stats.pls.block_summary import average_variance_explained, explained_variance, similarity
from chiasma.stats.pls.block_tuning import Tuning, TuningRules, tune_keep, tuning_folds
from chiasma.stats.pls.plsda_config import Distance
from chiasma.stats.pls.plsda_prediction import NO_CLASS, Verdict, decide
from chiasma.stats.pls.plsda_state import class_profiles, from_arrays, selected_rows, to_arrays as state_arrays
from chiasma.stats.principal_components import feature_correlations
from chiasma.stats.views import ViewsError, to_arrays
from chiasma.stats.views_representation import NamedViews

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure


class Diablo(NamedViews, ClassifierMixin, BaseEstimator):
    """Sparse discriminant components of several views that agree with each other and with the class.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Further fitted
    attributes are those of `NamedViews`.

    Attributes:
        classes_: class labels, sorted (class,).
        keep_x_: features kept in each view at each component, given or tuned.
        tuning_: what was tried, or None.
        correlations_: of each view's features with its variates (feature, component).
        heat_: scaled values of the selected features in the train part, as `similarity_` has them (sample, feature).
        codes_: class of each sample of the train part (sample,).
        perf_: error rates of one component, two, ... by distance and vote in repeated folds, in each of which keep_x is
            tuned anew unless it was given or `faithful`; None if not asked for.
        model_: the fitted BlockPlsda: loadings, variates, weights.
        explained_variance_: share of each view's variance by component, and of the class as "Y".
        ave_: average variance explained of each view, `outer` and `inner`.
        constant_features_: features that do not vary in the train part and are left out, by view.
        n_iter_: sweeps of each component.
    """

    def __init__(
        self,
        *,
        ncomp: int = 2,
        keep_x: Any = None,
        design: Any = 0.1,
        scheme: str = "horst",
        mode: str = "regression",
        init: str = "svd.single",
        scale: bool = True,
        tol: float = 1e-6,
        max_iter: int = 100,
        near_zero_var: bool = False,
        distance: str = "centroids",
        vote: str = "weighted",
        faithful: bool = False,
        tune_grid: tuple[int, ...] = (5, 10, 20, 50),
        tune_grids: dict[str, tuple[int, ...]] | None = None,
        tune_search: str = "auto",
        tune_folds: int = 5,
        tune_repeats: int = 1,
        perf_repeats: int = 0,
        perf_folds: int = 10,
        random_state: int = 0,
    ) -> None:
        self.ncomp = ncomp
        self.keep_x = keep_x
        self.design = design
        self.scheme = scheme
        self.mode = mode
        self.init = init
        self.scale = scale
        self.tol = tol
        self.max_iter = max_iter
        self.near_zero_var = near_zero_var
        self.distance = distance
        self.vote = vote
        self.faithful = faithful
        self.tune_grid = tune_grid
        self.tune_grids = tune_grids
        self.tune_search = tune_search
        self.tune_folds = tune_folds
        self.tune_repeats = tune_repeats
        self.perf_repeats = perf_repeats
        self.perf_folds = perf_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Fit to views X (mapping of name to (sample, feature)) and classes y (sample,).

        Args:
            X: mapping of DataFrames, arrays or Matrix, or a Views; NaN where missing.
            y: class of each sample.
            groups: unit of each sample (sample,); tuning never divides one over folds.

        Raises:
            UsageError: a parameter is wrong. ViewsError: the views are. TooFewClassesError: one class only.
        """
        config = self._config()
        data = to_arrays(X)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        if len(labels) != data.n_samples:
            raise ViewsError("classes and samples differ in number", got=len(labels), expected=data.n_samples)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._name(data)
        self.constant_features_ = self._constant(data)
        rules, self.tuning_ = _tuned(config, data.values, codes, groups)
        self.keep_x_ = dict(rules.keep)
        self.model_ = fit_block_plsda(data.values, codes, len(self.classes_), rules)
        self.n_iter_ = np.array(self.model_.iterations)
        if not all(self.model_.converged):
            warnings.warn(
                f"no convergence to tol={config.tol} in {config.max_iter} sweeps; raise max_iter",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.explained_variance_ = explained_variance(self.model_, data.values, codes)
        self.ave_ = average_variance_explained(self.model_, data.values, codes, rules.design)
        self.profiles_ = class_profiles(self.model_, data.values, codes)
        self.similarity_ = similarity(self.model_, data.values)
        scaled = {name: block.scaling.apply(data.values[name]) for name, block in self.model_.blocks.items()}
        self.correlations_ = {
            name: feature_correlations(*scaled[name], block.variates) for name, block in self.model_.blocks.items()
        }
        self.heat_ = np.stack([scaled[name][0][:, column] for name, column in self.similarity_[0]], axis=1)
        self.codes_ = codes
        self.perf_ = _perf(config, data.values, codes, rules, groups)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Class of each sample (sample,); views may be missing. None where `faithful` votes give no class."""
        classes = self.decide(X).classes
        named = self.classes_[np.maximum(classes, 0)]
        if (classes == NO_CLASS).any():
            named = named.astype(object)
            named[classes == NO_CLASS] = None
        return named

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class (sample, class).

        Each view's posterior under one Gaussian a class with common spread (centroids) or covariance (mahalanobis)
        and equal priors, or the clipped dummy response (max), averaged with the weights of the vote. Where the vote
        went to another class than the average, the two leading values are exchanged: the largest is always that of
        the class predicted. Uncalibrated.
        """
        return self.decide(X).probabilities

    def decide(self, X: Any) -> Verdict:
        """The vote with every view's opinion: its class, response and variates of each sample."""
        check_is_fitted(self, "model_")
        config = self._config()
        values = self._aligned(to_arrays(X))
        return decide(self.model_, values, distance=config.distance_asked(), vote=config.vote, ties=config.ties())

    def transform(self, X: Any) -> dict[str, np.ndarray]:
        """Variates of each view that is given (sample, component)."""
        return {name: opinion.variates for name, opinion in self.decide(X).opinions.items()}

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Loadings of each view, features as rows and comp1, comp2, ... as columns."""
        import pandas as pd

        check_is_fitted(self, "model_")
        columns = [f"comp{index + 1}" for index in range(self.model_.n_components)]
        return {
            name: pd.DataFrame(
                block.loadings, index=pd.Index(self.feature_names_[name], name="feature"), columns=columns
            )
            for name, block in self.model_.blocks.items()
        }

    @property
    def n_components_(self) -> int:
        """Components that hold something; those after them are empty, the views having no more."""
        return self.model_.n_found

    def selected(self) -> list[dict[str, Any]]:
        """Selected features as rows: view, component, rank, feature, loading, class in which it is highest."""
        check_is_fitted(self, "model_")
        return selected_rows(self.model_, self.feature_names_, self.profiles_, self.classes_)

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained, circle of correlations, arrows, circos, network, clustered map, each with its table.

        Where `perf_repeats` asked for it, also the error by number of components.
        """
        import pandas as pd

        from chiasma.plot.component_figures import NESTED, view_figures
        from chiasma.plot.relations import clustered_map
        from chiasma.plot.variables import component_errors

        check_is_fitted(self, "model_")
        columns = [f"comp{index + 1}" for index in range(self.model_.n_components)]
        correlations = {
            name: pd.DataFrame(table, index=list(self.feature_names_[name]), columns=columns)
            for name, table in self.correlations_.items()
        }
        shares = pd.DataFrame(self.explained_variance_, index=columns).T
        members = [(name, str(self.feature_names_[name][column])) for name, column in self.similarity_[0]]
        classes = [str(self.classes_[code]) for code in self.codes_]
        variates = {name: block.variates for name, block in self.model_.blocks.items()}
        related = members, self.similarity_[1]
        drawn = view_figures(correlations, shares, variates, related=related, classes=classes)
        if len(members) > 1:
            heat = pd.DataFrame(self.heat_, columns=[feature for _, feature in members])
            views = [view for view, _ in members]
            drawn["clustered_map"] = clustered_map(heat, row_groups=classes, column_groups=views)
        if self.perf_ is not None:
            reused = self.faithful and self.tuning_ is not None
            note = "keep_x was tuned with them, as mixOmics does: optimistic." if reused else NESTED
            drawn["component_errors"] = component_errors(self.perf_, note=note)
        return drawn

    def components_worth_having(self, measure: str = "ber") -> pd.DataFrame:
        """Number of components for each distance (rows) and vote (columns), by `ber` or `overall` error.

        A further component must better the error by a one-sided t-test over repeats. Needs `perf_repeats`.
        """
        import pandas as pd

        check_is_fitted(self, "model_")
        if self.perf_ is None:
            raise UsageError("nothing was cross-validated", do="fit with perf_repeats of 3 or more")
        return pd.Series(choices(self.perf_, measure)).unstack()

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        check_is_fitted(self, "model_")
        arrays, model = state_arrays(self.model_)
        arrays |= {f"profile/{name}": values for name, values in self.profiles_.items()}
        arrays |= {f"explained/{name}": values for name, values in self.explained_variance_.items()}
        arrays |= {f"ave/{name}": values for name, values in self.ave_.items()}
        members, alike = self.similarity_
        arrays |= {"similarity": alike, "heat": self.heat_, "codes": self.codes_}
        arrays |= {f"correlations/{name}": values for name, values in self.correlations_.items()}
        facts = {
            "model": model,
            "classes": self.classes_.tolist(),
            "keep_x": {name: list(keep) for name, keep in self.keep_x_.items()},
            "tuning": _tuning_facts(self.tuning_),
            "perf": self.perf_,
            "constant": self.constant_features_,
            "similarity": [list(member) for member in members],
        }
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, self._name_facts() | facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls(**{name: getattr(config, name) for name in type(config).model_fields})
        self.model_ = from_arrays(arrays, meta["model"])
        self.classes_ = np.asarray(meta["classes"])
        self._restore_names(meta)
        self.keep_x_ = {name: tuple(keep) for name, keep in meta["keep_x"].items()}
        self.tuning_ = _tuning_from(meta["tuning"])
        self.perf_ = meta["perf"]
        self.constant_features_ = {name: list(names) for name, names in meta["constant"].items()}
        self.n_iter_ = np.array(self.model_.iterations)
        parts = ("profile", "explained", "ave", "correlations")
        self.profiles_, self.explained_variance_, self.ave_, self.correlations_ = (
            _with_prefix(arrays, part) for part in parts
        )
        self.heat_, self.codes_ = arrays["heat"], arrays["codes"]
        self.similarity_ = ([(name, column) for name, column in meta["similarity"]], arrays["similarity"])
        return self

    def _config(self) -> Config:
        given = self.get_params(deep=False)
        return Config.parse({**given, "tune_grids": given["tune_grids"] or {}}, source="Diablo")


def build(config: Config) -> Diablo:
    """The estimator of a configuration."""
    return Diablo(**{name: getattr(config, name) for name in type(config).model_fields})


def _rules(config: Config, values: Mapping[str, np.ndarray]) -> PlsdaRules:
    return PlsdaRules(
        config.ncomp,
        keep_by_view(config.keep_x, config.ncomp, {name: block.shape[1] for name, block in values.items()}),
        make_design(config.design, list(values)),
        config.scheme,
        config.mode,
        config.init,
        config.scale,
        config.tol,
        config.max_iter,
        config.near_zero_var,
    )


def _tuned(
    config: Config, values: Mapping[str, np.ndarray], codes: np.ndarray, groups: Any
) -> tuple[PlsdaRules, Tuning | None]:
    """Rules of the model, keep_x as given or tuned on these samples; what was tried, None where nothing was.

    Where a class is too small for folds, the middle of the grid.
    """
    rules = _rules(config, values)
    if config.keep_x is not None:
        return rules, None
    if unknown := [name for name in config.tune_grids if name not in values]:
        raise ViewsError("tune_grids names unknown views", got=", ".join(unknown), expected=", ".join(values))
    folds = tuning_folds(codes, config, groups)
    if folds is None:
        return _rules(config.replace(keep_x=(config.middle(),) * config.ncomp), values), None
    grid = dict.fromkeys(values, config.tune_grid) | config.tune_grids
    search = TuningRules(
        grid, config.distance_asked(), config.vote, config.ties(), config.tune_search, config.random_state
    )
    found = tune_keep(values, codes, rules, search, folds=folds)
    return _rules(config.replace(keep_x=found.keep), values), found


def _perf(
    config: Config, values: Mapping[str, np.ndarray], codes: np.ndarray, rules: PlsdaRules, groups: Any
) -> list[dict[str, Any]] | None:
    """Errors by number of components; `faithful` keeps the rules that were tuned with the samples held out here."""
    folds = perf_folds(codes, config, groups)
    if folds is None:
        return None

    def tuned_without(train: np.ndarray) -> PlsdaRules:
        own = None if groups is None else np.asarray(groups)[train]
        return _tuned(config, {name: block[train] for name, block in values.items()}, codes[train], own)[0]

    nested = config.keep_x is None and not config.faithful
    mahalanobis: Distance = "mahalanobis-mixomics" if config.faithful else "mahalanobis"
    return cross_validated_errors(
        values,
        codes,
        tuned_without if nested else rules,
        folds=folds,
        distances=("max", "centroids", mahalanobis),
        ties=config.ties(),
    )


def _tuning_facts(tuning: Tuning | None) -> dict[str, Any] | None:
    if tuning is None:
        return None
    errors = [[[list(choice), error] for choice, error in table.items()] for table in tuning.errors]
    return {"keep": {name: list(keep) for name, keep in tuning.keep.items()}, "errors": errors, "search": tuning.search}


def _tuning_from(facts: Mapping[str, Any] | None) -> Tuning | None:
    if facts is None:
        return None
    errors = tuple({tuple(choice): error for choice, error in table} for table in facts["errors"])
    return Tuning({name: tuple(keep) for name, keep in facts["keep"].items()}, errors, facts["search"])


def _with_prefix(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.split("/", 1)[1]: values for name, values in arrays.items() if name.startswith(f"{prefix}/")}
