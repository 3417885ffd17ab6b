"""The autoencoder of several views as an estimator; the network itself is in nn/multiview_autoencoder.py."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from chiasma.core.errors import list_some, unknown_name
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.fit.checkpoint import load_module, module_arrays
from chiasma.fit.loop import build_seeded, train
from chiasma.fit.progress import Silent
from chiasma.methods.omics.autoencoder.config import Config
from chiasma.methods.omics.autoencoder.inputs import COUNTS, ViewInput, choose_likelihoods
from chiasma.methods.omics.autoencoder.reconstruction import pictures, reconstruction_rows
from chiasma.methods.omics.autoencoder.task import ViewsTask
from chiasma.nn.multiview_autoencoder import MultiviewAutoencoder, ViewShape
from chiasma.stats.pls.block_scaling import Scaling
from chiasma.stats.views import ViewsError, to_arrays
from chiasma.stats.views_representation import NamedViews

if TYPE_CHECKING:
    import pandas as pd

    from chiasma.data.results import Figure

_LEAST_TO_HOLD_OUT = 20
"""Samples below which none are kept to choose the epoch by."""


class Autoencoder(NamedViews, TransformerMixin, BaseEstimator):
    """Factors from which a network rebuilds every view of a sample, each by its own likelihood.

    The parameters are the fields of `Config`, which says what they mean; they are validated in `fit`. In the
    variational kind samples may lack views in the fit and later; whatever is absent is predicted from the rest.
    Further fitted attributes are those of `NamedViews`.

    Attributes:
        likelihoods_: of each view, as asked for or found.
        weights_: of the network, by name.
        n_parameters_: trainable parameters.
        history_: one dict an epoch: train_loss, valid_loss and more.
        validation_: how well the samples that chose the epoch are rebuilt: view, source, metric, value, samples;
            none where no sample was kept for that. A fit scores samples that chose nothing besides.
        factors_: what `transform` gives of the samples of the fit (sample, factor).
    """

    def __init__(
        self,
        *,
        kind: str = "variational",
        factors: int = 16,
        hidden: int = 64,
        decoder: int = 64,
        activation: str = "elu",
        likelihood: str = "auto",
        per_view: Any = None,
        log1p: bool = False,
        scale: bool = True,
        balance: bool = True,
        kl_weight: float = 1.0,
        view_dropout: float = 0.5,
        valid_share: float = 0.15,
        random_state: int = 0,
        training: Any = None,
    ) -> None:
        self.kind = kind
        self.factors = factors
        self.hidden = hidden
        self.decoder = decoder
        self.activation = activation
        self.likelihood = likelihood
        self.per_view = per_view
        self.log1p = log1p
        self.scale = scale
        self.balance = balance
        self.kl_weight = kl_weight
        self.view_dropout = view_dropout
        self.valid_share = valid_share
        self.random_state = random_state
        self.training = training

    def fit(self, X: Any, y: Any = None, *, device: str = "auto") -> Self:
        """Train on views X; y is not looked at.

        Args:
            X: mapping of DataFrames, arrays or Matrix (sample, feature), or a Views; NaN where missing, a row of NaN
                where a sample lacks the view.
            y: there for scikit-learn.
            device: auto, cuda, mps or cpu.

        Raises:
            UsageError: a parameter is wrong. ViewsError: the views are, or their values do not fit the likelihood.
        """
        config = self._config()
        data = to_arrays(X)
        present = _present(data.values, data.n_samples, needs_all=config.kind == "plain")
        self.likelihoods_ = choose_likelihoods(config, data.values, data.features)
        self._name(data)
        kept = _kept(config, data.n_samples)
        self.inputs_ = {
            name: ViewInput.learn(
                values[~kept], likelihood=self.likelihoods_[name], log1p=config.log1p, scale=config.scale
            )
            for name, values in data.values.items()
        }
        arrays = self._arrays(data.values, present)
        everyone = np.arange(data.n_samples)
        parts = {"train": everyone[~kept], "valid": everyone[kept], "all": everyone}
        task = ViewsTask(config, arrays, parts)
        seed = config.random_state
        network = build_seeded(lambda one, _: _network(one, self._widths(), self.likelihoods_), config, 0, seed=seed)
        self._begin_at_the_mean(network, {name: values[~kept] for name, values in data.values.items()})
        with tempfile.TemporaryDirectory() as folder:
            history = train(task, network, config.training, seed=seed, folder=folder, device=device, progress=Silent())
        self.weights_ = module_arrays(network)
        self.n_parameters_ = history.parameters
        self.history_ = [dict(row) for row in history.epochs]
        self.factors_ = self._with_depth(self._encode(data.values, present), data.values)
        chosen_by = {name: values[kept] for name, values in data.values.items()}
        self.validation_ = self._judge(chosen_by) if kept.any() else []
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Factors of samples, and depths of views of counts (sample, factor); a variational one takes any views.

        Depth is the logarithm of a sample's total over the median of the fit, 0 where the view is absent. The factors
        know nothing of it; with it counts can be rebuilt.
        """
        values, present = self._new(X)
        return self._with_depth(self._encode(values, present), values)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """factor1, factor2, ..., depth_VIEW; `input_features` is there for scikit-learn and not used."""
        check_is_fitted(self)
        names = [f"factor{number + 1}" for number in range(self.factors)]
        return np.asarray([*names, *(f"depth_{name}" for name in self._counted())], dtype=object)

    def reconstruct(self, factors: np.ndarray) -> dict[str, np.ndarray]:
        """What `transform` gave (sample, factor) says of every view (sample, feature), in the units of the input."""
        sizes = {name: np.full(len(factors), self.inputs_[name].size) for name in self.views_}
        for name, depth in zip(self._counted(), factors[:, self.factors :].T):
            sizes[name] = self.inputs_[name].size * np.exp(depth)
        return self._decode(factors[:, : self.factors], sizes)

    def impute(self, X: Any, *, source: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """Every view of every sample (sample, feature), predicted from what it has.

        Args:
            X: views, some of which may be absent if variational.
            source: views that may be looked at; all by default.

        Raises:
            UsageError: `source` names a view that is unknown. ViewsError: a sample has none of them.
        """
        values, present = self._new(X)
        allowed = list(self.views_) if source is None else list(source)
        for name in allowed:
            if name not in self.views_:
                raise unknown_name("view", name, self.views_)
        present = present * np.array([float(name in allowed) for name in self.views_])
        _require_some(present)
        sizes = {name: self.inputs_[name].sizes(values[name]) for name in self.views_}
        return self._decode(self._encode(values, present), sizes)

    def reconstruction_scores(self, X: Any) -> pd.DataFrame:
        """How well views are rebuilt: rows of view, source (all views, the others, one view), metric, value, samples.

        r2 is the share of variance about the mean of the fit that is explained, in Gaussian views over scaled features
        and in counts over scaled logarithms of counts brought to the same depth; auroc is of the entries of a view of 0
        and 1. Only entries that were measured count.
        """
        import pandas as pd

        values, _ = self._new(X)
        return pd.DataFrame(self._judge(values))

    def figures(self) -> dict[str, tuple[Figure, pd.DataFrame]]:
        """The loss over epochs, how well views are rebuilt, and the samples on two factors, each with its table."""
        check_is_fitted(self)
        factors = self.factors_[:, : self.factors]
        return pictures(self.history_, self.validation_, factors, list(self.get_feature_names_out()))

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything fitted, as named arrays and JSON-ready facts."""
        check_is_fitted(self)
        arrays = {f"network/{name}": values for name, values in self.weights_.items()}
        arrays |= {f"mean/{name}": one.scaling.mean for name, one in self.inputs_.items()}
        arrays |= {f"sd/{name}": one.scaling.sd for name, one in self.inputs_.items()}
        arrays["factors"] = self.factors_
        facts = {
            "likelihoods": self.likelihoods_,
            "sizes": {name: one.size for name, one in self.inputs_.items()},
            "log1p": {name: one.log1p for name, one in self.inputs_.items()},
            "parameters": self.n_parameters_,
            "history": self.history_,
            "validation": self.validation_,
        }
        return {name: np.ascontiguousarray(values) for name, values in arrays.items()}, self._name_facts() | facts

    @classmethod
    def from_state(cls, config: Config, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Self:
        """The estimator that `state` was taken from."""
        self = cls(**{name: getattr(config, name) for name in type(config).model_fields})
        self._restore_names(meta)
        self.likelihoods_ = {name: meta["likelihoods"][name] for name in self.views_}
        self.inputs_ = {
            name: ViewInput(
                self.likelihoods_[name],
                meta["log1p"][name],
                Scaling(arrays[f"mean/{name}"], arrays[f"sd/{name}"]),
                float(meta["sizes"][name]),
            )
            for name in self.views_
        }
        self.weights_ = {
            name.removeprefix("network/"): values for name, values in arrays.items() if name.startswith("network/")
        }
        self.n_parameters_, self.factors_ = int(meta["parameters"]), arrays["factors"]
        self.history_, self.validation_ = list(meta["history"]), list(meta["validation"])
        return self

    def _config(self) -> Config:
        given = {name: value for name, value in self.get_params(deep=False).items() if value is not None}
        return Config.parse(given, source="Autoencoder")

    def _widths(self) -> dict[str, int]:
        return {name: len(self.feature_names_[name]) for name in self.views_}

    def _new(self, X: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Values of every view of the fit, NaN where absent, and whether a sample has a view (sample, view)."""
        check_is_fitted(self)
        data = to_arrays(X)
        aligned = self._aligned(data)
        blank = {name: np.full((data.n_samples, width), np.nan) for name, width in self._widths().items()}
        values = {name: aligned.get(name, blank[name]) for name in self.views_}
        return values, _present(values, data.n_samples, needs_all=self._config().kind == "plain")

    def _arrays(self, values: Mapping[str, np.ndarray], present: np.ndarray) -> dict[str, np.ndarray]:
        """What the task takes, float32."""
        arrays = {"present": present.astype(np.float32)}
        for index, name in enumerate(self.views_):
            own = self.inputs_[name]
            arrays[f"x{index}"] = own.encoded(values[name]).astype(np.float32)
            arrays[f"y{index}"] = own.target(values[name]).astype(np.float32)
            arrays[f"s{index}"] = own.sizes(values[name])[:, None].astype(np.float32)
        return arrays

    def _begin_at_the_mean(self, network: Any, values: Mapping[str, np.ndarray]) -> None:
        """Let counts and bits begin at their means: a profile of thousands of features is not left to small steps."""
        for head, name in zip(network.heads, self.views_):
            bias = self.inputs_[name].start(values[name])
            if bias is not None:
                head.bias.data.copy_(torch.from_numpy(bias))

    def _ready(self) -> MultiviewAutoencoder:
        """The network in double precision: what it says of a sample does not depend on those beside it."""
        network = _network(self._config(), self._widths(), self.likelihoods_)
        load_module(network, self.weights_)
        return network.double().eval()

    def _encode(self, values: Mapping[str, np.ndarray], present: np.ndarray) -> np.ndarray:
        inputs = [torch.from_numpy(self.inputs_[name].encoded(values[name])) for name in self.views_]
        with torch.no_grad():
            return self._ready().encode(inputs, torch.from_numpy(present)).mean.numpy()

    def _counted(self) -> list[str]:
        """Views of counts."""
        return [name for name in self.views_ if self.likelihoods_[name] in COUNTS]

    def _with_depth(self, factors: np.ndarray, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Factors with the depth of each view of counts beside them."""
        depths = [np.log(self.inputs_[name].sizes(values[name]) / self.inputs_[name].size) for name in self._counted()]
        return np.column_stack([factors, *depths])

    def _decode(self, factors: np.ndarray, sizes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        network = self._ready()
        z = torch.from_numpy(np.ascontiguousarray(factors, dtype=np.float64))
        with torch.no_grad():
            decoded = network.decode(z, [torch.from_numpy(sizes[name])[:, None] for name in self.views_])
            made = {}
            for index, name in enumerate(self.views_):
                values = self.inputs_[name].restored(decoded[index].numpy())
                if self.likelihoods_[name] == "zinb":
                    values = values / (1 + np.exp(network.zero_logits(z, index).numpy()))
                made[name] = values
        return made

    def _judge(self, values: dict[str, np.ndarray]) -> list[dict[str, Any]]:
        several = len(self.views_) > 1 and self._config().kind == "variational"
        rows: list[dict[str, Any]] = []
        for name in self.views_:
            others = [view for view in self.views_ if view != name]
            sources = {"all views": list(self.views_)}
            if several:
                sources |= {"the other views": others} | {view: [view] for view in others if len(others) > 1}
            for label, source in sources.items():
                rows += self._judge_from(values, name, label, source)
        return rows

    def _judge_from(
        self, values: dict[str, np.ndarray], name: str, label: str, source: list[str]
    ) -> list[dict[str, Any]]:
        """The row of one view as predicted from some, over samples that have it and any of those."""
        have = {view: (~np.isnan(block)).any(axis=1) for view, block in values.items()}
        usable = have[name] & np.any([have[view] for view in source], axis=0)
        if not usable.any():
            return []
        part = {view: block[usable] for view, block in values.items()}
        made = self.impute(part, source=source)[name]
        return [
            {"view": name, "source": label, **row, "samples": int(usable.sum())}
            for row in reconstruction_rows(self.inputs_[name], part[name], made)
        ]


def build(config: Config) -> Autoencoder:
    """The estimator of a configuration."""
    return Autoencoder(**{name: getattr(config, name) for name in type(config).model_fields})


def count_parameters(config: Config, data: Dataset) -> int:
    """Trainable parameters of the network that a configuration makes for the views of a Dataset."""
    arrays = to_arrays(data.x)
    likelihoods = choose_likelihoods(config, arrays.values, arrays.features)
    widths = {name: values.shape[1] for name, values in arrays.values.items()}
    return sum(weights.numel() for weights in _network(config, widths, likelihoods).parameters())


def _network(config: Config, widths: Mapping[str, int], likelihoods: Mapping[str, Any]) -> MultiviewAutoencoder:
    shapes = []
    for name, width in widths.items():
        units, activation = config.of_view(name, "hidden"), config.of_view(name, "activation")
        shapes.append(ViewShape(width, min(units, width), activation, likelihoods[name]))
    return MultiviewAutoencoder(
        shapes, factors=config.factors, decoder=config.decoder, variational=config.kind == "variational"
    )


def _present(values: Mapping[str, np.ndarray], n_samples: int, *, needs_all: bool) -> np.ndarray:
    """Whether a sample has a view, 1.0 or 0.0 (sample, view).

    Raises:
        ViewsError: a sample has none, or lacks one where all are needed.
    """
    present = np.stack([(~np.isnan(block)).any(axis=1) for block in values.values()], axis=1).astype(np.float64)
    assert present.shape[0] == n_samples
    _require_some(present)
    for index, name in enumerate(values):
        if needs_all and not present[:, index].all():
            rows = np.flatnonzero(present[:, index] == 0)
            raise ViewsError(
                f"{len(rows)} samples lack view {name}",
                got=f"rows {list_some(rows)}",
                expected="every view of every sample",
                do="leave them out, or choose kind=variational, which takes samples that lack views",
            )
    return present


def _require_some(present: np.ndarray) -> None:
    empty = np.flatnonzero(present.sum(axis=1) == 0)
    if len(empty):
        raise ViewsError(
            f"{len(empty)} samples have no value in any view that is looked at",
            got=f"rows {list_some(empty)}",
            do="leave them out",
        )


def _kept(config: Config, n_samples: int) -> np.ndarray:
    """Samples kept from the training to choose the epoch by (sample,)."""
    kept = np.zeros(n_samples, dtype=bool)
    if n_samples >= _LEAST_TO_HOLD_OUT and config.valid_share > 0:
        count = max(1, round(config.valid_share * n_samples))
        kept[generator(config.random_state, "valid").permutation(n_samples)[:count]] = True
    return kept
