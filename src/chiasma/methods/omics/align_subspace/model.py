"""Canonical components of two or more sets of cells, warped onto each other."""

from __future__ import annotations

import numpy as np

from chiasma.methods.omics.align_subspace.config import Config
from chiasma.stats.cells.cca_operator import several_cca, standardise_cells
from chiasma.stats.cells.counts import scale_features
from chiasma.stats.cells.pair_transfer import Aligned, Cells, PairTransfer, neighbour_shares
from chiasma.stats.cells.subspace_alignment import AlignmentRules, align_components


class AlignSubspace(PairTransfer):
    """Keeps a reference of one set or several; aligns a query set with it and asks the nearest reference cells."""

    config_class = Config

    def _align(self, cells: Cells) -> Aligned:
        config = self.config
        scaled = [scale_features(values) for values in cells.parts()]
        scores = several_cca([standardise_cells(values) for values in scaled], config.ncomp)
        rules = AlignmentRules(config.metagene, config.band, config.faithful)
        after = np.empty((len(cells.values), scores[0].shape[1]))
        for code, values in enumerate(align_components(scores, scaled, rules)):
            after[cells.sets == code] = values
        shares = neighbour_shares(after, cells.n_reference, k=config.k_vote)
        facts = {"sets": len(scaled), "genes": int(cells.varies.sum()), "components": after.shape[1]}
        return Aligned(cells.components(config.ncomp), after, shares, facts=facts)


def build(config: Config) -> AlignSubspace:
    """The procedure of a configuration."""
    return AlignSubspace(config)
