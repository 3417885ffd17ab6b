"""Methods and rivals against each other in one nested repeated cross-validation: the same folds for all."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from chiasma.core.errors import MismatchError
from chiasma.core.files import atomic_write, read_json, text_hash, write_json
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views
from chiasma.rivals.base import Rival
from chiasma.stats.fdr import benjamini_hochberg
from chiasma.stats.resampled_test import accuracy_of_folds, corrected
from chiasma.workflow.fitting.calibrating import CLASSES, OUT_OF_FOLD
from chiasma.workflow.fitting.cross_validate import cross_validate, permuted
from chiasma.workflow.fitting.head import as_noun
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared, training_part

METRIC = "balanced_accuracy"
LEFT_OUT = ("majority", "lasso-logistic")
"""Rivals that are not cross-validated: one knows nothing, the other would take longer than all else."""
LEVEL = 0.05
"""q, over all pairs, below which a difference counts as shown."""
_FILE = "rivals_folds"


class RivalEstimator:
    """A rival in an estimator's manners."""

    def __init__(self, rival: Rival, *, seed: int) -> None:
        self.rival, self.seed = rival, seed

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Fit to samples and classes (sample,)."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        unit = np.arange(len(codes)) if groups is None else np.asarray(groups)
        kind: Any = "binary" if len(self.classes_) == 2 else "multiclass"
        target = Target(kind, codes.astype(np.int64), tuple(map(str, self.classes_)))
        self.rival.fit(Dataset(np.arange(len(codes)), as_noun(X), target, unit), seed=self.seed)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class (sample, class)."""
        x, n = as_noun(X), len(as_noun(X))
        return self.rival.predict(Dataset(np.arange(n), x, Target("none", np.zeros(0), ()), np.arange(n)))

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class (sample,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def cross_validate_rivals(prepared: Prepared, options: FitOptions, *, named: Sequence[str], folder: Path) -> None:
    """Cross-validate the rivals on the folds of the methods; write rivals_folds.npz and .json, or find them there.

    Args:
        prepared: data and split, as the methods had them.
        options: seed, folds, repeats, permutations.
        named: rivals that the methods' cards name.
        folder: of the comparison.
    """
    from chiasma.rivals.choose import rivals_for

    part = prepared.dataset.take(training_part(prepared))
    if part.target.kind not in CLASSES or not isinstance(part.x, Matrix | Views):
        return
    asked = {name: getattr(options, name) for name in ("seed", "folds", "repeats", "permutations")}
    asked |= {"named": sorted(set(named)), "data": data_hash(part)}
    if (folder / f"{_FILE}.json").exists() and read_json(folder / f"{_FILE}.json")["asked"] == asked:
        return
    names = [rival.name for rival in rivals_for(part, named=named) if rival.name not in LEFT_OUT]
    arrays: dict[str, np.ndarray] = {}
    records: dict[str, Any] = {}
    for name in names:

        def make(wanted: str = name) -> RivalEstimator:
            found = next(rival for rival in rivals_for(part, named=named) if rival.name == wanted)
            return RivalEstimator(found, seed=options.seed)

        found = cross_validate(make, part, seed=options.seed, folds=options.folds, repeats=options.repeats)
        chance = permuted(make, part, found, seed=options.seed, permutations=options.permutations)
        arrays |= {name: found.predicted, "|folds": found.folds}
        records[name] = {**found.to_dict(), **chance}
        print(f"rival {name} cross-validated: {found.cpu_seconds:.1f} s", file=sys.stderr, flush=True)
    with atomic_write(folder / f"{_FILE}.npz", "wb") as handle:
        np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]
    write_json(folder / f"{_FILE}.json", {"asked": asked, "rivals": records})


def data_hash(part: Dataset) -> str:
    """Of all that rivals learn from: samples in their order, features, values, classes, units."""
    blocks = part.x.blocks if isinstance(part.x, Views) else {"matrix": part.x}
    texts = [*part.ids.astype(str), *part.target.names]
    digest = hashlib.sha256()
    for name, block in blocks.items():
        assert isinstance(block, Matrix)
        texts += [str(name), *block.features.astype(str)]
        digest.update(np.ascontiguousarray(block.values).tobytes())
    digest.update(np.asarray(part.target.values).tobytes() + np.asarray(part.unit, dtype=np.int64).tobytes())
    return text_hash(digest.hexdigest(), *texts)


def compare_folds(runs: Mapping[str, Path], *, folder: Path) -> dict[str, Any] | None:
    """What repeated cross-validation says of the methods and of the rivals whose folds lie in `folder`.

    Args:
        runs: name to complete run.
        folder: of the comparison.

    Returns:
        JSON-ready: metric, folds, repeats, samples, a table, paired differences, a verdict; None where a run was not
        cross-validated.

    Raises:
        MismatchError: the folds of two runs differ.
    """
    files = {name: path / OUT_OF_FOLD for name, path in runs.items()}
    if not all(path.exists() and "folds" in _names(path) for path in files.values()):
        return None
    first = _read(next(iter(files.values())))
    predicted: dict[str, np.ndarray] = {}
    records: dict[str, Any] = {}
    for name, path in files.items():
        found = _read(path)
        if not all(np.array_equal(first[key], found[key]) for key in ("ids", "codes", "folds")):
            raise MismatchError(
                "the runs were cross-validated on different folds",
                where=str(runs[name]),
                expected="the same samples, --seed, --folds and --repeats",
                do="fit them again alike",
            )
        predicted[name] = found["predicted"]
        records[name] = read_json(runs[name] / "cross_validation.json")
    rivals = read_json(folder / f"{_FILE}.json")["rivals"] if (folder / f"{_FILE}.json").exists() else {}
    if rivals:
        fits = _read(folder / f"{_FILE}.npz")
        if np.array_equal(fits.pop("|folds"), first["folds"]):
            predicted |= fits
            records |= rivals
    n_folds = int(first["folds"].max()) + 1
    scores = {name: accuracy_of_folds(first["codes"], values, first["folds"]) for name, values in predicted.items()}
    table = [_row(name, scores[name], records[name], n_folds, rival=name not in runs) for name in scores]
    pairs = _pairs(scores, n_folds)
    about = {"metric": METRIC, "folds": n_folds, "repeats": len(first["folds"]), "samples": len(first["codes"])}
    left_out = [f"{name} was left out: {why}" for name, why in _WHY.items()] if rivals else []
    method = "corrected resampled t (Nadeau and Bengio 2003), whatever is tuned is tuned inside every fold"
    words = {"verdict": _verdict(table, pairs) + _kept_labels(records.values()), "method": method, "left_out": left_out}
    return {**about, **words, "table": table, "pairs": pairs}


_WHY = {"lasso-logistic": "its penalties take longer than all else; it stands in the held-out comparison"}


def _row(name: str, scores: np.ndarray, record: Mapping[str, Any], n_folds: int, *, rival: bool) -> dict[str, Any]:
    estimate, _ = corrected(scores, n_folds=n_folds)
    selection = record.get("selection") or {}
    return {
        "name": name,
        "rival": rival,
        **{**estimate.to_dict(), "low": max(estimate.low, 0.0), "high": min(estimate.high, 1.0)},
        "standard_deviation": float(scores.std(ddof=1)) if len(scores) > 1 else None,
        "permutation_p": (record.get("permutation") or {}).get("p"),
        "permutations": (record.get("permutation") or {}).get("permutations", 0),
        "features_selected": selection.get("features"),
        "features_in_most_fits": selection.get("in_most_fits"),
        "features_ever": selection.get("ever"),
        "cpu_seconds": record.get("cpu_seconds"),
    }


def _pairs(scores: Mapping[str, np.ndarray], n_folds: int) -> list[dict[str, Any]]:
    """Every pair of names with its corrected difference, p, and q over all pairs (Benjamini and Hochberg)."""
    names, rows = list(scores), []
    for place, a in enumerate(names):
        for b in names[place + 1 :]:
            gap, p = corrected(scores[a] - scores[b], n_folds=n_folds)
            means = {"value_a": float(scores[a].mean()), "value_b": float(scores[b].mean())}
            rows.append({"a": a, "b": b, "metric": METRIC, **means, **gap.to_dict(), "p": p})
    q = benjamini_hochberg(np.array([row["p"] for row in rows], dtype=float))
    return [{**row, "q": float(value)} for row, value in zip(rows, q, strict=True)]


def _verdict(table: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]) -> str:
    """The best, who is shown to be behind it (q below LEVEL), and who is not."""
    ranked = sorted(table, key=lambda row: -row["value"])
    if len(ranked) < 2:
        return f"{ranked[0]['name']} alone was cross-validated." if ranked else ""
    best = ranked[0]["name"]
    behind: list[str] = []
    open_: list[str] = []
    for row in ranked[1:]:
        pair = next(one for one in pairs if {one["a"], one["b"]} == {best, row["name"]})
        (behind if pair["q"] < LEVEL else open_).append(row["name"])
    second = ranked[1]
    text = f"In repeated cross-validation {best} is highest in balanced accuracy ({ranked[0]['value']:.3f})"
    text += f", then {second['name']} ({second['value']:.3f})."
    if open_:
        text += f" Not shown to be behind it: {', '.join(open_)}."
    if behind:
        text += f" Shown to be behind it: {', '.join(behind)}."
    asked = [row for row in table if row["permutations"]]
    if not asked:
        return f"{text} Against permuted labels: not asked (--permutations)."
    chance = [row["name"] for row in asked if row["permutation_p"] > 0.05]
    return text + (f" Not told from permuted labels: {', '.join(chance)}." if chance else " All beat permuted labels.")


def _kept_labels(records: Iterable[Mapping[str, Any]]) -> str:
    """A sentence on units that no permutation could touch, where there are any."""
    about: Mapping[str, Any] = next((found for record in records if (found := record.get("permutation"))), {})
    alone = about.get("units_alone_of_their_size", 0)
    if not alone:
        return ""
    return f" {alone} of {about['units']} units are alone of their size and kept their labels in every permutation."


def _names(path: Path) -> list[str]:
    with np.load(path, allow_pickle=False) as arrays:
        return list(arrays.files)


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}
