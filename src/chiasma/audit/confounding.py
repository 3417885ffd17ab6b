"""Pitfall: confounding. What composition, length, place, study or letter case alone can predict."""

from __future__ import annotations

import numpy as np

from chiasma.audit.cheap import chance, crossed_scores, metric_of
from chiasma.audit.context import Context
from chiasma.audit.words import graded, shown, strength
from chiasma.data.results import Finding
from chiasma.data.sequences import UNKNOWN, Sequences
from chiasma.split.place import chromosomes, coordinates
from chiasma.stats.kmers import kmer_shares

PITFALL = "confounding"
LIMITS = {
    "3-mers": (0.6, 0.8, 1.01),
    "1-mers and 2-mers": (0.6, 0.75, 0.97),
}
"""Area from which a predictor is a note, a warning, critical; composition may be biology, so it is judged mildly."""
USUAL = (0.6, 0.7, 0.9)
MOST_LEVELS = 50


def check_confounding(context: Context) -> list[Finding]:
    """One finding a simple predictor: its cross-validated figure, with an interval."""
    if context.data.target.kind == "none":
        return _batches(context)
    if not context.labelled:
        return []
    found = [_judged(context, name, x) for name, x in simple_predictors(context).items() if not context.late]
    return found + _case(context)


def _batches(context: Context) -> list[Finding]:
    """Without a target: the share of the features' variance that lies between the levels of each column of a few texts.

    The share is adjusted for the number of levels, so that 0 is what chance gives on average; the column of labels
    that a method takes no notice of is no batch.
    """
    if context.features is None:
        return []
    x = context.features - context.features.mean(axis=0)
    spread = x.std(axis=0)
    x = x[:, spread > 1e-12] / spread[spread > 1e-12]
    found = []
    for name, values in context.data.columns.items():
        if name == "label" or (levels := _levels(values)) is None or not x.size:
            continue
        n, count = levels.shape
        means = levels.T @ x / levels.sum(axis=0)[:, None]
        between = float((levels.sum(axis=0)[:, None] * means**2).sum() / (x**2).sum())
        share = 1 - (1 - between) * (n - 1) / (n - count)
        severity = graded(share, note=0.02, warning=0.1, critical=1.01)
        message = f"{share:.1%} of the variance lies between the {count} levels of column {name!r}" + (
            ": factors may be of it; colour the samples by it before naming one." if severity != "ok" else "."
        )
        figures = {"share": share, "unadjusted": between, "levels": count}
        found.append(Finding(PITFALL, f"variance-by-{name}", severity, message, figures))
    return found


def simple_predictors(context: Context) -> dict[str, np.ndarray]:
    """Columns that know nothing of biology's detail, by name (example, column)."""
    data = context.data
    predictors: dict[str, np.ndarray] = {}
    if isinstance(data.x, Sequences):
        gc = np.nan_to_num(data.x.gc(), nan=0.5)
        predictors["GC content"] = np.column_stack([gc, gc**2])
        length = np.log(np.maximum(data.x.lengths, 1))
        predictors["length"] = np.column_stack([length, length**2])
        predictors["unknown bases"] = _unknown(data.x)[:, None]
        pairs = np.hstack([kmer_shares(data.x, 1), kmer_shares(data.x, 2)])
        predictors["1-mers and 2-mers"] = pairs
        predictors["3-mers"] = kmer_shares(data.x, 3)
    elif context.rows is not None:
        predictors["missing values"] = np.isnan(context.rows).mean(axis=1)[:, None]
        predictors["sum of all features"] = np.nansum(context.rows, axis=1)[:, None]
    if not isinstance(data.x, Sequences) and (places := coordinates(data)) is not None:
        size = np.log(np.maximum(places.end - places.start, 1))
        predictors["length"] = np.column_stack([size, size**2])
    if (place := _position(context)) is not None:
        predictors["position"] = place
    for name, values in data.columns.items():
        if name not in ("chrom", "start", "end", "strand", "id", "name") and (levels := _levels(values)) is not None:
            predictors[f"column {name!r}"] = levels
    return {name: x for name, x in predictors.items() if np.ptp(x, axis=0).max(initial=0) > 0}


def _unknown(sequences: Sequences) -> np.ndarray:
    """Share of unknown bases (sequence,)."""
    unknown = np.concatenate([[0], np.cumsum(sequences.codes == UNKNOWN)])
    return (unknown[sequences.offsets[1:]] - unknown[sequences.offsets[:-1]]) / np.maximum(sequences.lengths, 1)


def _position(context: Context) -> np.ndarray | None:
    """Contig, and which tenth of it (example, column); None where not every example has a place."""
    contigs = chromosomes(context.data)
    if contigs is None or (contigs == "").any():
        return None
    names, code = np.unique(contigs.astype(str), return_inverse=True)
    if len(names) > MOST_LEVELS:
        return None
    columns = np.eye(len(names))[code.ravel()]
    places = coordinates(context.data)
    if places is None or (places.end <= places.start).any():
        return columns
    far = np.array([places.end[code == index].max() for index in range(len(names))])
    tenth = np.minimum(places.start * 10 // far[code], 9).astype(int)
    return np.hstack([columns, np.eye(10 * len(names))[code * 10 + tenth]])


def _levels(values: np.ndarray) -> np.ndarray | None:
    """Indicators of a column of a few texts (example, level)."""
    if values.dtype.kind not in "OUSb":
        return None
    names, code = np.unique(values.astype(str), return_inverse=True)
    few = 2 <= len(names) <= min(MOST_LEVELS, len(values) // 5)
    return np.eye(len(names))[code.ravel()] if few else None


def case_columns(context: Context) -> np.ndarray | None:
    """Share of lower-case letters and its square (example, column); None where unknown or the same everywhere."""
    column = context.data.columns.get("lower_case_share")
    if column is None:
        return None
    share = np.nan_to_num(np.asarray(column, float))
    return np.column_stack([share, share**2]) if np.ptp(share) else None


def _judged(context: Context, name: str, x: np.ndarray) -> Finding:
    figure = context.rate(crossed_scores(x, context.y, context.fold))
    note, warning, critical = LIMITS.get(name, USUAL)
    severity = graded(strength(figure, continuous=context.continuous), note=note, warning=warning, critical=critical)
    metric = metric_of(context.data.target)
    comment = {
        "ok": f"near chance ({chance(context.data.target):g}): it does not give the label away.",
        "note": "a little; a model must beat this.",
        "warning": "match the classes for it, or show that the model's gain is over and above it.",
        "critical": f"{name} alone nearly gives the label away: no score on these data shows more than that.",
    }[severity]
    message = f"{name[:1].upper()}{name[1:]} alone: {metric} {shown(figure)}, {comment}"
    slug = name.replace("'", "").replace(" ", "-").lower()
    return Finding(PITFALL, f"predicted-by-{slug}", severity, message, {"metric": metric, **figure.to_dict()})


def _case(context: Context) -> list[Finding]:
    """Whether lower case in the file tells the classes apart: a trap for tools that keep it (this one does not)."""
    share = case_columns(context)
    if share is None or context.continuous:
        return []
    figure = context.rate(crossed_scores(share, context.y, context.fold))
    severity = graded(strength(figure, continuous=False), note=0.6, warning=0.9, critical=1.01)
    message = f"Letter case alone reaches AUROC {shown(figure)}. Case never reaches a model here"
    message += (
        ", but it separates the classes: the files were made differently, and any tool that reads case learns that."
        if severity == "warning"
        else "."
    )
    return [Finding("format", "letter-case", severity, message, {"metric": "AUROC", **figure.to_dict()})]
