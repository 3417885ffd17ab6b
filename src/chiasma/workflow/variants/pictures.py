"""The strongest variants, with what the model reads around each allele."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.encode.variant_windows import genome_window, other_window, place
from chiasma.workflow.variants.models import Scorer
from chiasma.workflow.variants.output import Scored, strongest_output
from chiasma.workflow.variants.scores import Plan, workbench

_AROUND = 20
"""Bases shown on either side of a variant."""
_TRIED = 8
"""Bases on either side in which substitutions are tried, where no gradient reaches the input."""


def strongest(scored: Scored, plan: Plan, *, most: int, logos: int) -> list[dict[str, Any]]:
    """Alleles by absolute effect of their strongest output, the first of them with logos of both alleles.

    Args:
        scored: the result.
        plan: as it was computed; the first model is explained.
        most: rows.
        logos: rows with drawings.

    Returns:
        for each: name, chrom, pos, id, ref, alt, output, effect, sd, p_sign, ref_value, alt_value, conservation,
        status, and logos, a list of two Figures.
    """
    summary, alleles = scored.summary, scored.alleles
    output = strongest_output(summary.effect)
    best = summary.effect[np.arange(len(output)), output]
    order = np.argsort(-np.abs(best), kind="stable")[:most].tolist()
    status = scored.status()
    found = []
    for rank, at in enumerate(order):
        row, column = int(scored.rows[at]), int(output[at])
        line = int(alleles.record[row])
        known = None if scored.conservation is None else float(scored.conservation[row])
        fact = {
            "name": alleles.name(row, scored.records),
            "chrom": str(scored.records.chrom[line]),
            "pos": int(alleles.position[row]) + 1,
            "id": str(scored.records.ids[line]),
            "ref": str(alleles.ref[row]),
            "alt": str(alleles.alt[row]),
            "output": scored.outputs[column],
            "effect": float(best[at]),
            "sd": float(summary.spread[at, column]),
            "p_sign": float(summary.sign[at, column]),
            "ref_value": float(summary.ref[at, column]),
            "alt_value": float(summary.alt[at, column]),
            "conservation": known,
            "status": str(status[row]),
        }
        found.append(fact | {"logos": _logos(scored, plan, row, rank=rank, output=column) if rank < logos else []})
    return found


def _logos(scored: Scored, plan: Plan, row: int, *, rank: int, output: int) -> list[Figure]:
    from chiasma.plot.logo import letter_logo

    scorers, genome = workbench(plan)
    scorer, alleles = scorers[0], scored.alleles
    position, *sides = alleles.core(row)
    pair, contig = (sides[0], sides[1]), int(alleles.contig[row])
    sizes = (len(pair[0]), len(pair[1]))
    where = place(position, sizes, length=scorer.length, anchor=plan.anchor, stride=plan.stride_of(scorer))
    before = [where.before + (where.moved if size < max(sizes) else 0) for size in sizes]
    codes = np.stack(
        [
            genome_window(genome, contig, where.start, length=scorer.length),
            other_window(genome, contig, position, pair=pair, before=before[1], length=scorer.length),
        ]
    )
    scores = _contributions(scorer, scorer.names.index(plan.outputs[output]), codes, before, sizes)
    shown = []
    for index in (1, 0) if alleles.swapped[row] else (0, 1):
        low = max(0, before[index] - _AROUND)
        high = min(scorer.length, before[index] + sizes[index] + _AROUND)
        heights = np.zeros((high - low, 4))
        known = codes[index, low:high] < 4
        heights[known, codes[index, low:high][known]] = scores[index, low:high][known]
        shown.append((low - before[index], heights))
    top, bottom = (float(pick([pick(heights.ravel()) for _, heights in shown])) for pick in (np.max, np.min))
    return [
        letter_logo(
            heights,
            name=f"allele{rank}_{kind.lower()}",
            title=f"{kind} {text}",
            start=start,
            highest=top,
            lowest=bottom,
        )
        for kind, text, (start, heights) in zip(
            ("REF", "ALT"), (_short(alleles.ref[row]), _short(alleles.alt[row])), shown
        )
    ]


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:19]}…"


def _contributions(
    scorer: Scorer, output: int, codes: np.ndarray, before: list[int], sizes: tuple[int, int]
) -> np.ndarray:
    """What each base contributes to one output, summed over bins (window, position)."""
    import torch

    from chiasma.explain.gradients import differentiable, input_x_gradient
    from chiasma.explain.onehot import evaluating

    def total(x: torch.Tensor) -> torch.Tensor:
        values = scorer.tensor(x.to(scorer.device), (output,))
        return torch.log2(values.sum(dim=1) + 1) if scorer.bin else values

    with evaluating(scorer.network):
        if differentiable(total, codes[:1]):
            return input_x_gradient(total, codes, corrected=True, batch_size=1).scores
    scores = np.zeros(codes.shape)
    for index, (at, size) in enumerate(zip(before, sizes, strict=True)):
        low, high = max(0, at - _TRIED), min(codes.shape[1], at + size + _TRIED)
        places = [place for place in range(low, high) if codes[index, place] < 4]
        edited = np.repeat(codes[index : index + 1], 1 + 3 * len(places), axis=0)
        for number, spot in enumerate(places):
            edited[1 + 3 * number : 4 + 3 * number, spot] = [base for base in range(4) if base != codes[index, spot]]
        parts = [
            scorer.values(edited[begin : begin + scorer.batch_size], (output,))
            for begin in range(0, len(edited), scorer.batch_size)
        ]
        values = np.concatenate(parts)
        values = values.sum(axis=1)[:, 0] if scorer.bin else values[:, 0]
        scores[index, places] = values[0] - values[1:].reshape(-1, 3).mean(axis=1)
    return scores
