"""bigWig: one value a stretch of a genome, for genome browsers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from chiasma.core.errors import InputError, list_some
from chiasma.core.files import atomic_write
from chiasma.data.intervals import Intervals
from chiasma.io.genome import Genome

BIGWIG_SUFFIXES = (".bw", ".bigwig")


def write_bigwig(path: Path | str, intervals: Intervals, values: np.ndarray, *, genome: Genome) -> None:
    """Write a value for each interval, as 32-bit numbers; contigs are named as the genome names them.

    Args:
        path: the file.
        intervals: none over another, all on the genome, in any order.
        values: finite (interval,).
        genome: whose contigs and lengths the file lists.

    Raises:
        InputError: intervals overlap, or lie off the genome. RunError: the place cannot be written.
    """
    import pyBigWig

    contig = genome.contig_indices(intervals.chrom)
    off = ~genome.inside(intervals)
    if off.any():
        got = f"{int(off.sum())}: {list_some(intervals.names[off], most=3)}"
        do, expected = "check that both are of one build", f"intervals on {genome.source}"
        raise InputError("intervals off the genome", where=path, got=got, expected=expected, do=do)
    order = np.lexsort((intervals.start, contig))
    contig, start, end = contig[order], intervals.start[order], intervals.end[order]
    over = (contig[1:] == contig[:-1]) & (start[1:] < end[:-1])
    if over.any():
        raise InputError(
            "intervals overlap, and bigWig holds one value a base",
            where=path,
            got=f"{int(over.sum())}, such as {list_some(intervals.names[order[1:][over]], most=3)}",
            expected="intervals apart from each other",
            do="write .bed or .bedgraph, or give windows that do not overlap",
        )
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.bw"
        with pyBigWig.open(str(draft), "w") as handle:
            handle.addHeader(list(zip(genome.names, genome.lengths.tolist(), strict=True)))
            names = [genome.names[index] for index in contig]
            handle.addEntries(names, start.tolist(), ends=end.tolist(), values=values[order].astype(float).tolist())
        with atomic_write(path, "wb") as out:
            out.write(draft.read_bytes())
