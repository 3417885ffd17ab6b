"""Spectral layout of a neighbour graph."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

_DENSE = 400
"""Nodes up to which all eigenvectors are computed."""


def spectral_layout(graph: sp.csr_matrix, count: int) -> np.ndarray:
    """The smoothest functions on a graph, without the constant one (node, count), each of unit mean square.

    Eigenvectors of the normalised adjacency for its largest eigenvalues, divided by the square root of the degree
    (Shi and Malik 2000). In a graph of several components the first ones tell these apart. The largest entry of each is
    positive. Columns beyond the nodes there are, are zeros.

    Args:
        graph: symmetric weights (node, node).
        count: coordinates.
    """
    n_nodes = graph.shape[0]
    degree = np.asarray(graph.sum(axis=1)).ravel()
    root = 1.0 / np.sqrt(np.maximum(degree, 1e-12))
    normal = sp.diags_array(root) @ graph @ sp.diags_array(root)
    most = min(count + 1, n_nodes)
    if n_nodes <= max(_DENSE, 3 * most):
        values, vectors = np.linalg.eigh(normal.toarray())
    else:
        # Shifted by 1, so that large negative eigenvalues are not taken for large ones.
        values, vectors = sla.eigsh(normal + sp.eye_array(n_nodes), k=most, which="LA", v0=np.ones(n_nodes), tol=1e-9)
    order = np.argsort(-values, kind="stable")[1:most]
    found = vectors[:, order] * root[:, None]
    length = np.sqrt((found**2).mean(axis=0))
    found = np.divide(found, length, out=np.zeros_like(found), where=length > 0)
    top = found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])]
    layout = np.zeros((n_nodes, count))
    layout[:, : found.shape[1]] = found * np.where(top < 0, -1.0, 1.0)
    return layout
