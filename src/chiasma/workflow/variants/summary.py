"""What several models say of each allele, in one number, its spread, and the probability of its sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import UsageError, list_some, unknown_name
from chiasma.workflow.variants.models import Scorer
from chiasma.workflow.variants.scores import Effects


@dataclass(frozen=True, eq=False)
class Summary:
    """Effects over models.

    Attributes:
        effect: mean over models (allele, output).
        spread: standard deviation over models; of one model, over its strands and shifts; NaN where neither is several
            (allele, output).
        sign: probability that one more like them gives the mean's sign, by Student's t (allele, output).
        ref, alt: mean value of each allele over models (allele, output).
        over: what the spread is over.
        windows: windows of the genome's own sequence that were computed.
    """

    effect: np.ndarray
    spread: np.ndarray
    sign: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    over: str
    windows: int


def summarise(parts: Sequence[Effects], *, signed: bool) -> Summary:
    """Effects of all chunks, over models.

    Args:
        parts: in the order of the alleles.
        signed: whether the effect has a sign.
    """
    effect, within, ref, alt = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("effect", "spread", "ref", "alt")
    )
    models, replicates = effect.shape[1], int(parts[0].replicates[0])
    mean = effect.mean(axis=1)
    if models > 1:
        count, spread, over = models, effect.std(axis=1, ddof=1), f"{models} models"
    elif replicates > 1:
        count, spread, over = replicates, within[:, 0], f"{replicates} passes of one model (strands and shifts)"
    else:
        count, spread, over = 1, np.full(mean.shape, np.nan), "one pass of one model: not defined"
    sign = sign_probability(mean, spread, count=count) if signed else np.full(mean.shape, np.nan)
    windows = sum(part.windows for part in parts)
    return Summary(mean, spread, sign, ref.mean(axis=1), alt.mean(axis=1), over, windows)


def sign_probability(mean: np.ndarray, spread: np.ndarray, *, count: int) -> np.ndarray:
    """Probability that one more draw has the sign of the mean of `count`, if draws are normal.

    The predictive distribution of one more draw is Student's t with count - 1 degrees of freedom around the mean, its
    scale the spread times the root of 1 + 1/count. It says how far models agree, not whether they are right.
    """
    from scipy.stats import t

    if count < 2:
        return np.full(mean.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(mean) / (spread * np.sqrt(1 + 1 / count))
    found = t.cdf(ratio, count - 1)
    return np.where(np.isnan(ratio), 0.5, found)


def choose_outputs(scorers: Sequence[Scorer], targets: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Outputs that all models have, and remarks on those that only some have.

    Raises:
        UsageError: a name that a model does not have, nothing in common, or names that stand twice.
    """
    first = scorers[0].names
    if len(set(first)) < len(first):
        raise UsageError(
            "outputs of the model have the same name", where=scorers[0].name, got=list_some(first), do="name each once"
        )
    for scorer in scorers:
        for name in targets:
            if name not in scorer.names:
                raise unknown_name(f"output of {scorer.name}", name, scorer.names)
    if targets:
        return tuple(dict.fromkeys(targets)), []
    shared = tuple(name for name in first if all(name in scorer.names for scorer in scorers))
    if not shared:
        raise UsageError(
            "the models have no output in common",
            got="; ".join(f"{scorer.name}: {list_some(scorer.names, most=3)}" for scorer in scorers),
            expected="models of the same outputs, whose effects are averaged",
            do="score them one at a time, or name their outputs alike (columns)",
        )
    extra = sorted({name for scorer in scorers for name in scorer.names} - set(shared))
    return shared, [f"{len(extra)} outputs that not all models have are left out: {list_some(extra)}"] if extra else []
