"""What a classifier of windows says along a region: the call of each window, as a table or as BED."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.files import atomic_write, read_json
from chiasma.data.dataset import Dataset
from chiasma.data.intervals import Intervals
from chiasma.data.results import Figure
from chiasma.workflow.evaluating.strengths import neutral_share
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.model import Model
from chiasma.workflow.predicting.predictions import output_suffix, write_table

SHARE = "neutral_share"
_LISTED = 25
"""Windows on the page."""


def is_scan(model: Model, data: Dataset) -> bool:
    """Whether the examples are windows summarised by statistics, or along a genome with neutral among the classes."""
    return "statistics" in data.notes or ("neutral" in model.target.names and "chrom" in data.columns)


def scan_columns(model: Model, data: Dataset, scores: np.ndarray) -> dict[str, np.ndarray]:
    """`call`, the likeliest class of each window, and `n_sites`, segregating sites of its run, where they are known.

    Of a detector of two classes that keeps scores of neutral simulations also `neutral_share`: the share of these that
    score as high. Nothing for data that are no scan.
    """
    if not is_scan(model, data):
        return {}
    columns = {"call": np.asarray(model.target.names, dtype=str)[scores.argmax(axis=1)]}
    if "n_sites" in data.columns:
        columns["n_sites"] = data.columns["n_sites"]
    share = neutral_share(model, scores[:, -1])
    if share is not None:
        columns[SHARE] = share
    return columns


def write_windows(
    path: Path | str,
    model: Model,
    data: Dataset,
    columns: Mapping[str, Any],
    *,
    intervals: Intervals | None,
    fasta: Path | str | None,
) -> None:
    """Write a prediction: of a scan with a page beside it, STEM.scan.html, and to .bed with the calls as names.

    All else as `write_table` does.
    """
    if not is_scan(model, data):
        write_table(path, columns, intervals=intervals, fasta=fasta)
        return
    if output_suffix(path) == ".bed":
        write_calls(path, columns, intervals)
    else:
        write_table(path, columns, intervals=intervals, fasta=fasta)
    _write_page(Path(path), model, data, columns, intervals)


def _write_page(
    path: Path, model: Model, data: Dataset, columns: Mapping[str, Any], intervals: Intervals | None
) -> None:
    from chiasma import __version__
    from chiasma.report.scan import write_scan_page

    names = list(model.target.names)
    here = [name for name in names if name != "neutral" and not name.startswith("linked")]
    swept = np.sum([columns[f"p_{name}"] for name in here], axis=0)
    first = np.argsort(-swept, kind="stable")[:_LISTED]
    windows = [
        {
            "place": str(columns["id"][i]),
            "call": str(columns["call"][i]),
            "sweep": float(swept[i]),
            "neutral": float(columns["p_neutral"][i]),
            "sites": int(columns["n_sites"][i]) if "n_sites" in columns else "–",
            "share": f"{columns[SHARE][i]:.3f}" if SHARE in columns else "",
        }
        for i in first
    ]
    gate = path.with_name(f"{path.stem}.gate.json")
    notes = {key: str(value) for key, value in data.notes.items()}
    facts = {
        "windows": len(data),
        "calls": {name: int((columns["call"] == name).sum()) for name in names},
        "skipped": [str(skip) for skip in data.skips],
        "gate": read_json(gate)["text"] if gate.is_file() else "",
        "settings": {"method": model.method.name if isinstance(model, Fitted) else "a network of one's own", **notes},
    }
    figures = [] if intervals is None else _figures(names, columns, intervals)
    page = path.with_name(f"{path.stem}.scan.html")
    write_scan_page(page, facts, windows=windows, figures=figures, version=__version__)


def _figures(names: list[str], columns: Mapping[str, Any], intervals: Intervals) -> list[Figure]:
    """One figure a contig."""
    from chiasma.plot.scan import scan_figure

    chroms = intervals.chrom.astype(str)
    figures: list[Figure] = []
    for chrom in dict.fromkeys(chroms):
        rows = np.flatnonzero(chroms == chrom)
        rows = rows[np.argsort(intervals.start[rows], kind="stable")]
        values = {name: columns[f"p_{name}"][rows] for name in names}
        starts, ends = intervals.start[rows], intervals.end[rows]
        figures.append(scan_figure(chrom, starts, ends, values, name=f"scan_{len(figures) + 1}"))
    return figures


def write_calls(path: Path | str, columns: Mapping[str, Any], places: Intervals | None) -> Path:
    """Write windows as BED 6 and more: the call as name, its probability x 1000 as score, then each probability.

    Raises:
        UsageError: the windows have no place on a genome.
    """
    if places is None:
        raise UsageError(
            "these examples have no place on a genome", where=path, expected="genotypes, or .fvec with places"
        )
    names = [name for name in columns if name.startswith("p_")]
    values = np.column_stack([columns[name] for name in names])
    with atomic_write(Path(path)) as handle:
        handle.write("#" + "\t".join(["chrom", "start", "end", "call", "score", "strand", *names]) + "\n")
        for index in np.lexsort((places.start, places.chrom.astype(str))):
            score = round(1000 * float(values[index].max()))
            place = f"{places.chrom[index]}\t{int(places.start[index])}\t{int(places.end[index])}"
            more = "\t".join(f"{value:.6g}" for value in values[index])
            handle.write(f"{place}\t{columns['call'][index]}\t{score}\t.\t{more}\n")
    return Path(path)
