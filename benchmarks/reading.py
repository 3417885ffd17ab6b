"""The steps that every fit on sequences waits for, in CPU seconds, on real CTCF peaks.

Run: OMP_NUM_THREADS=1 python benchmarks/reading.py $CHIASMA_DATA/sequence/peaks/ctcf.fa.gz
Each figure is the best of three runs in this process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from chiasma.data.dataset import Target
from chiasma.encode.shuffle import shuffle
from chiasma.io.fasta import read_fasta
from chiasma.stats.bootstrap import bootstrap
from chiasma.stats.kmers import kmer_counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peaks", type=Path)
    path = parser.parse_args().peaks
    sequences = read_fasta(path)
    random = np.random.default_rng(0)
    codes = random.integers(0, 2, 8_000)
    scores = np.clip(codes * 0.3 + random.random(8_000) * 0.7, 0, 1)
    target = Target("binary", codes, ("negative", "positive"))
    both = np.column_stack([1 - scores, scores])
    steps: dict[str, Callable[[], object]] = {
        f"read {len(sequences):,} sequences": lambda: read_fasta(path),
        "shuffle them, dinucleotides kept": lambda: shuffle(sequences, seed=1),
        "count their 6-mers": lambda: kmer_counts(sequences, 6),
        "1,000 bootstrap draws of 8,000 examples": lambda: bootstrap(
            target, both, np.arange(8_000) // 2, unit_name="pair", seed=0, draws=1000
        ),
    }
    for name, step in steps.items():
        print(f"{name:42s} {min(_seconds(step) for _ in range(3)):8.3f} CPU s")


def _seconds(step: Callable[[], object]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


if __name__ == "__main__":
    main()
