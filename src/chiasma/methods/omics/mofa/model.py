"""Multi-omics factor analysis as an estimator in scikit-learn's manners."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from chiasma.core.errors import FitWarning, list_some
from chiasma.data.results import Figure
from chiasma.methods.omics.mofa.config import Config
from chiasma.methods.omics.mofa.device import pick_engine
from chiasma.plot.factors import draw_bound, draw_choice, draw_explained, draw_factors, draw_measured
from chiasma.stats.mofa.choose import Choice, choose_factors
from chiasma.stats.mofa.fit import TOLERANCE, Rules
from chiasma.stats.mofa.learn import Learnt, Settings, learn
from chiasma.stats.mofa.state import from_arrays, to_arrays
from chiasma.stats.mofa.views import check_samples, choose_likelihoods, left_out
from chiasma.stats.views import ViewsError, to_arrays as read_views
from chiasma.stats.views_representation import NamedViews

if TYPE_CHECKING:
    import pandas as pd

LIVE = 1e-9
"""Share of some view's variance from which a factor explains anything; one that was shut down has 1e-17 or less."""


class Mofa(NamedViews, TransformerMixin, BaseEstimator):
    """Factors of several views of the same samples, with the views and features in which each shows.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. Values may be
    missing, and samples may lack views, at the fit and after it. A study here is what the paper calls a group: a set
    of samples with means, noise and, if asked, relevance of factors of its own. Further fitted attributes are those of
    `NamedViews`.

    Attributes:
        likelihoods_: of each view.
        studies_: names of the studies, sorted; one name where none were given.
        factors_: place of the samples of the fit (sample, factor).
        n_factors_: factors kept.
        live_: whether a factor explains anything (factor,); where none does, all samples lie at exactly 0.
        remarks_: what must be known of this fit: that nothing was found, how many factors are dead, that a GPU
            could not fit these views.
        elbo_: evidence lower bound, the first before the first iteration.
        n_iter_: iterations.
        total_explained_: share of each view's variance that all factors explain together.
        left_out_: features that take no part, by view: `constant` and `unmeasured`.
        choice_: numbers of factors tried, or None.
        measured_: whether a sample of the fit has any value in a view (sample, view).
        learnt_: the fitted model.
    """

    def __init__(
        self,
        *,
        factors: int = 10,
        choose_from: tuple[int, ...] = (),
        likelihoods: Any = (),
        spike_slab: bool = True,
        scale_views: bool = True,
        scale_groups: bool = False,
        group_relevance: bool | None = None,
        drop_threshold: float = 0.0,
        convergence: str = "fast",
        max_iter: int = 1000,
        check_every: int = 1,
        faithful: bool = False,
        random_state: int = 0,
    ) -> None:
        self.factors = factors
        self.choose_from = choose_from
        self.likelihoods = likelihoods
        self.spike_slab = spike_slab
        self.scale_views = scale_views
        self.scale_groups = scale_groups
        self.group_relevance = group_relevance
        self.drop_threshold = drop_threshold
        self.convergence = convergence
        self.max_iter = max_iter
        self.check_every = check_every
        self.faithful = faithful
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, study: Any = None, device: str = "cpu") -> Self:
        """Fit to views X (mapping of name to (sample, feature)), NaN where missing.

        Args:
            X: mapping of DataFrames, arrays or Matrix, or a Views.
            y: not looked at.
            study: name of each sample's study (sample,); one study for all without it.
            device: where the bound is raised: cpu, compiled loops, fits everything; cuda, a GPU in float64, fits
                gaussian views in which a sample has every value or none; auto takes the GPU where there is one, and
                says so where the views do not suit it. The start, the places of samples on the factors and the choice
                of their number are the CPU's.

        Raises:
            UsageError: a parameter is wrong. ViewsError: the views are, or do not suit their likelihood.
            InsufficientDataError: more factors than samples or features. RunError: every factor was dropped.
        """
        config = self._config()
        data = read_views(X)
        check_samples(list(data.values.values()), where="the samples of the fit")
        self._name(data)
        self.studies_, codes = _studies(study, data.n_samples)
        self.likelihoods_ = choose_likelihoods(data.values, config.likelihood_of(), self.feature_names_)
        settings = self._settings(config)
        engine = pick_engine(device, self.views_)
        self.choice_ = None
        if config.choose_from:  # values are hidden one by one, which only the CPU engine can fit
            self.choice_ = choose_factors(data.values, codes, settings, numbers=config.choose_from)
            settings = self._settings(config.replace(factors=self.choice_.chosen))
        self.learnt_ = learn(data.values, codes, replace(settings, engine=engine))
        self.measured_ = np.column_stack([~np.isnan(values).all(axis=1) for values in data.values.values()])
        self._describe()
        grave = [line for line in (engine.refusal, self._nothing()) if line]
        for line in grave:
            warnings.warn(line, FitWarning, stacklevel=2)
        self.remarks_ = grave + self._dead()
        if not self.learnt_.converged:
            warnings.warn(
                f"the bound still changes after {config.max_iter} iterations; raise max_iter",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def transform(self, X: Any, *, study: Any = None) -> np.ndarray:
        """Place samples on the factors, exactly: the mean of the posterior given all else (sample, factor).

        Args:
            X: views, of which some may be absent; a value may be NaN.
            study: study of each sample (sample,). Without it, or where a name is new, means and noise are those of all
                studies together.

        Raises:
            ViewsError: the views do not fit those of the fit, or a sample has no value at all.
        """
        check_is_fitted(self, "learnt_")
        data = read_views(X)
        values = self._aligned(data)
        check_samples(list(values.values()), where="the samples to place")
        for name, likelihood in self.likelihoods_.items():
            if name in values:
                one = {name: values[name]}
                choose_likelihoods(one, {name: likelihood}, self.feature_names_)
        found = self.learnt_.infer(values, self._codes(study, data.n_samples))
        return np.ascontiguousarray(found.mean.T) * self.live_.any()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the factors: factor1, factor2, ..."""
        check_is_fitted(self, "learnt_")
        return np.asarray([f"factor{number + 1}" for number in range(self.n_factors_)], dtype=object)

    def reconstruct(self, factors: Any, *, study: Any = None) -> dict[str, np.ndarray]:
        """Expected values of each view (sample, feature) of samples at `factors` (sample, factor).

        In the units of the input; a probability for a bernoulli view, a rate for a poisson one.
        """
        check_is_fitted(self, "learnt_")
        points = np.asarray(factors, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.n_factors_:
            expected = f"(sample, {self.n_factors_})"
            raise ViewsError("not places on the factors", got=f"shape {points.shape}", expected=expected)
        return self.learnt_.rebuild(points, self._codes(study, len(points)))

    def loadings(self) -> dict[str, pd.DataFrame]:
        """Weights of each view, features as rows and factor1, factor2, ... as columns; 0 for features left out."""
        import pandas as pd

        names = self.get_feature_names_out()
        tables = {}
        for view, features in self.feature_names_.items():
            weights = np.zeros((len(features), self.n_factors_))
            weights[self.learnt_.frames[view].kept] = self.learnt_.views[view].mean.T
            tables[view] = pd.DataFrame(weights, index=pd.Index(features, name="feature"), columns=names)
        return tables

    def explained(self) -> pd.DataFrame:
        """Share of each view's variance that each factor alone explains (view, factor), over all studies."""
        import pandas as pd

        names = self.get_feature_names_out()
        return pd.DataFrame(self.learnt_.pooled()[:, :-1], index=pd.Index(self.views_, name="view"), columns=names)

    def explained_by_study(self) -> pd.DataFrame:
        """The same by study, and by all factors together as `total` ((study, view), factor)."""
        import pandas as pd

        shares = self.learnt_.explained.transpose(1, 0, 2)  # (study, view, factor + 1)
        index = pd.MultiIndex.from_product([self.studies_, self.views_], names=["study", "view"])
        columns = [*self.get_feature_names_out(), "total"]
        return pd.DataFrame(shares.reshape(len(index), -1), index=index, columns=columns)

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """Variance explained by view and factor, samples on each factor, what was measured, the bound, the choice."""
        import pandas as pd

        learnt = self.learnt_
        drawn = [
            draw_explained(self.explained_by_study()),
            draw_factors(self.factors_, list(self.get_feature_names_out()), self.learnt_.pooled()[:, :-1].sum(axis=0)),
            draw_measured(self.measured_, self.views_),
            draw_bound(learnt.checked[1:], learnt.bounds[1:]),
        ]
        if (choice := self.choice_) is not None:
            drawn.append(draw_choice(choice.tried, choice.scores, choice.errors, choice.chosen))
        return {figure.name: (figure, pd.DataFrame(figure.table)) for figure in drawn}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        check_is_fitted(self, "learnt_")
        arrays, model = to_arrays(self.learnt_)
        choice = self.choice_
        facts = {
            "model": model,
            "studies": list(self.studies_),
            "remarks": list(self.remarks_),
            "choice": None
            if choice is None
            else [choice.chosen, list(choice.tried), list(choice.scores), list(choice.errors)],
        }
        return arrays | {"measured": self.measured_}, self._name_facts() | facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = build(config)
        self.learnt_ = from_arrays(arrays, meta["model"])
        self._restore_names(meta)
        self.studies_ = list(meta["studies"])
        self.measured_ = arrays["measured"]
        self.remarks_ = list(meta["remarks"])
        found = meta["choice"]
        self.choice_ = None if found is None else Choice(found[0], *(tuple(part) for part in found[1:]))
        self.likelihoods_ = {name: view.likelihood for name, view in self.learnt_.views.items()}
        self._describe()
        return self

    def _config(self) -> Config:
        return Config.parse(self.get_params(deep=False), source="Mofa")

    def _settings(self, config: Config) -> Settings:
        several = len(self.studies_) > 1
        rules = Rules(
            spike_slab=config.spike_slab,
            group_relevance=several if config.group_relevance is None else config.group_relevance,
            drop_below=config.drop_threshold,
            tolerance=TOLERANCE[config.convergence],
            check_every=config.check_every,
            max_iterations=config.max_iter,
            faithful=config.faithful,
        )
        return Settings(
            config.factors,
            self.likelihoods_,
            config.scale_views,
            config.scale_groups,
            rules,
            config.random_state,
        )

    def _describe(self) -> None:
        learnt: Learnt = self.learnt_
        self.live_ = learnt.pooled()[:, :-1].max(axis=0) > LIVE
        self.factors_ = learnt.factors * self.live_.any()
        self.n_factors_ = learnt.n_factors
        self.elbo_ = np.asarray(learnt.bounds)
        self.n_iter_ = learnt.checked[-1]
        self.total_explained_ = dict(zip(self.views_, learnt.pooled()[:, -1].tolist(), strict=True))
        self.left_out_ = left_out(learnt.frames, self.feature_names_)

    def _nothing(self) -> str | None:
        if self.live_.any():
            return None
        return (
            f"no factor explains anything of any view, of {len(self.live_)} that were begun with: nothing shared was "
            "found, all samples lie at 0, and a prediction from their places knows no more than how frequent the "
            "classes are"
        )

    def _dead(self) -> list[str]:
        """A line that counts the factors that were shut down beside others that live."""
        dead = np.flatnonzero(~self.live_)
        if not self.live_.any() or not len(dead):
            return []
        named = list_some([f"factor{number + 1}" for number in dead])
        return [f"{len(dead)} of {len(self.live_)} factors explain nothing of any view ({named})"]

    def _codes(self, study: Any, n_samples: int) -> np.ndarray:
        if study is None:
            return np.full(n_samples, 0 if len(self.studies_) == 1 else -1)
        names = [str(name) for name in np.asarray(study, dtype=object)]
        _require_length(names, n_samples)
        place = {name: code for code, name in enumerate(self.studies_)}
        return np.array([place.get(name, -1) for name in names])


def build(config: Config) -> Mofa:
    """The estimator of a configuration."""
    return Mofa(**{name: getattr(config, name) for name in type(config).model_fields})


def _studies(study: Any, n_samples: int) -> tuple[list[str], np.ndarray]:
    if study is None:
        return ["all"], np.zeros(n_samples, dtype=np.intp)
    names = [str(name) for name in np.asarray(study, dtype=object)]
    _require_length(names, n_samples)
    distinct, codes = np.unique(names, return_inverse=True)
    return distinct.tolist(), codes


def _require_length(names: list[str], n_samples: int) -> None:
    if len(names) != n_samples:
        raise ViewsError("studies and samples differ in number", got=len(names), expected=n_samples)
