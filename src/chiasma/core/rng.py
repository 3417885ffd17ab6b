"""Randomness as an argument: every stream is named by a root seed and a path of keys.

The same (seed, keys) give the same numbers on any worker and in any order, which is what makes a simulated
example addressable and a killed run resumable.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *keys: int | str) -> int:
    """A 32-bit seed for the stream named by `keys` under `seed` (never 0: msprime refuses it).

    Integers of numpy and of Python name the same stream.
    """
    return _digest(seed, keys, size=8) % (2**32 - 2) + 1


def generator(seed: int, *keys: int | str) -> np.random.Generator:
    """A numpy generator, seeded with 128 bits, for the stream named by `keys` under `seed`."""
    return np.random.Generator(np.random.PCG64(_digest(seed, keys, size=16)))


def _digest(seed: int, keys: tuple[int | str, ...], *, size: int) -> int:
    named = [f"int:{int(key)}" if isinstance(key, (int, np.integer)) else f"str:{key}" for key in keys]
    text = "\x1f".join([str(int(seed)), *named])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest(), "little")
