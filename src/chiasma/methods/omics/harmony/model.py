"""Harmony: principal components of several sets of cells, corrected for the set within soft clusters."""

from __future__ import annotations

from chiasma.methods.omics.harmony.config import Config
from chiasma.stats.cells.harmony import HarmonyRules, harmonize
from chiasma.stats.cells.pair_transfer import Aligned, Cells, PairTransfer, neighbour_shares


class Harmony(PairTransfer):
    """Keeps a reference of one set or several; corrects it with a query, whose nearest reference cells vote."""

    config_class = Config

    def _align(self, cells: Cells) -> Aligned:
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
        shares = neighbour_shares(found.embedding, cells.n_reference, k=config.k_vote)
        facts = {
            "sets": int(cells.sets.max()) + 1,
            "genes": len(cells.genes),
            "components": before.shape[1],
            "clusters": found.clusters.shape[1],
            "rounds": len(found.objective),
            "converged": found.converged,
        }
        return Aligned(before, found.embedding, shares, facts=facts)


def build(config: Config) -> Harmony:
    """The procedure of a configuration."""
    return Harmony(config)
