"""Haplotypes of a batch as the distinct stretches in them: what is identical is computed once and counted.

The discriminator of pg-gan sums over haplotypes a function of 16 sites at a time. Haplotypes that agree on these sites
add the same number, so that their count times the number of one of them is the same sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHORT = 6
"""Sites that one pooled output of the first convolution sees: 5, and one more by pooling in pairs."""
LONG = 16
"""Sites that one pooled output of the second sees: six of the former, two sites apart."""
_STATES = 3**SHORT


def widths(sites: int) -> tuple[int, int]:
    """Columns after the first and the second convolution of width 5, each pooled in pairs.

    Raises:
        ValueError: too few sites for one column.
    """
    first = (sites - 4) // 2
    second = (first - 4) // 2
    if second < 1:
        raise ValueError(f"{sites} sites, {LONG} are needed")
    return first, second


@dataclass(frozen=True, eq=False)
class Patterns:
    """A batch, each distinct stretch of a region once.

    Attributes:
        short: alleles of stretches of six sites, -1, 0 (missing or padding) or 1; float32 (stretch, 6).
        short_at: region * columns after the first pooling + column (stretch,).
        long: the six short stretches of each stretch of 16 sites (window, 6).
        long_at: region * columns after the second pooling + column (window,).
        counts: haplotypes of each population that have it, float32 (window, population).
        regions: in the batch.
        sites: of each region.
    """

    short: np.ndarray
    short_at: np.ndarray
    long: np.ndarray
    long_at: np.ndarray
    counts: np.ndarray
    regions: int
    sites: int


def find_patterns(alleles: np.ndarray, sizes: tuple[int, ...]) -> Patterns:
    """The distinct stretches of a batch.

    Args:
        alleles: codes -1, 0 and 1, int8 (batch, haplotype, site).
        sizes: haplotypes of each population, in row order.

    Raises:
        ValueError: too few sites, other codes, or rows that the sizes do not add up to.
    """
    batch, rows, sites = alleles.shape
    if sum(sizes) != rows:
        raise ValueError(f"{rows} haplotypes, expected {sizes}")
    first, second = widths(sites)
    state = (alleles + 1).astype(np.int16)
    if state.size and (state.min() < 0 or state.max() > 2):
        raise ValueError("alleles are coded -1, 0 and 1")
    short = np.zeros((batch, rows, first), np.int16)
    for k in range(SHORT):
        short += state[:, :, k : k + 2 * first : 2] * np.int16(3**k)
    # 16 sites: six, six more, and the last four of six; the row rides along in the lowest bits through the sort
    bits = max(1, int(rows - 1).bit_length())
    code = short[:, :, 0 : 2 * second : 2].astype(np.int64)
    code += _STATES * short[:, :, 3 : 3 + 2 * second : 2].astype(np.int64)
    code += _STATES**2 * (short[:, :, 5 : 5 + 2 * second : 2] // 9).astype(np.int64)
    place = np.arange(batch)[:, None, None] * second + np.arange(second)
    keys = ((place * (_STATES**2 * 81) + code) << bits) | np.arange(rows)[:, None]
    keys = np.sort(keys, axis=None)
    row, group = keys & ((1 << bits) - 1), keys >> bits
    new = np.concatenate([[True], group[1:] != group[:-1]]) if len(group) else np.zeros(0, bool)
    window = np.cumsum(new) - 1
    population = np.repeat(np.arange(len(sizes)), sizes)[row]
    counts = np.bincount(window * len(sizes) + population, minlength=int(new.sum()) * len(sizes))
    long_at = group[new] // (_STATES**2 * 81)
    region, column = np.divmod(long_at, second)
    columns = 2 * column[:, None] + np.arange(SHORT)
    codes = short[region[:, None], row[new][:, None], columns].astype(np.int64)
    slot = (region[:, None] * first + columns) * _STATES + codes
    seen = np.zeros(batch * first * _STATES, bool)
    seen[slot] = True
    index = np.cumsum(seen) - 1
    slots = np.flatnonzero(seen)
    digits = slots[:, None] % _STATES // 3 ** np.arange(SHORT) % 3
    return Patterns(
        short=(digits - 1).astype(np.float32),
        short_at=slots // _STATES,
        long=index[slot],
        long_at=long_at,
        counts=counts.reshape(-1, len(sizes)).astype(np.float32),
        regions=batch,
        sites=sites,
    )
