"""Lineages of the coalescent with recombination beside a selected site: chains of segments in two allelic classes.

The segments are those of Kelleher, Etheridge & McVean (2016, Algorithm 1): a lineage is a chain of [left, right) with
the node that holds each; where as many lineages as are left have met, the segment is complete and leaves. A lineage
belongs to the class of the allele that its genome carries at the selected site, whether or not its own segments cover
it, so the span in which a crossover matters reaches from its segments to the site (Braverman et al. 1995).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

DERIVED, ANCESTRAL = 0, 1
SEGMENTS, SLOTS, IN_DERIVED, IN_ANCESTRAL, BREAKS, EDGES, NODES, MUTATIONS, FULL = range(9)
"""Places in `Lineages.used`: free segments and slots, lineages of each class, rows used, and whether room ran out."""


class Lineages(NamedTuple):
    """State of the simulation; arrays with room to spare."""

    left: np.ndarray  # of segments
    right: np.ndarray
    node: np.ndarray
    following: np.ndarray
    free_segments: np.ndarray
    head: np.ndarray  # of lineages, by slot
    tail: np.ndarray
    allele: np.ndarray
    place: np.ndarray
    weight: np.ndarray
    free_slots: np.ndarray
    members: np.ndarray  # slots of each class (class, place)
    sums: np.ndarray  # binary indexed trees of the weights (class, slot + 1)
    breaks: np.ndarray  # lineages not yet met over [breaks[i], breaks[i + 1])
    depth: np.ndarray
    edges: np.ndarray  # left, right, parent, child (edge, 4)
    node_time: np.ndarray
    mutations: np.ndarray  # node, time (mutation, 2)
    map_position: np.ndarray
    map_mass: np.ndarray
    site: float
    used: np.ndarray


def allocate(n_segments: int, n_lineages: int, n_breaks: int, room: int) -> tuple[Any, ...]:
    """Empty arrays of a Lineages, up to `mutations`, with room for so many times what there is at the start."""
    segments = room * (4 * n_segments + 4096)
    slots = 1 << int(np.ceil(np.log2(room * (2 * n_lineages + 1024))))
    breaks, edges = room * (4 * n_breaks + 4096), room * (8 * n_segments + 16384)
    whole, real = np.int64, np.float64
    return (
        np.empty(segments, real),
        np.empty(segments, real),
        np.empty(segments, whole),
        np.empty(segments, whole),
        np.arange(segments, dtype=whole),
        np.full(slots, -1, whole),
        np.full(slots, -1, whole),
        np.zeros(slots, whole),
        np.zeros(slots, whole),
        np.zeros(slots, real),
        np.arange(slots, dtype=whole),
        np.empty((2, slots), whole),
        np.zeros((2, slots + 1), real),
        np.empty(breaks, real),
        np.empty(breaks, whole),
        np.empty((edges, 4), real),
        np.empty(edges, real),
        np.empty((segments, 2), real),
    )


@numba.njit(cache=True)
def mass_at(x: Lineages, position: float) -> float:
    """Morgans from the start of the region to a position."""
    i = min(max(int(np.searchsorted(x.map_position, position, side="right")), 1), len(x.map_position) - 1)
    low, high = x.map_position[i - 1], x.map_position[i]
    return x.map_mass[i - 1] + (x.map_mass[i] - x.map_mass[i - 1]) * (position - low) / (high - low)


@numba.njit(cache=True)
def position_at(x: Lineages, mass: float) -> float:
    """The position so many Morgans from the start."""
    i = min(max(int(np.searchsorted(x.map_mass, mass, side="right")), 1), len(x.map_mass) - 1)
    low, high = x.map_mass[i - 1], x.map_mass[i]
    if high == low:
        return x.map_position[i]
    return x.map_position[i - 1] + (x.map_position[i] - x.map_position[i - 1]) * (mass - low) / (high - low)


@numba.njit(cache=True)
def new_segment(x: Lineages, left: float, right: float, node: int) -> int:
    """A segment at the end of no chain yet."""
    if x.used[SEGMENTS] <= 1:
        x.used[FULL] = 1
        return x.free_segments[0]
    x.used[SEGMENTS] -= 1
    i = x.free_segments[x.used[SEGMENTS]]
    x.left[i], x.right[i], x.node[i], x.following[i] = left, right, node, -1
    return i


@numba.njit(cache=True)
def free_segment(x: Lineages, i: int) -> None:
    """Give a segment back."""
    x.free_segments[x.used[SEGMENTS]] = i
    x.used[SEGMENTS] += 1


@numba.njit(cache=True)
def _add_weight(x: Lineages, allele: int, slot: int, change: float) -> None:
    i = slot + 1
    while i < x.sums.shape[1]:
        x.sums[allele, i] += change
        i += i & -i


@numba.njit(cache=True)
def total_weight(x: Lineages, allele: int) -> float:
    """Morgans over all lineages of a class, from their segments to the selected site."""
    return max(x.sums[allele, x.sums.shape[1] - 1], 0.0)


@numba.njit(cache=True)
def find_weight(x: Lineages, allele: int, value: float) -> int:
    """The slot in which the running sum of weights passes a value."""
    i, step = 0, x.sums.shape[1] - 1
    while step > 0:
        if i + step < x.sums.shape[1] and x.sums[allele, i + step] <= value:
            i += step
            value -= x.sums[allele, i]
        step >>= 1
    return min(i, x.sums.shape[1] - 2)


@numba.njit(cache=True)
def reach(x: Lineages, slot: int) -> tuple[float, float]:
    """First and last position at which a crossover in a lineage matters."""
    return min(x.left[x.head[slot]], x.site), max(x.right[x.tail[slot]], x.site)


@numba.njit(cache=True)
def add_lineage(x: Lineages, head: int, tail: int, allele: int) -> None:
    """A new lineage of a class from a chain."""
    if x.used[SLOTS] <= 1:
        x.used[FULL] = 1
        return
    x.used[SLOTS] -= 1
    slot = x.free_slots[x.used[SLOTS]]
    x.head[slot], x.tail[slot] = head, tail
    low, high = reach(x, slot)
    x.weight[slot] = mass_at(x, high) - mass_at(x, low)
    _enter(x, slot, allele)


@numba.njit(cache=True)
def _enter(x: Lineages, slot: int, allele: int) -> None:
    x.allele[slot] = allele
    x.place[slot] = x.used[IN_DERIVED + allele]
    x.members[allele, x.place[slot]] = slot
    x.used[IN_DERIVED + allele] += 1
    _add_weight(x, allele, slot, x.weight[slot])


@numba.njit(cache=True)
def _leave(x: Lineages, slot: int) -> None:
    allele = x.allele[slot]
    x.used[IN_DERIVED + allele] -= 1
    last = x.members[allele, x.used[IN_DERIVED + allele]]
    x.members[allele, x.place[slot]] = last
    x.place[last] = x.place[slot]
    _add_weight(x, allele, slot, -x.weight[slot])


@numba.njit(cache=True)
def remove_lineage(x: Lineages, slot: int) -> None:
    """Forget a lineage; its chain is the caller's."""
    _leave(x, slot)
    x.head[slot] = x.tail[slot] = -1
    x.weight[slot] = 0.0
    x.free_slots[x.used[SLOTS]] = slot
    x.used[SLOTS] += 1


@numba.njit(cache=True)
def move_lineage(x: Lineages, slot: int, allele: int) -> None:
    """Put a lineage into a class."""
    if x.allele[slot] != allele:
        _leave(x, slot)
        _enter(x, slot, allele)


@numba.njit(cache=True)
def split_lineage(x: Lineages, slot: int, position: float, other: int) -> None:
    """Cross over: the part with the selected site keeps its class, the other one is of class `other`."""
    head, tail, allele = x.head[slot], x.tail[slot], x.allele[slot]
    if position <= x.left[head] or position >= x.right[tail]:
        # between the segments and the site: all of them go with the other genome
        move_lineage(x, slot, other)
        return
    before, here = -1, head
    while x.right[here] <= position:
        before, here = here, x.following[here]
    if x.left[here] >= position:
        first, x.following[before] = here, -1
    else:
        first = new_segment(x, position, x.right[here], x.node[here])
        if x.used[FULL]:
            return
        x.following[first] = x.following[here]
        x.right[here], x.following[here] = position, -1
        before = here
        if tail == here:
            tail = first
    remove_lineage(x, slot)
    site_is_left = position > x.site
    add_lineage(x, head, before, allele if site_is_left else other)
    add_lineage(x, first, tail, other if site_is_left else allele)
