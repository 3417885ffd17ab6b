"""What all genes together say: correlations of model and baselines, shares of wrong signs, drivers, a verdict."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import plain, write_json, write_text
from chiasma.core.rng import generator
from chiasma.data.dataset import Skip
from chiasma.data.results import Estimate
from chiasma.stats.bootstrap import interval
from chiasma.stats.personal_correlation import LEAST_PEOPLE, AcrossPeople, across_people
from chiasma.workflow.personal.genes import BASELINES, GeneStudy
from chiasma.workflow.personal.inputs import People

_LEAST_GENES = 5
"""Genes below which resampling them gives no interval."""
_NOMINAL = 0.05
_DRIVER = ("driver", "distance", "frequency", "effect", "share", "slope", "slope_p", "agrees", "additive_r", "scored")


@dataclass(frozen=True, eq=False)
class Judged:
    """The result.

    Attributes:
        across: the model over all people.
        on_test: "model" and each baseline over the test people.
        predicted: by the model (gene, person).
        baselines: (baseline, gene, person).
        rows: one a gene, those of largest |r| first, JSON-ready.
        facts: of all, JSON-ready.
        remarks: lines to tell.
    """

    across: AcrossPeople
    on_test: dict[str, AcrossPeople]
    predicted: np.ndarray
    baselines: np.ndarray
    rows: list[dict[str, Any]]
    facts: dict[str, Any]
    remarks: list[str]


def judge(people: People, studies: list[GeneStudy], *, options: Any) -> Judged:
    """Correlate, compare, count.

    Args:
        people: genes, people, expression.
        studies: one a gene.
        options: `PersonalOptions`: seed, permutations and draws are used.

    Raises:
        InsufficientDataError: fewer than ten people in the test.
    """
    predicted = np.stack([study.predicted for study in studies])
    baselines = np.stack([study.baselines for study in studies], axis=1)
    count = {"seed": options.seed, "permutations": options.permutations, "draws": options.draws}
    across = across_people(predicted, people.expression, groups=people.groups, **count)
    held = people.test
    groups = None if people.groups is None else people.groups[held]
    sides = {"model": predicted, **dict(zip(BASELINES, baselines, strict=True))}
    enough = int(held.sum()) >= LEAST_PEOPLE
    on_test = {
        name: across_people(side[:, held], people.expression[:, held], groups=groups, **count)
        if enough
        else _nothing(across)
        for name, side in sides.items()
    }
    rows = _rows(people, studies, across, on_test)
    summary = {"model, all people": _estimates(across, options)}
    summary |= {f"{name}, test people": _estimates(side, options) for name, side in on_test.items()}
    facts: dict[str, Any] = {
        "genes": len(people.genes),
        "people": len(people.samples),
        "test_people": int(held.sum()),
        "haplotypes": sum(study.facts["haplotypes"] for study in studies),
        "unique": sum(study.facts["unique"] for study in studies),
        "alleles": sum(study.facts["alleles"] for study in studies),
        "constant": int(np.isnan(across.pearson).sum()),
        "p_mean": None if np.isnan(across.p_mean) else across.p_mean,
        "summary": summary,
        "differences": {
            name: (_difference(on_test, name, options) if enough else Estimate(float("nan"), unit="gene")).to_dict()
            for name in BASELINES
        },
        "parts": _parts(people, across),
        "drivers": _drivers(studies, options),
        "skipped": [
            {"reason": skip.reason, "count": skip.count, "examples": list(skip.examples)}
            for skip in _skips(people, studies)
        ],
    }
    facts["verdict"] = _verdict(facts, across)
    remarks = _twins(people, studies)
    if not enough:
        remarks.append(f"{int(held.sum())} test people are too few: the baselines have no figures")
    return Judged(across, on_test, predicted, baselines, rows, plain(facts), remarks)


def _nothing(across: AcrossPeople) -> AcrossPeople:
    """Figures where there are too few people for any."""
    gone = np.full(len(across.pearson), np.nan)
    return replace(across, pearson=gone, spearman=gone, low=gone, high=gone, p=gone, q=gone)


def _estimates(across: AcrossPeople, options: Any) -> dict[str, dict[str, Any]]:
    found = across.summary(seed=options.seed, draws=options.draws)
    if (~np.isnan(across.pearson)).sum() < _LEAST_GENES:
        found = {name: Estimate(one.value, unit=one.unit) for name, one in found.items()}
    return {name: one.to_dict() for name, one in found.items()}


def _difference(on_test: dict[str, AcrossPeople], name: str, options: Any) -> Estimate:
    """Mean over genes of the model's r minus a baseline's; predictions equal for everybody count as r = 0."""
    gap = np.nan_to_num(on_test["model"].pearson) - np.nan_to_num(on_test[name].pearson)
    return _mean(gap, options)


def _mean(values: np.ndarray, options: Any) -> Estimate:
    if len(values) < _LEAST_GENES:
        return Estimate(float(values.mean()) if len(values) else float("nan"), unit="gene")
    rows = generator(options.seed, "genes", options.draws).integers(0, len(values), (options.draws, len(values)))
    return Estimate(float(values.mean()), *interval(values[rows].mean(axis=1)), "gene")


def _rows(
    people: People, studies: list[GeneStudy], across: AcrossPeople, on_test: dict[str, AcrossPeople]
) -> list[dict[str, Any]]:
    rows = []
    for row, study in enumerate(studies):
        found: dict[str, Any] = {"gene": str(people.genes.name[row]), "part": str(people.genes.part[row])}
        found |= {key: float(getattr(across, key)[row]) for key in ("pearson", "spearman", "low", "high", "p", "q")}
        found["interval"] = "–" if np.isnan(found["low"]) else f"{found['low']:.2f} to {found['high']:.2f}"
        found |= {f"{name}": float(side.pearson[row]) for name, side in on_test.items()}
        found |= {key: study.facts[key] for key in ("haplotypes", "unique", "alleles", "common")}
        found |= {key: study.facts.get(key) for key in _DRIVER}
        rows.append(plain(found))
    order = np.argsort(-np.abs(np.nan_to_num(across.pearson)), kind="stable")
    return [rows[index] for index in order.tolist()]


def _parts(people: People, across: AcrossPeople) -> dict[str, dict[str, Any]]:
    """Mean correlation by what the genes were to the model."""
    found = {}
    for part in dict.fromkeys(people.genes.part.tolist()):
        chosen = (people.genes.part == part) & ~np.isnan(across.pearson)
        if part and chosen.any():
            found[part] = {"genes": int(chosen.sum()), "mean_pearson": float(across.pearson[chosen].mean())}
    return found


def _drivers(studies: list[GeneStudy], options: Any) -> dict[str, Any]:
    """How often main drivers point where the measurement points, and how additive predictions are."""
    rows = [study.facts for study in studies if study.facts.get("agrees") is not None]
    sure = [row for row in rows if row["slope_p"] < _NOMINAL]
    additive = [study.facts["additive_r"] for study in studies if study.facts.get("additive_r") is not None]
    found: dict[str, Any] = {"genes": len(rows), "median_additive_r": float(np.median(additive)) if additive else None}
    for name, group in (("agree", rows), ("agree_where_slope_is_significant", sure)):
        if group:
            found[name] = _mean(np.array([float(row["agrees"]) for row in group]), options).to_dict() | {
                "n": len(group)
            }
    return found


def _skips(people: People, studies: list[GeneStudy]) -> list[Skip]:
    count: dict[str, int] = defaultdict(int)
    named: dict[str, list[str]] = defaultdict(list)
    for study in studies:
        for reason, number, examples in study.facts["skips"]:
            count[reason] += number
            named[reason] += [name for name in examples if name not in named[reason]][: 3 - len(named[reason])]
    lone = [study.facts["gene"] for study in studies if study.facts["unique"] == 1]
    skips = [*people.skips, *(Skip(reason, number, tuple(named[reason])) for reason, number in count.items())]
    if lone:
        skips.append(Skip("genes for which all people have the same sequence", len(lone), tuple(lone[:3])))
    return skips


def _twins(people: People, studies: list[GeneStudy]) -> list[str]:
    """Test people with the haplotypes of somebody whom the baselines saw."""
    pairs = np.concatenate([study.pair for study in studies], axis=1)
    keys = [row.tobytes() for row in np.ascontiguousarray(pairs)]
    seen = {key for key, test in zip(keys, people.test, strict=True) if not test}
    twins = [str(people.samples[row]) for row in np.flatnonzero(people.test) if keys[row] in seen]
    if not twins:
        return []
    shown = ", ".join(twins[:3])
    return [f"{len(twins):,} of {int(people.test.sum()):,} test people have, in all genes, the haplotypes of somebody "
            f"whom the baselines saw ({shown}): relatives, or few variants"]  # fmt: skip


def _verdict(facts: dict[str, Any], across: AcrossPeople) -> dict[str, Any]:
    side = facts["summary"]["model, all people"]
    if not side:
        head = "The model predicts the same for everybody."
        return {"head": head, "body": [f"In none of {facts['genes']:,} genes do its predictions differ by haplotype."]}
    mean, p = side["mean_pearson"], facts["p_mean"]
    found = p is not None and p < _NOMINAL
    known = facts["genes"] - facts["constant"]
    head = f"Across {facts['people']:,} people, mean r = {mean['value']:.3f} over {known:,} genes."
    body = [
        ("Permuting people rarely gives" if found else "Permuting people gives")
        + f" a mean as far from zero (p = {p:.3g})"
        + ("." if found else ": no sign that the model tells people apart."),
        f"{int(across.right.sum()):,} genes significantly follow the measurement, "
        f"{int(across.wrong.sum()):,} significantly go against it.",
    ]
    one = facts["differences"]["elastic-net"]
    if not np.isnan(one["value"]):
        span = "" if np.isnan(one["low"]) else f" ({one['low']:.3f} to {one['high']:.3f})"
        body.append(f"On people whom the baselines did not see, r of the model minus r of the elastic net is "
                    f"{one['value']:.3f}{span}, on average over genes.")  # fmt: skip
    return {"head": head, "body": body}


def write_tables(folder: Path, judged: Judged, people: People) -> None:
    """Write genes.tsv, predictions.parquet and metrics.json."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.StringIO()
    columns = [key for key in judged.rows[0] if key != "interval"]
    writer = csv.DictWriter(buffer, columns, delimiter="\t", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(judged.rows)
    write_text(folder / "genes.tsv", buffer.getvalue())
    genes, n = len(people.genes), len(people.samples)
    table = {
        "gene": np.repeat(people.genes.name, n),
        "id": np.tile(people.samples, genes),
        "part": np.tile(np.where(people.test, "test", "train"), genes),
        "y": people.expression.ravel(),
        "yhat": judged.predicted.ravel(),
    }
    table |= {f"yhat_{name}": side.ravel() for name, side in zip(BASELINES, judged.baselines, strict=True)}
    pq.write_table(pa.table(table), folder / "predictions.parquet")
    summary = judged.facts["summary"]
    metrics = {
        "test": summary["model, test people"],
        "all": summary["model, all people"],
        "baselines": {name: summary[f"{name}, test people"] for name in BASELINES},
    }
    write_json(folder / "metrics.json", metrics)
