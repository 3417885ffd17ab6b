"""Randomness as an argument: every stream is named by a root seed and a path of keys.

The same (seed, keys) give the same numbers on any worker and in any order, which is what makes a simulated
example addressable and a killed run resumable.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *keys: int | str) -> int:
    """A 32-bit seed for the stream named by `keys` under `seed` (never 0: msprime refuses it)."""
    text = "\x1f".join([str(int(seed)), *[f"{type(key).__name__}:{key}" for key in keys]])
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % (2**32 - 2) + 1


def generator(seed: int, *keys: int | str) -> np.random.Generator:
    """A numpy generator for the stream named by `keys` under `seed`."""
    return np.random.Generator(np.random.PCG64(derive_seed(seed, *keys)))
