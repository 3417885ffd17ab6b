"""Effects of a chunk of alleles by all models: windows, both strands, small shifts, each reference window once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from chiasma.core.errors import InputError
from chiasma.encode.variant_alleles import Alleles
from chiasma.encode.variant_bins import realigned
from chiasma.encode.variant_windows import Anchor, Place, genome_window, other_window, place
from chiasma.io.genome import Genome, open_genome
from chiasma.workflow.variants.models import Scorer, make_scorer

Statistic = Literal["difference", "log2-fold", "l2"]
SIGNED = ("difference", "log2-fold")


@dataclass(frozen=True)
class Plan:
    """What a worker needs to know besides its alleles.

    Attributes:
        models: as `make_scorer` takes them.
        fasta: the genome.
        outputs: names of the outputs scored.
        statistic: how two alleles are compared; None takes log2-fold for models with bins, else difference.
        anchor: which end of the window stays where alleles differ in length.
        shifts: bases by which both windows are moved; the effect is the mean.
        both_strands: the mean over strands too.
        stride: windows begin at multiples of it; None takes 1, or a 32nd of the window for models with bins.
        length: of models that do not say how many bases they read.
        device: auto, cpu, cuda or mps.
        stamp: hash of the models' and the genome's content, so that a process opens them anew when they change.
    """

    models: tuple[Any, ...]
    fasta: str
    outputs: tuple[str, ...] = ()
    statistic: Statistic | None = None
    anchor: Anchor = "centre"
    shifts: tuple[int, ...] = (0,)
    both_strands: bool = True
    stride: int | None = None
    length: int | None = None
    device: str = "auto"
    stamp: str = ""

    def strands(self, scorer: Scorer) -> tuple[bool, ...]:
        """Whether each pass of a model shows the other strand."""
        return scorer.strands(both=self.both_strands)

    def statistic_of(self, scorer: Scorer) -> Statistic:
        """How alleles are compared by a model."""
        return self.statistic or ("log2-fold" if scorer.bin else "difference")

    def stride_of(self, scorer: Scorer) -> int:
        """Bases between the places where a model's windows may begin."""
        if self.stride is not None:
            return self.stride
        return max(1, scorer.length // 32 // scorer.bin * scorer.bin) if scorer.bin else 1


@dataclass(frozen=True, eq=False)
class Effects:
    """What models say of alleles.

    Attributes:
        effect: ALT over REF, mean over strands and shifts (allele, model, output).
        spread: standard deviation over strands and shifts; 0 of one (allele, model, output).
        ref, alt: value of each allele, summed over bins where there are any (allele, model, output).
        replicates: strands times shifts of each model (model,).
        windows: windows computed for the genome's own alleles, over all models.
    """

    effect: np.ndarray
    spread: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    replicates: np.ndarray
    windows: int


def workbench(plan: Plan) -> tuple[tuple[Scorer, ...], Genome]:
    """The models and the genome, opened once in each process."""
    return _opened(plan.models, plan.fasta, plan.length, plan.device, plan.stamp)


@lru_cache(maxsize=1)
def _opened(
    models: tuple[Any, ...], fasta: str, length: int | None, device: str, stamp: str
) -> tuple[tuple[Scorer, ...], Genome]:
    del stamp
    return tuple(make_scorer(model, length=length, device=device) for model in models), open_genome(fasta)


def score_chunk(task: tuple[Plan, Alleles]) -> Effects:
    """Effects of alleles that can all be scored; a function that workers call."""
    plan, alleles = task
    scorers, genome = workbench(plan)
    found = [score_alleles(scorer, genome, alleles, plan) for scorer in scorers]
    effect, spread, ref, alt = (np.stack([one[part] for one in found], axis=1) for part in range(4))
    replicates = np.array([len(plan.shifts) * len(plan.strands(scorer)) for scorer in scorers])
    return Effects(effect, spread, ref, alt, replicates, sum(one[4] for one in found))


def score_alleles(scorer: Scorer, genome: Genome, alleles: Alleles, plan: Plan) -> tuple[Any, ...]:
    """Effect, spread, and values of REF and ALT (allele, output) by one model; windows of the genome computed."""
    places = [_place(scorer, alleles, row, plan) for row in range(len(alleles))]
    order = sorted(range(len(alleles)), key=lambda row: (alleles.contig[row], places[row].start, row))
    strands, outputs = plan.strands(scorer), [scorer.names.index(name) for name in plan.outputs]
    shape = (len(plan.shifts) * len(strands), len(alleles), len(outputs))
    effect, here, there = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    statistic, computed = plan.statistic_of(scorer), 0
    for number, shift in enumerate(plan.shifts):
        base: list[np.ndarray] = []
        for rows, codes in _batches(scorer, genome, alleles, (places, order, shift)):
            values = [scorer.values(codes, outputs, turned=turned) for turned in strands]
            for index, row in enumerate(rows):
                if row is None:
                    base, computed = [of_strand[index] for of_strand in values], computed + 1
                    continue
                for strand, of_strand in enumerate(values):
                    sides, where = alleles.core(row)[1:], (places[row].before - shift, places[row].moved)
                    pair = _aligned(scorer, base[strand], of_strand[index], sides, where)
                    at = number * len(strands) + strand, row
                    effect[at], here[at], there[at] = _compare(*pair, statistic, scorer.name)
    effect[:, alleles.swapped] *= -1 if statistic in SIGNED else 1
    swapped = alleles.swapped[:, None]
    here, there = here.mean(axis=0), there.mean(axis=0)
    spread = effect.std(axis=0, ddof=1) if shape[0] > 1 else np.zeros(shape[1:])
    return effect.mean(axis=0), spread, np.where(swapped, there, here), np.where(swapped, here, there), computed


def _place(scorer: Scorer, alleles: Alleles, row: int, plan: Plan) -> Place:
    position, here, other = alleles.core(row)
    stride, sizes = plan.stride_of(scorer), (len(here), len(other))
    return place(position, sizes, length=scorer.length, anchor=plan.anchor, stride=stride)


def _batches(
    scorer: Scorer, genome: Genome, alleles: Alleles, plan: tuple[list[Place], list[int], int]
) -> Iterator[tuple[list[int | None], np.ndarray]]:
    """Windows (window, position) with the allele that each holds, None for the genome's own before those it serves."""
    places, order, shift = plan
    rows: list[int | None] = []
    codes: list[np.ndarray] = []
    last: tuple[int, int] | None = None
    for row in order:
        where, contig = places[row], int(alleles.contig[row])
        position, *pair = alleles.core(row)
        window = (contig, where.start + shift)
        if window != last:
            rows.append(None)
            codes.append(genome_window(genome, *window, length=scorer.length))
            last = window
        shorter = len(pair[1]) < len(pair[0])
        before = where.before + (where.moved if shorter else 0) - shift
        rows.append(row)
        codes.append(
            other_window(genome, contig, position, pair=(pair[0], pair[1]), before=before, length=scorer.length)
        )
        while len(rows) >= scorer.batch_size:
            size = scorer.batch_size
            yield rows[:size], np.stack(codes[:size])
            rows, codes = rows[size:], codes[size:]
    if rows:
        yield rows, np.stack(codes)


def _aligned(
    scorer: Scorer, here: np.ndarray, other: np.ndarray, pair: tuple[str, str], where: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of both alleles (bin, track), on the bins that both have; outputs without bins as they are.

    `where`: bases before the variant in the longer allele's window as it was shown, and those by which the other moved.
    """
    gap = len(pair[0]) - len(pair[1])
    if not scorer.bin or gap == 0:
        return here, other
    shorter, longer = (other, here) if gap > 0 else (here, other)
    gap_at = where[0] + min(len(pair[0]), len(pair[1]))
    found, kept = realigned(
        shorter, bin_size=scorer.bin, first=scorer.first, gap=abs(gap), gap_at=gap_at, moved=where[1]
    )
    found, longer = found[kept], longer[kept]
    return (longer, found) if gap > 0 else (found, longer)


def _compare(
    here: np.ndarray, other: np.ndarray, statistic: Statistic, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The effect of the other allele over the genome's own, and the value of each (output,)."""
    along = here.ndim == 2
    sums = (here.sum(axis=0), other.sum(axis=0)) if along else (here, other)
    if statistic == "difference":
        return sums[1] - sums[0], *sums
    if min(here.min(initial=0), other.min(initial=0)) <= -1:
        raise InputError(
            "the logarithm of this model's outputs cannot be taken",
            where=name,
            got=f"{min(here.min(), other.min()):.4g}",
            expected="outputs above -1",
            do="give --statistic difference",
        )
    if statistic == "l2" and along:
        steps = np.log2(other + 1) - np.log2(here + 1)
        return np.sqrt((steps**2).sum(axis=0)), *sums
    folds = np.log2(sums[1] + 1) - np.log2(sums[0] + 1)
    return (np.abs(folds) if statistic == "l2" else folds), *sums
