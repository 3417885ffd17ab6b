"""One gene across people: the model's predictions, the baselines' on people they did not see, and what drives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.encode.haplotype_windows import HaplotypeWindows
from chiasma.io.phased import PhasedAlleles
from chiasma.stats.penalised.gaussian_elastic_net import choose_net
from chiasma.stats.personal_drivers import Drivers, correlation, take_apart
from chiasma.workflow.personal.predictions import Reading, predict_gene

BASELINES = ("elastic-net", "top-variant")


@dataclass(frozen=True, eq=False)
class GeneStudy:
    """What is known of a gene.

    Attributes:
        predicted: by the model (person,).
        baselines: predictions of each of BASELINES, learnt from the people that are not in the test (baseline, person).
        pair: which of the different haplotypes each person has, in rising order (person, ploidy).
        facts: counts, skips and the main driver, JSON-ready.
    """

    predicted: np.ndarray
    baselines: np.ndarray
    pair: np.ndarray
    facts: dict[str, Any]


@dataclass(frozen=True)
class StudyRules:
    """How a gene is studied.

    Attributes:
        frequency: least frequency of the rarer allele for baselines and drivers.
        drivers: most alleles scored one by one, the most frequent first; 0 looks for no drivers.
        seed: of the elastic net's folds.
    """

    frequency: float = 0.01
    drivers: int = 1000
    seed: int = 1


def study_gene(
    gene: str,
    reading: Reading,
    material: tuple[HaplotypeWindows, PhasedAlleles],
    measured: np.ndarray,
    *,
    test: np.ndarray,
    rules: StudyRules,
) -> GeneStudy:
    """Predict a gene in everybody, learn the baselines, take the predictions apart.

    Args:
        gene: its name.
        reading: the model.
        material: haplotypes around the gene, of the people measured, in their order.
        measured: expression (person,).
        test: people whom the baselines do not see (person,).
        rules: see `StudyRules`.
    """
    windows, alleles = material
    found = predict_gene(gene, reading, windows, alleles)
    held = np.flatnonzero(windows.taken.any(axis=0))
    dosage = found.dosage(held)
    share = dosage.mean(axis=0) / alleles.ploidy
    common = np.minimum(share, 1 - share) >= rules.frequency
    held, dosage, share = held[common], dosage[:, common].astype(float), share[common]
    facts: dict[str, Any] = {
        "gene": gene,
        "haplotypes": len(windows.member),
        "unique": len(windows),
        "alleles": int(windows.taken.any(axis=0).sum()),
        "common": len(held),
        "skips": [[skip.reason, skip.count, list(skip.examples)] for skip in (*alleles.skips, *windows.skips)],
    }
    baselines = np.stack([_net(dosage, measured, test, rules.seed), _top(dosage, measured, test)])
    if rules.drivers and len(held):
        order = np.argsort(-np.minimum(share, 1 - share), kind="stable")[: rules.drivers]
        order = np.sort(order)
        effect = _alone(reading, windows, held[order])
        parts = take_apart(effect, dosage[:, order], found.person, measured, ploidy=alleles.ploidy)
        facts |= _driver_facts(parts, alleles, windows, held[order]) | {"scored": len(order)}
        if parts.main >= 0:
            facts["frequency"] = float(share[order][parts.main])
    pair = np.sort(windows.member.reshape(len(measured), -1), axis=1)
    return GeneStudy(found.person, baselines, pair, facts)


def _alone(reading: Reading, windows: HaplotypeWindows, edits: np.ndarray) -> np.ndarray:
    """Prediction with each edit alone minus that of the genome (edit,)."""
    rows = np.zeros((len(edits) + 1, windows.taken.shape[1]), bool)
    rows[np.arange(len(edits)), edits] = True
    values = reading.values(windows, rows)
    return values[:-1] - values[-1]


def _net(dosage: np.ndarray, measured: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    train = ~test
    if not dosage.shape[1]:
        return np.full(len(measured), measured[train].mean())
    return choose_net(dosage[train], measured[train], seed=seed).predict(dosage)


def _top(dosage: np.ndarray, measured: np.ndarray, test: np.ndarray) -> np.ndarray:
    """A line through the allele that follows the expression best among the people learnt from."""
    train = ~test
    r = np.array([correlation(dosage[train, column], measured[train]) for column in range(dosage.shape[1])])
    if not len(r) or np.isnan(r).all():
        return np.full(len(measured), measured[train].mean())
    best = int(np.nanargmax(np.abs(r)))
    slope = r[best] * measured[train].std() / dosage[train, best].std()
    return measured[train].mean() + slope * (dosage[:, best] - dosage[train, best].mean())


def _driver_facts(
    parts: Drivers, alleles: PhasedAlleles, windows: HaplotypeWindows, edits: np.ndarray
) -> dict[str, Any]:
    facts: dict[str, Any] = {"additive_r": None if np.isnan(parts.linear) else parts.linear, "driver": None}
    if parts.main < 0:
        return facts
    allele = int(windows.edits.allele[edits[parts.main]])
    slope = float(parts.slope[parts.main])
    return facts | {
        "driver": str(alleles.ids[allele]),
        "distance": int(alleles.position[allele] - windows.place.anchor),
        "effect": float(parts.effect[parts.main]),
        "share": float(parts.spread[parts.main] ** 2 / (parts.spread**2).sum()),
        "slope": None if np.isnan(slope) else slope,
        "slope_p": None if np.isnan(slope) else float(parts.p[parts.main]),
        "agrees": parts.agrees,
    }
