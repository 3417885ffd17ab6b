"""Coalescence of two lineages: segments that overlap meet in a new node, the others go on as they are."""

from __future__ import annotations

import numba
import numpy as np

from chiasma.simulate.sweeps.lineages import (
    BREAKS,
    EDGES,
    FULL,
    NODES,
    Lineages,
    add_lineage,
    free_segment,
    new_segment,
    remove_lineage,
)


@numba.njit(cache=True)
def _break_at(x: Lineages, position: float) -> int:
    """Index of the break at a position, made if there is none."""
    n = int(x.used[BREAKS])
    i = int(np.searchsorted(x.breaks[:n], position))
    if i < n and x.breaks[i] == position:
        return i
    if n == len(x.breaks):
        x.used[FULL] = 1
        return i - 1
    for j in range(n, i, -1):
        x.breaks[j], x.depth[j] = x.breaks[j - 1], x.depth[j - 1]
    x.breaks[i], x.depth[i] = position, x.depth[i - 1]
    x.used[BREAKS] += 1
    return i


@numba.njit(cache=True)
def add_edge(x: Lineages, left: float, right: float, parent: int, child: int) -> None:
    """An edge of the tree sequence."""
    row = x.used[EDGES]
    if row == len(x.edges):
        x.used[FULL] = 1
        return
    x.edges[row, 0], x.edges[row, 1], x.edges[row, 2], x.edges[row, 3] = left, right, parent, child
    x.used[EDGES] += 1


@numba.njit(cache=True)
def new_node(x: Lineages, time: float) -> int:
    """A node at a time."""
    node = x.used[NODES]
    if node == len(x.node_time):
        x.used[FULL] = 1
        return node - 1
    x.node_time[node] = time
    x.used[NODES] += 1
    return node


@numba.njit(cache=True)
def _meet(x: Lineages, a: int, b: int, parent: int) -> tuple[int, float]:
    """Join two segments that begin together; the joint segment, -1 where complete, and where it ends."""
    left, right = x.left[a], min(x.right[a], x.right[b])
    i = _break_at(x, left)
    _break_at(x, right)
    if x.used[FULL]:
        return -1, right
    if x.depth[i] == 2:
        x.depth[i] = 0
        right = x.breaks[i + 1]
        joint = -1
    else:
        while x.breaks[i] < right and x.depth[i] != 2:
            x.depth[i] -= 1
            i += 1
        right = x.breaks[i]
        joint = new_segment(x, left, right, parent)
    add_edge(x, left, right, parent, x.node[a])
    add_edge(x, left, right, parent, x.node[b])
    return joint, right


@numba.njit(cache=True)
def _trim(x: Lineages, segment: int, right: float) -> int:
    """What is left of a chain after its beginning up to `right` was used."""
    if x.right[segment] > right:
        x.left[segment] = right
        return segment
    rest = x.following[segment]
    free_segment(x, segment)
    return rest


@numba.njit(cache=True)
def coalesce(x: Lineages, one: int, two: int, time: float) -> None:
    """Join two lineages of one class at a time; the result stays in that class unless all of it is complete."""
    allele = x.allele[one]
    a, b = x.head[one], x.head[two]
    remove_lineage(x, one)
    remove_lineage(x, two)
    parent, head, tail = -1, -1, -1
    while a != -1 or b != -1:
        if a == -1 or (b != -1 and x.left[b] < x.left[a]):
            a, b = b, a
        if b == -1 or x.right[a] <= x.left[b]:
            piece = a
            a = x.following[a]
            x.following[piece] = -1
        elif x.left[a] < x.left[b]:
            piece = new_segment(x, x.left[a], x.left[b], x.node[a])
            x.left[a] = x.left[b]
        else:
            if parent == -1:
                parent = new_node(x, time)
            piece, right = _meet(x, a, b, parent)
            a, b = _trim(x, a, right), _trim(x, b, right)
        if x.used[FULL]:
            return
        if piece == -1:
            continue
        if tail == -1:
            head = tail = piece
        elif x.right[tail] == x.left[piece] and x.node[tail] == x.node[piece]:
            x.right[tail] = x.right[piece]
            free_segment(x, piece)
        else:
            x.following[tail] = piece
            tail = piece
    if head != -1:
        add_lineage(x, head, tail, allele)
