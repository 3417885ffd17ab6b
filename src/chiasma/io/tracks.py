"""The table of tracks that Basenji and Borzoi keep beside their data (targets.txt)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from chiasma.core.checks import require_valid
from chiasma.core.errors import FormatError, InputError, MismatchError, UsageError, list_some
from chiasma.data.track_table import Scale, TrackTable

_NEEDED = ("identifier",)
_POWERS = {
    "old": {"sum_sqrt": 0.75, "mean_sqrt": 0.75},
    "new": {"sum_sqrt": 0.5, "mean_sqrt": 0.5, "sum_exp75": 0.75},
}
"""Power that each statistic stands for. The old scale's `sqrt` is a power of 3/4, whatever its name says."""
_ONLY_NEW = set(_POWERS["new"]) - set(_POWERS["old"])


def read_track_table(path: Path | str, *, squash: Scale | None = None) -> TrackTable:
    """Read a targets table.

    Args:
        path: tab-separated with a header; the first column, unnamed, numbers the tracks. Columns: identifier, and,
            where they are there, file, clip, clip_soft, scale, sum_stat, strand_pair, description, squash.
        squash: old or new, where the table has no such column: nothing else in it tells.

    Raises:
        FormatError: not such a table.
        UsageError: the table squashes but neither it nor the caller says how, they contradict each other, or a
            statistic is not of that order.
        InputError: repeated identifiers, unknown statistics, strand pairs that are not mutual.
    """
    frame = _read(path)
    count = len(frame)
    order = _squash(frame, squash, path)
    statistic = _column(frame, "sum_stat", "sum").replace({"avg": "mean", "avg_sqrt": "mean_sqrt"}).to_numpy(object)
    powers = _POWERS[order]
    if lost := sorted({str(name) for name in statistic} & _ONLY_NEW) if order == "old" else []:
        raise UsageError(
            "a statistic that the old order of squashing does not have",
            where=path,
            got=list_some(lost),
            expected="a table of the new order",
            do="give --squash new, or mend the column squash",
        )
    table = TrackTable(
        identifier=frame["identifier"].astype(str).to_numpy(object),
        file=_column(frame, "file", "").fillna("").astype(str).to_numpy(object),
        clip=_numbers(frame, "clip", np.nan, path),
        clip_soft=_numbers(frame, "clip_soft", np.nan, path),
        scale=_numbers(frame, "scale", 1.0, path),
        sum_stat=statistic,
        exponent=np.array([powers.get(str(name), 1.0) for name in statistic]),
        strand_pair=_pairs(frame, path) if "strand_pair" in frame else np.arange(count),
        description=_column(frame, "description", "").fillna("").astype(str).to_numpy(object),
        squash=order,
    )
    require_valid(table, where=path, do="mend the table")
    return table


def require_fit(table: TrackTable, tracks: int, *, where: object = None) -> None:
    """Raise unless the table has one row for each track of a head or of the data."""
    if len(table) != tracks:
        raise MismatchError(
            "the track table does not fit",
            where=where,
            got=f"{len(table)} rows",
            expected=f"{tracks}, one for each track",
            do="give the table that the data or the model were made with",
        )


def _read(path: Path | str) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, sep="\t", index_col=0)
    except FileNotFoundError as error:
        raise InputError("no such file", where=path, do="check the path") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise FormatError(
            "not a tab-separated table", where=path, got=error, expected="a targets table with a header"
        ) from error
    if missing := [name for name in _NEEDED if name not in frame]:
        raise FormatError(
            f"no column {missing[0]!r}",
            where=path,
            got=list_some(frame.columns),
            expected="a targets table with a header: (number), identifier, file, clip, scale, sum_stat, description",
        )
    if frame.empty:
        raise FormatError("a table without tracks", where=path, expected="one row a track below the header")
    return frame


def _squash(frame: pd.DataFrame, asked: Scale | None, path: Path | str) -> Scale:
    told = sorted(set(frame["squash"].astype(str))) if "squash" in frame else []
    if len(told) > 1 or (told and told[0] not in _POWERS):
        raise FormatError("column squash must hold one word", where=path, got=list_some(told), expected="old | new")
    if told:
        if asked is not None and asked != told[0]:
            raise UsageError("the table says otherwise", where=path, got=f"squash={asked}", expected=told[0])
        return "old" if told[0] == "old" else "new"
    if asked is not None:
        return asked
    statistics = set(_column(frame, "sum_stat", "sum").astype(str))
    if "clip_soft" in frame or statistics & {"peak", *_POWERS["new"]}:
        raise UsageError(
            "the table squashes its tracks, and does not say in which order",
            where=path,
            expected="old (power 3/4, soft clip, scale: Borzoi's manuscript) | new (scale, root, soft clip)",
            do="give --squash old or --squash new, or add a column squash",
        )
    return "old"


def _column(frame: pd.DataFrame, name: str, default: str) -> pd.Series:
    return frame[name] if name in frame else pd.Series(default, index=frame.index)


def _numbers(frame: pd.DataFrame, name: str, default: float, path: Path | str) -> np.ndarray:
    if name not in frame:
        return np.full(len(frame), default)
    values = pd.to_numeric(frame[name], errors="coerce")
    if (bad := values.isna() & frame[name].notna()).any():
        raise FormatError(
            f"column {name} is not a number", where=path, got=list_some(frame.loc[bad, name]), expected="numbers"
        )
    return values.fillna(default).to_numpy(float)


def _pairs(frame: pd.DataFrame, path: Path | str) -> np.ndarray:
    """Rows instead of the table's own numbers, which a selection of tracks keeps from the whole."""
    row = {number: place for place, number in enumerate(frame.index)}
    if len(row) < len(frame):
        raise FormatError("track numbers are repeated", where=path, expected="each number in the first column once")
    if lost := [name for name in frame["strand_pair"] if name not in row]:
        raise FormatError(
            "strand_pair names tracks that the table does not have", where=path, got=list_some(lost), expected="numbers"
        )
    return np.array([row[number] for number in frame["strand_pair"]], np.int64)
