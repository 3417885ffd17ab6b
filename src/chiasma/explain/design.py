"""Sequences evolved towards an activity, edit by edit or along gradients, and what a second model says of them.

Every round of `greedy` and `beam` weighs all single substitutions (`mutagenesis`); a sequence that breaks the rules is
first brought to obey them, by the edits that cost least. A network can always be led to sequences that convince it
alone (adversarial examples); `second_opinion` shows how much of the gain a model that took no part in the search
confirms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.rng import derive_seed
from chiasma.explain.constraints import Constraints
from chiasma.explain.mutagenesis import one_output
from chiasma.explain.onehot import SequenceModel, device_of, evaluating, one_hot, outputs, require_codes, target_output

Search = Literal["greedy", "beam", "gradient"]
CONFIRMED = 0.25
"""Share of the searched model's gain below which a second model does not confirm it."""


@dataclass(frozen=True, eq=False)
class Aim:
    """What is sought of one output: `value` "raise", "lower", or a number to come close to."""

    value: Literal["raise", "lower"] | float = "raise"
    target: int = 0

    def fitness(self, output: Any) -> Any:
        """Larger is better; of numbers, arrays or tensors."""
        if self.value == "raise":
            return output
        return -output if self.value == "lower" else -abs(output - self.value)


@dataclass(frozen=True, eq=False)
class Design:
    """One designed sequence.

    Attributes:
        start, codes: before and after, uint8 (position,).
        before, after: output of the searched model.
        trail: output after each edit; for gradients after each better sequence.
        problems: rules that the result breaks; empty where it obeys all.
        n_scored: sequences whose output was weighed.
    """

    start: np.ndarray
    codes: np.ndarray
    before: float
    after: float
    trail: tuple[float, ...]
    problems: tuple[str, ...]
    n_scored: int

    @property
    def n_edits(self) -> int:
        """Positions that differ from the start."""
        return int((self.start != self.codes).sum())


def design(
    model: SequenceModel,
    codes: np.ndarray,
    aim: Aim,
    *,
    constraints: Constraints | None = None,
    search: Search = "greedy",
    steps: int = 20,
    width: int = 5,
    seed: int = 0,
) -> list[Design]:
    """Evolve each sequence towards an aim.

    Args:
        model: one-hot (batch, base, position) -> (batch, output).
        codes: where to start, uint8 (sequence, position).
        aim: output and direction.
        constraints: rules that results obey, as far as `steps` edits reach.
        search: "greedy" makes the best edit each round; "beam" keeps the `width` best sequences; "gradient" moves all
            positions at once by straight-through gradients (Linder & Seelig 2021), then goes on edit by edit.
        steps: most edits (greedy, beam), or ten times as many gradient steps.
        width: of the beam.
        seed: of the starting logits.

    Raises:
        UsageError: unknown search; the model cannot be explained.
    """
    codes, rules = require_codes(codes), constraints or Constraints()
    if search not in ("greedy", "beam", "gradient") or steps < 1 or width < 1:
        raise UsageError("no such search", got=f"{search}, {steps} steps, width {width}", expected="greedy, beam or "
                         "gradient; 1 or more steps and width")  # fmt: skip
    results = []
    for number, start in enumerate(codes):
        if search == "gradient":
            results.append(_by_gradient(model, start, aim, rules, (steps, derive_seed(seed, "design", number))))
        else:
            results.append(_by_edits(model, start, aim, rules, (steps, width if search == "beam" else 1)))
    return results


@dataclass(frozen=True, eq=False)
class _Candidate:
    codes: np.ndarray
    output: float
    broken: float
    trail: tuple[float, ...] = ()

    def rank(self, aim: Aim) -> tuple[float, float]:
        """Fewer broken rules first, then fitness."""
        return (-self.broken, aim.fitness(self.output))


def _by_edits(model: SequenceModel, start: np.ndarray, aim: Aim, rules: Constraints, size: tuple[int, int]) -> Design:
    """The best of a beam of sequences, one edit a round; a beam of one is greedy."""
    steps, width = size
    before = float(outputs(model, start[None], target=aim.target)[0])
    beam = [_Candidate(start, before, float(rules.violations(start[None])[0]))]
    best, scored = beam[0], 1
    for _ in range(steps):
        found = one_output(model, np.stack([one.codes for one in beam]), target=aim.target)
        scored += found.codes.size * 3
        offspring: dict[bytes, _Candidate] = {}
        for row, parent in enumerate(beam):
            values = parent.output + found.effects[row, :, :, 0].astype(float)
            for child in _children(parent, values, aim, rules, width):
                offspring.setdefault(child.codes.tobytes(), child)
        beam = sorted(offspring.values(), key=lambda one: one.rank(aim), reverse=True)[:width]
        if not beam or (width == 1 and beam[0].rank(aim) <= best.rank(aim)):
            break
        best = max(best, beam[0], key=lambda one: one.rank(aim))
    return _finished(model, start, before, best, aim, rules, scored)


def _children(parent: _Candidate, values: np.ndarray, aim: Aim, rules: Constraints, most: int) -> list[_Candidate]:
    """The best single edits of one sequence; values (position, base) are the outputs after them."""
    broken = rules.after_edits(parent.codes)
    allowed = np.isfinite(broken) & (broken <= parent.broken if parent.broken == 0 else broken < parent.broken)
    if parent.broken and not allowed.any():  # on a plateau: a required word that no single edit brings nearer
        allowed = np.isfinite(broken) & (broken <= parent.broken)
    where, what = np.nonzero(allowed)
    order = np.lexsort((-aim.fitness(values[where, what]), broken[where, what]))[:most]
    children = []
    for position, base in zip(where[order], what[order]):
        codes = parent.codes.copy()
        codes[position] = base
        output = float(values[position, base])
        children.append(_Candidate(codes, output, float(broken[position, base]), (*parent.trail, output)))
    return children


def _by_gradient(
    model: SequenceModel, start: np.ndarray, aim: Aim, rules: Constraints, size: tuple[int, int]
) -> Design:
    """Adam on logits, their largest base forward and their softmax backward; the best met, then edit by edit."""
    import torch

    steps, seed = size
    device = device_of(model)
    before = float(outputs(model, start[None], target=aim.target)[0])
    random = torch.Generator().manual_seed(seed)
    x = one_hot(start[None], device=device)
    logits = (x * 2 + 0.5 * torch.randn(x.shape, generator=random).to(device)).requires_grad_()
    fixed = torch.as_tensor(~rules.editable(len(start)), device=device)
    adam = torch.optim.Adam([logits], lr=0.1)
    best = free = _Candidate(start, before, float(rules.violations(start[None])[0]))
    trail: tuple[float, ...] = ()
    with evaluating(model), torch.enable_grad():
        for _ in range(10 * steps):
            soft = logits.softmax(1)
            hard = torch.nn.functional.one_hot(soft.argmax(1), 4).transpose(1, 2).to(soft.dtype)
            hard = torch.where(fixed, x, hard)
            output = target_output(model, hard + soft - soft.detach(), aim.target)
            reached = hard.argmax(1)[0].to(torch.uint8).cpu().numpy()
            reached = np.where(fixed.cpu().numpy(), start, reached)
            one = _Candidate(reached, float(output.detach()), float(rules.violations(reached[None])[0]))
            if aim.fitness(one.output) > aim.fitness(free.output):
                trail, free = (*trail, one.output), one
            best = max(best, one, key=lambda item: item.rank(aim))
            adam.zero_grad()
            (-aim.fitness(output)).sum().backward(inputs=[logits])
            adam.step()
    # Gradients know no rules: the fittest sequence is repaired, and so is the one that breaks fewest of them.
    found = [_by_edits(model, one.codes, aim, rules, (int(one.broken) + steps, 1)) for one in (free, best)]
    ended = [_Candidate(one.codes, one.after, float(rules.violations(one.codes[None])[0]), one.trail) for one in found]
    chosen = max(ended, key=lambda item: item.rank(aim))
    chosen = _Candidate(chosen.codes, chosen.output, chosen.broken, (*trail, *chosen.trail))
    return _finished(model, start, before, chosen, aim, rules, 10 * steps + sum(one.n_scored for one in found))


def _finished(
    model: SequenceModel, start: np.ndarray, before: float, best: _Candidate, aim: Aim, rules: Constraints, scored: int
) -> Design:
    """The result, its output computed anew rather than added up."""
    after = float(outputs(model, best.codes[None], target=aim.target)[0])
    return Design(start, best.codes, before, after, best.trail, tuple(rules.problems(best.codes)), scored)


@dataclass(frozen=True, eq=False)
class SecondOpinion:
    """What a model that took no part in the search says of designs; all arrays (design,).

    Attributes:
        before, after: its output on starts and designs.
        gain: its gain in fitness.
        searched_gain: the searched model's gain in fitness.
        warning: in words, where it does not confirm the designs; else empty.
    """

    before: np.ndarray
    after: np.ndarray
    gain: np.ndarray
    searched_gain: np.ndarray
    warning: str

    @property
    def gap(self) -> np.ndarray:
        """Gain that the searched model alone sees (design,)."""
        return self.searched_gain - self.gain


def second_opinion(
    second: SequenceModel, designs: list[Design], aim: Aim, *, target: int | None = None
) -> SecondOpinion:
    """Score starts and designs by a second model, whose output is taken to be in the same unit.

    Args:
        second: a model that took no part in the search, best one trained on other data or of another kind.
        designs: what was found.
        aim: of the search.
        target: output column of the second model; None is the aim's.
    """
    column = aim.target if target is None else target
    before = outputs(second, np.stack([one.start for one in designs]), target=column)
    after = outputs(second, np.stack([one.codes for one in designs]), target=column)
    gain = np.asarray(aim.fitness(after) - aim.fitness(before))
    searched = np.array([aim.fitness(one.after) - aim.fitness(one.before) for one in designs])
    seen, confirmed = float(np.median(searched)), float(np.median(gain))
    warning = ""
    if seen > 0 and confirmed < CONFIRMED * seen:
        opposed = int((gain <= 0).sum())
        warning = (
            f"only the searched model is convinced: its median gain is {seen:.3g}, the second model's {confirmed:.3g}; "
            f"the second model sees no gain in {opposed} of {len(designs)} designs"
        )
    return SecondOpinion(before, after, gain, searched, warning)
