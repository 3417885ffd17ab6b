"""What a classifier of windows says along a region: the call of each window, as a table or as BED."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.files import atomic_write
from chiasma.data.dataset import Dataset
from chiasma.data.intervals import Intervals
from chiasma.workflow.model import Model
from chiasma.workflow.predicting.predictions import output_suffix, write_table


def is_scan(data: Dataset) -> bool:
    """Whether the examples are windows that were summarised by statistics."""
    return "statistics" in data.notes


def scan_columns(model: Model, data: Dataset, scores: np.ndarray) -> dict[str, np.ndarray]:
    """`call`, the likeliest class of each window, and `n_sites`, segregating sites of its run, where they are known.

    Nothing for data that are no windows summarised by statistics.
    """
    if not is_scan(data):
        return {}
    columns = {"call": np.asarray(model.target.names, dtype=str)[scores.argmax(axis=1)]}
    if "n_sites" in data.columns:
        columns["n_sites"] = data.columns["n_sites"]
    return columns


def write_windows(
    path: Path | str, columns: Mapping[str, Any], *, intervals: Intervals | None, fasta: Path | str | None
) -> Path:
    """Write a prediction: of a scan to .bed with the calls as names, all else as `write_table` does."""
    if "call" in columns and output_suffix(path) == ".bed":
        return write_calls(path, columns, intervals)
    return write_table(path, columns, intervals=intervals, fasta=fasta)


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
