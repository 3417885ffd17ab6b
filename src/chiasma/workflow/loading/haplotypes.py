"""From VCF, VCF Zarr, tree sequences or ms to windows that a network trained on simulations can read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chiasma.core.config import Config
from chiasma.core.errors import InputError, InsufficientDataError, UsageError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.haplotypes import Haplotypes
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.data.simulated import Simulated
from chiasma.encode.haplotypes import Window, iter_windows, segregating
from chiasma.io.sites import HaplotypeRead, read_sample_table

FEWEST_SITES = 10
"""Segregating sites below which a window is skipped: little can be said, and few simulations were so empty."""


def read_haplotypes(
    path: Path | str,
    *,
    region: str | None = None,
    samples: str | None = None,
    populations: tuple[str, ...] | None = None,
) -> HaplotypeRead:
    """Read haplotypes by what the name of the file says: .trees, .tsz, .ms, .vcz, .zarr, .bed, .h5, else VCF or BCF.

    .bed is PLINK's, .h5 and .hdf5 scikit-allel's; neither tells phase, so their heterozygous genotypes have none.

    Args:
        path: the file or store.
        region: `CONTIG:FIRST-LAST`, 1-based and both ends included.
        samples: `FILE` or `FILE:COLUMN`, a table of samples; `FILE:COLUMN=NAME,NAME` keeps these populations.
        populations: populations to keep, in this order; instead of those in `samples`.
    """
    name = str(path).removesuffix(".gz").rstrip("/")
    table = None
    if samples:
        text, _, named = samples.partition("=")
        table = read_sample_table(text)
        populations = populations or (tuple(named.split(",")) if named else None)
    if name.endswith((".trees", ".tsz", ".ms", ".msOut")):
        if table is not None or populations:
            raise UsageError("a table of samples is of use with VCF only", where=path)
        if name.endswith((".trees", ".tsz")):
            from chiasma.io.trees import read_trees

            return read_trees(path, region=region)
        from chiasma.io.ms import read_ms

        replicates = read_ms(path)
        if region or len(replicates) > 1:
            raise UsageError("an ms file of one replicate, without a region, is needed", where=path)
        return HaplotypeRead(replicates[0])
    if name.endswith((".vcz", ".zarr")):
        from chiasma.io.vcf_zarr import read_vcf_zarr

        return read_vcf_zarr(path, region=region, samples=table, populations=populations)
    if name.endswith(".bed"):
        from chiasma.io.plink import read_plink

        return read_plink(path, region=region, samples=table, populations=populations)
    if name.endswith((".h5", ".hdf5")):
        from chiasma.io.allel_hdf5 import read_allel_hdf5

        return read_allel_hdf5(path, phased=False, region=region, samples=table, populations=populations)
    from chiasma.io.vcf import read_vcf

    return read_vcf(path, region=region, samples=table, populations=populations)


@dataclass(frozen=True, eq=False)
class WindowSource:
    """Haplotypes and the windows to cut from them: what takes the place of a simulator's configuration."""

    haplotypes: Haplotypes
    windows: tuple[Window, ...]


def cut_window(source: WindowSource, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One window as a simulator would give it: alleles, positions, region."""
    window = source.windows[index]
    part = source.haplotypes.region(window.start, window.end)
    region = np.array([window.start, window.end])
    return {"alleles": part.alleles, "positions": part.positions, "region": region}


def load_haplotypes(
    path: Path | str,
    config: Config,
    *,
    target: Target,
    region: str | None = None,
    samples: str | None = None,
    seed: int = 1,
    haplotypes: Literal["trained", "all"] = "trained",
) -> tuple[Dataset, Intervals]:
    """Windows of real haplotypes, as long as the simulated regions, for the encoder that training used.

    Windows with fewer than FEWEST_SITES segregating sites are skipped and counted. `trained` draws as many haplotypes
    as the network was trained with, the same for all windows, from `seed`; a network sees other numbers of rare
    variants in other numbers of haplotypes, so `all` is for networks trained on about as many.

    Raises:
        InputError: phase is unknown. InsufficientDataError: too few haplotypes, or no window with enough sites.
    """
    examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
    read = read_haplotypes(path, region=region, samples=samples)
    _require_phase(read, path)
    kept, note = _choose_rows(read.haplotypes, examples.sample_sizes(config), seed, haplotypes=haplotypes, where=path)
    kept = kept.take_sites(np.flatnonzero(segregating(kept.alleles)))
    windows = list(iter_windows(kept, length=examples.design(config).length))
    used = tuple(window for window in windows if window.n_sites >= FEWEST_SITES)
    skips = list(read.skips)
    if len(windows) > len(used):
        few = [f"{kept.contig}:{w.start:.0f}-{w.end:.0f}" for w in windows if w.n_sites < FEWEST_SITES]
        skips.append(Skip(f"windows with fewer than {FEWEST_SITES} segregating sites", len(few), tuple(few[:3])))
    if not used:
        raise InsufficientDataError(
            "no window has enough segregating sites",
            where=path,
            got="; ".join(map(str, skips)) or f"a region of {kept.length:.0f} bases",
            expected=f"{FEWEST_SITES} or more in {examples.design(config).length:,} bases",
        )
    starts, ends = (np.array([getattr(w, side) for w in used]).astype(np.int64) for side in ("start", "end"))
    sites = np.array([w.n_sites for w in used])
    intervals = make_intervals([kept.contig] * len(used), starts, ends, columns={"n_sites": sites})
    columns = {"chrom": intervals.chrom, "start": starts, "end": ends, "n_sites": sites}
    data = Dataset(
        ids=intervals.names,
        x=Simulated(cut_window, WindowSource(kept, used), seed, np.arange(len(used))),
        target=Target("none", np.zeros(0), target.names, target.unit),
        unit=np.arange(len(used)),
        unit_name="window",
        columns=columns,
        skips=tuple(skips),
        notes={"haplotypes": note},
    )
    return data, intervals


def _require_phase(read: HaplotypeRead, path: Path | str) -> None:
    if not read.haplotypes.phased:
        raise InputError(
            "genotypes are not phased",
            where=path,
            got=f"{read.n_unphased} heterozygous genotypes without phase",
            expected="phased genotypes (0|1)",
            do="phase them first, for instance with SHAPEIT5 or Beagle",
        )


def _choose_rows(
    all_rows: Haplotypes, sizes: tuple[int, ...], seed: int, *, haplotypes: str, where: Any
) -> tuple[Haplotypes, str]:
    """The rows a network reads, in population order, and a sentence on what was done."""
    owners = np.repeat(np.arange(len(all_rows.samples)), all_rows.ploidy)
    if len(sizes) == 1:
        groups = [np.arange(all_rows.n_haplotypes)]
    else:
        population = all_rows.population
        names = [] if population is None else list(dict.fromkeys(population.tolist()))
        if population is None or len(names) != len(sizes):
            raise InputError(
                "populations are not those of the model",
                where=where,
                got=", ".join(map(str, names)) or "none named",
                expected=f"{len(sizes)} populations, in order",
                do="--samples FILE:COLUMN=FIRST,SECOND",
            )
        groups = [np.flatnonzero(population[owners] == name) for name in names]
    if haplotypes == "all" and len(sizes) == 1:
        return all_rows, f"all {all_rows.n_haplotypes} haplotypes"
    draw = generator(seed, "haplotypes")
    rows = []
    for group, size in zip(groups, sizes, strict=True):
        if len(group) < size:
            raise InsufficientDataError("too few haplotypes", where=where, got=len(group), expected=size)
        rows.append(np.sort(draw.permutation(group)[:size]))
    index = np.concatenate(rows)
    names_kept = np.array([f"{all_rows.samples[owners[i]]}.{i % all_rows.ploidy}" for i in index], object)
    population = None if all_rows.population is None else all_rows.population[owners[index]]
    kept = all_rows._with(alleles=all_rows.alleles[index], samples=names_kept, ploidy=1, population=population)
    return kept, f"{len(index)} of {all_rows.n_haplotypes} haplotypes, as in training, drawn with seed {seed}"
