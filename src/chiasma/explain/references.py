"""Reference sequences that an attribution is measured against."""

from __future__ import annotations

import numpy as np

from chiasma.core.rng import derive_seed


def dinucleotide_references(codes: np.ndarray, *, n: int = 10, seed: int = 0) -> np.ndarray:
    """Dinucleotide-preserving shuffles of each sequence, codes (sequence, position) -> (sequence, reference, position).

    Reference r of sequence i depends on the seed, r and i alone.
    """
    from chiasma.encode.shuffle import shuffle_codes

    offsets = np.arange(len(codes) + 1, dtype=np.int64) * codes.shape[1]
    seeds = [derive_seed(seed, "reference", number) for number in range(n)]
    shuffled = [shuffle_codes(codes.ravel(), offsets, seed=each, k=2).reshape(codes.shape) for each in seeds]
    return np.stack(shuffled, axis=1)
