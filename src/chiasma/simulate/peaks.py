"""Simulated binding peaks: a CTCF-like motif planted in sequence with human dinucleotides."""

from __future__ import annotations

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.rng import generator
from chiasma.data.intervals import make_intervals
from chiasma.data.sequences import Sequences, encode, reverse_complement

CONSENSUS = "CCGCGNGGNGGCAG"
"""Core of the CTCF site as textbooks print it; the matrix below softens it and is ours, fitted to nothing."""
_STRENGTH = (0.8, 0.95, 0.7, 0.9, 0.75, 0.25, 0.95, 0.95, 0.25, 0.95, 0.95, 0.9, 0.7, 0.85)
"""Probability of the consensus base at each position; the other three share the rest."""
# Share of each dinucleotide (row first base, column second, A C G T), both strands, measured on the first 1 Mb of
# chr1, hg38 (839,996 pairs without N).
_PAIRS = np.array(
    [
        [0.0825, 0.0512, 0.0718, 0.0662],
        [0.0750, 0.0652, 0.0162, 0.0718],
        [0.0600, 0.0519, 0.0652, 0.0512],
        [0.0543, 0.0600, 0.0750, 0.0825],
    ]
)
_GC_SPREAD = 0.35
"""Standard deviation, in log-odds of G or C, between sequences: GC then ranges from about .3 to .6."""
_OFFSET_SPREAD = 12.0
"""Standard deviation of the motif's distance from the middle, bases: a good peak caller's precision."""
_CHROMOSOME_LENGTH = 50_000_000
"""Bases of each simulated chromosome."""
_CHROMOSOMES = 22


def motif_matrix() -> np.ndarray:
    """Probability of A, C, G, T at each position of the planted motif (position, base)."""
    rows = []
    for base, strength in zip(encode(CONSENSUS), _STRENGTH, strict=True):
        row = np.full(4, 0.25)
        if base < 4:
            row[:] = (1 - strength) / 3
            row[base] = strength
        rows.append(row)
    return np.array(rows)


def simulate_peaks(number: int, *, seed: int, length: int = 100, share: float = 0.9) -> Sequences:
    """Simulate peaks: background by a Markov chain, the motif near the middle of most, on either strand.

    Args:
        number: peaks.
        seed: root of all randomness.
        length: bases of a peak.
        share: how many of the peaks hold the motif.

    Returns:
        Sequences named chrom:start-end on chr1 to chr22 of a made-up genome, intervals set, none overlapping.

    Raises:
        UsageError: the motif does not fit.
    """
    width = len(CONSENSUS)
    if length < width or not 0 <= share <= 1 or number < 1:
        raise UsageError(
            "these peaks cannot be made",
            got=f"number {number}, length {length}, share {share}",
            expected=f"at least one peak, length {width} or more, share between 0 and 1",
        )
    codes = _background(number, length, generator(seed, "peaks", "background"))
    rng = generator(seed, "peaks", "motif")
    sites = _draw_sites(number, rng)
    flipped = rng.random(number) < 0.5
    sites[flipped] = reverse_complement(sites[flipped])
    middle = (length - width) / 2
    start = np.clip(np.rint(rng.normal(middle, _OFFSET_SPREAD, number)), 0, length - width).astype(np.int64)
    holds = np.flatnonzero(rng.random(number) < share)
    codes[holds[:, None], start[holds, None] + np.arange(width)] = sites[holds]
    chrom, begin = _places(number, length, generator(seed, "peaks", "places"))
    intervals = make_intervals(chrom, begin, begin + length)
    return Sequences.from_codes(list(intervals.names), codes, intervals)


def _background(number: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Codes (sequence, position) of a first-order chain whose GC differs between sequences."""
    tilt = np.exp(rng.normal(0, _GC_SPREAD, number))
    weight = np.ones((number, 4))
    weight[:, 1] = weight[:, 2] = tilt
    # Chance of the next base given the last (sequence, last, next), cumulated over next.
    step = _PAIRS[None] / _PAIRS.sum(axis=1)[None, :, None] * weight[:, None, :]
    ladder = np.cumsum(step / step.sum(axis=2, keepdims=True), axis=2)
    first = _PAIRS.sum(axis=1) * weight
    first_ladder = np.cumsum(first / first.sum(axis=1, keepdims=True), axis=1)
    uniform = rng.random((number, length))
    codes = np.empty((number, length), np.uint8)
    rows = np.arange(number)
    codes[:, 0] = (uniform[:, :1] > first_ladder[:, :3]).sum(axis=1)
    for position in range(1, length):
        here = ladder[rows, codes[:, position - 1], :3]
        codes[:, position] = (uniform[:, position, None] > here).sum(axis=1)
    return codes


def _draw_sites(number: int, rng: np.random.Generator) -> np.ndarray:
    """Sites drawn from the matrix (sequence, position)."""
    ladder = np.cumsum(motif_matrix(), axis=1)[:, :3]
    return (rng.random((number, len(ladder), 1)) > ladder[None]).sum(axis=2).astype(np.uint8)


def _places(number: int, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Chromosome and start of peaks in random order, at most one in each slot of two lengths."""
    slots = _CHROMOSOME_LENGTH // (2 * length)
    chosen = rng.choice(slots * _CHROMOSOMES, size=number, replace=False)
    chrom = np.array([f"chr{index + 1}" for index in range(_CHROMOSOMES)], dtype=object)[chosen // slots]
    return chrom, (chosen % slots) * 2 * length + rng.integers(0, length, number)
