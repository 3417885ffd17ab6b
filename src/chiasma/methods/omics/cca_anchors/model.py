"""Anchors between two sets of cells: canonical correlation, mutual neighbours, transfer and correction."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from chiasma.methods.omics.cca_anchors.config import Config
from chiasma.stats.cells.anchors import (
    AnchorRules,
    Anchors,
    cell_shares,
    correct,
    find_anchors,
    leading_features,
    transfer_weights,
)
from chiasma.stats.cells.cca_operator import cell_cca, gene_loadings, standardise_cells
from chiasma.stats.cells.counts import principal_components, scale_features
from chiasma.stats.cells.pair_transfer import Aligned, Cells, PairTransfer
from chiasma.stats.graphs.wnn import unit_rows

QUARTER, FEWEST = 4, 5
"""A query cell listens to anchor cells up to a quarter of the query, or five."""


class CcaAnchors(PairTransfer):
    """Keeps a reference; a query set is tied to it by anchors, takes over its types and is corrected towards it.

    Several sets in the reference are taken as one, standardised together.
    """

    config_class = Config

    def _align(self, cells: Cells) -> Aligned:
        anchors, weights, common = self._tie(cells)
        first, second = cells.values[: cells.n_reference], cells.values[cells.n_reference :]
        shares = cell_shares(anchors, weights, len(first))
        corrected = correct(first, second, anchors, weights)
        before = cells.components(self.config.ncomp)
        whole = np.vstack([first, corrected])
        after = principal_components(scale_features(whole), self.config.ncomp)[0]
        table = {"reference": anchors.first, "query": anchors.second, "score": anchors.score}
        facts = {
            "anchors": len(anchors),
            "mutual neighbours before the filter": anchors.found,
            "filtered": anchors.filtered,
            "genes": int(cells.varies.sum()),
            "components": common.shape[1],
            "anchor cells of the query": len(np.unique(anchors.second)),
        }
        return Aligned(before, after, shares, corrected, cells.genes, table, facts)

    def _tie(self, cells: Cells) -> tuple[Anchors, sp.csr_array, np.ndarray]:
        """Anchors, the say of each in each query cell, and the common space."""
        config, n = self.config, cells.n_reference
        first, second = cells.values[:n], cells.values[n:]
        kept = first[:, cells.varies], second[:, cells.varies]
        scaled = scale_features(kept[0]), scale_features(kept[1])
        cca = cell_cca(standardise_cells(scaled[0]), standardise_cells(scaled[1]), config.ncomp)
        common = unit_rows(cca.both)
        genes = leading_features(gene_loadings(scaled[0], scaled[1], cca))
        rules = AnchorRules(config.k_anchor, config.k_filter, config.k_score)
        anchors = find_anchors(common[:n], common[n:], rules, measured=(kept[0][:, genes], kept[1][:, genes]))
        if config.weight_space == "joint":
            space = cells.components(config.ncomp)[n:]
        else:
            space = principal_components(scale_features(second), config.ncomp)[0]
        # All anchor cells together would blur a small query: Seurat refuses it, here fewer are listened to.
        k_weight = min(config.k_weight, max(len(second) // QUARTER, FEWEST))
        weights = transfer_weights(space, anchors, k_weight=k_weight, sd_weight=config.sd_weight)
        return anchors, weights, common


def build(config: Config) -> CcaAnchors:
    """The procedure of a configuration."""
    return CcaAnchors(config)
