"""In-silico mutagenesis: the effect of every single substitution on every output, exact and checked.

Where the model can be followed call by call, only what a substitution reaches is recomputed (`exact_mutagenesis`);
the result is compared with the model itself on random substitutions each time. Elsewhere, and where the comparison
fails, every edited sequence goes through the model, and the result says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from chiasma.core.errors import RunError, UsageError
from chiasma.core.rng import generator
from chiasma.data.results import Attribution
from chiasma.explain.exact_mutagenesis.engine import Engine as Windows
from chiasma.explain.exact_mutagenesis.trace import NotTraceableError
from chiasma.explain.onehot import (
    BASES_IN_A_BATCH,
    LONG,
    SequenceModel,
    batches,
    device_of,
    evaluating,
    make_attribution,
    one_hot,
    outputs,
    present,
    recomputing,
    require_codes,
)

_FEWEST_EDITS = 1500
"""Substitutions below which following the model would take longer than running it, of windows that are not long."""
_LEAST_GAIN = 1.25
"""Ratio of multiply-adds below which the model is run in full on every edit."""

Method = Literal["auto", "windows", "brute-force"]


class Engine(Protocol):
    """Computes substitution effects; exact, whatever the shortcut."""

    def __call__(
        self, model: SequenceModel, codes: np.ndarray, *, target: int, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Effects (sequence, position, base), 0 for the base present, and outputs (sequence,)."""


@dataclass(frozen=True)
class Checked:
    """On how many substitutions windows are compared with the model itself, and what is accepted.

    Attributes:
        n: random substitutions; of four or more, four at the ends besides.
        tolerance: largest difference accepted, in units of the output, or of the largest output if above 1.
        seed: of that choice.
    """

    n: int = 16
    tolerance: float = 1e-5
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Mutagenesis:
    """Effects of all single substitutions.

    Attributes:
        codes: the sequences, or of them the region edited, uint8 (sequence, position).
        effects: output with that base minus the output as it is, 0 for the base present, float32
            (sequence, position, base, output); outputs of more axes, and several outputs, are flattened and joined.
        output: the outputs as they are (sequence, output).
        engine: "windows", where only what an edit reaches was recomputed, or "brute-force".
        reason: why every edit went through the whole model; empty for windows.
        in_full: calls that were made in full for each edit, the first of each branch, and why.
        largest_error: between windows and the model itself on `n_checked` substitutions; NaN for brute force.
        n_checked: substitutions compared.
        flops: multiply-adds of brute force by those spent; 1 for brute force.
    """

    codes: np.ndarray
    effects: np.ndarray
    output: np.ndarray
    engine: str
    reason: str = ""
    in_full: tuple[str, ...] = ()
    largest_error: float = float("nan")
    n_checked: int = 0
    flops: float = 1.0

    def attribution(self, column: int = 0) -> Attribution:
        """One output's effects: scores are the base present against the mean over the four bases."""
        effects = self.effects[..., column].astype(np.float64)
        scores = present(effects - effects.mean(axis=-1, keepdims=True), self.codes)
        return make_attribution(self.codes, scores, effects, self.output[:, column], method="ism", target=column)

    def facts(self) -> dict[str, Any]:
        """How the effects were computed, JSON-ready."""
        if self.engine == "brute-force":
            return {"engine": self.engine, "reason": self.reason}
        facts: dict[str, Any] = {"engine": self.engine, "largest_error": self.largest_error}
        facts |= {"n_checked": self.n_checked, "multiply_adds_saved": round(self.flops, 2)}
        return facts | ({"in_full": list(self.in_full)} if self.in_full else {})


def sentence(found: Mutagenesis) -> str:
    """How the effects were computed, and how far that can be trusted, in words."""
    if found.engine == "brute-force":
        return f"mutagenesis: the model was run on every edited sequence ({found.reason})"
    return (
        f"mutagenesis recomputed what an edit reaches, with {found.flops:.1f} times fewer multiply-adds than running "
        f"the model on every edit; largest difference from the model itself {found.largest_error:.1e}, on "
        f"{found.n_checked} edits"
    )


def all_substitutions(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    columns: Sequence[int] | None = None,
    region: tuple[int, int] | None = None,
    method: Method = "auto",
    checked: Checked = Checked(),
    batch_size: int = 256,
) -> Mutagenesis:
    """Substitute every base at every position of every sequence, one at a time, and give all outputs.

    With a region only its positions are substituted, and of the model's inner results only what lies around it is
    kept: so much of a window of any length can be explained in little more memory than the model itself needs.

    Args:
        model: one-hot (batch, base, position) -> (batch, ...), or several of them.
        codes: uint8 (sequence, position), 4 for an unknown base, which is substituted by all four.
        columns: which outputs; None is all.
        region: positions substituted, half-open; None is all.
        method: "auto" takes windows where they serve and pass the comparison, else brute force; "windows" raises
            instead; "brute-force" runs the model on every edit.
        checked: how windows are compared with the model.
        batch_size: edited sequences in one pass of brute force.

    Raises:
        UsageError: the model is random, or normalises by the batch; unknown method; no such output or region.
        NotTraceableError: `method` is "windows" and the model cannot be followed.
        RunError: `method` is "windows" and the comparison failed.
    """
    codes = require_codes(codes)
    if method not in ("auto", "windows", "brute-force"):
        raise UsageError("unknown method of mutagenesis", got=method, expected="auto, windows or brute-force")
    chosen = None if columns is None else np.asarray(columns, dtype=np.int64)
    span = require_region(region, codes.shape[1])
    edits = 3 * len(codes) * (span[1] - span[0])
    with evaluating(model), recomputing(model, on=False):
        if method == "brute-force":
            return _brute(model, codes, chosen, span, batch_size, reason="asked for")
        if method == "auto" and edits < _FEWEST_EDITS and codes.shape[1] < LONG:
            return _brute(model, codes, chosen, span, batch_size, reason=f"{edits} substitutions only")
        try:
            engine = Windows(
                model, one_hot(codes[:1], device=device_of(model)), region=None if region is None else span
            )
            whole, rest = engine.plan.full_flops
            if method == "auto" and rest and whole / rest < _LEAST_GAIN:
                raise NotTraceableError("nearly all work is done in full: " + "; ".join(engine.plan.reasons.values()))
            effects, output = engine.effects(codes, columns=chosen)
        except NotTraceableError as error:
            if method == "windows":
                raise
            return _brute(model, codes, chosen, span, batch_size, reason=error.what)
        found = Mutagenesis(codes[:, slice(*span)], effects, output, "windows")
        error_found, count = _compare(model, codes, found, chosen, span, checked)
        allowed = checked.tolerance * max(1.0, float(np.abs(output).max(initial=0.0)))
        if not error_found <= allowed:
            what = f"windows differ from the model by {error_found:.2g} on {count} substitutions"
            if method == "windows":
                raise RunError(what, expected=f"{allowed:.2g} at most", do="use method='brute-force'")
            return _brute(model, codes, chosen, span, batch_size, reason=f"{what}, more than {allowed:.2g}")
    reasons = tuple(dict.fromkeys(engine.plan.reasons.values()))
    saved = engine.full_flops / max(1, engine.flops)
    return replace(found, in_full=reasons, largest_error=error_found, n_checked=count, flops=saved)


def require_region(region: tuple[int, int] | None, length: int) -> tuple[int, int]:
    """The region, or all positions.

    Raises:
        UsageError: it is empty, or not within the window.
    """
    if region is None:
        return 0, length
    if not 0 <= region[0] < region[1] <= length:
        raise UsageError(
            "not a region of the window",
            where="region",
            got=f"{region[0]}:{region[1]}",
            expected=f"within 0:{length}",
            do="count positions from the first base of the window that the model reads, not along the chromosome",
        )
    return region


def in_silico_mutagenesis(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    target: int = 0,
    region: tuple[int, int] | None = None,
    batch_size: int = 512,
    engine: Engine | None = None,
) -> Attribution:
    """Substitute every base at every position, one at a time, for one output.

    Args:
        model: one-hot (batch, base, position) -> (batch, output).
        codes: uint8 (sequence, position).
        target: output column.
        region: positions substituted, half-open, and all that is returned; None is the whole sequence.
        batch_size: edited sequences in one forward pass.
        engine: how the effects of whole sequences are computed; None is `all_substitutions`.

    Returns:
        hypothetical: output with that base minus the output as it is, 0 for the base present; scores: the base
        present against the mean over the four bases; completeness error undefined (NaN).
    """
    codes = require_codes(codes)
    if engine is not None:
        effects, output = engine(model, codes, target=target, batch_size=batch_size)
        scores = present(effects - effects.mean(axis=-1, keepdims=True), codes)
        return make_attribution(codes, scores, effects, output, method="ism", target=target)
    return one_output(model, codes, target=target, region=region, batch_size=batch_size).attribution()


def one_output(
    model: SequenceModel,
    codes: np.ndarray,
    *,
    target: int,
    region: tuple[int, int] | None = None,
    batch_size: int = 512,
) -> Mutagenesis:
    """`all_substitutions` of one output of a model of (batch, output); `target` may count from the end.

    Raises:
        UsageError: the model's output has another shape, or no such column.
    """
    outputs(model, require_codes(codes)[:1], target=target)
    if target < 0:
        with evaluating(model):
            target += _outputs(model, codes[:1], None).shape[1]
    checked = Checked() if codes.shape[1] < LONG else Checked(n=2)
    return all_substitutions(model, codes, columns=[target], region=region, checked=checked, batch_size=batch_size)


def brute_force(
    model: SequenceModel, codes: np.ndarray, *, target: int, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """An `Engine`: run the model on every edited sequence; the identity edits are skipped."""
    base_output = outputs(model, codes, target=target, batch_size=batch_size)
    effects = np.zeros((*codes.shape, 4))
    for row, sequence in enumerate(codes):
        where, what = np.nonzero(sequence[:, None] != np.arange(4)[None, :])
        for rows in batches(len(where), batch_size):
            edited = _edited(sequence, where[rows], what[rows])
            values = outputs(model, edited, target=target, batch_size=batch_size)
            effects[row, where[rows], what[rows]] = values - base_output[row]
    return effects, base_output


def _edited(sequence: np.ndarray, where: np.ndarray, what: np.ndarray) -> np.ndarray:
    """Copies of a sequence (edit, position) with one base substituted in each."""
    edited = np.repeat(sequence[None], len(where), axis=0)
    edited[np.arange(len(where)), where] = what
    return edited


def _outputs(model: SequenceModel, codes: np.ndarray, columns: np.ndarray | None) -> np.ndarray:
    """All outputs of one batch, flattened and joined (sequence, output)."""
    import torch

    with torch.no_grad():
        found = model(one_hot(codes, device=device_of(model)))
    parts = list(found) if isinstance(found, (tuple, list)) else [found]
    if not all(isinstance(part, torch.Tensor) and part.ndim and len(part) == len(codes) for part in parts):
        raise UsageError(
            "the model cannot be explained", got=type(found).__name__, expected="tensors whose first axis is the batch"
        )
    joined = torch.cat([part.reshape(len(codes), -1) for part in parts], dim=1).double().cpu().numpy()
    if columns is None:
        return joined
    if columns.size and (columns.min() < 0 or columns.max() >= joined.shape[1]):
        raise UsageError("no such output", where="columns", got=list(columns), expected=f"0 to {joined.shape[1] - 1}")
    return joined[:, columns]


def _brute(
    model: SequenceModel,
    codes: np.ndarray,
    columns: np.ndarray | None,
    region: tuple[int, int],
    batch_size: int,
    *,
    reason: str,
) -> Mutagenesis:
    batch_size = max(1, min(batch_size, BASES_IN_A_BATCH // codes.shape[1]))
    base = np.concatenate([_outputs(model, codes[rows], columns) for rows in batches(len(codes), batch_size)])
    part = codes[:, slice(*region)]
    effects = np.zeros((*part.shape, 4, base.shape[1]), np.float32)
    for row, sequence in enumerate(codes):
        where, what = np.nonzero(part[row, :, None] != np.arange(4)[None, :])
        for rows in batches(len(where), batch_size):
            values = _outputs(model, _edited(sequence, region[0] + where[rows], what[rows]), columns)
            effects[row, where[rows], what[rows]] = values - base[row]
    return Mutagenesis(part, effects, base, "brute-force", reason)


def _compare(
    model: SequenceModel,
    codes: np.ndarray,
    result: Mutagenesis,
    columns: np.ndarray | None,
    region: tuple[int, int],
    checked: Checked,
) -> tuple[float, int]:
    """Largest difference of edited outputs from the model's own, on random edits and at both ends; and their number."""
    count, random = checked.n, generator(checked.seed, "mutagenesis")
    first, last = region
    ends = np.array([first, first, last - 1, last - 1])[: 0 if count < 4 else 4]
    where = np.concatenate([ends, random.integers(first, last, size=count)])
    rows = random.integers(len(codes), size=len(where))
    before = codes[rows, where]
    what = np.where(before > 3, random.integers(4, size=len(where)), (before + random.integers(1, 4, len(where))) % 4)
    largest = 0.0
    for some in batches(len(where), max(1, min(8, BASES_IN_A_BATCH // codes.shape[1]))):
        edited = codes[rows[some]].copy()
        edited[np.arange(len(edited)), where[some]] = what[some]
        found = result.output[rows[some]] + result.effects[rows[some], where[some] - first, what[some]]
        gap = np.abs(found - _outputs(model, edited, columns))
        largest = max(largest, float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0)))
    return largest, len(where)
