"""Genotypes in the HDF5 layout of scikit-allel (`allel.vcf_to_hdf5`) to haplotypes, as pg-gan reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.checks import require_module
from chiasma.core.errors import FormatError, InputError, list_some
from chiasma.io.sites import (
    HaplotypeRead,
    Region,
    SampleTable,
    SiteColumns,
    SiteRules,
    choose_samples,
    match_contig,
    parse_region,
)

_SITES_AT_ONCE = 4096
_STAND_IN = "ACGT"


def read_allel_hdf5(
    path: Path | str,
    *,
    phased: bool,
    region: str | Region | None = None,
    samples: SampleTable | Sequence[str] | None = None,
    populations: Sequence[str] | None = None,
    rules: SiteRules = SiteRules(),  # noqa: B008
) -> HaplotypeRead:
    """Read one contig, or a part of it.

    Files with CHROM, POS and GT alone (as pg-gan makes them) name no alleles: their sites count as substitutions of as
    many alleles as occur. Such files may lack sample names too, which are then s0, s1, ...

    Args:
        path: the file; its arrays stand at its root or in one group a contig.
        phased: whether the genotypes are; the layout does not say.
        region: `CONTIG:FIRST-LAST`, 1-based and both ends included; may be left out for a file of one contig.
        samples: names to keep, or a table of names and populations.
        populations: populations of the table to keep, in this order.
        rules: which sites to keep.

    Raises:
        FormatError: not HDF5, without these arrays, not sorted, or of mixed ploidy. InputError: several contigs and no
            region. MismatchError: no such contig or sample. InsufficientDataError: no site is left.
    """
    h5py = require_module("h5py", extra="population")
    if not Path(path).is_file():
        raise InputError("no such file", where=path, do="check the path")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise FormatError("not an HDF5 file", where=path, got=error, expected="output of allel.vcf_to_hdf5") from error
    with file:
        wanted = parse_region(region)
        group, contig, rows = _choose_group(file, wanted, path)
        positions = group["variants/POS"][:].astype(np.int64)[rows] - 1
        if (np.diff(positions) < 0).any():
            raise FormatError(
                "positions are not sorted", where=path, got=f"contig {contig}", do="sort the VCF it came from"
            )
        genotypes = group["calldata/GT"]
        chosen = choose_samples(
            _samples(file, group, genotypes.shape[1]), samples=samples, populations=populations, where=path
        )
        start = wanted.start if wanted else 0
        end = wanted.end if wanted and wanted.end is not None else int(positions[-1]) + 1
        low, high = (int(rows[0] + place) for place in np.searchsorted(positions, [start, end]))
        sites = SiteColumns(path, chosen, rules, contig=contig, ploidy=genotypes.shape[2], padded=True)
        for begin in range(low, high, _SITES_AT_ONCE):
            block = slice(begin, min(begin + _SITES_AT_ONCE, high))
            _take(sites, group, block, phased=phased)
        return sites.read(start=start, end=end)


def _take(sites: SiteColumns, group: Any, block: slice, *, phased: bool) -> None:
    variants = group["variants"]
    sites.named = "REF" in variants and "ALT" in variants
    positions = variants["POS"][block].astype(np.int64) - 1
    table = group["calldata/GT"][block][:, sites.chosen.index]
    passed = variants["FILTER_PASS"][block] if "FILTER_PASS" in variants else np.ones(len(positions), bool)
    texts = None
    if sites.named:
        ref, alt = (_text(variants[name][block]).reshape(len(positions), -1) for name in ("REF", "ALT"))
        texts = np.hstack([ref, alt])
    for place, genotypes in enumerate(table):
        if texts is None:
            alleles = list(_STAND_IN[: max(1, int(genotypes.max(initial=0)) + 1)])
        else:
            alleles = [text for text in texts[place] if text]
        kept = sites.judge(alleles, int(positions[place]), passed=bool(passed[place]))
        if kept:
            apart = (genotypes != genotypes[:, :1]).any(axis=1)
            sites.add(genotypes, int(positions[place]), wanted=kept, unphased=0 if phased else int(apart.sum()))


def _choose_group(file: Any, wanted: Region | None, path: Path | str) -> tuple[Any, str, np.ndarray]:
    """The group that holds the contig, its name there, and its rows (site,)."""
    holders = [group for group in [file, *file.values()] if "calldata/GT" in group and "variants/POS" in group]
    if not holders:
        raise FormatError(
            "no genotypes in the HDF5 file",
            where=path,
            got=list_some(file) or "nothing",
            expected="variants/CHROM, variants/POS and calldata/GT, as allel.vcf_to_hdf5 writes them",
        )
    places: dict[str, tuple[Any, np.ndarray]] = {}
    for group in holders:
        if "variants/CHROM" in group:
            names = _text(group["variants/CHROM"][:])
            for name in dict.fromkeys(names):
                places[str(name)] = (group, np.flatnonzero(names == name))
        else:
            places[group.name.strip("/") or "1"] = (group, np.arange(len(group["variants/POS"])))
    if wanted is None and len(places) > 1:
        raise InputError(
            "the file has several contigs",
            where=path,
            got=list_some(places),
            expected="one contig",
            do=f"ask for one: --region {next(iter(places))}",
        )
    contig = match_contig(wanted.contig, list(places), where=path) if wanted else next(iter(places))
    group, rows = places[contig]
    if len(rows) and rows[-1] - rows[0] + 1 != len(rows):
        raise FormatError("a contig comes back after another one", where=path, got=contig, do="sort the file")
    return group, contig, rows


def _samples(file: Any, group: Any, number: int) -> list[str]:
    for place in (group, file):
        if "samples" in place:
            return [str(name) for name in _text(place["samples"][:])]
    return [f"s{i}" for i in range(number)]


def _text(values: np.ndarray) -> np.ndarray:
    """Strings of bytes or of text as objects of text."""
    decode = np.vectorize(lambda value: value.decode() if isinstance(value, bytes) else str(value), otypes=[object])
    return decode(values)
