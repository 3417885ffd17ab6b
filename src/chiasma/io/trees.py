"""Tree sequences (.trees, .tsz) to haplotypes, decoding only the sites that are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.checks import require_module, require_valid
from chiasma.core.errors import FormatError, InputError, InsufficientDataError
from chiasma.core.files import atomic_write
from chiasma.data.haplotypes import Haplotypes
from chiasma.io.sites import HaplotypeRead, Region, SiteRules, Tally, alternatives, code_column, parse_region


def load_tree_sequence(path: Path | str) -> Any:
    """Open a .trees or .tsz file.

    Raises:
        InputError: absent. FormatError: not a tree sequence, or truncated.
    """
    tskit = require_module("tskit", extra="population")
    if not Path(path).is_file():
        raise InputError("no such file", where=path, do="check the path")
    try:
        if str(path).endswith(".tsz"):
            return require_module("tszip", extra="population").decompress(str(path))
        return tskit.load(str(path))
    except Exception as error:
        if isinstance(error, (MemoryError, ImportError)):
            raise
        raise FormatError("not a tree sequence", where=path, got=error, expected="a whole .trees or .tsz") from error


def write_trees(path: Path | str, ts: Any) -> None:
    """Write a tskit.TreeSequence to a .trees file, whole or not at all.

    Raises:
        RunError: the disk is full or the folder is read-only.
    """
    with atomic_write(path, "wb") as handle:
        ts.dump(handle)


def read_trees(
    path: Path | str, *, region: str | Region | None = None, rules: SiteRules | None = None
) -> HaplotypeRead:
    """Read a tree sequence file as haplotypes; the contig's name in `region` is free, coordinates are its own."""
    return from_tree_sequence(load_tree_sequence(path), region=region, rules=rules, where=path)


def from_tree_sequence(
    ts: Any,
    *,
    region: str | Region | None = None,
    most_sites: int | None = None,
    rules: SiteRules | None = None,
    where: object = "tree sequence",
) -> HaplotypeRead:
    """Decode the samples' alleles at the sites of a tskit.TreeSequence.

    Rows follow individuals where there are any (as `write_vcf` orders them), otherwise sample nodes.

    Args:
        ts: the tree sequence.
        region: part of it, 0-based and half-open where a Region; all where left out.
        most_sites: decode only so many sites, the central ones, before sites with more than two alleles go.
        rules: which sites to keep.
        where: named in errors.
    """
    import tskit

    wanted = parse_region(region) or Region("1")
    rules = rules or SiteRules()
    end = float(wanted.end if wanted.end is not None else ts.sequence_length)
    all_positions = ts.sites_position
    low, high = np.searchsorted(all_positions, [wanted.start, end])
    if most_sites is not None and high - low > most_sites:
        low += (high - low - most_sites) // 2
        high = low + most_sites
    nodes, ploidy, names = _rows(ts, where)
    variant = tskit.Variant(ts, samples=nodes)
    tally, columns, positions = Tally(), [], []
    for site in range(low, high):
        variant.decode(site)
        alleles = [allele for allele in variant.alleles if allele is not None]
        kept, reason = alternatives(alleles, rules)
        if not kept:
            tally.add(reason, f"{wanted.contig}:{all_positions[site]:g}")
        for alternative in kept:
            columns.append(code_column(variant.genotypes, alternative))
            positions.append(all_positions[site])
    alleles_matrix = np.stack(columns, axis=1) if columns else np.zeros((len(nodes), 0), np.int8)
    population = _populations(ts, nodes[::ploidy])
    haplotypes = Haplotypes(
        np.ascontiguousarray(alleles_matrix),
        np.array(positions, np.float64),
        float(wanted.start),
        end,
        wanted.contig,
        names,
        ploidy,
        polarised=True,
        population=population,
    )
    require_valid(haplotypes, where=where)
    return HaplotypeRead(haplotypes, tally.skips())


def _rows(ts: Any, where: object) -> tuple[np.ndarray, int, np.ndarray]:
    """Sample nodes in row order, ploidy, and the name of each individual."""
    nodes = ts.samples()
    if not len(nodes):
        raise InsufficientDataError("no samples in the tree sequence", where=where, expected="nodes marked as samples")
    owners = ts.nodes_individual[nodes]
    if (owners < 0).any():
        return nodes, 1, np.array([f"tsk_{i}" for i in range(len(nodes))], object)
    # individuals in the order of their first sample node, as tskit writes VCF
    people, first, counts = np.unique(owners, return_index=True, return_counts=True)
    if len(set(counts.tolist())) > 1:
        raise FormatError("individuals of different ploidy", where=where, do="simplify to samples of one ploidy")
    rank = np.empty(int(people.max()) + 1, np.int64)
    rank[people[np.argsort(first, kind="stable")]] = np.arange(len(people))
    order = np.argsort(rank[owners], kind="stable")
    return nodes[order], int(counts[0]), np.array([f"tsk_{i}" for i in range(len(people))], object)


def _populations(ts: Any, nodes: np.ndarray) -> np.ndarray | None:
    if not ts.num_populations:
        return None
    names = []
    for population in ts.populations():
        metadata = population.metadata if isinstance(population.metadata, dict) else {}
        names.append(str(metadata.get("name", population.id)))
    return np.array([names[i] if i >= 0 else "" for i in ts.nodes_population[nodes]], object)
