"""Several runs side by side on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chiasma.core.errors import UsageError
from chiasma.core.files import read_json, write_text
from chiasma.data.results import Figure
from chiasma.plot.comparison import metric_dots, paired_differences
from chiasma.report.figures import shown_metrics
from chiasma.report.inline import plate
from chiasma.report.load import Run, read_run, turned
from chiasma.report.sections import hero, metric_cell
from chiasma.report.templating import template
from chiasma.report.words import duration, is_number, metric_name, sentence, small


def write_side_by_side(runs: Sequence[Path | str], output: Path | str) -> Path:
    """Write one page that sets several runs beside each other.

    Where the comparison of these runs (a compare.json with a table) lies beside `output`, its verdict and its paired
    differences lead the page; otherwise nothing is said of differences that were not measured.

    Args:
        runs: run folders.
        output: the HTML file.

    Raises:
        UsageError: no runs were given.
        InputError: one of them is not a run folder.
    """
    found = [read_run(run) for run in runs]
    if not found:
        raise UsageError("no run folder", expected="one or more")
    output = Path(output)
    comparison = _comparison(output.parent / "compare.json")
    names = _names(found)
    test_hashes = {_test_hash(run) for run in found}
    same = None if "" in test_hashes else len(test_hashes) == 1
    undivided = bool(comparison) and all((run.provenance.get("split") or {}).get("kind") == "none" for run in found)
    head, _, rest = str(comparison.get("verdict") or "").partition(". ")
    text = template("side_by_side.html").render(
        title=f"{' and '.join(names) if len(names) <= 3 else f'{len(names)} runs'} side by side",
        verdict=head + ("." if rest else ""),
        rest=rest,
        primary=metric_name(found[0].primary),
        same=same or undivided,
        undivided=undivided,
        columns=[_column(name, run) for name, run in zip(names, found, strict=True)],
        plates=[plate(figure) for figure in _figures(names, found, comparison)],
        table=_table(names, found),
        stability=_stability(comparison.get("stability") or []),
        folds=_folds(comparison.get("cross_validation") or {}),
    )
    write_text(output, text)
    return output


def _comparison(path: Path) -> dict[str, Any]:
    found = read_json(path) if path.exists() else {}
    return found if isinstance(found, dict) and "table" in found else {}


def _names(runs: Sequence[Run]) -> list[str]:
    """A name for each run that no other has: the folder's, else its path."""
    short = [run.name for run in runs]
    return [name if short.count(name) == 1 else str(run.path) for name, run in zip(short, runs, strict=True)]


def _test_hash(run: Run) -> str:
    proof = (run.provenance.get("split") or {}).get("proof") or {}
    return str((proof.get("sha256") or {}).get("test") or "")


def _column(name: str, run: Run) -> dict[str, Any]:
    cost = (run.compare.get("cost") or {}).get(run.method) or {}
    split = run.provenance.get("split") or {}
    return {
        "name": name,
        "method": run.method,
        "hero": hero(run),
        "facts": [
            ("split", str(split.get("kind") or "–")),
            ("test examples", sentence((split.get("sizes") or {}).get("test"))),
            ("audit", str(run.audit.get("worst") or "not recorded")),
            ("CPU time of the fit", duration(cost.get("cpu_seconds"))),
            ("parameters", sentence(run.parameters)),
            ("seed", sentence(run.seed)),
            ("finished", str(run.provenance.get("finished") or "–")[:10]),
        ],
    }


def _methods(names: Sequence[str], runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Metrics of every run, then of each rival once: rivals of equal name and numbers are the same."""
    methods = {name: run.metrics.get("test") or {} for name, run in zip(names, runs, strict=True)}
    for name, run in zip(names, runs, strict=True):
        for rival, row in (run.metrics.get("baselines") or {}).items():
            if rival not in methods:
                methods[rival] = row
            elif methods[rival] != row:
                methods[f"{rival} ({name})"] = row
    return methods


def _figures(names: Sequence[str], runs: Sequence[Run], comparison: dict[str, Any]) -> list[Figure]:
    figures = []
    metrics = shown_metrics(runs[0])
    if metrics:
        figures.append(metric_dots(_methods(names, runs), metrics=metrics, ours=names))
    pairs = [pair for pair in comparison.get("pairs") or [] if is_number(pair.get("value"))]
    if pairs:
        figures.append(paired_differences(pairs[:24], metric=metric_name(comparison.get("primary") or runs[0].primary)))
    return figures


def _stability(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Scores of layouts over seeds and over subsamples: a row each, means over fits or over pairs of fits."""
    names = [name for name in (rows[0] if rows else {}) if name not in ("method", "over", "measured in")]
    spaces = dict.fromkeys(row.get("measured in") for row in rows)
    shown = []
    for space in spaces:  # rows of one space together: scores of another are no match for them
        beside = f" ({space})" if len(spaces) > 1 else ""
        here = [row for row in rows if row.get("measured in") == space]
        shown += [
            [f"{row['method']}{beside}", str(row["over"]), *(small(row.get(name)) for name in names)] for row in here
        ]
    header = [_STABILITY.get(name, name.replace("_", " ")) for name in names]
    measured = "; ".join(str(space) for space in spaces)
    return {"header": header, "rows": shown, "measured": measured, "several": len(spaces) > 1}


_STABILITY = {
    "trustworthiness_sd": "its spread over fits (SD)",
    "neighbour_recall": "share of neighbours kept",
    "distance_correlation": "rank correlation of distances",
    "spread": "distance between two fits, aligned",
    "overlap": "neighbours common to two fits",
}
"""What the columns of `layout_stability` say."""


def _folds(found: dict[str, Any]) -> dict[str, Any]:
    """Repeated cross-validation: a row a method, the best first, with its difference from the best."""
    rows = sorted(found.get("table") or [], key=lambda row: -row["value"])
    gaps = {}
    for pair in found.get("pairs") or []:
        if rows and rows[0]["name"] in (pair["a"], pair["b"]):
            gap = pair if pair["b"] == rows[0]["name"] else turned(pair)
            gaps[gap["a"]] = gap
    return {
        "about": f"{found['repeats']} times {found['folds']} folds of {found['samples']} samples; {found['method']}."
        if rows
        else "",
        "left_out": found.get("left_out") or [],
        "rows": [
            {
                "name": row["name"],
                "ours": not row["rival"],
                "cell": metric_cell(row),
                "gap": metric_cell(gaps.get(row["name"])),
                "p": small((gaps.get(row["name"]) or {}).get("q")),
                "chance": small(row["permutation_p"]) if row["permutations"] else "not asked",
                "features": ""
                if row["features_selected"] is None
                else f"{row['features_in_most_fits']} of {row['features_selected']:.0f}",
            }
            for row in rows
        ],
    }


def _table(names: Sequence[str], runs: Sequence[Run]) -> dict[str, Any]:
    methods = _methods(names, runs)
    metrics = list(dict.fromkeys(metric for run in runs for metric in shown_metrics(run, most=8)))
    rows = [
        {"name": name, "ours": name in names, "cells": [metric_cell(found.get(metric)) for metric in metrics]}
        for name, found in methods.items()
    ]
    return {"header": [metric_name(metric) for metric in metrics], "rows": rows}
