"""Repeated stratified cross-validation of an estimator: whatever it selects or tunes, it does inside the folds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError, UsageError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Views
from chiasma.fit.contracts import STUDY, ask, fit_estimator
from chiasma.stats.folds import balanced_error_rate, stratified_folds
from chiasma.workflow.fitting.head import build_model
from chiasma.workflow.loading.groups import add_study

STEADY = 0.8
"""Share of fits from which a feature counts as selected by most."""


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What the folds said.

    Attributes:
        names: classes.
        folds: fold of each sample in each repeat (repeat, sample).
        predicted: class given to each sample when it was held out (repeat, sample).
        probabilities: its held-out probabilities (repeat, sample, class).
        ber: balanced error rate of each repeat (repeat,).
        error: share of wrong answers of each repeat (repeat,).
        class_error: share of each class that was called something else (repeat, class).
        stability: rows of view, component, feature and the share of fits that selected it, highest first.
        selected: features selected in any component, share of all fits, by (view, feature).
        cpu_seconds: of all fits and predictions.
    """

    names: tuple[str, ...]
    folds: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    ber: np.ndarray
    error: np.ndarray
    class_error: np.ndarray
    stability: tuple[dict[str, Any], ...]
    cpu_seconds: float
    selected: dict[tuple[str, str], float] = field(default_factory=dict)

    def stability_tables(self) -> dict[str, Any]:
        """The stability of each view as a DataFrame, features as rows and comp1, comp2, ... as columns."""
        return stability_tables(self.stability)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: means over repeats, their standard errors, and the repeats themselves."""
        repeats = len(self.ber)
        spread = float(self.ber.std(ddof=1) / np.sqrt(repeats)) if repeats > 1 else float("nan")
        return {
            "folds": int(self.folds.max()) + 1,
            "repeats": repeats,
            "ber": float(self.ber.mean()),
            "ber_standard_error": spread,
            "ber_by_repeat": self.ber.tolist(),
            "error": float(self.error.mean()),
            "class_error": dict(zip(self.names, self.class_error.mean(axis=0).tolist())),
            "stability": list(self.stability),
            "selection": self._selection(),
            "cpu_seconds": self.cpu_seconds,
        }

    def _selection(self) -> dict[str, Any]:
        """How many features a fit selects, how many nearly all fits agree on, and how stable that is; {} if none is."""
        if not self.selected:
            return {}
        share = np.array(list(self.selected.values()))
        steady = int((share >= STEADY).sum())
        return {"features": float(share.sum()), "in_most_fits": steady, "ever": len(share), "share_for_most": STEADY}


def stability_tables(stability: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows of view, component, feature, stability as a DataFrame of each view (feature, component)."""
    import pandas as pd

    rows = pd.DataFrame(list(stability), columns=["view", "component", "feature", "stability"])
    rows["component"] = [f"comp{number}" for number in rows["component"]]
    return {
        str(view): part.pivot(index="feature", columns="component", values="stability").fillna(0.0)
        for view, part in rows.groupby("view")
    }


def cross_validate(
    make_estimator: Callable[[], Any],
    data: Dataset,
    *,
    seed: int,
    folds: int = 10,
    repeats: int = 2,
    shown: Sequence[str] | None = None,
) -> CrossValidation:
    """Fit and predict in stratified folds, units whole, anew in every repeat.

    Args:
        make_estimator: gives a fresh estimator with `fit(x, y)`, `predict`, `predict_proba` and, for the stability
            of what it selects, `selected()`.
        data: Views or Matrix with classes.
        seed: of the folds.
        folds: at most the units of the smallest class.
        repeats: how often the folds are drawn.
        shown: views that the probabilities of held-out samples may use, so that they can calibrate predictions of
            samples that lack the others; the classes are predicted from all.

    Raises:
        InsufficientDataError: a class has a single unit.
    """
    codes = np.asarray(data.target.values)
    if data.target.kind not in ("binary", "multiclass"):
        raise UsageError("cross-validation needs classes", got=data.target.kind, expected="binary or multiclass")
    folds = min(folds, _smallest_class(data))
    start = time.process_time()
    n, n_classes = len(codes), data.target.n_outputs
    numbers = np.empty((repeats, n), dtype=np.int64)
    predicted = np.empty((repeats, n), dtype=np.int64)
    probabilities = np.zeros((repeats, n, n_classes))
    chosen: dict[tuple[str, int, str], int] = {}
    ever: dict[tuple[str, str], int] = {}
    for repeat in range(repeats):
        random = generator(seed, "cross-validate", repeat)
        numbers[repeat] = stratified_folds(codes, folds, random=random, unit=data.unit)
        for fold in range(folds):
            held = np.flatnonzero(numbers[repeat] == fold)
            train = np.flatnonzero(numbers[repeat] != fold)
            inside = data.take(train)
            known = inside.columns.get(STUDY)
            estimator = fit_estimator(make_estimator(), inside.x, codes[train], unit=inside.unit, study=known)
            outside = data.take(held)
            new, study = outside.x, outside.columns.get(STUDY)
            answer = [-1 if label is None else int(label) for label in ask(estimator.predict, new, study=study)]
            predicted[repeat, held] = answer
            place = held[:, None], np.asarray(estimator.classes_, dtype=int)
            probabilities[repeat, *place] = ask(estimator.predict_proba, _only(new, shown), study=study)
            rows = estimator.selected() if hasattr(estimator, "selected") else []
            for row in rows:
                key = (row["view"], row["component"], row["feature"])
                chosen[key] = chosen.get(key, 0) + 1
            for feature in {(row["view"], row["feature"]) for row in rows}:
                ever[feature] = ever.get(feature, 0) + 1
    wrong = predicted != codes
    return CrossValidation(
        data.target.names,
        numbers,
        predicted,
        probabilities,
        ber=np.array([balanced_error_rate(codes, row) for row in predicted]),
        error=wrong.mean(axis=1),
        class_error=np.stack([wrong[:, codes == code].mean(axis=1) for code in range(n_classes)], axis=1),
        stability=_stability(chosen, folds * repeats),
        cpu_seconds=time.process_time() - start,
        selected={feature: count / (folds * repeats) for feature, count in ever.items()},
    )


def permuted(
    make_estimator: Callable[[], Any], data: Dataset, found: CrossValidation, *, seed: int, permutations: int
) -> dict[str, Any]:
    """How often cross-validation with permuted labels does as well: {"permutation": {...}}; {} where none is asked.

    Labels are permuted by `permute_labels`, which leaves every class as many units, so that there are as many folds,
    and everything is done anew in every fold. p is 1 + the permutations that
    do at least as well over 1 + all, of the balanced error rate of the first repeat (Phipson and Smyth 2010, Stat Appl
    Genet Mol Biol 9:39). A unit alone of its size keeps its labels: the more there are, the less p can say.
    """
    if not permutations:
        return {}
    rates, folds = [], int(found.folds.max()) + 1
    for number in range(permutations):
        codes = permute_labels(data.target.values, data.unit, random=generator(seed, "permuted", number))
        target = replace(data.target, values=codes)
        again = cross_validate(make_estimator, replace(data, target=target), seed=seed, folds=folds, repeats=1)
        rates.append(float(again.ber[0]))
    better = int((np.array(rates) <= found.ber[0] + 1e-12).sum())
    about = {"permutations": permutations, "p": (1 + better) / (1 + permutations), "ber": rates, "folds": folds}
    sizes = np.unique(np.unique(data.unit, return_counts=True)[1], return_counts=True)[1]
    about |= {"units": int(sizes.sum()), "units_alone_of_their_size": int((sizes == 1).sum())}
    return {"permutation": {**about, "ber_mean": float(np.mean(rates))}}


def permute_labels(codes: np.ndarray, unit: np.ndarray, *, random: np.random.Generator) -> np.ndarray:
    """Classes (sample,) permuted: whole units among those of their size, so that kin keep one label if they had one."""
    _, member, size = np.unique(unit, return_inverse=True, return_counts=True)
    new = np.array(codes)
    for count in np.unique(size):
        units = np.flatnonzero(size == count)
        rows = np.array([np.flatnonzero(member == one) for one in units])  # (unit, member)
        new[rows] = codes[rows[random.permutation(len(units))]]
    return new


def cross_validate_files(
    method: str,
    inputs: Mapping[str, Any],
    *,
    config: Mapping[str, Any] | None = None,
    preset: str = "default",
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Cross-validate a matrix method on the train files, by `folds`, `repeats`, `seed` and `device` of `options`.

    A test set among the inputs is left alone.
    """
    from chiasma.workflow.loading.tables import load_matrix, load_views
    from chiasma.workflow.method import load_method

    loaded = load_method(method)
    if loaded.card.contract != "estimator" and not loaded.card.represents:
        raise UsageError(f"{method} is not cross-validated here", expected="a matrix method (contract estimator)")
    given = {name.replace("-", "_"): value for name, value in inputs.items()}
    settings = dict(options or {})
    seed = int(settings.get("seed", 1))
    if loaded.card.data == "views":
        partial = loaded.card.partial
        data, _ = load_views(given["view"], given["labels"], seed=seed, groups=given.get("groups"), partial=partial)
    else:
        data, _ = load_matrix(given["matrix"], given["labels"], seed=seed, groups=given.get("groups"))
    data = add_study(data, loaded.card, given)
    chosen = loaded.configure(config, preset=preset)
    device = str(settings.get("device", "auto"))
    found = cross_validate(
        lambda: build_model(loaded, chosen, classes=True, seed=seed, device=device),
        data,
        seed=seed,
        folds=int(settings.get("folds", 10)),
        repeats=int(settings.get("repeats", 2)),
    )
    return {"method": method, "samples": len(data), **found.to_dict()}


def _smallest_class(data: Dataset) -> int:
    codes = np.asarray(data.target.values)
    counts = [len(np.unique(data.unit[codes == code])) for code in range(data.target.n_outputs)]
    fewest = int(np.argmin(counts))
    if counts[fewest] < 2:
        grouped = len(np.unique(data.unit)) < len(data)
        raise InsufficientDataError(
            "a class is too small to be cross-validated",
            where=data.target.names[fewest],
            got=f"{counts[fewest]} {data.unit_name}",
            expected="two or more",
            do=f"{'fit without --groups, or ' if grouped else ''}bring more: this class is in one {data.unit_name} of "
            "what is left to learn from",
        )
    return counts[fewest]


def _stability(chosen: Mapping[tuple[str, int, str], int], fits: int) -> tuple[dict[str, Any], ...]:
    rows = [
        {"view": view, "component": component, "feature": feature, "stability": count / fits}
        for (view, component, feature), count in chosen.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row["stability"], row["component"], row["view"], row["feature"])))


def _only(x: Any, shown: Sequence[str] | None) -> Any:
    """Some of the views of new samples."""
    return Views({name: x.blocks[name] for name in shown}) if shown is not None and isinstance(x, Views) else x
