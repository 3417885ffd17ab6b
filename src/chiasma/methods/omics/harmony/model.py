"""Harmony: principal components of several sets of cells, corrected for the set within soft clusters."""

from __future__ import annotations

import numpy as np

from chiasma.methods.omics.harmony.config import Config
from chiasma.stats.cells.harmony import HarmonyRules, harmonize
from chiasma.stats.cells.pair_transfer import Aligned, Cells, PairTransfer, neighbour_votes


class Harmony(PairTransfer):
    """Keeps a reference of one set or several; corrects it with a query, whose nearest reference cells vote."""

    config_class = Config

    def _align(self, cells: Cells, codes: np.ndarray, n_classes: int) -> Aligned:
        config = self.config
        before = cells.components(config.ncomp)
        rules = HarmonyRules(
            n_clusters=config.clusters,
            theta=config.theta,
            sigma=config.sigma,
            ridge=config.ridge,
            tau=config.tau,
            block=config.block,
            max_iter=config.max_iter,
            seed=self.seed_,
        )
        found = harmonize(before, cells.sets, rules)
        votes = neighbour_votes(found.embedding, cells.n_reference, codes, n_classes, k=config.k_vote)
        facts = {
            "sets": int(cells.sets.max()) + 1,
            "genes": len(cells.genes),
            "components": before.shape[1],
            "clusters": found.clusters.shape[1],
            "rounds": len(found.objective),
            "converged": found.converged,
        }
        return Aligned(before, found.embedding, votes, facts=facts)


def build(config: Config) -> Harmony:
    """The procedure of a configuration."""
    return Harmony(config)
