"""A small genome with planted motifs, and coverage that answers to them, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyBigWig

from chiasma.data.sequences import decode, encode
from chiasma.simulate.planted import MOTIFS


def write_genome(folder: Path, sizes: dict[str, int], *, seed: int = 1, every: int = 400) -> tuple[Path, Path]:
    """FASTA with a motif every so many bases at random places, and a bigWig that is high around each."""
    draw = np.random.default_rng(seed)
    word = encode(MOTIFS["ctcf"])
    lines, values = [], {}
    for name, size in sizes.items():
        codes, signal = draw.integers(0, 4, size).astype(np.uint8), np.full(size, 0.1)
        for start in draw.choice(size - 100, size // every, replace=False):
            codes[start : start + len(word)] = word
            signal[max(0, start - 40) : start + 60] += 3.0
        lines.append(f">{name}\n{decode(codes)}\n")
        values[name] = signal
    (folder / "genome.fa").write_text("".join(lines))
    return folder / "genome.fa", write_coverage(folder / "signal.bw", values)


def write_coverage(path: Path, values: dict[str, np.ndarray]) -> Path:
    """A bigWig of one value a base."""
    with pyBigWig.open(str(path), "w") as handle:
        handle.addHeader([(name, len(column)) for name, column in values.items()])
        for name, column in values.items():
            handle.addEntries(name, 0, values=column.tolist(), span=1, step=1)
    return path
