"""Fuzzy graphs of the same samples, one a view, made into one: intersection, union, difference.

For two graphs these are the operators of umap-learn 0.5.12 (`general_simplicial_set_intersection` and its siblings), in
time linear in the edges; for more, their weighted geometric mean. Ours differ where said: umap-learn's difference takes
an edge that the second graph lacks for one that it nearly has in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
from scipy import sparse

from chiasma.stats.graphs.fuzzy_graph import fuzzy_union, tidy

Floor = Literal["auto", "umap", "symmetric"]
_LEAST = 1e-8
_MOST = 1e-4
_LOCAL_NEIGHBOURS = 15
"""Neighbours that a reset local metric is made for; fixed in umap-learn."""


@dataclass(frozen=True, eq=False)
class Merged:
    """Several graphs over the edges that any of them has.

    Attributes:
        indptr, indices: compressed rows of the union of edges, columns sorted.
        values: strength in each graph (graph, edge); NaN where it lacks the edge.
        shape: of each graph.
    """

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    shape: tuple[int, int]

    def rows(self) -> np.ndarray:
        """Row of each edge (edge,)."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def graph(self, strength: np.ndarray) -> sparse.csr_array:
        """The edges with one strength each (edge,)."""
        return tidy(sparse.csr_array((strength, self.indices.copy(), self.indptr.copy()), shape=self.shape))


def merge(graphs: Sequence[sparse.csr_array]) -> Merged:
    """Lay graphs of one shape side by side; linear in the number of edges."""
    clean = [tidy(graph) for graph in graphs]
    union = clean[0].astype(bool)
    for graph in clean[1:]:
        union = union + graph.astype(bool)
    union.sort_indices()
    values = np.full((len(clean), union.nnz), np.nan)
    for row, graph in zip(values, clean):
        _place(union.indptr, union.indices, graph.indptr, graph.indices, graph.data.astype(np.float64), row)
    return Merged(union.indptr, union.indices, values, union.shape)


@numba.njit(cache=True)
def _place(indptr, indices, own_indptr, own_indices, own_data, out):
    """Walk both sorted rows once, writing each own edge where the union has it."""
    for row in range(len(indptr) - 1):
        place = indptr[row]
        for own in range(own_indptr[row], own_indptr[row + 1]):
            while indices[place] != own_indices[own]:
                place += 1
            out[place] = own_data[own]


def edge_floors(graphs: Sequence[sparse.csr_array], *, floor: Floor = "auto") -> np.ndarray:
    """What stands for an edge that a graph lacks (graph,): half its weakest edge.

    Args:
        graphs: the graphs of the fit.
        floor: umap: at most 1e-4 in all graphs but the first, as in umap-learn, where the order of graphs therefore
            matters; symmetric: at most 1e-4 in all; auto: umap for two graphs, symmetric for more.
    """
    found = np.array([max(graph.data.min() / 2, _LEAST) if graph.nnz else _LEAST for graph in graphs])
    first = 1 if floor == "umap" or (floor == "auto" and len(graphs) == 2) else 0
    found[first:] = np.minimum(found[first:], _MOST)
    return found


def intersect(
    graphs: Sequence[sparse.csr_array],
    *,
    weights: Sequence[float] | None = None,
    floors: np.ndarray | None = None,
    present: Sequence[np.ndarray] | None = None,
    present_columns: Sequence[np.ndarray] | None = None,
) -> sparse.csr_array:
    """The edges of any graph, with the product of their strengths in all, each to the power of its graph's weight.

    Powers are relative to the largest weight. Where a sample lacks a view, an edge is judged by the views that both
    its ends have, by the geometric mean, so that it weighs as if the others had agreed.

    Args:
        graphs: of one shape (sample, sample or new sample, sample).
        weights: of each graph, from 0, not all 0; equal by default; (1 - w, w) is umap-learn's weight w.
        floors: as `edge_floors` of the graphs of the fit; of these graphs by default.
        present: whether each row has the graph's view, one (row,) a graph; all by default.
        present_columns: the same of columns; those of the rows by default.
    """
    share = np.ones(len(graphs)) if weights is None else np.asarray(weights, dtype=np.float64)
    least = edge_floors(graphs) if floors is None else floors
    merged = merge(graphs)
    strength = np.where(np.isnan(merged.values), least[:, None], merged.values)
    power = np.repeat(share[:, None], strength.shape[1], axis=1)
    if present is not None:
        columns = present if present_columns is None else present_columns
        rows = merged.rows()
        power *= np.stack([have[rows] & other[merged.indices] for have, other in zip(present, columns)])
    total = power.sum(axis=0)
    whole = share.sum() / share.max()
    power *= np.divide(whole, total, out=np.zeros_like(total), where=total > 0)
    return merged.graph(np.where(total > 0, np.exp((power * np.log(strength)).sum(axis=0)), 0.0))


def unite(graphs: Sequence[sparse.csr_array], *, floors: np.ndarray | None = None) -> sparse.csr_array:
    """The edges of any graph, with the probability that at least one of them holds: 1 - product of (1 - strength)."""
    least = edge_floors_of_union(graphs) if floors is None else floors
    merged = merge(graphs)
    strength = np.where(np.isnan(merged.values), least[:, None], merged.values)
    return merged.graph(1 - (1 - strength).prod(axis=0))


def edge_floors_of_union(graphs: Sequence[sparse.csr_array]) -> np.ndarray:
    """As `edge_floors`, without an upper bound, for `unite` (graph,)."""
    return np.array([max(graph.data.min() / 2, _LEAST) if graph.nnz else _LEAST for graph in graphs])


def subtract(
    first: sparse.csr_array, second: sparse.csr_array, *, weight: float = 0.5, faithful: bool = False
) -> sparse.csr_array:
    """The edges of the first graph, weakened where the second has them too.

    Args:
        first, second: of one shape.
        weight: of the second, 0 to 1.
        faithful: as umap-learn computes it, where an edge that the second graph lacks counts as nearly certain there.
    """
    merged = merge([first, second])
    have, other = merged.values
    own = ~np.isnan(have)
    against = 1 - other
    if faithful:
        lowest = np.nanmin(against) / 2 if second.nnz else _LEAST
        against = np.where(np.isnan(against), min(max(lowest, _LEAST), _MOST), against)
    else:
        against = np.where(np.isnan(against), 1.0, np.maximum(against, _LEAST))
    powers = np.array([1 - weight, weight]) / max(1 - weight, weight)
    strength = np.where(own, have, 0.0) ** powers[0] * against ** powers[1]
    return merged.graph(np.where(own, strength, 0.0))


def reset_local_connectivity(graph: sparse.csr_array, *, reset_local_metric: bool = False) -> sparse.csr_array:
    """Give every sample one edge of strength 1 again, and the graph its symmetry.

    Args:
        graph: (sample, sample).
        reset_local_metric: raise each row to the power at which it sums to log2(15) first.
    """
    return fuzzy_union(local_links(graph, reset_local_metric=reset_local_metric))


def local_links(graph: sparse.csr_array, *, reset_local_metric: bool = False) -> sparse.csr_array:
    """The one-sided half of `reset_local_connectivity`: each row divided by its largest strength."""
    made = tidy(graph)
    counts = np.diff(made.indptr)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return made
    starts = made.indptr[filled]
    largest = np.maximum.reduceat(made.data, starts)
    made.data = made.data / np.repeat(largest, counts[filled])
    if reset_local_metric:
        made.data = made.data ** np.repeat(_local_powers(made.data, starts), counts[filled])
    return made


def _local_powers(data: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """For each row the power at which its strengths sum to log2(15) (row,), by bisection."""
    target = np.log2(_LOCAL_NEIGHBOURS)
    counts = np.diff(np.append(starts, len(data)))
    low, high, power = np.zeros(len(starts)), np.full(len(starts), np.inf), np.ones(len(starts))
    done = np.zeros(len(starts), dtype=bool)
    for _ in range(32):
        total = np.add.reduceat(data ** np.repeat(power, counts), starts)
        done |= np.abs(total - target) < 1e-5
        if done.all():
            break
        under = total < target
        high = np.where(under & ~done, power, high)
        low = np.where(~under & ~done, power, low)
        unbounded = np.isinf(high)
        step = np.where(unbounded, 2 * power, (low + np.where(unbounded, 0.0, high)) / 2)
        power = np.where(done, power, step)
    return power


def connectivity(graph: sparse.csr_array) -> Mapping[str, float]:
    """How the graph hangs together: components, share of samples in the largest, edges a sample, isolated samples."""
    n_components, member = sparse.csgraph.connected_components(graph, directed=False)
    return {
        "components": int(n_components),
        "largest_share": float(np.bincount(member).max() / graph.shape[0]),
        "edges_per_sample": float(graph.nnz / graph.shape[0]),
        "isolated": int((np.diff(graph.indptr) == 0).sum()),
    }
