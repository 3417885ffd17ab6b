"""Explanations of a fitted model: attributions and motifs of sequences, loadings of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chiasma.core.errors import UsageError, unknown_name
from chiasma.core.files import read_json
from chiasma.data.dataset import Dataset
from chiasma.data.sequences import Sequences
from chiasma.workflow.explaining.hidden import MOST_REGIONS, WHERE, explain_units, has_units
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared, training_part
from chiasma.workflow.model import Model

if TYPE_CHECKING:
    from chiasma.explain.sequence_report import Method


def interpret(fitted: Fitted, prepared: Prepared, options: FitOptions, *, folder: Path) -> None:
    """Explain a fitted model on the test part and write what was found into `folder`."""
    if isinstance(prepared.dataset.x, Sequences):
        test = prepared.dataset.take(prepared.split.where("test"))
        explain_dataset(fitted, test, options, folder=folder)
    elif fitted.method.card.represents:
        from chiasma.workflow.explaining.factors import interpret_factors

        interpret_factors(fitted, prepared, folder=folder)
    elif has_units(fitted):
        test = prepared.dataset.take(prepared.split.where("test")[:MOST_REGIONS])
        explain_units(fitted, test, folder=folder, where=WHERE)
    elif hasattr(fitted.model, "loadings"):
        _interpret_estimator(fitted, prepared, folder=folder)


def _interpret_estimator(fitted: Fitted, prepared: Prepared, *, folder: Path) -> None:
    """Loadings with the share of folds that selected them, where the samples lie, and the method's own figures."""
    from chiasma.explain.loadings import write_loadings
    from chiasma.workflow.evaluating.sample_scores import variate_rows, write_variates
    from chiasma.workflow.explaining.factors import write_figures
    from chiasma.workflow.fitting.cross_validate import stability_tables

    path = folder.parent / "cross_validation.json"
    rows = read_json(path)["stability"] if path.exists() else []
    write_loadings(folder, fitted.model.loadings(), stability=stability_tables(rows) if rows else None)
    if hasattr(fitted.model, "transform"):
        rows = variate_rows(fitted.model, prepared.dataset.take(training_part(prepared)))
        write_variates(folder, rows)
    if hasattr(fitted.model, "figures"):
        write_figures(folder.parent / "figures", fitted.model.figures())


@dataclass(frozen=True)
class Explained:
    """What is attributed, and how.

    Attributes:
        method: auto, deep-lift-shap, integrated-gradients, ism, saliency or input-x-gradient.
        region: positions of the window that are explained, half-open; None is all.
    """

    method: Method = "auto"
    region: tuple[int, int] | None = None


def explain_dataset(
    fitted: Model,
    data: Dataset,
    options: FitOptions,
    *,
    folder: Path,
    known: bool = True,
    output: str | None = None,
    how: Explained = Explained(),
) -> None:
    """Attributions, motifs and their matches for the examples that carry the explained class.

    Args:
        fitted: the model of sequences.
        data: the examples.
        options: seed, motif file, number of examples, time limit.
        folder: where to write.
        known: whether the target of the examples is known; if not, all of them are explained.
        output: name of the output explained; by default the last class, or the first of other outputs.
        how: method and region.

    Raises:
        UsageError: the model has no such output, or reads no such region.
    """
    from chiasma.explain.sequence_report import explain_sequences
    from chiasma.explain.write import write_explanation

    chosen = _examples(data, options, known=known)
    names = fitted.target.names
    if output is not None and output not in names:
        raise unknown_name("output", output, names)
    target = names.index(output or (names[0] if fitted.target.kind == "regression" else names[-1]))
    length = int(fitted.meta["task"].get("length", 0)) or int(chosen.lengths.max())
    fixed = Sequences.from_codes(list(chosen.ids), list(chosen.padded(length)), chosen.intervals)
    result = explain_sequences(
        fitted.callable(),
        fixed,
        target=target,
        target_name=names[target],
        n_attributed=options.explain_examples,
        seed=options.seed,
        meme=options.motifs,
        time_limit_s=options.explain_seconds,
        method=how.method,
        region=how.region,
    )
    write_explanation(folder, result, origin=options.origin, words=dict(map(parse_word, options.words)))


def _examples(data: Dataset, options: FitOptions, *, known: bool) -> Sequences:
    """The sequences to explain: those of the last class, or of the largest targets; at most `explain_examples`."""
    assert isinstance(data.x, Sequences)
    values = data.target.values
    if not known:
        index = np.arange(len(data))
    elif data.target.kind in ("binary", "multiclass"):
        index = np.flatnonzero(values == len(data.target.names) - 1)
    elif data.target.kind in ("regression", "multilabel"):
        index = np.argsort(-values[:, 0], kind="stable")
    else:
        index = np.arange(len(data))
    return data.x.take(index[: options.explain_examples])


def parse_word(text: str) -> tuple[str, str | tuple[str, int, int]]:
    """A known word as on the command line: WORD, or WORD@FIRST:LAST for where its first base may lie.

    Raises:
        UsageError: neither.
    """
    word, separator, window = text.partition("@")
    try:
        if not word or set(word.upper()) - set("ACGT"):
            raise ValueError
        first, last = (int(part) for part in window.split(":")) if separator else (0, 0)
    except ValueError as error:
        raise UsageError(
            "not a word", where="--words", got=text, expected="DNA text, or WORD@FIRST:LAST such as TTGACA@-41:-28"
        ) from error
    return word, (word, first, last) if separator else word
