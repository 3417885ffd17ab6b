"""A fitted model: predicts on a Dataset, goes to and from named arrays, never a pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.checks import require_valid
from chiasma.core.config import Config
from chiasma.core.errors import MismatchError, NotTrainedError, list_some, unknown_name
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views
from chiasma.fit.contracts import STUDY, ask, refusals
from chiasma.run.folder import require_run
from chiasma.workflow.fitting.head import Headed, factors_of, representation_of
from chiasma.workflow.method import Method, load_method


@dataclass(frozen=True, eq=False)
class Fitted:
    """A method with its learnt state.

    Attributes:
        method: which method.
        config: its configuration.
        target: kind, names and unit of what it predicts (values empty).
        model: an nn.Module or an estimator.
        meta: what prediction needs besides the weights: window length, means, temperature, conformal thresholds.
    """

    method: Method
    config: Config
    target: Target
    model: Any
    meta: dict[str, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the prediction's columns: the factors where there is no target."""
        if self.target.kind == "none":
            return tuple(self.meta["factors"])
        prefix = "yhat_" if self.target.kind == "regression" else "p_"
        return tuple(prefix + name for name in self.target.names)

    @property
    def heads(self) -> tuple[str, ...]:
        """Genomes whose tracks the network learnt, each by a head of its own; none where it has one head."""
        return tuple(self.meta.get("task", {}).get("heads", ()))

    def head(self, name: str | None = None) -> Fitted:
        """The network with one of its heads, its weights shared; by default the first.

        Raises:
            UsageError: it has no such head.
        """
        import torch

        name = self.heads[0] if name is None else name
        if name not in self.heads:
            raise unknown_name(f"head of this {self.method.name}", name, self.heads)
        task = self.meta["task"]["heads"][name]
        names = tuple(task["names"])
        with torch.device("meta"):
            model = self.method.module("model").build(self.config, {name: len(names)}).eval()
        own = self.model.state_dict()
        model.load_state_dict({key: own[key] for key in model.state_dict()}, assign=True)
        target = Target(self.target.kind, np.zeros(0), names, self.target.unit)
        return Fitted(self.method, self.config, target, model, {**self.meta, "task": task, "head": name})

    def scores(self, data: Dataset, *, device: str = "auto", executor: str = "serial", workers: int = 1) -> np.ndarray:
        """Probabilities or values (example, output) on new data, before calibration; without a target, factors.

        Of networks that give tracks (example, bin, track), on the scale of the targets they were fitted to.
        """
        if self.method.card.contract == "task":
            from chiasma.fit.loop import predict

            make_task = self.method.module("task").make_task
            task = make_task(self.config, data, None, executor=executor, workers=workers, meta=self.meta["task"])
            found = predict(task, self.model, "all", device=device)
            return np.stack([found[name] for name in task.columns], axis=-1)
        if self.target.kind == "none":
            return self.factors(data)
        if self.method.card.contract == "procedure" and not self.method.card.represents:
            return np.asarray(self.model.scores(data), dtype=np.float64)
        x = as_frames(data.x, self.meta.get("features"))
        with refusals(self.method.name):
            return self._placed(np.asarray(ask(self.model.predict_proba, x, study=data.columns.get(STUDY))))

    def factors(self, data: Dataset) -> np.ndarray:
        """Where samples lie on the factors of a representation (sample, factor)."""
        x = as_frames(data.x, self.meta.get("features"))
        with refusals(self.method.name):
            return factors_of(representation_of(self.model), x, study=data.columns.get(STUDY))

    def _placed(self, found: np.ndarray) -> np.ndarray:
        """Columns where the target has their classes: an estimator knows only those it met, in an order of its own."""
        names = [str(name) for name in getattr(self.model, "classes_", self.target.names)]
        scores = np.zeros((len(found), len(self.target.names)))
        scores[:, [self.target.names.index(name) for name in names]] = found
        return scores

    def callable(self, *, device: str = "cpu") -> Any:
        """The network alone, one-hot in, outputs out, ready for attribution."""
        del device
        return self.model.eval()

    def save(self, folder: Path) -> None:
        """Write model.safetensors and model.json."""
        from chiasma.fit.checkpoint import save_arrays

        if self.method.card.contract == "task":
            from chiasma.fit.checkpoint import module_arrays

            arrays = module_arrays(self.model)
            state: dict[str, Any] = {}
        else:
            arrays, state = self.model.state()
        target = {"kind": self.target.kind, "names": list(self.target.names), "unit": self.target.unit}
        meta = {"method": self.method.name, "config": self.config.model_dump(mode="json"), "target": target}
        save_arrays(folder, "model", arrays, {**meta, "meta": self.meta, "state": state})


def load_fitted(path: Path | str) -> Fitted:
    """The model of a complete run folder, or of a folder of weights.

    Raises:
        NotTrainedError: the name is a method without trained weights.
    """
    from chiasma.core.cards import list_cards
    from chiasma.fit.checkpoint import load_arrays

    if not Path(path).exists() and str(path) in {card.name for card in list_cards()}:
        raise NotTrainedError(
            "this method has no trained weights yet",
            where=path,
            do=f"train it with 'chiasma fit {path} DATA -o RUN' and give RUN, the run folder, instead",
        )
    folder = Path(path) if (Path(path) / "model.json").exists() else require_run(path)
    arrays, record = load_arrays(folder, "model")
    method = load_method(record["method"])
    config = method.config_class.parse(record["config"], source=f"{folder}/model.json")
    described = record["target"]
    names = tuple(described["names"])
    target = Target(described["kind"], np.zeros(0), names, described["unit"])
    if method.card.contract == "task":
        from chiasma.fit.checkpoint import load_module

        model = method.module("model").build(config, _outputs(record["meta"], names))
        load_module(model, arrays, where=folder)
        model.eval()
    else:
        kind = type(method.module("model").build(config))
        state = record["state"]
        headed = method.card.represents and target.kind != "none"
        model = Headed.from_state(kind, config, arrays, state) if headed else kind.from_state(config, arrays, state)
    return Fitted(method, config, target, model, record["meta"])


def _outputs(meta: Mapping[str, Any], names: tuple[str, ...]) -> int | dict[str, int]:
    """What the network was built for."""
    heads = meta.get("task", {}).get("heads")
    return len(names) if heads is None else {name: len(task["names"]) for name, task in heads.items()}


def as_frames(x: Any, features: Mapping[str, list[str]] | None = None) -> Any:
    """A Matrix as a DataFrame, Views as a mapping of them, columns in the order the model was fitted with.

    Raises:
        MismatchError: a feature the model needs is absent.
    """
    import pandas as pd

    def frame(block: Matrix, name: str) -> pd.DataFrame:
        table = pd.DataFrame(block.values, index=block.samples, columns=block.features)
        wanted = None if features is None else features.get(name)
        if wanted is None:
            return table
        if missing := sorted(set(wanted) - set(table.columns)):
            raise MismatchError(
                f"{len(missing)} features of the fitted model are absent",
                where=name,
                got=f"{len(table.columns)} features",
                expected=list_some(missing),
                do="give the same measurements as in training; a view may be left out as a whole",
            )
        return table[wanted]

    if isinstance(x, Views):
        present = x.present()
        return {name: frame(block, name) for name, block in x.blocks.items() if present[name].any()}
    require_valid(x)
    return frame(x, "matrix")
