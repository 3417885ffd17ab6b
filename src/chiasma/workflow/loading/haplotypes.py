"""From genotypes to windows that a network trained on simulations can read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chiasma.core.config import Config
from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.haplotypes import MISSING, Haplotypes
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.data.simulated import Simulated
from chiasma.encode.haplotypes import Window, iter_windows, segregating
from chiasma.io.sites import HaplotypeRead
from chiasma.workflow.loading.genotypes import GenotypeChoice, Genotypes, read_genotypes, window_columns

FEWEST_SITES = 10
"""Segregating sites below which a window is skipped: little can be said, and few simulations were so empty."""


LEAST_ACCESSIBLE = 0.5
"""Share of a window's bases that the mask must leave (pg-gan's rule, Wang et al. 2021)."""


@dataclass(frozen=True, eq=False)
class WindowSource:
    """What takes the place of a simulator's configuration.

    Attributes:
        haplotypes: of the region, segregating sites only.
        windows: to cut from them.
        sizes: haplotypes of each population, in row order.
    """

    haplotypes: Haplotypes
    windows: tuple[Window, ...]
    sizes: tuple[int, ...] = ()


def cut_window(source: WindowSource, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One window as a simulator would give it: alleles, positions, region, sizes."""
    window = source.windows[index]
    part = source.haplotypes.region(window.start, window.end)
    region = np.array([window.start, window.end])
    sizes = np.array(source.sizes if sum(source.sizes) == len(part.alleles) else [len(part.alleles)])
    return {"alleles": part.alleles, "positions": part.positions, "region": region, "sizes": sizes}


def load_haplotypes(
    path: Path | str,
    config: Config,
    *,
    target: Target,
    choice: GenotypeChoice = GenotypeChoice(),  # noqa: B008
    seed: int = 1,
    haplotypes: Literal["trained", "all"] = "trained",
) -> tuple[Dataset, Intervals]:
    """Windows of real haplotypes, as long as the simulated regions, for the encoder that training used.

    Simulations have no missing alleles: sites with one are left out and counted. Windows with fewer than FEWEST_SITES
    segregating sites, those that a mask leaves less than LEAST_ACCESSIBLE of, and those that reach by a step or more
    beyond the data are skipped and counted. `trained` draws as many haplotypes as
    the network was trained with, the same for all windows, from `seed`; a network sees other numbers of rare variants
    in other numbers of haplotypes, so `all` is for networks trained on about as many.

    Args:
        path: genotypes of any format.
        config: of the method, whose folder has examples.py with `design` (length of windows and, where it has one, the
            step between them), `sample_sizes` and, where a configuration may read derived alleles, `reads_derived`.
        target: what the network predicts.
        choice: region, samples, mask, ancestral alleles, map.
        seed: of the haplotypes drawn.
        haplotypes: as many as in training, or all.

    Returns:
        The windows, with columns chrom, start, end, n_sites and those of `window_columns`; and their places.

    Raises:
        InputError: phase is unknown, or the network reads derived alleles and none are known.
        InsufficientDataError: too few haplotypes, or no window with enough sites.
    """
    examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
    found = read_genotypes(path, choice)
    require_phase(found.read, path)
    if getattr(examples, "reads_derived", lambda config: False)(config):
        require_polarised(found.read, path)
    sizes = examples.sample_sizes(config)
    named = getattr(examples, "population_names", lambda config: ())(config)
    kept, note = choose_rows(found.read.haplotypes, sizes, seed, haplotypes=haplotypes, where=path, named=named)
    kept, missing = whole_sites(kept.take_sites(np.flatnonzero(segregating(kept.alleles))))
    design = examples.design(config)
    length, step = design.length, getattr(design, "step", None)
    used, columns, few = _usable_windows(found, kept, length, step)
    skips = (*found.read.skips, *missing, *few)
    if not used:
        raise InsufficientDataError(
            "no window can be used",
            where=path,
            got="; ".join(map(str, skips)) or f"a region of {kept.length:,.0f} bases",
            expected=f"windows of {length:,.0f} bases with {FEWEST_SITES} or more segregating sites",
            do="impute the missing genotypes first, for instance with Beagle" if missing else None,
        )
    intervals = make_intervals(
        [kept.contig] * len(used), columns["start"], columns["end"], columns={"n_sites": columns["n_sites"]}
    )
    data = Dataset(
        ids=intervals.names,
        x=Simulated(cut_window, WindowSource(kept, used, sizes), seed, np.arange(len(used))),
        target=Target("none", np.zeros(0), target.names, target.unit),
        unit=np.arange(len(used)),
        unit_name="window",
        columns={"chrom": intervals.chrom, **columns},
        skips=skips,
        notes={"haplotypes": note},
    )
    return data, intervals


def _usable_windows(
    found: Genotypes, kept: Haplotypes, length: float, step: float | None
) -> tuple[tuple[Window, ...], dict[str, np.ndarray], list[Skip]]:
    """Windows with enough sites and enough accessible bases, what is known of each, and why the others are left out."""
    windows = list(iter_windows(kept, length=length, step=step))
    starts, ends = (np.array([getattr(w, side) for w in windows], np.float64) for side in ("start", "end"))
    sites = np.array([w.n_sites for w in windows], np.int64)
    columns = {"start": starts.astype(np.int64), "end": ends.astype(np.int64), "n_sites": sites}
    columns |= window_columns(found, starts, ends)
    hidden = columns.get("accessible", np.ones(len(windows))) < LEAST_ACCESSIBLE
    apart, (first, last) = step or length, kept.positions[[0, -1]] if len(kept.positions) else (0.0, 0.0)
    beyond = ~hidden & ((starts + apart <= first) | (ends - apart > last))
    few = ~hidden & ~beyond & (sites < FEWEST_SITES)
    reasons = {
        f"windows of which the mask leaves less than {LEAST_ACCESSIBLE:.0%}": hidden,
        f"windows that reach {apart:,.0f} bases or more beyond the first or the last site": beyond,
        f"windows with fewer than {FEWEST_SITES} segregating sites": few,
    }
    skips = []
    for reason, which in reasons.items():
        if which.any():
            names = [f"{kept.contig}:{windows[i].start:.0f}-{windows[i].end:.0f}" for i in np.flatnonzero(which)[:3]]
            skips.append(Skip(reason, int(which.sum()), tuple(names)))
    use = np.flatnonzero(~hidden & ~beyond & ~few)
    return tuple(windows[i] for i in use), {name: values[use] for name, values in columns.items()}, skips


def whole_sites(haplotypes: Haplotypes) -> tuple[Haplotypes, list[Skip]]:
    """Sites without a missing allele, as simulations have them, and a count of the others."""
    whole = (haplotypes.alleles != MISSING).all(axis=0)
    if whole.all():
        return haplotypes, []
    left = np.flatnonzero(~whole)
    names = tuple(f"{haplotypes.contig}:{np.floor(haplotypes.positions[i]) + 1:.0f}" for i in left[:3])
    return haplotypes.take_sites(np.flatnonzero(whole)), [Skip("sites with missing genotypes", len(left), names)]


def require_polarised(read: HaplotypeRead, path: Path | str) -> None:
    """Refuse haplotypes of which it is not known which allele is derived.

    Raises:
        InputError: they are not polarised.
    """
    if not read.haplotypes.polarised:
        raise InputError(
            "this model reads derived alleles, and the ancestral ones are not known",
            where=path,
            got="reference and alternative alleles",
            expected="--ancestral AA (the file's INFO AA), a FASTA, a VCF with INFO AA, or a table",
            do="add --ancestral, or fit a model that reads minor alleles (haplotype-cnn with --encoding.orient minor)",
        )


def require_phase(read: HaplotypeRead, path: Path | str) -> None:
    """Refuse haplotypes of which some have no known phase.

    Raises:
        InputError: heterozygous genotypes without phase.
    """
    if not read.haplotypes.phased:
        raise InputError(
            "genotypes are not phased",
            where=path,
            got=f"{read.n_unphased} heterozygous genotypes without phase",
            expected="phased genotypes (0|1)",
            do="phase them first, for instance with SHAPEIT5 or Beagle; of HDF5 that is phased, add --phased",
        )


def choose_rows(
    all_rows: Haplotypes,
    sizes: tuple[int, ...],
    seed: int,
    *,
    haplotypes: str,
    where: Any,
    named: tuple[str, ...] = (),
) -> tuple[Haplotypes, str]:
    """The rows a network reads, in population order, and a sentence on what was done.

    Populations are told by their order, or where the model has names for them (`named`) by these: others are left out.
    """
    owners = np.repeat(np.arange(len(all_rows.samples)), all_rows.ploidy)
    if named and all_rows.population is not None:
        groups = _groups_named(all_rows.population, named, owners, where=where)
    elif len(sizes) == 1:
        groups = [np.arange(all_rows.n_haplotypes)]
    else:
        population = all_rows.population
        names = [] if population is None else list(dict.fromkeys(population.tolist()))
        if population is None or len(names) != len(sizes):
            raise InputError(
                "populations are not those of the model",
                where=where,
                got=", ".join(map(str, names)) or "none named",
                expected=", ".join(named) or f"{len(sizes)} populations, in order",
                do="--samples FILE:COLUMN=FIRST,SECOND",
            )
        groups = [np.flatnonzero(population[owners] == name) for name in names]
    whole = haplotypes == "all" and len(sizes) == 1
    if whole and len(groups[0]) == all_rows.n_haplotypes:
        return all_rows, f"all {all_rows.n_haplotypes} haplotypes"
    sizes = (len(groups[0]),) if whole else sizes
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
    note = f"{len(index)} of {all_rows.n_haplotypes} haplotypes"
    note += ", all of the population" if whole else f", as in training, drawn with seed {seed}"
    if named and all_rows.population is not None:
        left = sorted(set(all_rows.population[np.delete(owners, np.concatenate(groups))].tolist()))
        note += f"; populations that the model does not name are left out: {', '.join(left)}" if left else ""
    return kept, note


def _groups_named(
    population: np.ndarray, named: tuple[str, ...], owners: np.ndarray, *, where: Any
) -> list[np.ndarray]:
    """Rows of each population that a model names; one population may bear another name than the model's only one."""
    names = list(dict.fromkeys(population.tolist()))
    if len(named) == len(names) == 1:
        return [np.arange(len(owners))]
    if absent := [name for name in named if name not in names]:
        raise InputError(
            f"populations of the model that the genotypes lack: {', '.join(absent)}",
            where=where,
            got=", ".join(map(str, names)),
            expected=", ".join(named),
            do="give the demes of the model the names that the table of samples has, or the column with theirs "
            "(--samples FILE:COLUMN)",
        )
    return [np.flatnonzero(population[owners] == name) for name in named]
