"""The one door for genotypes: every format, and what else is known of its sites, for all verbs alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.accessibility import Accessibility
from chiasma.data.genetic_map import GeneticMap
from chiasma.io.sites import HaplotypeRead, parse_region


@dataclass(frozen=True)
class GenotypeChoice:
    """What to read of a file of genotypes, and what else is known of its sites.

    Attributes:
        region: `CONTIG:FIRST-LAST`, 1-based and both ends included.
        samples: `FILE` or `FILE:COLUMN`, a table of samples or a list; `FILE:COLUMN=NAME,NAME` keeps these populations,
            in this order.
        mask: BED of the bases that could be called; other sites are left out and counted.
        ancestral: AA (the file's own), a FASTA, a VCF with INFO AA, or a table; alleles are then 0 ancestral and
            1 derived.
        map: genetic map (HapMap, gmap, PLINK).
        phased: take the order of alleles in scikit-allel's HDF5 for phase, which that format does not tell.
    """

    region: str | None = None
    samples: str | None = None
    mask: str | None = None
    ancestral: str | None = None
    map: str | None = None
    phased: bool = False

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Self:
        """Those of a verb's inputs that choose; the others are not looked at."""
        texts = {field.name: inputs.get(field.name) for field in fields(cls) if field.name != "phased"}
        given = {name: str(value) for name, value in texts.items() if value is not None}
        return cls(**given, phased=bool(inputs.get("phased")))


@dataclass(frozen=True, eq=False)
class Genotypes:
    """Haplotypes of one region with what is known of its bases.

    Attributes:
        read: the haplotypes, what was left out, unphased genotypes; polarised and masked as asked.
        accessible: which bases could be called, or None.
        genetic_map: centimorgans along the contig, or None.
        source: the file, for messages.
    """

    read: HaplotypeRead
    accessible: Accessibility | None
    genetic_map: GeneticMap | None
    source: Path | str


def read_genotypes(path: Path | str, choice: GenotypeChoice = GenotypeChoice()) -> Genotypes:
    """Read genotypes of any format, polarise them, leave out masked sites: in this order, each with its counts.

    Raises:
        UsageError, InputError: what the readers of `chiasma.io` raise; other builds of mask, map or ancestral alleles.
    """
    for name in ("mask", "map"):
        value = getattr(choice, name)
        if value is not None and not Path(value).is_file():
            raise UsageError("no such file", where=f"--{name}", got=value, expected="a file", do="check the path")
    read = read_haplotypes(path, region=choice.region, samples=choice.samples, phased=choice.phased)
    if choice.ancestral is not None:
        from chiasma.io.ancestral import polarise_from

        read = polarise_from(read, choice.ancestral, path=path, region=choice.region)
    accessible = genetic_map = None
    if choice.mask is not None:
        from chiasma.io.masks import mask_sites, read_mask

        accessible = read_mask(choice.mask)
        read = mask_sites(read, accessible, where=choice.mask)
    if choice.map is not None:
        from chiasma.io.genetic_map import read_genetic_map, require_same_build

        genetic_map = read_genetic_map(choice.map, contig=read.haplotypes.contig)
        require_same_build(read, genetic_map, where=choice.map)
    return Genotypes(read, accessible, genetic_map, path)


def read_haplotypes(
    path: Path | str,
    *,
    region: str | None = None,
    samples: str | None = None,
    populations: tuple[str, ...] | None = None,
    phased: bool = False,
) -> HaplotypeRead:
    """Read haplotypes by what the name of the file says: .trees, .tsz, .ms, .vcz, .zarr, .bed, .h5, else VCF or BCF.

    Output of ms is known by its first lines too, whatever its name.

    .bed is PLINK's, .h5 and .hdf5 scikit-allel's; neither tells phase: heterozygous genotypes have none.

    Args:
        path: the file or store.
        region: `CONTIG:FIRST-LAST`, 1-based and both ends included.
        samples: `FILE` or `FILE:COLUMN`, a table of samples; `FILE:COLUMN=NAME,NAME` keeps these populations.
        populations: populations to keep, in this order; instead of those in `samples`.
        phased: the order of alleles in scikit-allel's HDF5 is phase.
    """
    from chiasma.io.ancestral import name_of
    from chiasma.io.populations import read_samples

    name = name_of(path)
    if phased and not name.endswith((".h5", ".hdf5")):
        raise UsageError("only scikit-allel's HDF5 may be said to be phased", where=path, do="leave --phased out")
    table = None
    if samples:
        text, _, named = samples.partition("=")
        table = read_samples(text)
        populations = populations or (tuple(named.split(",")) if named else None)
    if name.endswith((".trees", ".tsz", ".ms", ".msout")) or _is_ms(path):
        if table is not None or populations:
            raise UsageError("a table of samples is of use with VCF only", where=path)
        return _read_simulated(path, name, region)
    if name.endswith((".vcz", ".zarr")):
        from chiasma.io.vcf_zarr import read_vcf_zarr

        return read_vcf_zarr(path, region=region, samples=table, populations=populations)
    if name.endswith(".bed"):
        from chiasma.io.plink import read_plink

        return read_plink(path, region=region, samples=table, populations=populations)
    if name.endswith((".h5", ".hdf5")):
        from chiasma.io.allel_hdf5 import read_allel_hdf5

        return read_allel_hdf5(path, phased=phased, region=region, samples=table, populations=populations)
    from chiasma.io.vcf import read_vcf

    return read_vcf(path, region=region, samples=table, populations=populations)


def _is_ms(path: Path | str) -> bool:
    from chiasma.io.ms import is_ms

    return Path(path).is_file() and is_ms(path)


def _read_simulated(path: Path | str, name: str, region: str | None) -> HaplotypeRead:
    if name.endswith((".trees", ".tsz")):
        from chiasma.io.trees import read_trees

        return read_trees(path, region=region)
    from chiasma.io.ms import read_ms

    replicates = read_ms(path)
    if len(replicates) > 1:
        raise UsageError("an ms file of one replicate is needed", where=path, got=f"{len(replicates)} replicates")
    wanted = parse_region(region)
    haplotypes = replicates[0]
    if wanted is not None:
        end = haplotypes.end if wanted.end is None else min(float(wanted.end), haplotypes.end)
        haplotypes = replace(haplotypes.region(wanted.start, end), contig=wanted.contig)
    return HaplotypeRead(haplotypes)


def window_columns(found: Genotypes, starts: np.ndarray, ends: np.ndarray) -> dict[str, np.ndarray]:
    """What mask and map say of windows (window,), each where it was given.

    `accessible`: share of bases that could be called. `map_rate`: recombinations a base and generation, NaN of windows
    that reach beyond the map's markers.
    """
    contig = found.read.haplotypes.contig
    columns = {}
    lengths = np.maximum(ends - starts, 1)
    if found.accessible is not None:
        edges = np.column_stack([starts, ends])
        columns["accessible"] = np.array([found.accessible.bases(contig, pair)[0] for pair in edges]) / lengths
    if found.genetic_map is not None:
        cm = found.genetic_map.at(contig, ends) - found.genetic_map.at(contig, starts)
        markers, _ = found.genetic_map.rates(contig)
        told = (starts >= markers[0]) & (ends <= markers[-1] + 1)
        columns["map_rate"] = np.where(told, cm / 100 / lengths, np.nan)
    return columns
