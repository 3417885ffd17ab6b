"""The Methods paragraph of a run, made from its files: only what was recorded is said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chiasma.core.cards import Card, bibtex
from chiasma.core.errors import UsageError
from chiasma.report.load import Run, read_run
from chiasma.report.words import best_rival, difference, figure, interval, is_number, metric_name, sentence, small

_SPLITS = {
    "chromosome": "by whole chromosomes",
    "homology": "by homology, so that sequences sharing k-mers stay on one side",
    "group": "by group",
    "locus": "by locus, with a gap between the parts",
    "random": "at random",
    "given": "as given by the user",
}
_KINDS = {
    "binary": "two classes",
    "multiclass": "classes",
    "multilabel": "labels",
    "regression": "real values",
    "none": "no target",
}


def methods_paragraph(run: Run | Path | str) -> str:
    """Plain text of a Methods section: data, split, model, comparison, uncertainty, software.

    Args:
        run: a run folder, or one that was read already.
    """
    run = run if isinstance(run, Run) else read_run(run)
    sentences = [*_data(run), *_split(run), *_model(run), *_evaluation(run), *_comparison(run), *_software(run)]
    return " ".join(sentences)


def bibliography(run: Run) -> str:
    """The BibTeX of a run: citations.bib, or the card's paper where that file is absent."""
    if run.citations.strip():
        return run.citations
    try:
        return bibtex(Card.parse(run.card))
    except (UsageError, IndexError):
        return ""


def cited(paper: Mapping[str, Any]) -> str:
    """A paper as "Surname et al., 2019"."""
    authors = [name for name in str(paper.get("authors") or "").split(" and ") if name.strip()]
    surnames = [re.split(r",", name)[0].strip() for name in authors]
    if not surnames:
        return ""
    who = (
        surnames[0] if len(surnames) == 1 else " and ".join(surnames) if len(surnames) == 2 else f"{surnames[0]} et al."
    )
    return f"{who}, {paper['year']}" if paper.get("year") else who


def _data(run: Run) -> Iterator[str]:
    dataset = run.provenance.get("dataset") or {}
    if not dataset.get("n"):
        return
    names, kind = list(run.target.get("names") or []), run.target.get("kind")
    what = f" with {_KINDS.get(str(kind), kind)}" if kind else ""
    named = f" ({', '.join(map(str, names))})" if 0 < len(names) <= 12 and kind != "none" else ""
    unit = run.target.get("unit")
    yield f"The data were {dataset['n']:,} examples{what}{named}{f', in {unit}' if unit else ''}."
    for key, value in (dataset.get("notes") or {}).items():
        if isinstance(value, str):
            yield f"{str(key).replace('_', ' ').capitalize()}: {value}."
    skipped = sum(int(skip.get("count") or 0) for skip in dataset.get("skips") or [])
    if skipped:
        reasons = "; ".join(f"{skip.get('count'):,}: {skip.get('reason')}" for skip in dataset["skips"])
        yield f"Left out were {skipped:,} records ({reasons})."


def _split(run: Run) -> Iterator[str]:
    split = run.provenance.get("split") or {}
    if not split.get("kind"):
        return
    sizes = split.get("sizes") or {}
    parts = ", ".join(f"{count:,} {name}" for name, count in sizes.items())
    how = _SPLITS.get(str(split["kind"]), str(split["kind"]))
    unit = (run.provenance.get("dataset") or {}).get("unit_name")
    held = f"; every {unit} lay in one part only" if unit and unit != "example" else ""
    yield f"They were divided {how}{f' into {parts} examples' if parts else ''}{held}."


def _model(run: Run) -> Iterator[str]:
    card = run.card
    reference = cited(card.get("paper") or {})
    count = f" with {run.parameters:,} trainable parameters" if run.parameters else ""
    yield f"The method was {run.method}{f' ({reference})' if reference else ''}{count}."
    training = run.settings.get("training") or {}
    if run.log:
        measured = [row for row in run.log if is_number(row.get("valid_loss"))]
        best = min(measured, key=lambda row: row["valid_loss"])["epoch"] if measured else None
        kept = f"; the weights of epoch {best}, lowest in validation loss, were kept" if best is not None else ""
        keys = [key for key in ("learning_rate", "batch_size", "weight_decay") if key in training]
        settings = ", ".join(f"{key.replace('_', ' ')} {training[key]}" for key in keys)
        yield f"It was trained for {len(run.log)} epochs{f' ({settings})' if settings else ''}{kept}."
    if run.seed is not None:
        yield f"The random seed was {run.seed}."


def _evaluation(run: Run) -> Iterator[str]:
    test = run.metrics.get("test") or {}
    shown = []
    for name, row in test.items():
        if row and is_number(row.get("value")):
            within = f" (95 % interval {interval(row)})" if interval(row) else ""
            shown.append(f"{metric_name(name)} {figure(row['value'])}{within}")
    if shown:
        unit = next((row.get("unit") for row in test.values() if row and row.get("unit")), "example")
        yield f"On the test part it reached {', '.join(shown)}; intervals are bootstrap percentiles over each {unit}."
    conformal = run.metrics.get("conformal") or {}
    if is_number(conformal.get("alpha")) and is_number(conformal.get("coverage")):
        promised, covered = 1 - conformal["alpha"], conformal["coverage"]
        sets = "Conformal intervals by region" if "regions" in conformal else "Mondrian conformal sets"
        yield f"{sets} meant to hold {promised:.0%} held {covered:.1%} of the test part."


def _comparison(run: Run) -> Iterator[str]:
    found, rival = difference(run), best_rival(run)
    rivals = list(run.metrics.get("baselines") or {})
    if rivals:
        yield f"The same examples were given to {', '.join(rivals)}."
    if found and rival:
        p = f", p = {small(found['p'])}" if is_number(found.get("p")) else ""
        within = f" (95 % interval {interval(found)}{p})" if interval(found) else ""
        text = figure(found["value"], sign=True)
        yield f"The paired difference from {rival} in {metric_name(run.primary)} was {text}{within}."
    if run.audit.get("verdict"):
        yield f"An audit for leakage and confounding found: {run.audit['verdict']}"


def _software(run: Run) -> Iterator[str]:
    versions = dict(run.provenance.get("versions") or {})
    if not versions:
        return
    own = versions.pop("chiasma", None)
    rest = ", ".join(f"{name} {version}" for name, version in versions.items())
    machine = run.provenance.get("machine") or {}
    where = f" on {sentence(machine.get('cores'))} cores ({machine.get('system')})" if machine.get("cores") else ""
    yield f"Computed with chiasma {own or '(version not recorded)'} on {rest}{where}."
