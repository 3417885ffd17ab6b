"""Genotypes as packed bits, so that 64 samples are counted by one machine instruction."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic


def _generate(_context: Any, word: Any) -> Any:
    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return word(word), generate


_population: Any = intrinsic(_generate)


@numba.njit(cache=True)
def popcount(word: Any) -> Any:
    """Bits set in a 64-bit word, int64."""
    return np.int64(_population(word))


@numba.njit(cache=True)
def pack(values: np.ndarray, n_planes: int) -> np.ndarray:
    """Pack small whole numbers as unary planes of bits.

    Args:
        values: 0 .. n_planes, negative where missing; int8 (item, place).
        n_planes: largest value; 1 for haplotypes, the ploidy for dosages.

    Returns:
        uint64 (item, plane, word): bit p of plane t says values[p] > t; the last plane says values[p] >= 0.
    """
    n_items, n_places = values.shape
    n_words = max(1, (n_places + 63) // 64)
    packed = np.zeros((n_items, n_planes + 1, n_words), np.uint64)
    for item in range(n_items):
        for word in range(n_words):
            first = word << 6
            size = min(64, n_places - first)
            # planes 0 .. n_planes - 1 ask for more than themselves, the last for 0 or more
            for plane in range(n_planes + 1):
                above = plane if plane < n_planes else -1
                bits = np.uint64(0)
                for bit in range(size):
                    bits |= np.uint64(values[item, first + bit] > above) << np.uint64(bit)
                packed[item, plane, word] = bits
    return packed


@numba.njit(cache=True)
def count_differences(packed: np.ndarray) -> np.ndarray:
    """Places at which two items differ and both are called (item, item), int64; `packed` as `pack` makes it."""
    n_items, n_rows, n_words = packed.shape
    n_planes = n_rows - 1
    found = np.zeros((n_items, n_items), np.int64)
    for i in range(n_items):
        for j in range(i + 1, n_items):
            total = 0
            for word in range(n_words):
                unlike = np.uint64(0)
                for plane in range(n_planes):
                    unlike |= packed[i, plane, word] ^ packed[j, plane, word]
                unlike &= packed[i, n_planes, word] & packed[j, n_planes, word]
                total += popcount(unlike)
            found[i, j] = total
            found[j, i] = total
    return found
