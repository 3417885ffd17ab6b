"""Windows of real haplotypes beside simulated regions, for methods that fit simulations to observed data.

Each stretch of the genome is divided from its start to its end: what is trained on first, then a part for reliability,
then what is tested on. Training windows begin at random and may overlap each other; the other parts are tiled, so
that their windows share no base, with each other or with training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np

from chiasma.core.config import Config
from chiasma.core.errors import InputError, InsufficientDataError, UsageError, list_some
from chiasma.core.files import text_hash
from chiasma.core.rng import derive_seed, generator
from chiasma.data.accessibility import Accessibility
from chiasma.data.dataset import Dataset, Skip, Target
from chiasma.data.haplotypes import Haplotypes
from chiasma.data.simulated import Simulated, Simulator
from chiasma.data.split import Split
from chiasma.encode.haplotypes import segregating
from chiasma.run.simulations import kept
from chiasma.workflow.loading.genotypes import GenotypeChoice, read_genotypes
from chiasma.workflow.loading.haplotypes import FEWEST_SITES, choose_rows, require_phase, whole_sites
from chiasma.workflow.loading.simulations import FIRST

SHARES = {"train": (0.0, 0.7), "calibration": (0.7, 0.8), "test": (0.8, 1.0)}
"""Where in each stretch the windows of a part lie."""
_ROUNDS = 50
"""Times that as many starts are drawn as windows are wanted, before fewer are taken."""
_DRAWS = 20
"""Times that a region with too few sites is simulated, before the fullest of these is taken."""


@dataclass(frozen=True, eq=False)
class Beside:
    """Observed windows at some addresses, the simulator at all others: what takes the place of a configuration.

    Attributes:
        stretches: haplotypes of each stretch.
        windows: stretch, start and end by address.
        sizes: haplotypes of each population, in row order.
        simulate: the method's simulator.
        config: of the method.
        mask: which bases could be called; None: all.
    """

    stretches: tuple[Haplotypes, ...]
    windows: dict[int, tuple[int, float, float]]
    sizes: np.ndarray
    simulate: Simulator
    config: Config
    mask: Accessibility | None = None


def region_at(source: Beside, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One region, observed or simulated, as the method's simulator gives it.

    An observed one says besides what it went through: `fewest`, the sites below which windows were left out, and where
    there is a mask `accessible`, the stretches that it leaves, bases from the first of the window (stretch, 2).
    """
    if index not in source.windows:
        return _simulated(source, run_seed, index)
    stretch, start, end = source.windows[index]
    one = source.stretches[stretch]
    part = one.region(start, end)
    found = {"alleles": part.alleles, "positions": part.positions, "region": np.array([start, end])}
    found |= {"sizes": source.sizes, "fewest": np.array(FEWEST_SITES)}
    return found if source.mask is None else {**found, "accessible": source.mask.within(one.contig, start, end)}


def _simulated(source: Beside, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """A region that wears the mask of the window at the next address, simulated anew until it has enough sites."""
    stretch, start, _ = source.windows[index + 1]
    fullest: dict[str, np.ndarray] | None = None
    for attempt in range(_DRAWS):
        seed = run_seed if not attempt else derive_seed(run_seed, "observed", "again", attempt)
        made = source.simulate(source.config, seed, index)
        if source.mask is not None:
            places = np.floor(made["positions"] - made["region"][0]) + start
            seen = source.mask.covers(source.stretches[stretch].contig, places)
            made = {**made, "alleles": made["alleles"][:, seen], "positions": made["positions"][seen]}
        if fullest is None or len(made["positions"]) > len(fullest["positions"]):
            fullest = made
        if len(fullest["positions"]) >= FEWEST_SITES:
            break
    assert fullest is not None
    return fullest


def load_observed(config: Config, inputs: Mapping[str, Any], *, seed: int) -> tuple[Dataset, Split]:
    """Observed windows of the genotypes, and as many regions simulated under draws from the ranges.

    Args:
        config: of a method whose examples.py has `design`, `sample_sizes`, `simulate`, `CLASSES`; even addresses are
            simulated, odd ones observed.
        inputs: genotypes, and where given samples and mask.
        seed: of which haplotypes of too many, where windows begin, and simulations.

    Raises:
        UsageError: samples or a mask without genotypes.
        InputError: phase is unknown, or populations are not those of the model.
        InsufficientDataError: too few haplotypes, or no window to train or to test on.
    """
    if not inputs.get("genotypes"):
        names = " ".join(f"--{name}" for name, value in inputs.items() if value)
        raise UsageError("of use with genotypes only", got=names, expected="--genotypes FILE", where="inputs")
    settings: Any = config
    examples = import_module(f"{type(config).__module__.rpartition('.')[0]}.examples")
    sizes, named = examples.sample_sizes(config), getattr(examples, "population_names", lambda config: ())(config)
    stretches, mask, skips, note = _read(config, inputs, sizes, named=named, seed=seed)
    finder = _Windows(stretches, mask, length=examples.design(config).length, least=settings.accessible)
    windows: dict[int, tuple[int, float, float]] = {}
    index: list[int] = []
    part: list[str] = []
    for name in SHARES:
        wanted = getattr(settings, f"{name}_examples") // 2
        found = finder.random(wanted, seed) if name == "train" else finder.tiled(name, wanted)
        if not found and name != "calibration":
            raise _nothing(inputs["genotypes"], name, finder, skips)
        for number, window in enumerate(found):
            windows[FIRST[name] + 2 * number + 1] = window
            index += [FIRST[name] + 2 * number, FIRST[name] + 2 * number + 1]
            part += [name, name]
    addresses = np.array(index, np.int64)
    source = Beside(stretches, windows, np.array(sizes), examples.simulate, config, mask)
    x = kept(Simulated(region_at, source, seed, addresses), None, executor="serial", workers=1)
    ids = np.array([_name(stretches, windows[i]) if i in windows else f"simulated:{seed}:{i}" for i in index], object)
    data = Dataset(
        ids=ids,
        x=x,
        target=Target("binary", np.array([int(i in windows) for i in index]), examples.CLASSES),
        unit=np.arange(len(index)),
        unit_name="window",
        skips=(*skips, *finder.skips()),
        notes={"haplotypes": note, "observed": finder.words(), "simulator": "msprime, standard coalescent"},
    )
    return data, _split(data, np.array(part, object), finder, seed)


def _name(stretches: tuple[Haplotypes, ...], window: tuple[int, float, float]) -> str:
    stretch, start, end = window
    return f"{stretches[stretch].contig}:{start:.0f}-{end:.0f}"


def _read(
    config: Config, inputs: Mapping[str, Any], sizes: tuple[int, ...], *, named: tuple[str, ...], seed: int
) -> tuple[tuple[Haplotypes, ...], Accessibility | None, list[Skip], str]:
    """The rows and segregating sites of each stretch, the mask, and what was left out."""
    settings: Any = config
    path = inputs["genotypes"]
    found: list[Haplotypes] = []
    skips: list[Skip] = []
    note, mask = "", None
    for region in settings.stretches or (None,):
        genotypes = read_genotypes(path, replace(GenotypeChoice.of(inputs), region=region))
        read, mask = genotypes.read, genotypes.accessible
        require_phase(read, path)
        population = read.haplotypes.population
        if (
            len(sizes) == 1
            and not named
            and population is not None
            and len(names := list(dict.fromkeys(population.tolist()))) > 1
        ):
            raise InputError(
                "several populations for a history of one",
                where=path,
                got=list_some(names),
                expected="one population",
                do="--samples FILE:COLUMN=NAME, or a history of as many populations (--model)",
            )
        rows, note = choose_rows(read.haplotypes, sizes, seed, haplotypes="trained", where=path, named=named)
        varied, missing = whole_sites(rows.take_sites(np.flatnonzero(segregating(rows.alleles))))
        skips += [*read.skips, *missing]
        found.append(varied)
    return tuple(found), mask, skips, note


class _Windows:
    """Windows of so many bases that have enough sites, and enough of which the mask leaves."""

    def __init__(
        self, stretches: tuple[Haplotypes, ...], mask: Accessibility | None, *, length: float, least: float
    ) -> None:
        self.stretches, self.mask, self.length, self.least = stretches, mask, length, least
        self.few = self.hidden = self.looked = 0
        self.used: dict[str, list[tuple[str, int, int]]] = {}

    def random(self, wanted: int, seed: int) -> list[tuple[int, float, float]]:
        """Windows that begin anywhere in the training part of the stretches, by their lengths; none twice."""
        rng = generator(seed, "observed", "windows")
        spans = [self._span(stretch, "train") for stretch in range(len(self.stretches))]
        room = np.array([max(0.0, end - start - self.length) for start, end in spans])
        if not room.sum() and not any(end - start >= self.length for start, end in spans):
            return []
        chosen: dict[tuple[int, float, float], None] = {}
        share = (
            room / room.sum() if room.sum() else np.array([end - start >= self.length for start, end in spans]) * 1.0
        )
        for _ in range(_ROUNDS):
            which = rng.choice(len(spans), size=max(wanted, 1), p=share / share.sum())
            starts = np.floor(np.array([spans[i][0] for i in which]) + rng.random(len(which)) * (room[which] + 1))
            for stretch in np.unique(which).tolist():
                own = starts[which == stretch]
                own = own[self._fit(stretch, own)]
                chosen |= dict.fromkeys((stretch, float(start), float(start + self.length)) for start in own)
            if len(chosen) >= wanted:
                break
        return list(chosen)[:wanted]

    def tiled(self, part: str, wanted: int) -> list[tuple[int, float, float]]:
        """Windows one after another; at most as many as wanted, spread evenly over all there are."""
        found: list[tuple[int, float, float]] = []
        for stretch in range(len(self.stretches)):
            start, end = self._span(stretch, part)
            starts = start + self.length * np.arange(max(0, int((end - start) // self.length)))
            starts = starts[self._fit(stretch, starts)]
            found += [(stretch, float(one), float(one + self.length)) for one in starts]
        if len(found) > wanted:
            found = [found[i] for i in np.linspace(0, len(found) - 1, wanted).astype(int)] if wanted else []
        return found

    def _span(self, stretch: int, part: str) -> tuple[float, float]:
        """First base of a part of a stretch, and the base after its last."""
        one = self.stretches[stretch]
        first = np.floor(one.positions[0]) if one.n_sites else one.start
        last = np.floor(one.positions[-1]) + 1 if one.n_sites else one.start
        low, high = (float(np.floor(first + share * (last - first))) for share in SHARES[part])
        self.used.setdefault(part, []).append((one.contig, int(low), int(high)))
        return low, high

    def _fit(self, stretch: int, starts: np.ndarray) -> np.ndarray:
        one = self.stretches[stretch]
        low, high = np.searchsorted(one.positions, [starts, starts + self.length])
        enough = high - low >= FEWEST_SITES
        open_ = np.ones(len(starts), bool)
        if self.mask is not None and len(starts):
            edges = np.column_stack([starts, starts + self.length]).ravel()
            open_ = self.mask.bases(one.contig, edges)[::2] >= self.least * self.length
        self.looked += len(starts)
        self.few += int((~enough & open_).sum())
        self.hidden += int((~open_).sum())
        return enough & open_

    def skips(self) -> tuple[Skip, ...]:
        """What was looked at and left out."""
        found = []
        if self.few:
            found.append(Skip(f"windows looked at with fewer than {FEWEST_SITES} segregating sites", self.few))
        if self.hidden:
            found.append(Skip(f"windows looked at of which the mask hides more than {1 - self.least:.0%}", self.hidden))
        return tuple(found)

    def words(self) -> str:
        """Where observed windows come from, in a sentence."""
        names = [
            f"{one.contig}:{one.positions[0]:.0f}-{one.positions[-1] + 1:.0f}" for one in self.stretches if one.n_sites
        ]
        sites = sum(one.n_sites for one in self.stretches)
        where = list_some(names, most=4)
        return f"windows of {self.length:,.0f} bases on {where}; {sites:,} segregating sites"


def _nothing(path: Any, part: str, finder: _Windows, skips: list[Skip]) -> InsufficientDataError:
    longest = max((end - start for _, start, end in finder.used.get(part, [])), default=0)
    return InsufficientDataError(
        f"no observed window to {part} on",
        where=path,
        got=f"{longest:,} bases at most in that part of a stretch"
        + "".join(f"; {skip}" for skip in (*finder.skips(), *skips)),
        expected=f"{finder.length:,.0f} bases with {FEWEST_SITES} segregating sites or more",
        do="give longer stretches of genotypes, or read shorter windows (--length)",
    )


def _split(data: Dataset, part: np.ndarray, finder: _Windows, seed: int) -> Split:
    names = [name for name in SHARES if (part == name).any()]
    observed = data.target.values == 1
    bases = {name: [f"{contig}:{start}-{end}" for contig, start, end in finder.used[name]] for name in names}
    proof = {
        "kind": "given",
        "parameters": {"run_seed": seed, "rule": "each stretch from its start to its end: train, calibration, test"},
        "sizes": {name: int((part == name).sum()) for name in names},
        "observed": {name: int((observed & (part == name)).sum()) for name in names},
        "stretches": {name: list_some(where, most=4) for name, where in bases.items()},
        "hashes": {name: text_hash(*data.ids[part == name].tolist())[:16] for name in names},
        "shared_ids": int(len(data.ids) - len(set(data.ids.tolist()))),
        "shared_bases": 0,
    }
    few = int((observed & (part == "test")).sum())
    warnings = (f"only {few} observed windows are held out",) if few < 20 else ()
    return Split("given", data.ids, part, {"by": "position", "run_seed": seed}, proof, warnings=warnings)
