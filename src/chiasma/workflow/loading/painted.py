"""From calls of local ancestry to windows that a network trained on simulated admixture can read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError, list_some
from chiasma.core.rng import generator
from chiasma.data.called_ancestry import CalledAncestry
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.simulated import Simulated
from chiasma.data.tracts import Tracts
from chiasma.io.local_ancestry import read_local_ancestry

_UNREAD = ("mask", "ancestral", "phased", "fasta", "study", "view")
"""Inputs of predict that say nothing of called ancestry."""
_LEAST_CALLED = 0.5
"""Share of a window's bases with a call below which it is left out."""
_SHORTEST = 0.5
"""Of the simulated length: chromosomes shorter than this share of it are left out."""


@dataclass(frozen=True, eq=False)
class Rule:
    """Where places of a chromosome lie on the scale of the simulations, whose rate of crossovers is one everywhere.

    Attributes:
        scaled: rising (point,).
        bases: of the same points, 0-based (point,).
    """

    scaled: np.ndarray
    bases: np.ndarray

    def to_bases(self, scaled: float) -> float:
        """The base of a place on the scale."""
        return float(np.interp(scaled, self.scaled, self.bases))


@dataclass(frozen=True)
class Painting:
    """One window of a chromosome, painted by one source.

    Attributes:
        chromosome: its number.
        source: index of the population.
        left: where the window begins, on the scale of the simulations.
        own: from where to where its intervals count; the rest is nearer to the middle of a neighbouring window.
    """

    chromosome: int
    source: int
    left: float
    own: tuple[float, float]


@dataclass(frozen=True, eq=False)
class PaintedSource:
    """Called chromosomes and the windows to cut from them: what takes the place of a simulator's configuration."""

    chromosomes: tuple[CalledAncestry, ...]
    rules: tuple[Rule, ...]
    windows: tuple[Painting, ...]
    length: float


def cut_painting(source: PaintedSource, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One window as the simulator would give it: tracts as `Tracts.packed` gives them, and the source painted."""
    window = source.windows[index]
    tracts = source.chromosomes[window.chromosome].window(window.left, window.left + source.length)
    return {**tracts.packed(), "painted": np.array(window.source)}


def load_called(path: str, config: Any, given: Mapping[str, Any], *, target: Target, seed: int) -> Dataset:
    """Windows of called chromosomes, as long as the simulated ones, painted by each source in turn.

    Args:
        path: calls, in any format of `read_local_ancestry`.
        config: of the fitted method.
        given: inputs of predict: region, samples, map.
        target: of the fitted method.
        seed: of the haplotypes drawn where there are more than in training.

    Raises:
        UsageError: an input that says nothing of called ancestry. InputError: the calls cannot be used.
        InsufficientDataError: too few haplotypes, or no chromosome that is long enough.
    """
    for name in _UNREAD:
        if given.get(name) is not None:
            more = "; where calls are not to be trusted, remove them: what is not called is not read"
            raise UsageError(
                "called ancestry is read without it",
                where=f"--{name}",
                got=given[name],
                do=f"leave it out{more if name == 'mask' else ''}",
            )
    read = read_local_ancestry(path, region=given.get("region"))
    skips, notes = list(read.skips), {}
    rows, chosen = _rows(read.chromosomes[0], config.haplotypes, given.get("samples"), seed, path, skips)
    notes["haplotypes"] = chosen
    called = [one.take(rows) for one in read.chromosomes]
    scaled = [_scaled(one, given.get("map"), config.recombination_rate) for one in called]
    used = [(one, rule) for one, rule in scaled if one.tracts.length >= _SHORTEST * config.length]
    if len(used) < len(scaled):
        short = [one.contig for one, _ in scaled if one.tracts.length < _SHORTEST * config.length]
        reason = f"chromosomes shorter than half of the simulated {config.length / 1e6:g} Mb"
        skips.append(Skip(reason, len(short), tuple(short[:3])))
    source = PaintedSource(tuple(one for one, _ in used), tuple(rule for _, rule in used), (), config.length)
    windows = [
        one for number in range(len(used)) for one in _windows(source.chromosomes[number], number, config.length)
    ]
    kept = [one for one in windows if _called_share(source, one) >= _LEAST_CALLED]
    if len(kept) < len(windows):
        skips.append(Skip("windows of which less than half is called", len(windows) - len(kept)))
    if not kept:
        raise InsufficientDataError(
            "no window to read",
            where=path,
            got="; ".join(map(str, skips)) or "no calls",
            expected=f"chromosomes of about {config.length / 1e6:g} Mb, at least half of each called",
            do="give the chromosome's length as --region CONTIG:1-LENGTH, or fit again with --length",
        )
    return _dataset(replace(source, windows=tuple(kept)), target, skips, notes, seed)


def _rows(
    first: CalledAncestry, most: int, samples: Any, seed: int, path: str, skips: list[Skip]
) -> tuple[np.ndarray, str]:
    """Haplotypes to read, and a sentence on them."""
    names = first.haplotypes.astype(str)
    rows = np.arange(len(names))
    if samples is not None:
        from chiasma.io.sites import read_sample_table

        text, _, kept = str(samples).partition("=")
        table = read_sample_table(text)
        populations = set(kept.split(",")) if kept else set(table.population)
        wanted = {name for name, group in zip(table.samples, table.population) if group in populations}
        rows = np.array([i for i, name in enumerate(names) if name in wanted or _person(name) in wanted], np.int64)
        if not len(rows):
            expected = list_some([_person(name) for name in names[:3]])
            raise MismatchError("none of these samples has calls", where=samples, got=list_some(sorted(wanted)),
                                expected=expected)  # fmt: skip
        if len(rows) < len(names):
            skips.append(Skip("haplotypes of samples that were not asked for", len(names) - len(rows)))
    if len(rows) < 2:
        raise InsufficientDataError("too few haplotypes", where=path, got=len(rows), expected="2 or more")
    if len(rows) <= most:
        few = f"; the simulations have {most}, so scores are less sure than they say" if len(rows) < most else ""
        return rows, f"all {len(rows)} haplotypes{few}"
    drawn = np.sort(generator(seed, "haplotypes").permutation(rows)[:most])
    return drawn, f"{most} of {len(rows)} haplotypes, as in training, drawn with seed {seed}"


def _person(name: str) -> str:
    """Sample of a haplotype: SAMPLE.0, SAMPLE_1, SAMPLE_A, or the name itself."""
    stem, tail = name[:-2], name[-2:]
    return stem if stem and tail[0] in "._" and tail[1] in "012AB" else name


def _scaled(called: CalledAncestry, genetic_map: Any, rate: float) -> tuple[CalledAncestry, Rule]:
    """A chromosome on the scale of the simulations, by a genetic map where one is given."""
    tracts = called.tracts
    if genetic_map is None:
        points = np.array([0.0, tracts.length])
        return called, Rule(points, points + called.start)
    from chiasma.io.genetic_map import read_genetic_map

    chart = read_genetic_map(genetic_map, contig=called.contig)
    markers, _ = chart.rates(called.contig)
    bases = np.unique(np.concatenate([[called.start, called.start + tracts.length], markers.astype(np.float64)]))
    bases = bases[(bases >= called.start) & (bases <= called.start + tracts.length)]
    scale = (chart.at(called.contig, bases) - chart.at(called.contig, bases[:1])) / 100 / rate
    if scale[-1] <= 0:
        raise MismatchError(
            "the calls do not lie between the markers of the genetic map",
            where=genetic_map,
            got=f"markers from {markers[0] + 1:,} to {markers[-1] + 1:,}",
            expected=f"markers around {called.contig}:{called.start + 1:,.0f}-{called.start + tracts.length:,.0f}",
            do="check that map and calls share the build",
        )
    ends = [np.interp(side + called.start, bases, scale) for side in (tracts.left, tracts.right)]
    kept = ends[1] > ends[0]  # where the map is flat nothing crosses over, and nothing is seen
    columns = np.column_stack([tracts.haplotype, *ends, tracts.source])[kept]
    moved = Tracts.joined(
        columns, populations=tracts.populations, n_haplotypes=tracts.n_haplotypes, length=float(scale[-1])
    )
    return replace(called, tracts=moved), Rule(scale, bases)


def _windows(called: CalledAncestry, number: int, length: float) -> list[Painting]:
    """Windows that overlap by half, painted by each source."""
    extra = max(called.tracts.length - length, 0.0)
    lefts = np.linspace(0, extra, math.ceil(extra / (length / 2)) + 1)
    middles = lefts + length / 2
    borders = [-np.inf, *((middles[1:] + middles[:-1]) / 2).tolist(), np.inf]
    return [
        Painting(number, source, float(left), (borders[i], borders[i + 1]))
        for source in range(len(called.tracts.populations))
        for i, left in enumerate(lefts)
    ]


def _called_share(source: PaintedSource, window: Painting) -> float:
    tracts = source.chromosomes[window.chromosome].window(window.left, window.left + source.length)
    return float((tracts.right - tracts.left).sum() / (source.length * tracts.n_haplotypes))


def _dataset(source: PaintedSource, target: Target, skips: list[Skip], notes: dict[str, Any], seed: int) -> Dataset:
    where = [_place(source, window) for window in source.windows]
    names = [source.chromosomes[w.chromosome].tracts.populations[w.source] for w in source.windows]
    ids = [f"{contig}:{start:.0f}-{end:.0f}|{name}" for (contig, start, end), name in zip(where, names)]
    index = np.arange(len(ids))
    return Dataset(
        ids=np.array(ids, object),
        x=Simulated(cut_painting, source, seed, index),
        target=Target("none", np.zeros(0), target.names, target.unit),
        unit=index,
        unit_name="window of a chromosome",
        columns={"chrom": np.array([one[0] for one in where], object), "source": np.array(names, object)},
        skips=tuple(skips),
        notes=notes,
    )


def _place(source: PaintedSource, window: Painting) -> tuple[str, float, float]:
    """Contig, first and last base of a window."""
    called, rule = source.chromosomes[window.chromosome], source.rules[window.chromosome]
    right = min(window.left + source.length, called.tracts.length)
    return called.contig, rule.to_bases(window.left), rule.to_bases(right)


def window_source(data: Dataset) -> PaintedSource:
    """The chromosomes and windows behind a Dataset of `load_called`."""
    assert isinstance(data.x, Simulated) and isinstance(data.x.config, PaintedSource)
    return data.x.config


def file_of(given: Mapping[str, Any]) -> str:
    """The file of calls among a verb's inputs.

    Raises:
        UsageError: there is none.
    """
    path = given.get("input") or given.get("calls")
    if not path:
        raise UsageError("no input to predict on", expected="calls of local ancestry", where="INPUT")
    if not Path(str(path)).exists() and str(path) != "-":
        raise UsageError("no such file", where="INPUT", got=path, expected="a file or a folder", do="check the path")
    return str(path)
