"""Which alleles drive a model's differences between people, and whether they point where the measurements point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.stats.personal_correlation import p_of_correlation


@dataclass(frozen=True, eq=False)
class Drivers:
    """A gene's predictions taken apart into single alleles.

    Attributes:
        effect: prediction with the allele alone minus that of the genome (allele,).
        spread: standard deviation over people of what the allele adds to a person's prediction (allele,).
        slope: correlation of the measured expression with the number of copies (allele,); NaN where all have as many.
        p: two-sided, of `slope` (allele,).
        main: the allele of largest spread, -1 where none has any effect.
        linear: correlation over people of the sum of single effects with the full prediction; NaN where one is flat.
    """

    effect: np.ndarray
    spread: np.ndarray
    slope: np.ndarray
    p: np.ndarray
    main: int
    linear: float

    @property
    def agrees(self) -> bool | None:
        """Whether the main driver's effect has the sign of its measured slope; None where either has no sign."""
        if self.main < 0 or np.isnan(self.slope[self.main]) or self.slope[self.main] == 0:
            return None
        return bool(np.sign(self.effect[self.main]) == np.sign(self.slope[self.main]))


def take_apart(
    effect: np.ndarray, dosage: np.ndarray, predicted: np.ndarray, measured: np.ndarray, *, ploidy: int
) -> Drivers:
    """Set the sum of single effects beside the full prediction: sum over alleles of effect times copies / ploidy.

    Args:
        effect: of each allele alone (allele,).
        dosage: copies (person, allele).
        predicted: full predictions, means over a person's haplotypes (person,).
        measured: expression (person,).
        ploidy: haplotypes of a person.

    Source: the linear decomposition of Sasse et al. 2023.
    """
    added = dosage * effect / ploidy
    spread = added.std(axis=0)
    slope = np.array([correlation(dosage[:, row], measured) for row in range(len(effect))])
    main = int(np.argmax(spread)) if len(spread) and spread.max() > 0 else -1
    linear = correlation(added.sum(axis=1), predicted)
    return Drivers(effect, spread, slope, p_of_correlation(slope, len(measured)), main, linear)


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson correlation; NaN where a side does not vary."""
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else float("nan")
