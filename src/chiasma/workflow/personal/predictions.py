"""A model's predictions for the haplotypes around a gene: each different one is computed once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from chiasma.core.errors import UsageError, unknown_name
from chiasma.encode.haplotype_windows import HaplotypeWindows, Place, ReachError, haplotype_windows, sums_between
from chiasma.io.genome import Genome
from chiasma.io.phased import PhasedAlleles, read_phased
from chiasma.io.sites import Region
from chiasma.workflow.variants.models import Scorer

_LONGEST, _SHORTEST = 10_000, 50
"""Bases of the longest allele read: a quarter of a window, within these bounds."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What of a model is read.

    Attributes:
        scorer: the model.
        output: index of its output or track.
        bins: bins in the middle of the window whose mean is taken; without meaning for models without bins.
        both_strands: the mean over strands; models with bins that name no strand pairs show one.
    """

    scorer: Scorer
    output: int
    bins: int
    both_strands: bool = True

    @property
    def strands(self) -> tuple[bool, ...]:
        """Whether each pass shows the other strand."""
        return self.scorer.strands(both=self.both_strands)

    def values(self, windows: HaplotypeWindows, taken: np.ndarray) -> np.ndarray:
        """Predictions of haplotypes with the edits `taken` (row, edit), brought onto the genome's bins (row,)."""
        found = np.zeros(len(taken))
        for begin in range(0, len(taken), self.scorer.batch_size):
            rows = slice(begin, begin + self.scorer.batch_size)
            codes = windows.codes(taken[rows])
            for turned in self.strands:
                values = self.scorer.values(codes, [self.output], turned=turned)
                found[rows] += self._reduce(windows, taken[rows], values) / len(self.strands)
        return found

    def _reduce(self, windows: HaplotypeWindows, taken: np.ndarray, values: np.ndarray) -> np.ndarray:
        if not self.scorer.bin:
            return values[:, 0]
        first, size = self.scorer.first, self.scorer.bin
        begin = first + size * ((self.scorer.bins - self.bins) // 2)
        middle = np.array([begin, begin + size * self.bins])  # of the genome's own window
        sums = [
            sums_between(one, windows.edges(row, middle), first=first, bin_size=size)[0, 0]
            for row, one in zip(taken, values, strict=True)
        ]
        return np.array(sums) / self.bins


def make_reading(scorer: Scorer, *, target: str | None, bins: int, both_strands: bool) -> Reading:
    """What of a model is read: an output by its name, by default the only one.

    Raises:
        UsageError: no such output, several and none named, or more bins than the model has.
    """
    if target is None and len(scorer.names) > 1:
        raise UsageError(
            "the model has several outputs",
            where=scorer.name,
            got=f"{len(scorer.names)} outputs",
            expected="one, the expression of the genes in the cells that were measured",
            do=f"name it: --target {scorer.names[0]}",
        )
    if target is not None and target not in scorer.names:
        raise unknown_name("output of the model", target, scorer.names)
    if scorer.bin and not 1 <= bins <= scorer.bins:
        within = f"1 to {scorer.bins}"
        raise UsageError("not a number of the model's bins", where="--bins", got=bins, expected=within, do="give fewer")
    return Reading(scorer, scorer.names.index(target) if target is not None else 0, bins, both_strands)


@dataclass(frozen=True, eq=False)
class GenePrediction:
    """A gene's predictions.

    Attributes:
        gene: its name.
        windows: the different haplotypes.
        alleles: what the genotypes hold around it.
        unique: prediction of each different haplotype (unique,).
    """

    gene: str
    windows: HaplotypeWindows
    alleles: PhasedAlleles
    unique: np.ndarray

    @property
    def person(self) -> np.ndarray:
        """The mean over each person's haplotypes: a prediction of each, not of a mean sequence (person,)."""
        return self.unique[self.windows.member].reshape(len(self.alleles.samples), -1).mean(axis=1)

    def dosage(self, edits: np.ndarray) -> np.ndarray:
        """Haplotypes of each person that carry edits within the window (person, edit)."""
        carried = self.windows.taken[self.windows.member][:, edits]
        return carried.reshape(len(self.alleles.samples), -1, carried.shape[1]).sum(axis=1)


def gene_windows(
    vcf: Path | str,
    genome: Genome,
    anchor: tuple[str, int],
    *,
    length: int,
    samples: np.ndarray | None = None,
    mode: Literal["all", "snv"] = "all",
    unphased: Literal["error", "drop"] = "error",
) -> tuple[HaplotypeWindows, PhasedAlleles]:
    """The different haplotypes around a base, reading as far out as deletions make it necessary.

    Args:
        vcf: phased genotypes.
        genome: the reference.
        anchor: contig and base, 0-based.
        length: bases of a window.
        samples: people to read; None reads all.
        mode: all alleles, or substitutions of one base.
        unphased: see `read_phased`.

    Raises:
        FormatError, MismatchError: the genotypes cannot be read, or are of another build.
    """
    contig = int(genome.contig_indices(np.array([anchor[0]], dtype=object))[0])
    longest = max(_SHORTEST, min(_LONGEST, length // 4))
    reach = 2 * longest
    while True:
        place = Place(contig, anchor[1], length, reach, longest)
        region = Region(anchor[0], max(0, place.start - reach), place.start + length + reach)
        alleles = read_phased(
            vcf,
            region,
            samples=None if samples is None else samples.tolist(),
            mode=mode,
            unphased=unphased,
            longest=longest,
        )
        try:
            return haplotype_windows(alleles, genome, place), alleles
        except ReachError as error:
            reach = error.reach


def predict_gene(gene: str, reading: Reading, windows: HaplotypeWindows, alleles: PhasedAlleles) -> GenePrediction:
    """Predictions of a gene's different haplotypes."""
    return GenePrediction(gene, windows, alleles, reading.values(windows, windows.taken))
