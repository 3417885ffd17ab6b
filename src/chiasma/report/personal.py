"""The page of personal genomes: does the model tell people apart, how often in the wrong direction, and by what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chiasma.core.files import write_text
from chiasma.data.results import Figure
from chiasma.report.inline import plate
from chiasma.report.templating import template

_LABELS = {
    "mean_pearson": "mean r over genes",
    "median_pearson": "median r",
    "share_right": "genes significantly with the measurement",
    "share_wrong": "genes significantly of the wrong sign",
    "wrong_among_significant": "wrong among the significant",
    "share_negative": "genes with r below 0",
}
_COLUMNS = (
    ("gene", "gene"),
    ("r", "pearson"),
    ("95 % interval", "interval"),
    ("q", "q"),
    ("r of the elastic net (test)", "elastic-net"),
    ("haplotypes", "unique"),
    ("main driver", "driver"),
    ("its effect", "effect"),
    ("its measured slope", "slope"),
    ("same sign", "agrees"),
)
_MOST = 200


def write_personal_page(
    path: Path | str,
    facts: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    figures: Sequence[Figure],
    *,
    version: str = "",
) -> None:
    """Write the page; it needs no network and no script.

    Args:
        path: the HTML file.
        facts: of the whole work, as in personal.json.
        rows: one a gene, those of largest |r| first.
        figures: drawn for it.
        version: of the program.
    """
    sides = facts["summary"]
    names = [name for name in _LABELS if any(name in side for side in sides.values())]
    text = template("personal.html").render(
        facts=facts,
        verdict=facts["verdict"],
        sides=list(sides),
        table=[(_LABELS[name], [_estimate(side.get(name)) for side in sides.values()]) for name in names],
        plates=[plate(figure) for figure in figures],
        columns=[name for name, _ in _COLUMNS],
        rows=[[_cell(row.get(key)) for _, key in _COLUMNS] for row in rows[:_MOST]],
        left=max(0, len(rows) - _MOST),
        settings=_settings(facts),
        version=version,
    )
    write_text(path, text)


def _estimate(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "–"
    low, high = one["low"], one["high"]
    if low is None or high is None or math.isnan(low):
        return f"{one['value']:.3f}"
    return f"{one['value']:.3f} ({low:.3f} to {high:.3f})"


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _settings(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    model = facts["model"]
    shown = f"{model['name']}: {model['output']}, {model['length']:,} bases"
    if model["bin"]:
        shown += f", mean of the {model['bins']} bins of {model['bin']} bases around the TSS"
    return [
        ("model", shown + f", {model['strands']} strand{'s' if model['strands'] > 1 else ''}"),
        ("alleles", {"all": "all, insertions and deletions too", "snv": "single-base substitutions"}[facts["mode"]]),
        ("people", f"{facts['people']:,}, of them {facts['test_people']:,} whom the baselines did not see"),
        ("populations", facts["populations"] or "not given: nothing was taken out"),
        ("haplotypes predicted", f"{facts['unique']:,} different ones for {facts['haplotypes']:,} of people"),
        ("permutations, draws", f"{facts['permutations']:,}, {facts['draws']:,}"),
    ]
