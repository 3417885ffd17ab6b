"""A representation with a logistic head: factors learnt without the classes, and a linear model on them that tells
the classes apart, so that a method without a target stands in every comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from chiasma.core.config import Config
from chiasma.core.errors import InsufficientDataError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views
from chiasma.fit.contracts import STUDY, State, ask, fit_representation
from chiasma.rivals.linear import Held, LinearFit, fit_linear
from chiasma.workflow.method import Method

STRENGTHS = (10.0, 1.0, 0.1, 0.01, 0.001)
"""L2 penalties tried on standardised factors, strongest first; chosen by cross-validation over the train part."""
FOLDS = 5
_EMBEDDING = "embedding/"
_NOISE = 1e-9
"""Spread, as a share of the widest factor's, below which a factor is noise."""


def living(factors: np.ndarray) -> np.ndarray:
    """Whether each factor (factor,) tells samples apart, of their places (sample, factor): its spread is not noise."""
    spread = factors.std(axis=0)
    return np.asarray(spread > _NOISE * spread.max(initial=0.0))


class Headed:
    """A representation and a logistic regression on its standardised factors, in scikit-learn's manners.

    The representation is learnt from all samples of `fit` without their classes; the head from the factors that
    `transform` gives those samples, so that it reads new ones as it read its own. Its penalty is chosen by
    cross-validation over units.

    Attributes:
        embedding: the representation.
        classes_: class labels, sorted (class,).
        head_: the logistic regression on standardised factors.
    """

    def __init__(self, embedding: Any, *, procedure: bool = False, seed: int = 1, device: str = "auto") -> None:
        self.embedding, self.procedure, self.seed, self.device = embedding, procedure, seed, device

    def fit(self, X: Any, y: Any, *, groups: Any = None, study: Any = None) -> Self:
        """Learn factors of X (a table, a mapping of tables, Matrix or Views), then classes y (sample,) from them.

        Raises:
            InsufficientDataError: fewer than two classes.
        """
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise InsufficientDataError("only one class is present", got=f"{self.classes_}", expected="two or more")
        unit = np.arange(len(codes)) if groups is None else np.asarray(groups)
        columns = {} if study is None else {STUDY: np.asarray(study, dtype=object)}
        data = Dataset(np.arange(len(codes)), as_noun(X), Target("none", np.zeros(0), ()), unit, columns=columns)
        fit_representation(self.embedding, data, X, procedure=self.procedure, seed=self.seed, device=self.device)
        factors = factors_of(self.embedding, X, study=study)
        self.centre_ = factors.mean(axis=0)
        # A factor that died holds rounding noise only; standardised, it would speak as loud as the others.
        self.scale_ = np.where(living(factors), factors.std(axis=0), np.inf)
        kind: Any = "binary" if len(self.classes_) == 2 else "multiclass"
        target = Target(kind, codes.astype(np.int64), tuple(map(str, self.classes_)))
        self.head_: LinearFit = fit_linear(
            self._design(factors), target, unit, strengths=STRENGTHS, seed=self.seed, folds=FOLDS
        )
        return self

    def transform(self, X: Any, *, study: Any = None) -> np.ndarray:
        """Factors of samples (sample, factor)."""
        return factors_of(self.embedding, X, study=study)

    def predict_proba(self, X: Any, *, study: Any = None) -> np.ndarray:
        """Probability of each class (sample, class)."""
        return self.head_.predict(self._design(self.transform(X, study=study)))

    def predict(self, X: Any, *, study: Any = None) -> np.ndarray:
        """Class of each sample (sample,): the likeliest."""
        best = self.predict_proba(X, study=study).argmax(axis=1)
        return self.classes_[best]

    def weights(self) -> Any:
        """Weights of the standardised factors, a table (factor, class); one column, of the second, for two classes."""
        import pandas as pd

        classes = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        return pd.DataFrame(
            self.head_.weights, index=pd.Index(factor_names(self.embedding), name="factor"), columns=classes
        )

    def state(self) -> State:
        """Named arrays and facts of the representation and of its head."""
        arrays, facts = self.embedding.state()
        named = {f"{_EMBEDDING}{name}": array for name, array in arrays.items()}
        named |= {"head/weights": np.ascontiguousarray(self.head_.weights), "head/intercept": self.head_.intercept}
        named |= {"head/centre": self.centre_, "head/scale": self.scale_}
        about = {"classes": self.classes_.tolist(), "strength": self.head_.strength, "kind": self.head_.kind}
        return named, {"embedding": facts, "head": {**about, "procedure": self.procedure, "seed": self.seed}}

    @classmethod
    def from_state(
        cls, kind: type[Any], config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
    ) -> Self:
        """Fitted again; `kind` is the representation's class."""
        own = {name.removeprefix(_EMBEDDING): a for name, a in arrays.items() if name.startswith(_EMBEDDING)}
        facts = meta["head"]
        embedding = kind.from_state(config, own, meta["embedding"])
        self = cls(embedding, procedure=facts["procedure"], seed=facts["seed"])
        self.classes_ = np.asarray(facts["classes"])
        self.centre_, self.scale_ = arrays["head/centre"], arrays["head/scale"]
        weights, intercept = arrays["head/weights"], arrays["head/intercept"]
        names = tuple(map(str, self.classes_))
        self.head_ = LinearFit(facts["kind"], weights, intercept, float(facts["strength"]), names)
        return self

    def _design(self, factors: np.ndarray) -> Held:
        return Held(np.nan_to_num((factors - self.centre_) / self.scale_, nan=0.0))


def build_model(method: Method, config: Config, *, classes: bool, seed: int, device: str = "auto") -> Any:
    """A fresh model of a matrix method; a representation gets a head where there are classes to tell apart."""
    model = method.module("model").build(config)
    if classes and method.card.represents:
        return Headed(model, procedure=method.card.contract == "procedure", seed=seed, device=device)
    return model


def representation_of(model: Any) -> Any:
    """The representation itself, without its head."""
    return model.embedding if isinstance(model, Headed) else model


def factors_of(representation: Any, X: Any, *, study: Any = None) -> np.ndarray:
    """Factors of samples (sample, factor), those of several views side by side; `study` of each sample, if known."""
    found = ask(representation.transform, X, study=study)
    blocks = list(found.values()) if isinstance(found, Mapping) else [found]
    return np.column_stack([np.asarray(block, dtype=np.float64) for block in blocks])


def factor_names(representation: Any) -> list[str]:
    """Names of the factors, as the method gives them."""
    return [str(name) for name in representation.get_feature_names_out()]


def as_noun(x: Any) -> Matrix | Views:
    """Tables as a Matrix or Views; nouns unchanged."""
    if isinstance(x, Matrix | Views):
        return x
    if isinstance(x, Mapping):
        return Views({str(name): _matrix(block) for name, block in x.items()})
    return _matrix(x)


def _matrix(block: Any) -> Matrix:
    if isinstance(block, Matrix):
        return block
    values = np.asarray(block, dtype=np.float64)
    samples = getattr(block, "index", [f"sample{row}" for row in range(len(values))])
    features = getattr(block, "columns", [f"x{column}" for column in range(values.shape[1])])
    return Matrix(values, np.asarray(list(samples), dtype=object), np.asarray(list(features), dtype=object))
