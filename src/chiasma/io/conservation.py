"""Conservation, or any other value along a genome, at the places of variants."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chiasma.core.errors import FormatError, InputError, MismatchError, list_some
from chiasma.data.contigs import bare_contig
from chiasma.data.dataset import Skip


def values_at(
    path: Path | str, chrom: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, tuple[Skip, ...]]:
    """Mean of a bigWig over each stretch, NaN where it says nothing, and what it says nothing of.

    Args:
        path: bigWig; its contigs may be named in another style.
        chrom, start, end: stretches, 0-based half-open (stretch,).

    Raises:
        InputError: no such file, or not a bigWig. MismatchError: it has none of the contigs.
    """
    import pyBigWig

    if not Path(path).exists():
        raise InputError("no such file", where=path, do="check the path")
    try:
        handle = pyBigWig.open(str(path))
    except RuntimeError as error:
        raise FormatError("not a bigWig", where=path, got=error, expected="a bigWig file") from error
    with handle:
        lengths = handle.chroms()
        names = {bare_contig(name): name for name in lengths}
        found = np.full(len(chrom), np.nan)
        known = np.array([bare_contig(name) in names for name in chrom], bool)
        if len(chrom) and not known.any():
            raise MismatchError(
                "the bigWig has none of the variants' contigs",
                where=path,
                got=list_some(lengths),
                expected=list_some(dict.fromkeys(chrom.tolist())),
                do="give the bigWig of the same genome build",
            )
        for row in np.flatnonzero(known).tolist():
            name = names[bare_contig(chrom[row])]
            low, high = max(0, int(start[row])), min(int(end[row]), int(lengths[name]))
            if low < high:
                values = np.asarray(handle.values(name, low, high), float)
                if np.isfinite(values).any():
                    found[row] = np.nanmean(values)
    empty = np.flatnonzero(np.isnan(found))
    if not len(empty):
        return found, ()
    shown = tuple(f"{chrom[row]}:{start[row] + 1}" for row in empty[:5].tolist())
    return found, (Skip(f"places of which {Path(path).name} says nothing", len(empty), shown),)
