"""From a region, a genetic map and a mask to the stretch that simulations are laid on."""

from __future__ import annotations

from pathlib import Path

from chiasma.core.errors import UsageError
from chiasma.io.genetic_map import read_genetic_map
from chiasma.io.masks import read_mask
from chiasma.io.sites import parse_region
from chiasma.simulate.stretch import Stretch


def read_stretch(
    region: str | None, *, map: Path | str | None = None, mask: Path | str | None = None
) -> Stretch | None:
    """Read what simulations take from a genome; None where nothing is asked for.

    Args:
        region: CONTIG:FIRST-LAST, 1-based and both ends included.
        map: genetic map (HapMap, gmap, PLINK).
        mask: BED of the bases that could be called.

    Raises:
        UsageError: a map or a mask without a region with both its ends, or a region without either.
    """
    wanted = parse_region(region)
    if wanted is None and map is None and mask is None:
        return None
    if wanted is None or wanted.end is None:
        raise UsageError(
            "a map or a mask is laid on a stretch of a genome", got=region, expected="--region CONTIG:FIRST-LAST"
        )
    if map is None and mask is None:
        raise UsageError("a region is of use with --map or --mask", where="--region", got=region)
    return Stretch(
        wanted.contig,
        wanted.start,
        wanted.end,
        None if map is None else read_genetic_map(map, contig=wanted.contig),
        None if mask is None else read_mask(mask),
    )
