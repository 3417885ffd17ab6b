"""MINT as a scikit-learn estimator: sparse PLS-DA over several studies, each scaled by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chiasma.core.errors import InsufficientDataError, list_some
from chiasma.methods.omics.mint.config import Config
from chiasma.stats.matrix_input import VIEW
from chiasma.stats.pls.block_plsda import PlsdaRules
from chiasma.stats.pls.block_scaling import Scaling, StudyScaling, learn_study_scaling
from chiasma.stats.pls.block_summary import correlations
from chiasma.stats.pls.block_tuning import TuningRules, tune_keep
from chiasma.stats.pls.plsda_classifier import SparsePlsda, make_rules
from chiasma.stats.pls.plsda_prediction import Verdict, decide
from chiasma.stats.pls.plsda_state import class_profiles

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure

ONE_STUDY = "all"
"""Name of the study where none is given."""


class StudiesError(InsufficientDataError, ValueError):
    """Studies that cannot be scaled by themselves; also a ValueError, as scikit-learn expects of an estimator."""


class Mint(SparsePlsda):
    """Sparse components that tell classes apart in every one of several studies, whatever sets the studies apart.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Further fitted
    attributes are those of `PlsdaClassifier` and `SparsePlsda`; variates are those of the samples scaled in their
    studies, and tuning errors are over left-out studies.

    Attributes:
        scaling_: of each study, and the common one.
        partial_correlations_: of the class's variate with that of the samples of each study (study, component): a
            study in which a component does not hold stands out.
    """

    config_class = Config

    def __init__(
        self,
        *,
        ncomp: int = 2,
        keep_x: Any = None,
        mode: str = "regression",
        scale: bool = True,
        tol: float = 1e-6,
        max_iter: int = 100,
        near_zero_var: bool = False,
        distance: str = "centroids",
        tune_grid: tuple[int, ...] = (5, 10, 20, 50),
        perf: bool = False,
    ) -> None:
        self.ncomp = ncomp
        self.keep_x = keep_x
        self.mode = mode
        self.scale = scale
        self.tol = tol
        self.max_iter = max_iter
        self.near_zero_var = near_zero_var
        self.distance = distance
        self.tune_grid = tune_grid
        self.perf = perf

    def fit(self, X: Any, y: Any, *, study: Any = None) -> Self:
        """Fit to X (sample, feature), a DataFrame, array or Matrix with NaN where missing, and classes y (sample,).

        Args:
            X: the samples of all studies.
            y: class of each sample.
            study: name of each sample's study (sample,); without it all are one study.

        Raises:
            UsageError: a parameter is wrong. ValueError: the data are, have one class only, or a study of one sample.
        """
        config = self._config()
        values, codes = self._learn(X, y)
        names = _names(study, len(values))
        _refuse_small(names)
        rules, self.tuning_errors_ = _tuned(config, values, codes, names)
        self.keep_x_ = rules.keep[VIEW]
        self._fit_model(values, codes, config, rules, study=names)
        self.scaling_ = learn_study_scaling(values, names, scale=config.scale, drop_near_zero=config.near_zero_var)
        brought = {VIEW: self.scaling_.bring(values, names, scale=config.scale)}
        self._summarise(brought[VIEW], codes)
        self.profile_ = class_profiles(self.model_, brought, codes)[VIEW]
        scores, response = self.model_.blocks[VIEW].variates, self.model_.y_variates
        self.partial_correlations_ = np.stack(
            [np.diag(correlations(scores[names == name], response[names == name])) for name in self.scaling_.studies]
        )

        def tuned_without(train: np.ndarray) -> PlsdaRules:
            return _tuned(config, values[train], codes[train], names[train])[0]

        nested = rules if config.keep_x is not None else tuned_without
        self._judge(values, codes, nested, folds=_studies_out(codes, names) if config.perf else None, study=names)
        return self

    def predict(self, X: Any, *, study: Any = None) -> np.ndarray:
        """Class of each sample (sample,); `study` as in `decide`."""
        classes = self.decide(X, study=study).classes
        return self.classes_[classes]

    def predict_proba(self, X: Any, *, study: Any = None) -> np.ndarray:
        """Probability of each class (sample, class), as in `PlsdaClassifier`; `study` as in `decide`."""
        return self.decide(X, study=study).probabilities

    def transform(self, X: Any, *, study: Any = None) -> np.ndarray:
        """Variates (sample, component); `study` as in `decide`."""
        return self.decide(X, study=study).opinions[VIEW].variates

    def decide(self, X: Any, *, study: Any = None) -> Verdict:
        """Classes with probabilities, dummy response and variates.

        Args:
            X: new samples (sample, feature).
            study: name of each sample's study (sample,): one of the fit brings its scaling, another is scaled by its
                own samples given here. Without it samples are scaled by the mean of all and the common spread within
                studies.
        """
        values = self._new(X)
        config = self._config()
        if study is not None:
            names = _names(study, len(values))
            _refuse_small(names, known=self.scaling_.studies)
            values = self.scaling_.bring(values, names, scale=config.scale)
        return decide(self.model_, {VIEW: values}, distance=config.distance)

    def partial(self) -> pd.DataFrame:
        """How well each component holds in each study: correlation of variates with the class's (study, component)."""
        import pandas as pd

        index = pd.Index(list(self.scaling_.studies), name="study")
        columns = [f"comp{number + 1}" for number in range(self.model_.n_components)]
        return pd.DataFrame(self.partial_correlations_, index=index, columns=columns)

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained and circle of correlations, each with its table; errors by component if asked for."""
        from chiasma.plot.component_figures import matrix_figures

        return matrix_figures(self.correlations(), self.explained(), errors=self.perf_)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        arrays, facts = super().state()
        studies = list(self.scaling_.studies.values())
        arrays |= {"study/mean": np.stack([own.mean for own in studies]), "study/sd": np.stack([o.sd for o in studies])}
        arrays |= {"pooled/mean": self.scaling_.pooled.mean, "pooled/sd": self.scaling_.pooled.sd}
        arrays["partial"] = self.partial_correlations_
        return arrays, facts | {"studies": list(self.scaling_.studies)}

    @classmethod
    def from_state(cls, config: Any, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = super().from_state(config, arrays, meta)
        self.partial_correlations_ = arrays["partial"]
        each = zip(meta["studies"], arrays["study/mean"], arrays["study/sd"])
        pooled = Scaling(arrays["pooled/mean"], arrays["pooled/sd"])
        self.scaling_ = StudyScaling(pooled, {name: Scaling(mean, sd) for name, mean, sd in each})
        return self


def build(config: Config) -> Mint:
    """The estimator of a configuration."""
    return Mint(**{name: getattr(config, name) for name in type(config).model_fields})


def _studies_out(codes: np.ndarray, study: np.ndarray) -> list[np.ndarray] | None:
    """Fold of each sample (sample,), a study each; None where without a study fewer than two classes are left."""
    names, fold = np.unique(study, return_inverse=True)
    left = [np.unique(codes[fold != number]) for number in range(len(names))]
    return None if len(names) < 2 or min(len(classes) for classes in left) < 2 else [fold]


def _tuned(
    config: Config, values: np.ndarray, codes: np.ndarray, study: np.ndarray
) -> tuple[PlsdaRules, list[dict[int, float]] | None]:
    """Rules of the model, keep_x as given or tuned by leaving out studies; errors of what was tried, None if nothing
    was: where no study can be left out, the middle of the grid.
    """
    if config.keep_x is not None:
        return make_rules(config, config.keep_x, values.shape[1]), None
    folds = _studies_out(codes, study)
    if folds is None:
        return make_rules(config, sorted(config.tune_grid)[len(config.tune_grid) // 2], values.shape[1]), None
    tuning = TuningRules({VIEW: config.tune_grid}, config.distance)
    rules = make_rules(config, 1, values.shape[1])
    found = tune_keep({VIEW: values}, codes, rules, tuning, folds=folds, study=study)
    errors = [{choice[0]: error for choice, error in table.items()} for table in found.errors]
    return make_rules(config, found.keep[VIEW], values.shape[1]), errors


def _names(study: Any, n_samples: int) -> np.ndarray:
    if study is None:
        return np.full(n_samples, ONE_STUDY, dtype=object)
    names = np.asarray([str(name) for name in np.asarray(study, dtype=object).ravel()], dtype=object)
    if len(names) != n_samples:
        raise StudiesError("studies and samples differ in number", got=len(names), expected=n_samples)
    return names


def _refuse_small(study: np.ndarray, *, known: Any = ()) -> None:
    """A study is centred and scaled by its own samples: one is not enough, unless its scaling is known."""
    names, counts = np.unique(study, return_counts=True)
    small = [str(name) for name, count in zip(names, counts) if count < 2 and str(name) not in known]
    if small:
        raise StudiesError(
            f"{len(small)} studies of one sample",
            got=list_some(small),
            expected="two or more samples of each study",
            do="leave these samples out, or give them the study they belong to (--study FILE:COLUMN)",
        )
