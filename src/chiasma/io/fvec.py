"""Feature vectors of the S/HIC family (.fvec): a header NAME_winK, one region a line; read and written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chiasma.core.errors import FormatError, InputError
from chiasma.core.files import atomic_write
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.io.textfile import read_bytes

_DISTRIBUTIONS = {
    "HAF": "haf",
    "HAFunique": "haf_distinct",
    "phi": "phi",
    "kappa": "kappa",
    "SFS": "frequency",
    "SAFE": "safe",
}
_SUMMARIES = {
    "Mean": "mean",
    "Median": "median",
    "Mode": "mode",
    "Lower95%": "q2.5",
    "Lower50%": "q25",
    "Upper50%": "q75",
    "Upper95%": "q97.5",
    "Max": "max",
    "Var": "variance",
    "SD": "deviation",
    "Skew": "skew",
    "Kurt": "kurtosis",
}
SPELLED = {
    "thetaW": "theta_w",
    "tajD": "tajima_d",
    "thetaH": "theta_h",
    "fayWuH": "fay_wu_h",
    "maxFDA": "max_derived_frequency",
    "HapCount": "haplotypes",
    "H1": "h1",
    "H12": "h12",
    "H2/H1": "h2_h1",
    "ZnS": "zns",
    "Omega": "omega",
    "distVar": "distance_variance",
    "distSkew": "distance_skew",
    "distKurt": "distance_kurtosis",
    "nDiplos": "diplotypes",
    "diplo_H1": "diplotype_h1",
    "diplo_H12": "diplotype_h12",
    "diplo_H2/H1": "diplotype_h2_h1",
    "diplo_ZnS": "diplotype_zns",
    "diplo_Omega": "diplotype_omega",
    "iHSMean": "ihs_mean",
    "iHSMax": "ihs_max",
    "iHSOutFrac": "ihs_outliers",
    **{f"{one}-{how}": f"{ours}_{said}" for one, ours in _DISTRIBUTIONS.items() for how, said in _SUMMARIES.items()},
}
"""Names of statistics in files of diploS/HIC and partialS/HIC, where ours differ."""
_PLACE = ("chrom", "classifiedWinStart", "classifiedWinEnd")
_COLUMN = re.compile(r"(.+)_win(\d+)")


@dataclass(frozen=True, eq=False)
class FeatureVectors:
    """Grids of statistics.

    Attributes:
        names: of the statistics, ours where there is one.
        values: (example, statistic, window).
        places: the windows classified, 0-based and half-open, where the file has them.
    """

    names: tuple[str, ...]
    values: np.ndarray
    places: Intervals | None = None


def read_fvec(path: Path | str) -> FeatureVectors:
    """Read a .fvec, plain or gzip.

    Raises:
        FormatError: no such header, windows that are not 0 to W - 1 of every statistic, or a value that is no number.
    """
    head, *lines = [line for line in read_bytes(path).decode("utf-8", "replace").split("\n") if line.strip()]
    columns = [name.strip() for name in head.split("\t")]
    statistics = _statistics(columns, path)
    if not lines:
        raise FormatError("feature vectors without a line", where=path, expected="a region a line after the header")
    rows = [line.split("\t") for line in lines]
    if wrong := [number for number, row in enumerate(rows, start=2) if len(row) != len(columns)]:
        raise FormatError(
            "wrong number of columns",
            where=f"{path}, line {wrong[0]}",
            got=len(rows[wrong[0] - 2]),
            expected=len(columns),
        )
    kept = [index for indices in statistics.values() for index in indices]
    try:
        values = np.array([[row[index] for index in kept] for row in rows], np.float64)
    except ValueError as error:
        raise FormatError("a feature that is no number", where=path, got=error, expected="numbers in tabs") from error
    shape = (len(rows), len(statistics), len(kept) // len(statistics))
    return FeatureVectors(tuple(statistics), values.reshape(shape), _places(columns, rows, path))


def _statistics(columns: Sequence[str], path: Path | str) -> dict[str, list[int]]:
    """Columns of each statistic, window by window, statistics in the order of the file."""
    found: dict[str, dict[int, int]] = {}
    for index, column in enumerate(columns):
        if match := _COLUMN.fullmatch(column):
            found.setdefault(SPELLED.get(match[1], match[1]), {})[int(match[2])] = index
    windows = {tuple(sorted(places)) for places in found.values()}
    if len(windows) != 1 or (only := windows.pop()) != tuple(range(len(only))):
        raise FormatError(
            "not the header of feature vectors",
            where=path,
            got="\t".join(columns[:6]),
            expected="columns NAME_win0, NAME_win1, ... with the same windows of every statistic",
        )
    return {name: [places[window] for window in only] for name, places in found.items()}


def _places(columns: Sequence[str], rows: Sequence[Sequence[str]], path: Path | str) -> Intervals | None:
    if not set(_PLACE) <= set(columns):
        return None
    chrom, first, last = ([row[columns.index(name)] for row in rows] for name in _PLACE)
    try:
        return make_intervals(chrom, [int(value) - 1 for value in first], [int(value) for value in last])
    except ValueError as error:
        raise FormatError("a window whose ends are no numbers", where=path, got=error, expected="bases") from error


def find_fvec(folder: Path | str) -> dict[str, Path]:
    """The .fvec files of a folder by stem: hard.fvec.gz is "hard".

    Raises:
        InputError: no such folder, none in it, or one both packed and not.
    """
    found: dict[str, Path] = {}
    for path in sorted(Path(folder).iterdir()) if Path(folder).is_dir() else ():
        name = path.name.removesuffix(".gz")
        if not name.endswith(".fvec"):
            continue
        stem = name.removesuffix(".fvec")
        if stem in found:
            got = f"{found[stem].name} and {path.name}"
            raise InputError("feature vectors are there twice", where=folder, got=got, do="keep one of them")
        found[stem] = path
    if not found:
        raise InputError(
            "no feature vectors", where=folder, expected="a folder with a file a class: hard.fvec, neut.fvec, ..."
        )
    return found


def write_fvec(path: Path | str, vectors: FeatureVectors) -> None:
    """Write a .fvec with statistics spelled as diploS/HIC and partialS/HIC spell them, where they do; 6 digits."""
    spelled = {ours: theirs for theirs, ours in SPELLED.items()}
    windows = range(vectors.values.shape[2])
    head = [f"{spelled.get(name, name)}_win{window}" for name in vectors.names for window in windows]
    with atomic_write(path) as handle:
        handle.write("\t".join([*(_PLACE if vectors.places else ()), *head]) + "\n")
        for index, row in enumerate(vectors.values.reshape(len(vectors.values), -1)):
            place = []
            if vectors.places is not None:
                start, end = vectors.places.start[index] + 1, vectors.places.end[index]
                place = [str(vectors.places.chrom[index]), str(start), str(end)]
            handle.write("\t".join([*place, *(f"{value:.6g}" for value in row)]) + "\n")
