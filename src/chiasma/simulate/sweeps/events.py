"""Events of the structured coalescent along a trajectory (Kaplan, Hudson & Langley 1989; Braverman et al. 1995).

Looking back, with frequency x of the selected allele in N diploids, a generation: two of the derived class coalesce at
1 / (2 N x), two of the ancestral one at 1 / (2 N (1-x)); a crossover gives the part that lacks the selected site to
either class as x to 1-x; a derived lineage came from a fresh mutation at u (1-x) / x (Pennings & Hermisson 2006).
"""

from __future__ import annotations

import numba
import numpy as np

from chiasma.simulate.sweeps.lineages import (
    ANCESTRAL,
    DERIVED,
    FULL,
    IN_ANCESTRAL,
    IN_DERIVED,
    MUTATIONS,
    Lineages,
    find_weight,
    mass_at,
    move_lineage,
    position_at,
    reach,
    split_lineage,
    total_weight,
)
from chiasma.simulate.sweeps.meeting import add_edge, coalesce, new_node
from chiasma.simulate.sweeps.meiosis import all_meioses

_APART = 1e-6
"""Generations between events that fall on the origin, so that parents are older than children."""


@numba.njit(cache=True)
def _crossover(x: Lineages, rng: np.random.Generator, frequency: float, value: float) -> None:
    derived = total_weight(x, DERIVED)
    if value < derived:
        slot = find_weight(x, DERIVED, value)
    else:
        slot = find_weight(x, ANCESTRAL, value - derived)
    if x.weight[slot] <= 0:
        return  # rounding in the running sums pointed at an empty slot
    low, high = reach(x, slot)
    start = mass_at(x, low)
    position = position_at(x, start + rng.random() * (mass_at(x, high) - start))
    split_lineage(x, slot, position, DERIVED if rng.random() < frequency else ANCESTRAL)


@numba.njit(cache=True)
def _pair(x: Lineages, rng: np.random.Generator, allele: int, time: float) -> None:
    n = x.used[IN_DERIVED + allele]
    i = rng.integers(0, n)
    j = rng.integers(0, n - 1)
    j += j >= i
    coalesce(x, x.members[allele, i], x.members[allele, j], time)


@numba.njit(cache=True)
def _mutate(x: Lineages, slot: int, time: float) -> None:
    """The selected allele arose on this lineage: note it where the lineage covers the site."""
    segment = x.head[slot]
    while segment != -1:
        if x.left[segment] <= x.site < x.right[segment]:
            row = x.used[MUTATIONS]
            x.mutations[row, 0], x.mutations[row, 1] = x.node[segment], time
            x.used[MUTATIONS] += 1
        segment = x.following[segment]
    move_lineage(x, slot, ANCESTRAL)


@numba.njit(cache=True)
def _happen(x: Lineages, rng: np.random.Generator, rates: tuple[float, float, float, float], at: np.ndarray) -> None:
    """One event, at frequency at[0] and time at[1]."""
    value = rng.random() * (rates[0] + rates[1] + rates[2] + rates[3])
    if value < rates[0]:
        _pair(x, rng, DERIVED, at[1])
    elif value < rates[0] + rates[1]:
        _pair(x, rng, ANCESTRAL, at[1])
    elif value < rates[0] + rates[1] + rates[2]:
        _crossover(x, rng, at[0], value - rates[0] - rates[1])
    elif x.used[IN_DERIVED] > 0:
        _mutate(x, x.members[DERIVED, rng.integers(0, x.used[IN_DERIVED])], at[1])


@numba.njit(cache=True)
def follow(
    x: Lineages,
    rng: np.random.Generator,
    path: tuple[np.ndarray, np.ndarray, np.ndarray],
    rule: tuple[float, float],
) -> float:
    """Run along a path; returns the time at its end.

    Args:
        x: the lineages, changed in place.
        rng: randomness.
        path: as backward_path gives it.
        rule: mutations to the selected allele, a copy and generation; and s where steps are generations, each with its
            meioses, else -1: crossovers then happen at any time.
    """
    times, means, sizes = path
    recurrence, s = rule
    at = np.empty(2)
    wait = rng.exponential()
    for step in range(len(means)):
        frequency, copies = means[step], 2.0 * sizes[step]
        now, end = times[step], times[step + 1]
        at[0] = frequency
        if s >= 0:
            all_meioses(x, rng, frequency, s)
        while not x.used[FULL]:
            derived, ancestral = x.used[IN_DERIVED], x.used[IN_ANCESTRAL]
            rates = (
                0.5 * derived * (derived - 1) / (copies * frequency),
                0.5 * ancestral * (ancestral - 1) / (copies * (1.0 - frequency)),
                total_weight(x, DERIVED) + total_weight(x, ANCESTRAL) if s < 0 else 0.0,
                recurrence * derived * (1.0 - frequency) / frequency,
            )
            total = rates[0] + rates[1] + rates[2] + rates[3]
            if total * (end - now) <= wait:
                wait -= total * (end - now)
                break
            now += wait / total
            at[1] = now
            wait = rng.exponential()
            _happen(x, rng, rates, at)
        if x.used[FULL]:
            break
    return times[-1]


@numba.njit(cache=True)
def reach_origin(x: Lineages, rng: np.random.Generator, time: float, theta: float) -> float:
    """Send derived lineages that reach the first copy on: as x -> 0 both rates go as 1/x, so their ratio decides.

    Without recurrence they all meet; with it they are shared out among origins as in Ewens' sampling formula.
    """
    while x.used[IN_DERIVED] > 0 and not x.used[FULL]:
        derived = x.used[IN_DERIVED]
        time += _APART
        if derived == 1 or rng.random() * (theta + derived - 1) < theta:
            _mutate(x, x.members[DERIVED, rng.integers(0, derived)], time)
        else:
            _pair(x, rng, DERIVED, time)
    return time


@numba.njit(cache=True)
def hand_over(x: Lineages, time: float) -> None:
    """Give every lineage that is left a node of its own, those with the derived allele first."""
    for allele in (DERIVED, ANCESTRAL):
        for i in range(x.used[IN_DERIVED + allele]):
            segment = x.head[x.members[allele, i]]
            node = new_node(x, time)
            while segment != -1:
                add_edge(x, x.left[segment], x.right[segment], node, x.node[segment])
                segment = x.following[segment]
