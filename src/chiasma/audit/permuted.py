"""Permuted labels: what the cheap model reaches when labels mean nothing, and whether the real score exceeds it.

Labels are permuted among families, not among examples: copies of one another, and the members of a resampling unit
that has one label, keep a label in common. Labels permuted one by one would give chance in a division whose test part
is a copy of the training part; labels permuted by family do not, because what was memorised is right again.
"""

from __future__ import annotations

import numpy as np

from chiasma.audit.cheap import chance, fit_and_score, metric_of
from chiasma.audit.context import Context
from chiasma.audit.words import shown
from chiasma.core.rng import generator
from chiasma.data.results import Estimate, Finding
from chiasma.data.sequences import Sequences
from chiasma.stats.sharing import canonical_groups

PITFALL = "dependent-examples"
LEAST = 16
MANY, FEW = 99, 39
"""Permutations; p-values go down to .01 where there are many, to .025 where they would take long."""
COLUMNS = 200
"""Permuted outputs that are fitted together."""
LARGE = 20_000
"""Examples times outputs from which permutations are few."""


def check_permuted(context: Context) -> list[Finding]:
    """The cheap model trained and tested on permuted labels, and the p-value of its score with the real ones.

    Anything but chance with permuted labels means that the parts hold the same examples.
    """
    train, test = context.split.where("train"), context.split.where("test")
    if not context.labelled or context.features is None or len(train) < LEAST or len(test) < 8 or context.late:
        return []
    family = families(context)
    real = context.rate(_scores(context, context.y, train, test), index=test)
    values = _permuted(context, family, train, test)
    if not np.isfinite(real.value) or len(values) < FEW // 2:
        return []
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    figure = Estimate(mean, mean - 1.96 * error, mean + 1.96 * error, "permutation")
    p = float((1 + (values >= real.value).sum()) / (1 + len(values)))
    base, metric = chance(context.data.target), metric_of(context.data.target)
    broken = abs(mean - base) > max(0.03, 4 * error)
    comment = "the evaluation gives something for nothing: look for a leak." if broken else "chance, as it must be."
    message = (
        f"With permuted labels a linear model reaches {metric} {shown(figure)}: {comment} With the real ones it "
        f"reaches {shown(real)} (p = {p:.3f} against {len(values)} permutations)."
    )
    figures = {"metric": metric, **figure.to_dict(), "permutations": len(values), "families": int(family.max()) + 1}
    figures |= {"real": real.to_dict(), "p": p}
    return [Finding(PITFALL, "permuted-labels", "critical" if broken else "ok", message, figures)]


def families(context: Context) -> np.ndarray:
    """Which examples must keep a label in common: copies, and units of one label; numbered from 0 (example,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(context.data)
    copies, unit = _copies(context), np.unique(context.data.unit, return_inverse=True)[1].ravel()
    first = np.unique(unit, return_index=True)[1][unit]
    alike = (context.y == context.y[first]) | (np.isnan(context.y) & np.isnan(context.y[first]))
    mixed = np.zeros(int(unit.max(initial=-1)) + 1, bool)
    mixed[unit[~alike.all(axis=1)]] = True
    # A peak with its shuffled twin has both labels: such a unit is no family.
    second = np.where(mixed[unit], np.arange(n), first)
    third = np.unique(copies, return_index=True)[1][copies]
    rows, columns = np.tile(np.arange(n), 2), np.concatenate([second, third])
    links = coo_matrix((np.ones(2 * n, np.int8), (rows, columns)), shape=(n, n))
    return connected_components(links, directed=False)[1]


def _copies(context: Context) -> np.ndarray:
    """Groups of equal sequences on either strand, or of equal rows, numbered from 0 (example,)."""
    if isinstance(context.data.x, Sequences):
        return canonical_groups(context.data.x)[0]
    rows = context.rows if context.rows is not None else np.arange(float(len(context.data)))[:, None]
    known: dict[bytes, int] = {}
    filled = np.nan_to_num(rows, nan=np.inf) + 0.0
    return np.array([known.setdefault(row.tobytes(), len(known)) for row in filled], dtype=int)


def _permuted(context: Context, family: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The figure with labels permuted among families (permutation,), those that cannot be rated left out."""
    outputs = context.y.shape[1]
    count = FEW if len(context.data) * outputs > LARGE else MANY
    label = context.y[np.unique(family, return_index=True)[1]]
    rng = generator(context.seed, "audit", "permuted")
    values: list[float] = []
    together = max(1, COLUMNS // outputs)
    for begin in range(0, count, together):
        if context.late:
            break
        orders = min(together, count - begin)
        shuffled = np.hstack([rng.permutation(label)[family] for _ in range(orders)])
        scores = _scores(context, shuffled, train, test)
        for column in range(0, orders * outputs, outputs):
            own = slice(column, column + outputs)
            values.append(context.rate(scores[:, own], index=test, y=shuffled[test][:, own]).value)
    known = np.array(values)
    return known[np.isfinite(known)]


def _scores(context: Context, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Scores of the test part by the cheap model (example, column of y); unknown labels count as the mean."""
    assert context.features is not None
    known = np.where(np.isnan(y[train]), np.nanmean(y[train], axis=0), y[train])
    return fit_and_score(context.features[train], known, context.features[test])
