"""From genotypes to runs of eleven windows along a region, for classifiers of sweeps trained on simulations."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.config import Config
from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import generator
from chiasma.data.accessibility import Accessibility
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.haplotypes import MISSING, Haplotypes
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.data.simulated import Simulated
from chiasma.encode.haplotypes import segregating
from chiasma.simulate.sweep_regions import LEAST_ACCESSIBLE
from chiasma.stats.popgen.features import WINDOWS, Statistics, summarise_region
from chiasma.stats.popgen.grid import diploid_grid, haploid_grid
from chiasma.workflow.loading.genotypes import GenotypeChoice, Genotypes, read_genotypes, window_columns
from chiasma.workflow.loading.haplotypes import require_phase, whole_sites

FEWEST_SITES = 2 * WINDOWS
"""Segregating sites of a run below which nothing is said of it; a single window may well be empty after a sweep."""

LEAST_CALLED = 0.75
"""Share of individuals whose genotype must be known at a site, as in diploS/HIC."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Runs of windows along a region: what takes the place of a simulator's configuration.

    Attributes:
        haplotypes: of the region.
        statistics: which set.
        accessible: bases that can be called, or None.
        begin: first base of the first window.
        step: bases of a window.
        first: window with which each run begins (run,).
        values: statistics of every window (statistic, window); None where they depend on the run.
        sites: segregating sites of every window (window,).
    """

    haplotypes: Haplotypes
    statistics: Statistics
    accessible: Accessibility | None
    begin: float
    step: float
    first: np.ndarray
    values: np.ndarray | None
    sites: np.ndarray


def cut_run(source: Scan, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One run as a simulator would give it."""
    first = int(source.first[index])
    run = slice(first, first + WINDOWS)
    if source.values is not None:
        return {"grid": source.values[:, run], "sites": source.sites[run]}
    start = source.begin + first * source.step
    part = source.haplotypes.region(start, start + WINDOWS * source.step)
    return summarise_region(part, source.statistics, accessible=source.accessible)


def load_scan(
    path: Path | str,
    config: Config,
    *,
    target: Target,
    choice: GenotypeChoice = GenotypeChoice(),  # noqa: B008
    seed: int = 1,
) -> tuple[Dataset, Intervals]:
    """Every run of eleven windows, as long as the simulated regions; each is answered for its middle window.

    As many haplotypes as were simulated are drawn, whole individuals, the same for all runs. Runs with fewer than
    FEWEST_SITES sites, and those with a window of which the mask leaves less than LEAST_ACCESSIBLE, are left out and
    counted; so are sites at which fewer than LEAST_CALLED of the individuals have a genotype, or, for the statistics of
    partialS/HIC, not all. Genotypes still missing are told of in the note `missing genotypes`: simulations have none.

    Args:
        path: genotypes of any format.
        config: of the method, whose folder has examples.py with `design`, `feature_set` and `sample_sizes`.
        target: its classes.
        choice: region, samples, mask, ancestral alleles, map.
        seed: of the individuals drawn.

    Returns:
        The runs, with columns chrom, start, end (of the middle window), n_sites (of the run) and those of
        `window_columns`; and the middle windows.

    Raises:
        InputError: the statistics need phase, or derived alleles, that are not known; neither haploid nor diploid.
        InsufficientDataError: too few haplotypes, or no run that can be classified.
    """
    examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
    statistics: Statistics = examples.feature_set(config)
    found = read_genotypes(path, choice)
    if statistics != "diploid":
        require_phase(found.read, path)
    haplotypes, note = _individuals(found.read.haplotypes, examples.sample_sizes(config)[0], seed, where=path)
    haplotypes, missing = (whole_sites if statistics == "partial" else _called_sites)(haplotypes)
    skips = [*found.read.skips, *missing]
    scan, few = _runs(found, haplotypes, statistics, length=examples.design(config).length)
    skips += few
    if not len(scan.first):
        raise InsufficientDataError(
            "no run of windows can be classified",
            where=path,
            got="; ".join(map(str, skips)) or "no site",
            expected=f"{FEWEST_SITES} segregating sites in {WINDOWS} windows of {scan.step:,.0f} bases",
        )
    starts = scan.begin + (scan.first + WINDOWS // 2) * scan.step
    places = make_intervals(
        [haplotypes.contig] * len(starts), np.rint(starts).astype(int), np.rint(starts + scan.step).astype(int)
    )
    sites = np.array([int(scan.sites[first : first + WINDOWS].sum()) for first in scan.first])
    columns = {"chrom": places.chrom, "start": places.start, "end": places.end, "n_sites": sites}
    data = Dataset(
        ids=places.names,
        x=Simulated(cut_run, scan, seed, np.arange(len(places))),
        target=Target("none", np.zeros(0), target.names, target.unit),
        unit=np.arange(len(places)),
        unit_name="window",
        columns={**columns, **window_columns(found, places.start, places.end)},
        skips=tuple(skips),
        notes={
            "haplotypes": note,
            "statistics": f"by window, {WINDOWS} windows of {scan.step:,.0f} bases",
            **_missing_note(haplotypes),
        },
    )
    return data, places


def _individuals(rows: Haplotypes, wanted: int, seed: int, *, where: Any) -> tuple[Haplotypes, str]:
    """Individuals with as many haplotypes as were simulated, in the order of the file, and a sentence on it."""
    number = wanted // rows.ploidy
    if len(rows.samples) < number:
        raise InsufficientDataError(
            "too few haplotypes",
            where=where,
            got=f"{rows.n_haplotypes} haplotypes of {len(rows.samples)} individuals",
            expected=f"{wanted}, as in training",
            do=f"fit again with --haplotypes {rows.n_haplotypes // 2 * 2}",
        )
    if len(rows.samples) == number:
        return rows, f"all {rows.n_haplotypes} haplotypes, as many as in training"
    chosen = np.sort(generator(seed, "individuals").permutation(len(rows.samples))[:number])
    note = f"{number} of {len(rows.samples)} individuals, as many as in training, drawn with seed {seed}"
    return rows.take_samples(chosen), note


def _called(haplotypes: Haplotypes) -> np.ndarray:
    """Share of individuals of whom all alleles are known, at each site (site,)."""
    by_individual = haplotypes.alleles.reshape(-1, haplotypes.ploidy, haplotypes.n_sites)
    return (by_individual != MISSING).all(axis=1).mean(axis=0)


def _called_sites(haplotypes: Haplotypes) -> tuple[Haplotypes, list[Skip]]:
    """Sites at which enough individuals have a genotype, and a count of the others."""
    enough = _called(haplotypes) >= LEAST_CALLED
    if enough.all():
        return haplotypes, []
    left = np.flatnonzero(~enough)
    names = tuple(f"{haplotypes.contig}:{np.floor(haplotypes.positions[i]) + 1:.0f}" for i in left[:3])
    reason = f"sites with genotypes of less than {LEAST_CALLED:.0%} of the individuals"
    return haplotypes.take_sites(np.flatnonzero(enough)), [Skip(reason, len(left), names)]


def _missing_note(haplotypes: Haplotypes) -> dict[str, str]:
    """What is missing of the sites that are read, in a sentence; nothing where nothing is."""
    share = float(1 - _called(haplotypes).mean()) if haplotypes.n_sites else 0.0
    if not share:
        return {}
    said = f"{share:.1%}" if share >= 0.0005 else "less than 0.1%"
    return {"missing genotypes": f"{said} of the genotypes are missing, and simulations have none: statistics shift"}


def _runs(
    found: Genotypes, haplotypes: Haplotypes, statistics: Statistics, *, length: float
) -> tuple[Scan, list[Skip]]:
    """The runs that can be classified, and why others cannot."""
    step = length / WINDOWS
    varied = haplotypes.take_sites(np.flatnonzero(segregating(haplotypes.alleles)))
    begin, windows = _span(found.read.haplotypes, step)
    if windows < WINDOWS:
        raise InsufficientDataError(
            "the region is shorter than one run of windows",
            where=found.source,
            got=f"{windows} windows of {step:,.0f} bases with sites or beside them",
            expected=f"{WINDOWS} of them, {length:,.0f} bases",
            do="read a longer region, or fit with shorter windows (--sweeps.length)",
        )
    edges = begin + step * np.arange(windows + 1)
    region = varied.region(begin, float(edges[-1]))
    values = None
    if statistics != "partial":
        measure = diploid_grid if statistics == "diploid" else haploid_grid
        values = measure(region, windows=windows, accessible=found.accessible).values
    sites = np.diff(np.searchsorted(region.positions, edges))
    share = np.ones(windows)
    if found.accessible is not None:
        share = found.accessible.bases(region.contig, edges) / step
    runs = np.lib.stride_tricks.sliding_window_view
    hidden = runs(share, WINDOWS).min(axis=1) < LEAST_ACCESSIBLE
    few = runs(sites, WINDOWS).sum(axis=1) < FEWEST_SITES
    reasons = {
        f"runs of windows, the mask leaves less than {LEAST_ACCESSIBLE:.0%} of one": hidden,
        f"runs of windows with fewer than {FEWEST_SITES} segregating sites": few & ~hidden,
    }
    skips = []
    for reason, which in reasons.items():
        if which.any():
            names = [f"{region.contig}:{edges[i]:.0f}-{edges[i + WINDOWS]:.0f}" for i in np.flatnonzero(which)[:3]]
            skips.append(Skip(reason, int(which.sum()), tuple(names)))
    first = np.flatnonzero(~hidden & ~few)
    return Scan(region, statistics, found.accessible, begin, step, first, values, sites), skips


def _span(read: Haplotypes, step: float) -> tuple[float, int]:
    """Where the first window begins, and how many there are, from all sites of the file, so alike in every population.

    A file may hold a part of its contig: where its sites begin or end further than a run from the ends, windows that
    reach beyond them would look emptied, and only those within are laid.
    """
    begin, end = read.start, read.end
    if not read.n_sites:
        return begin, 0
    first, last = read.positions[0], np.floor(read.positions[-1]) + 1
    if first - begin >= WINDOWS * step:
        begin += np.ceil((first - begin) / step) * step
    if end - last >= WINDOWS * step:
        end = last
    return float(begin), max(0, int((end - begin) / step + 1e-9))
