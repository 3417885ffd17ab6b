"""Frequency of the selected allele through time, looking back from its final frequency to its origin.

Within an epoch the diffusion looked at backwards is the same diffusion conditioned on loss (Griffiths 2003; Coop &
Griffiths 2004), so the path is drawn from the present to the origin, and ends with one copy. Where sizes change while
the allele segregates this keeps to the local epoch, as in discoal (Kern & Schrider 2016): exact within epochs, an
approximation across a change.

Where selection began on an allele that stood at a frequency f, a path that looks back meets f first at the allele's
*last* visit there. Before that it has been to both sides of f under selection: looked at backwards, above f the
diffusion conditioned on loss, below f the one conditioned on fixation, ended at a rate of local time at f (Nagasawa's
reversal of a diffusion that starts at f). Only then is the allele neutral.
"""

from __future__ import annotations

import math

import numba
import numpy as np

_STEP = 0.01
"""Variance of a step over x^2 near the bounds (so a step is a tenth of x), and drift of a step in the same unit."""
_FINE = 0.01
"""Shorter steps around the frequency at which selection began, at which a path that passes it stops."""


@numba.njit(cache=True)
def _drift(x: float, alpha: float) -> float:
    """Backward drift in units of 2N generations, given loss: -alpha x (1-x) coth(alpha (1-x)); -x without selection."""
    exponent = alpha * (1.0 - x)
    if exponent < 1e-6:
        return -x
    return -alpha * x * (1.0 - x) / math.tanh(exponent)


@numba.njit(cache=True)
def _begin_rate(x: float, alpha: float) -> float:
    """Beginnings of selection a unit of local time at the frequency x at which it began.

    u'/(2 u (1-u)) of the chance of fixation u: how sharply the Green function of the diffusion bends there.
    """
    if alpha < 1e-6:
        return 0.5 / (x * (1.0 - x))
    return -alpha * math.expm1(-2 * alpha) / (math.expm1(-2 * alpha * x) * math.expm1(-2 * alpha * (1.0 - x)))


@numba.njit(cache=True)
def backward_path(
    rng: np.random.Generator, sweep: tuple[float, float, float, float], starts: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw one path.

    Args:
        rng: randomness.
        sweep: advantage s of the homozygote (heterozygote s/2), generations ago at which the path ends, frequency
            there (1 for fixation), frequency at which selection began (0 for a new mutation).
        starts, sizes: of the epochs, as in SizeHistory.

    Returns:
        Generations ago at the beginning of each step and of the origin (step + 1,), mean frequency in each step
        (step,), diploid size in each step (step,).
    """
    s, time, x, selected_from = sweep
    epoch = np.searchsorted(starts, time, side="right") - 1
    capacity = 4096
    times, means, held = np.empty(capacity + 1), np.empty(capacity), np.empty(capacity)
    times[0] = time
    x = min(x, 1.0 - 0.5 / sizes[epoch])
    count = 0
    selected = selected_from < 1.0
    visited = False
    while True:
        size = sizes[epoch]
        # below the frequency at which selection began a path is on its way back there, unless that is less than a copy
        returns = selected and visited and selected_from > 0.5 / size
        if x <= 0.5 / size and count > 0 and not returns:
            break
        alpha = size * s if selected else 0.0
        # near a bound the step shrinks with the allele that is rare there
        step = _STEP * min(x, 1.0 - x)
        if alpha > 0:
            step = min(step, 10 * _STEP / alpha)
            if abs(x - selected_from) < 0.4 * selected_from:
                step *= _FINE
        spread = math.sqrt(x * (1.0 - x) * step)
        if selected and x == selected_from:
            visited = True
            if rng.random() < _begin_rate(x, alpha) * spread:
                selected = False
                continue
        generations = step * 2 * size
        if epoch + 1 < len(starts) and time + generations >= starts[epoch + 1]:
            generations = starts[epoch + 1] - time
            step = generations / (2 * size)
            spread = math.sqrt(x * (1.0 - x) * step)
            epoch += 1
        below = selected and x < selected_from
        drift = -_drift(1.0 - x, alpha) if below else _drift(x, alpha)
        if selected and x == selected_from:
            drift = 0.0
        new = x + drift * step + (spread if rng.random() < 0.5 else -spread)
        new = min(max(new, 0.25 / size), 1.0 - 0.5 / size)
        if selected and (x - selected_from) * (new - selected_from) < 0:
            new = selected_from
        if count == capacity:
            capacity *= 2
            longer = np.empty(capacity + 1)
            longer[: count + 1] = times[: count + 1]
            times = longer
            means, held = _longer(means, capacity), _longer(held, capacity)
        means[count], held[count] = 0.5 * (x + new), size
        time += generations
        count += 1
        times[count] = time
        x = new
    return times[: count + 1], means[:count], held[:count]


@numba.njit(cache=True)
def _longer(array: np.ndarray, capacity: int) -> np.ndarray:
    longer = np.empty(capacity)
    longer[: len(array)] = array
    return longer
