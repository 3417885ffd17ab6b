"""Reference sequences that an attribution is measured against."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import derive_seed


def dinucleotide_references(codes: np.ndarray, *, n: int = 10, seed: int = 0) -> np.ndarray:
    """Dinucleotide-preserving shuffles of each sequence, codes (sequence, position) -> (sequence, reference, position).

    Reference r of sequence i depends on the seed, r and i alone.
    """
    from chiasma.encode.shuffle import shuffle_codes

    known = codes < 4
    # Padding stays where it is: only the span from the first to the last known base is shuffled.
    inside = np.maximum.accumulate(known, axis=1) & np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    offsets = np.concatenate([[0], np.cumsum(inside.sum(axis=1))]).astype(np.int64)
    result = np.repeat(codes[:, None, :], n, axis=1)
    for number in range(n):
        shuffled = shuffle_codes(codes[inside], offsets, seed=derive_seed(seed, "reference", number), k=2)
        result[:, number][inside] = shuffled
    return result
