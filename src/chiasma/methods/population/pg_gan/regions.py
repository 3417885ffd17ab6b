"""Batches of regions as the discriminator reads them: simulated under given values, or observed. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import derive_seed, generator
from chiasma.data.dataset import Dataset
from chiasma.encode.central_sites import encode_central
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.config import Config
from chiasma.simulate.central_regions import decode_central

Batch = tuple[np.ndarray, np.ndarray]
"""Codes int8 (batch, haplotype, site) and distances float32 (batch, site)."""
_ROUNDS = 20
"""Times that a region with too few sites is drawn, before the fullest of these is taken."""


@dataclass(eq=False)
class Rule:
    """What the observed windows went through; simulated regions go through the same.

    Attributes:
        fewest: segregating sites below which windows were left out; a region with fewer is drawn again.
        masks: accessible stretches of each observed window, bases from its start, int64 (stretch, 2); a region wears
            one of them, whichever sites it then has. Empty: all bases are seen.
        counts: regions that were made, drawn again, and left with too few sites after all.
    """

    fewest: int = 0
    masks: tuple[np.ndarray, ...] = ()
    counts: dict[str, int] = field(default_factory=lambda: {"regions": 0, "drawn again": 0, "too few sites": 0})

    def worn(self, number: int, seed: int) -> np.ndarray:
        """Which mask each of so many regions wears (region,)."""
        return generator(seed, "pg-gan", "masks").integers(max(1, len(self.masks)), size=number)

    def seen(self, which: int, positions: np.ndarray) -> np.ndarray:
        """Whether the mask leaves each site (site,)."""
        if not self.masks:
            return np.ones(len(positions), bool)
        stretches, places = self.masks[which], np.floor(positions)
        at = np.searchsorted(stretches[:, 0], places, side="right") - 1
        return (at >= 0) & (places < np.append(stretches[:, 1], 0)[np.maximum(at, 0)])


def stack(regions: list[Batch]) -> Batch:
    """Regions as one batch."""
    return np.stack([codes for codes, _ in regions]), np.stack([distances for _, distances in regions])


def simulate_batch(
    config: Config,
    values: dict[str, float],
    *,
    number: int,
    seed: int,
    rule: Rule | None = None,
    factor: float = 1.0,
) -> Batch:
    """Encoded regions under these values.

    Args:
        config: of the method.
        values: all of the history, by name.
        number: regions.
        seed: the same gives the same regions.
        rule: what observed windows went through; it counts what is drawn again. None: nothing.
        factor: of all population sizes.
    """
    rule = Rule() if rule is None else rule
    worn = rule.worn(number, seed)
    found: list[Batch] = [(np.zeros(0), np.zeros(0))] * number
    fullest = np.full(number, -1)
    wanted = np.arange(number)
    for attempt in range(_ROUNDS):
        # a mask stays with its region: observed windows have theirs whatever became of others under it
        place = seed if not attempt else derive_seed(seed, "pg-gan", "again", attempt)
        made = examples.trees(config, values, number=len(wanted), seed=place, factor=factor)
        for region, ts in zip(wanted, made, strict=True):
            seen = rule.seen(int(worn[region]), ts.sites_position)
            if (count := int(seen.sum())) > fullest[region]:
                fullest[region] = count
                found[region] = decode_central(ts, sites=config.sites, seen=seen, tell_first=config.faithful)
        wanted = np.flatnonzero(fullest < rule.fewest)
        if not len(wanted):
            break
        rule.counts["drawn again"] += len(wanted) if attempt + 1 < _ROUNDS else 0
    rule.counts["regions"] += number
    rule.counts["too few sites"] += len(wanted)
    return stack(found)


def encode_examples(config: Config, data: Dataset) -> Batch:
    """Regions as they come, real or simulated: the central ones of their segregating sites.

    With `faithful`, simulated ones tell the distance before the first site, as those that are made in the game do;
    real ones never do. That is the leak of the original.
    """
    regions = []
    for example in data.x:  # type: ignore[union-attr]
        told = config.faithful and "target" in example  # only simulated regions carry what they answer
        regions.append(encode_central(example, sites=config.sites, length=config.length, tell_first=told))
    return stack(regions)


def observed_of(config: Config, data: Dataset) -> Batch:
    """The observed regions of a data set, encoded.

    Raises:
        InsufficientDataError: none is observed.
    """
    return encode_examples(config, _observed(data))


def rule_of(data: Dataset) -> Rule:
    """What the observed regions of a data set went through, as they say themselves: keys fewest and accessible.

    Raises:
        InsufficientDataError: none is observed.
    """
    fewest, masks = 0, []
    for example in _observed(data).x:  # type: ignore[union-attr]
        fewest = max(fewest, int(example.get("fewest", 0)))
        if "accessible" in example:
            masks.append(example["accessible"])
    return Rule(fewest, tuple(masks))


def _observed(data: Dataset) -> Dataset:
    known = np.ones(len(data), bool) if data.target.kind == "none" else data.target.values == 1
    if not known.any():
        raise InsufficientDataError("no region is observed", expected="regions of class observed")
    return data.take(np.flatnonzero(known))


@dataclass(eq=False)
class Observed:
    """Observed regions, called for minibatches that are drawn from them again and again.

    Attributes:
        regions: encoded.
        rng: of the draws.
    """

    regions: Batch
    rng: np.random.Generator

    def __call__(self, number: int) -> Batch:
        """So many regions, others at every call."""
        codes, distances = self.regions
        index = self.rng.integers(len(codes), size=number)
        return codes[index], distances[index]


def observed_in(config: Config, data: Dataset, *, seed: int) -> Observed:
    """Minibatches of the observed regions in `data`."""
    return Observed(observed_of(config, data), generator(seed, "pg-gan", "observed"))
