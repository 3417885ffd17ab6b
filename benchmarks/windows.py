"""Window extraction: codes ready for the device, against pysam + numpy one-hot and against peers' codes.

Run: python benchmarks/windows.py GENOME.fa[.gz] [--seconds 3]
Prints megabases per CPU second for random windows, the median of five rounds, all in this process on one thread.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pysam

from chiasma.data.intervals import Intervals, make_intervals
from chiasma.io.genome import Genome, open_genome

LENGTHS = (2_114, 196_608)
"""ChromBPNet's and Enformer's input lengths, bases."""
ROUNDS = 5
LOOKUP = np.zeros((256, 4), np.float32)
for _column, _base in enumerate(b"ACGT"):
    LOOKUP[_base, _column] = LOOKUP[_base + 32, _column] = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("genome", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0, help="CPU seconds for each figure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = _plain(options.genome, Path(folder))
        genome = open_genome(path, cache=folder)
        with pysam.FastaFile(str(path)) as fasta:
            for length in LENGTHS:
                _report(genome, fasta, length, options.seconds, path)


def _report(genome: Genome, fasta: pysam.FastaFile, length: int, seconds: float, path: Path) -> None:
    windows = _random_windows(genome, length, number=max(8, 4_000_000 // length))
    contig = genome.contig_indices(windows.chrom)
    methods: dict[str, Callable[[], object]] = {
        "chiasma windows, codes uint8": lambda: genome.windows(windows),
        "chiasma slices, contigs known": lambda: genome.slices(contig, windows.start, length),
        "bare numpy slices into a batch": lambda: _bare(genome, contig, windows, length),
        "pysam + numpy one-hot float32": lambda: _pysam_one_hot(fasta, windows),
    }
    if find_spec("genvarloader") is not None:
        methods["genvarloader RefDataset, bytes"] = _genvarloader(path, windows, length)
    print(f"\nwindows of {length:,} bp, {len(windows)} a batch (Mb per CPU second)")
    _check(genome, fasta, windows)
    rates = {name: _rate(method, len(windows) * length, seconds) for name, method in methods.items()}
    ours = rates["chiasma windows, codes uint8"]
    for name, rate in rates.items():
        print(f"  {name:34s} {rate:10,.0f}   chiasma is {ours / rate:8.2f} x")
    if "genvarloader RefDataset, bytes" not in methods:
        print("  genvarloader is not installed: peer left out")


def _rate(method: Callable[[], object], bases: int, seconds: float) -> float:
    method()
    rates = []
    for _ in range(ROUNDS):
        repeats, begin = 0, time.process_time()
        while (spent := time.process_time() - begin) < seconds / ROUNDS:
            method()
            repeats += 1
        rates.append(repeats * bases / spent / 1e6)
    return float(np.median(rates))


def _bare(genome: Genome, contig: np.ndarray, windows: Intervals, length: int) -> np.ndarray:
    """One slice copied for each window in a Python loop: no checks, no edges, no strands."""
    out = np.empty((len(windows), length), np.uint8)
    codes = genome.codes
    for row, begin in enumerate((genome.offsets[contig] + windows.start).tolist()):
        out[row] = codes[begin : begin + length]
    return out


def _pysam_one_hot(fasta: pysam.FastaFile, windows: Intervals) -> np.ndarray:
    batch = [
        LOOKUP[np.frombuffer(fasta.fetch(chrom, start, end).encode(), np.uint8)]
        for chrom, start, end in zip(windows.chrom, windows.start.tolist(), windows.end.tolist(), strict=True)
    ]
    return np.stack(batch)


def _genvarloader(path: Path, windows: Intervals, length: int) -> Callable[[], object]:
    import genvarloader
    import polars

    bed = polars.DataFrame(
        {"chrom": [str(c) for c in windows.chrom], "chromStart": windows.start, "chromEnd": windows.end}
    )
    dataset = genvarloader.RefDataset(genvarloader.Reference.from_path(path), bed, length)
    index = np.arange(len(windows))
    return lambda: dataset[index]


def _check(genome: Genome, fasta: pysam.FastaFile, windows: Intervals) -> None:
    """Both give the same bases, or the comparison means nothing."""
    few = windows.take(np.arange(min(8, len(windows))))
    known = np.eye(5, 4, dtype=np.float32)[genome.windows(few)]
    if not np.array_equal(known, _pysam_one_hot(fasta, few)):
        raise SystemExit("chiasma and pysam disagree on the bases")


def _random_windows(genome: Genome, length: int, *, number: int) -> Intervals:
    rng = np.random.default_rng(0)
    room = np.maximum(genome.lengths - length, 0)
    contig = rng.choice(len(room), number, p=room / room.sum())
    start = (rng.random(number) * room[contig]).astype(np.int64)
    names = np.array(genome.names, dtype=object)[contig]
    return make_intervals(names, start, start + length)


def _plain(path: Path, folder: Path) -> Path:
    """An uncompressed copy, since pysam seeks in plain or bgzip FASTA only."""
    copy = folder / "genome.fa"
    raw = path.read_bytes()
    copy.write_bytes(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    return copy


if __name__ == "__main__":
    main()
