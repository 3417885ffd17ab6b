"""From haplotypes to what classifiers of the S/HIC family read: one path for simulated and real regions.

An example is a set of named arrays: `grid` (statistic, window), as measured; `sites` (window,); for the statistics of
partialS/HIC also iHS by site, which is standardised once it is known by which neutral regions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError
from chiasma.data.accessibility import Accessibility
from chiasma.data.haplotypes import Haplotypes
from chiasma.stats.popgen.grid import DIPLOID, HAPLOID, diploid_grid, haploid_grid, normalise
from chiasma.stats.popgen.partial import PARTIAL, IhsStandard, SiteScores, partial_rows, with_ihs

Statistics = Literal["diploid", "haploid", "partial"]
ROWS: dict[Statistics, tuple[str, ...]] = {"diploid": DIPLOID, "haploid": HAPLOID, "partial": PARTIAL}
"""Names of the statistics of each set, in order."""
WINDOWS = 11
"""Windows of a region; the middle one is classified."""
_BINS = 50
_SCORES_A_BIN = 4


def summarise_region(
    haplotypes: Haplotypes, statistics: Statistics, *, accessible: Accessibility | None = None
) -> dict[str, np.ndarray]:
    """The example of one region of WINDOWS windows.

    Args:
        haplotypes: the region; polarised, and phased but for diploid statistics.
        statistics: which set.
        accessible: bases that can be called.

    Raises:
        InputError, InsufficientDataError: as `diploid_grid`, `haploid_grid` and `partial_grid`.
    """
    if statistics == "partial":
        rows, scores = partial_rows(haplotypes, windows=WINDOWS, accessible=accessible)
        return {
            "grid": rows.values,
            "sites": rows.sites,
            "scores": scores.scores.astype(np.float32),
            "frequency": scores.frequency,
            "bounds": scores.bounds,
        }
    measure = diploid_grid if statistics == "diploid" else haploid_grid
    found = measure(haplotypes, windows=WINDOWS, accessible=accessible)
    return {"grid": found.values, "sites": found.sites}


@dataclass(frozen=True, eq=False)
class FeatureReader:
    """From an example to its features (statistic, window): shares over the windows.

    Attributes:
        standard: of iHS, for examples with scores; None for the others.
    """

    standard: IhsStandard | None = None

    @classmethod
    def learn(cls, examples: Iterable[Mapping[str, np.ndarray]]) -> Self:
        """Learn from neutral examples; of those without scores nothing.

        Raises:
            InsufficientDataError: no example, or fewer than two scores.
        """
        kept = [(one["scores"], one["frequency"]) for one in examples if "scores" in one]
        if not kept:
            return cls()
        scores, frequency = (np.concatenate(column).astype(np.float64) for column in zip(*kept, strict=True))
        bins = min(_BINS, len(scores) // _SCORES_A_BIN)
        if not bins:
            raise InsufficientDataError(
                "neutral regions without iHS",
                got=f"{len(scores)} scores in {len(kept)} regions",
                do="simulate longer regions or more of them",
            )
        return cls(IhsStandard.fit(scores, frequency, bins=bins))

    def __call__(self, example: Mapping[str, np.ndarray]) -> np.ndarray:
        """The features of one example (statistic, window); feature vectors have their iHS in the grid.

        Raises:
            MismatchError: iHS by site, and nothing to standardise it by.
        """
        values = example["grid"]
        if "scores" in example:
            if self.standard is None:
                raise MismatchError(
                    "iHS by site cannot be standardised",
                    got="genotypes, for a model that learnt from feature vectors",
                    expected="feature vectors (.fvec), whose iHS is standardised",
                    do="make feature vectors of them with the tool that made those learnt from, or fit to simulations",
                )
            scores, frequency = (np.asarray(example[name], np.float64) for name in ("scores", "frequency"))
            values = with_ihs(values, SiteScores(scores, frequency, example["bounds"]), self.standard)
        return normalise(values)

    def read(self, examples: Iterable[Mapping[str, np.ndarray]]) -> np.ndarray:
        """The features of several (example, feature): window by window within statistic by statistic."""
        return np.stack([self(example).ravel() for example in examples])

    def facts(self) -> dict[str, Any]:
        """What was learnt, JSON-ready."""
        if self.standard is None:
            return {}
        return {name: getattr(self.standard, name).tolist() for name in ("edges", "mean", "deviation")}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """The reader that `facts` describes."""
        if not facts:
            return cls()
        return cls(IhsStandard(*(np.array(facts[name]) for name in ("edges", "mean", "deviation"))))


def region_summary(
    examples: Iterable[Mapping[str, np.ndarray]], statistics: Statistics
) -> tuple[tuple[str, ...], np.ndarray]:
    """What a classifier can see of regions, in few figures: to tell whether real ones look like simulated ones.

    Args:
        examples: of regions.
        statistics: their set; of partialS/HIC's the scalars but for iHS, which is not standardised yet.

    Returns:
        Names, and the share of the middle window and the deviation of the shares of each statistic
        (example, statistic).
    """
    rows = ROWS[statistics]
    used = [index for index, name in enumerate(rows) if name in DIPLOID or name in HAPLOID]
    names = tuple(f"{kind}_{rows[index]}" for kind in ("middle", "spread") for index in used)
    shares = [normalise(example["grid"][used]) for example in examples]
    values = [np.concatenate([grid[:, WINDOWS // 2], grid.std(axis=1)]) for grid in shares]
    return names, np.array(values).reshape(len(values), len(names))
