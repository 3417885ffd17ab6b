"""Dynamic time warping within a band (Sakoe and Chiba 1978)."""

from __future__ import annotations

import numba
import numpy as np


def warp(query: np.ndarray, reference: np.ndarray, *, band: float = 1.0) -> np.ndarray:
    """The path of least cost that matches two series from end to end.

    Steps are to the next of either or of both; one to both costs the distance twice (the symmetric pattern, whose
    cost does not depend on how long the path is). Of equal paths the one with more steps to both is taken.

    Args:
        query: values (time,).
        reference: values (time,).
        band: how far the path may be from the straight line, as a share of the reference; 1 is everywhere. It is
            widened to what a path needs.

    Returns:
        Places in query and in reference of each step, from (0, 0) to the ends (step, 2).
    """
    query, reference = np.ascontiguousarray(query, np.float64), np.ascontiguousarray(reference, np.float64)
    slope = (len(reference) - 1) / max(len(query) - 1, 1)
    half = int(np.ceil(min(max(band, 0.0), 1.0) * len(reference) + slope)) + 1
    half = min(half, len(reference))
    return _path(_directions(query, reference, half), half, len(query), len(reference))


def path_cost(query: np.ndarray, reference: np.ndarray, path: np.ndarray) -> float:
    """Cost of a path (step, 2): distances, doubled where both move on."""
    gap = np.abs(query[path[:, 0]] - reference[path[:, 1]])
    both = (np.diff(path, axis=0) == 1).all(axis=1)
    return float(gap[0] + (gap[1:] * np.where(both, 2.0, 1.0)).sum())


def mean_match(path: np.ndarray, values: np.ndarray, n_query: int) -> np.ndarray:
    """Mean of the reference's values (time,) that each place of the query is matched to (n_query,)."""
    total = np.bincount(path[:, 0], weights=values[path[:, 1]], minlength=n_query)
    return total / np.bincount(path[:, 0], minlength=n_query)


@numba.njit(cache=True)
def _first(row: int, half: int, n_query: int, n_reference: int) -> int:
    """The first place of the reference in the band at a place of the query."""
    middle = row * (n_reference - 1) // max(n_query - 1, 1)
    return max(middle - half, 0)


@numba.njit(cache=True)
def _directions(query: np.ndarray, reference: np.ndarray, half: int) -> np.ndarray:
    """Which step leads to each cell of the band, 0 both, 1 query, 2 reference (query, place in the band)."""
    n, m = len(query), len(reference)
    width = 2 * half + 1
    step = np.zeros((n, width), dtype=np.int8)
    before = np.full(width, np.inf)
    now = np.full(width, np.inf)
    for row in range(n):
        begin, shift = _first(row, half, n, m), 0
        if row:
            shift = begin - _first(row - 1, half, n, m)
        for place in range(width):
            column = begin + place
            now[place] = np.inf
            if column >= m:
                continue
            gap = abs(query[row] - reference[column])
            if row == 0 and column == 0:
                now[place] = gap
                continue
            best, way = np.inf, 0
            above = place + shift
            if row and column and 0 <= above - 1 < width:
                best = before[above - 1] + 2.0 * gap
            if row and above < width and before[above] + gap < best:
                best, way = before[above] + gap, 1
            if place and now[place - 1] + gap < best:
                best, way = now[place - 1] + gap, 2
            now[place], step[row, place] = best, way
        before, now = now, before
    return step


@numba.njit(cache=True)
def _path(step: np.ndarray, half: int, n: int, m: int) -> np.ndarray:
    found = np.zeros((n + m, 2), dtype=np.int64)
    row, column, length = n - 1, m - 1, 0
    while True:
        found[length, 0], found[length, 1] = row, column
        length += 1
        if row == 0 and column == 0:
            break
        way = step[row, column - _first(row, half, n, m)]
        if way != 2:
            row -= 1
        if way != 1:
            column -= 1
    return found[:length][::-1].copy()
