"""VCF Zarr to haplotypes, block by block: bio2zarr's layout (vcf_zarr 0.4 and 0.5) and scikit-allel's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import FormatError, InputError
from chiasma.io.sites import (
    ABSENT,
    HaplotypeRead,
    Region,
    SampleTable,
    SiteColumns,
    SiteRules,
    choose_samples,
    match_contig,
    parse_region,
)


def read_vcf_zarr(
    path: Path | str,
    *,
    region: str | Region | None = None,
    samples: SampleTable | Sequence[str] | None = None,
    populations: Sequence[str] | None = None,
    rules: SiteRules = SiteRules(),  # noqa: B008
) -> HaplotypeRead:
    """Read one contig, or a part of it, of a VCF Zarr store; arguments and errors as `read_vcf`.

    scikit-allel's layout writes the second allele of a haploid as missing: see `SiteColumns.padded`.
    """
    store = _open(path)
    chosen = choose_samples(store.samples, samples=samples, populations=populations, where=path)
    contig, low, high, start, end = _slice(store, parse_region(region), path)
    sites = SiteColumns(path, chosen, rules, contig, padded=store.phased is None)
    for offset, genotypes, phased, alleles in _blocks(store, low, high):
        genotypes = genotypes[:, chosen.index]
        absent = genotypes == ABSENT
        heterozygous = ((genotypes != genotypes[:, :, :1]) & ~absent).any(axis=2)
        loose = (heterozygous & ~phased[:, chosen.index]).sum(axis=1)
        for row in range(len(genotypes)):
            position = int(store.positions[offset + row])
            names = [str(allele) for allele in alleles[row] if str(allele)]
            if wanted := sites.judge(names, position, passed=bool(store.passed[offset + row])):
                calls = sites.same_ploidy(genotypes[row], f"{path}, {contig}:{position + 1}")
                sites.add(calls, position, wanted=wanted, unphased=int(loose[row]))
    last = sites.positions[-1] if sites.positions else -1
    sites.contig_length = store.lengths.get(contig)
    return sites.read(start=start, end=max(end, last + 1))


@dataclass(frozen=True)
class _Store:
    """The arrays of one store, whichever its layout; genotypes stay on disk."""

    genotypes: Any
    phased: Any
    positions: np.ndarray
    contig: np.ndarray
    contigs: list[str]
    lengths: dict[str, int]
    alleles: list[Any]
    samples: list[str]
    passed: np.ndarray


def _open(path: Path | str) -> _Store:
    import zarr

    if not Path(path).exists():
        raise InputError("no such VCF Zarr store", where=path, do="check the path")
    try:
        root: Any = zarr.open_group(str(path), mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise FormatError("not a Zarr store", where=path, got=error, do="convert the VCF with vcf2zarr") from error
    if "call_genotype" in root:
        return _bio2zarr(root)
    groups = [root, *(root[name] for name, _ in root.groups())]
    for group in groups:
        if "calldata" in group and "GT" in group["calldata"]:
            return _allel(group)
    raise FormatError(
        "no genotypes in the Zarr store",
        where=path,
        got=", ".join(sorted(root.keys())) or "nothing",
        expected="call_genotype (VCF Zarr) or calldata/GT (scikit-allel)",
    )


def _bio2zarr(root: Any) -> _Store:
    contigs = [str(name) for name in root["contig_id"][:]]
    lengths = {}
    if "contig_length" in root:
        lengths = {name: int(size) for name, size in zip(contigs, root["contig_length"][:]) if size > 0}
    return _Store(
        genotypes=root["call_genotype"],
        phased=root.get("call_genotype_phased"),
        positions=root["variant_position"][:].astype(np.int64) - 1,
        contig=root["variant_contig"][:].astype(np.int64),
        contigs=contigs,
        lengths=lengths,
        alleles=[root["variant_allele"]],
        samples=[str(name) for name in root["sample_id"][:]],
        passed=_passed(root),
    )


def _passed(root: Any) -> np.ndarray:
    """Whether each site passed (site,): no filter but PASS is set; all where the store has none."""
    if "variant_filter" not in root or "filter_id" not in root:
        return np.ones(root["variant_position"].shape[0], bool)
    real = _text(root["filter_id"][:]).astype(str) != "PASS"
    return np.asarray(~np.asarray(root["variant_filter"][:], bool)[:, real].any(axis=1))


def _allel(group: Any) -> _Store:
    variants = group["variants"]
    names = _text(variants["CHROM"][:]).astype(str)
    contigs, contig = np.unique(names, return_inverse=True)
    return _Store(
        genotypes=group["calldata"]["GT"],
        phased=None,
        positions=variants["POS"][:].astype(np.int64) - 1,
        contig=contig,
        contigs=contigs.tolist(),
        lengths={},
        alleles=[variants["REF"], variants["ALT"]],
        samples=_text(group["samples"][:]).tolist(),
        passed=_passed_allel(variants),
    )


def _passed_allel(variants: Any) -> np.ndarray:
    """Whether each site passed (site,).

    scikit-allel writes False for a missing FILTER as for a failed one: a store where nothing passed has no filters.
    """
    failed = [np.asarray(variants[name][:], bool) for name in variants if name.startswith("FILTER_")
              and name != "FILTER_PASS"]  # fmt: skip
    if failed:
        return ~np.any(failed, axis=0)
    passed = np.asarray(variants["FILTER_PASS"][:], bool) if "FILTER_PASS" in variants else np.zeros(0, bool)
    return passed if passed.any() else np.ones(variants["POS"].shape[0], bool)


def _slice(store: _Store, wanted: Region | None, path: Path | str) -> tuple[str, int, int, int, int]:
    """Contig, first and last row, start and end of the region."""
    present = np.unique(store.contig)
    if wanted is None:
        if len(present) != 1:
            names = ", ".join(store.contigs[i] for i in present)
            raise InputError("the store has several contigs", where=path, got=names, do="ask for one with --region")
        contig = store.contigs[int(present[0])]
    else:
        contig = match_contig(wanted.contig, store.contigs, where=path)
    rows = np.flatnonzero(store.contig == store.contigs.index(contig))
    if len(rows) and rows[-1] - rows[0] + 1 != len(rows):
        raise FormatError("a contig comes back after another one", where=path, got=contig, do="sort before converting")
    positions = store.positions[rows]
    if unsorted := np.flatnonzero(np.diff(positions) < 0).tolist():
        place = rows[unsorted[0] + 1]
        raise FormatError("positions are not sorted", where=f"{path}, record {place + 1}", do="sort before converting")
    length = store.lengths.get(contig, int(positions[-1]) + 1 if len(rows) else 0)
    start = wanted.start if wanted else 0
    end = min(wanted.end, length) if wanted and wanted.end is not None and contig in store.lengths else length
    if wanted and wanted.end is not None and contig not in store.lengths:
        end = wanted.end
    first = int(rows[0]) if len(rows) else 0
    low, high = np.searchsorted(positions, [start, end])
    return contig, first + int(low), first + int(high), start, end


def _blocks(store: _Store, low: int, high: int) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Rows in the store's own chunks: offset, genotypes, whether each is phased, alleles (reference first)."""
    step = max(1, int(store.genotypes.chunks[0]))
    for begin in range(low - low % step, high, step):
        rows = slice(max(begin, low), min(begin + step, high))
        genotypes = np.asarray(store.genotypes[rows])
        shape = genotypes.shape[:2]
        phased = np.ones(shape, bool) if store.phased is None else np.asarray(store.phased[rows])
        columns = [_text(array[rows]) for array in store.alleles]
        alleles = np.hstack([column.reshape(len(genotypes), -1) for column in columns])
        yield rows.start, genotypes, phased, alleles


def _text(values: object) -> np.ndarray:
    """Strings, whichever way the store holds them: bytes, fixed width, or objects."""
    array = np.asarray(values)
    return (array.astype(str) if array.dtype.kind == "S" else array).astype(object)
