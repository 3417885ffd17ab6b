"""Genetic maps: HapMap (with a rate column), gmap (pos chr cM), PLINK .map (chr id cM pos)."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np

from chiasma.core.checks import require_valid
from chiasma.core.errors import FormatError, MismatchError
from chiasma.data.contigs import bare_contig
from chiasma.data.genetic_map import GeneticMap
from chiasma.io.sites import HaplotypeRead
from chiasma.io.textfile import read_lines

# columns of contig, 1-based position and centimorgans, by what the header or the number of columns says
_HAPMAP, _HAPMAP_CONTIG, _GMAP, _PLINK, _PLINK_SHORT = (0, 1, 3), (-1, 0, 2), (1, 0, 2), (0, 3, 2), (0, 2, 1)


def read_genetic_map(path: Path | str, *, contig: str | None = None) -> GeneticMap:
    """Read a map, plain or gzip, whichever of these its header or its columns show:

    - HapMap: `Chromosome Position(bp) Rate(cM/Mb) Map(cM)`, or the last three for one contig (then give `contig`);
    - gmap (Eagle, SHAPEIT): header `pos chr cM`;
    - PLINK .map: no header, `chr id cM pos`, or `chr cM pos`.

    Of markers at one position the last counts.

    Raises:
        FormatError: none of these, a line that is not of the same form, or a map that falls (the line is named).
    """
    order, lines = _layout(path, contig)
    bare = lru_cache(bare_contig)
    positions: dict[str, list[int]] = {}
    cm: dict[str, list[float]] = {}
    for number, row in lines:
        try:
            name = bare(row[order[0]] if order[0] >= 0 else str(contig))
            position, value = int(float(row[order[1]])) - 1, float(row[order[2]])
            if not math.isfinite(value):
                raise ValueError("not a number")
        except (ValueError, IndexError, OverflowError) as error:
            raise FormatError(
                "not a line of a genetic map",
                where=f"{path}, line {number}",
                got=" ".join(row),
                expected="a position in bp and a map position in cM",
            ) from error
        places, values = positions.setdefault(name, []), cm.setdefault(name, [])
        if places and position == places[-1]:
            values[-1] = value
            continue
        if places and (position < places[-1] or value < values[-1]):
            raise FormatError(
                "the map falls or is not sorted",
                where=f"{path}, line {number}",
                got=f"{position + 1} at {value} cM after {places[-1] + 1} at {values[-1]} cM",
                expected="positions in bp and in cM that rise",
            )
        places.append(position)
        values.append(value)
    found = GeneticMap(
        {name: np.array(values, np.int64) for name, values in positions.items()},
        {name: np.array(values, np.float64) for name, values in cm.items()},
        str(path),
    )
    require_valid(found, where=path)
    return found


def require_same_build(read: HaplotypeRead, genetic_map: GeneticMap, *, where: object = "genetic map") -> None:
    """Refuse a map that cannot be of the genotypes' build.

    Raises:
        MismatchError: no such contig, markers beyond its end, or no site between the first and the last marker.
    """
    haplotypes = read.haplotypes
    markers, _ = genetic_map.rates(haplotypes.contig)
    first, last = int(markers[0]), int(markers[-1])
    if read.contig_length is not None and last >= read.contig_length:
        raise MismatchError(
            "the genetic map reaches beyond the end of the contig",
            where=where,
            got=f"a marker at {last + 1:,}",
            expected=f"at most {read.contig_length:,}, the length of contig {haplotypes.contig} of the genotypes",
            do="give the map of the build that the genotypes are on",
        )
    if not ((haplotypes.positions >= first) & (haplotypes.positions <= last)).any():
        raise MismatchError(
            "no site lies between the markers of the genetic map",
            where=where,
            got=f"markers from {first + 1:,} to {last + 1:,}",
            expected=f"markers around {haplotypes.contig}:{haplotypes.start + 1:,.0f}-{haplotypes.end:,.0f}",
            do="check that map and genotypes share the build",
        )


def _layout(path: Path | str, contig: str | None) -> tuple[tuple[int, int, int], list[tuple[int, list[str]]]]:
    lines = [(number, line.replace(",", " ").split()) for number, line in read_lines(path)]
    head = [word.lower() for word in lines[0][1]]
    if any(word.startswith(("pos", "chr")) and not word[-1].isdigit() for word in head):
        lines = lines[1:]
        if head[:3] == ["pos", "chr", "cm"]:
            return _GMAP, lines
        rate = [place for place, word in enumerate(head) if "rate" in word]
        if rate == [2] and len(head) == 4:
            return _HAPMAP, lines
        if rate == [1] and len(head) == 3:
            if contig is None:
                raise FormatError("the map does not name its contig", where=path, got=" ".join(head), do="give contig=")
            return _HAPMAP_CONTIG, lines
    elif len(head) == 4:
        return _PLINK, lines
    elif len(head) == 3:
        return _PLINK_SHORT, lines
    raise FormatError(
        "not a genetic map",
        where=path,
        got=" ".join(lines[0][1] if lines else head)[:80],
        expected="HapMap (Chromosome Position(bp) Rate(cM/Mb) Map(cM)), gmap (pos chr cM) or PLINK (chr id cM pos)",
    )
