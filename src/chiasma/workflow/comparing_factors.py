"""Methods without a target against each other, and against projections with as many factors, on held-out samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.core.errors import MismatchError
from chiasma.core.files import read_json, write_json
from chiasma.metrics.embedding import Score
from chiasma.workflow.evaluating_factors import SCORES, FactorScores, load_factor_scores

if TYPE_CHECKING:
    from chiasma.workflow.comparing import Comparison

_PREFIX = "reconstruction_r2"


def compare_factors(runs: Sequence[Path], *, output: Path, draws: int) -> Comparison:
    """Compare complete runs without a target: every score they share, paired on the one that all have.

    The score that decides is reconstruction where all methods reconstruct, else trustworthiness.

    Raises:
        MismatchError: the runs were scored on different samples.
    """
    from chiasma.report.page import write_side_by_side
    from chiasma.stats.compare import against_best, verdict
    from chiasma.stats.embedding_scores import compare_embeddings, score_embedding
    from chiasma.workflow.comparing import Comparison, require_same

    for run in runs[1:]:
        require_same(runs[0], run)
    records = [read_json(run / "compare.json") for run in runs]
    conditions = read_json(runs[0] / "metrics.json")["conditions"]
    common: dict[str, Any] = {"unit_name": conditions["unit_name"], "seed": conditions["seed"], "draws": draws}
    everyone, rivals, cost = _gather(runs, records)
    names = [name for name in everyone if name not in rivals]
    own = [everyone[name][0] for name in names]
    primary = _PREFIX if all(_PREFIX in row for row in own) else "trustworthiness"
    units = everyone[names[0]][1]
    chosen = {name: row[primary] for name, (row, _) in everyone.items() if primary in row}
    pairs = compare_embeddings(chosen, units.units(primary), metric=primary, **common)
    sentences = [verdict(pairs, network=name, rivals=rivals) for name in names if rivals]
    if len(names) > 1:
        best = max(names, key=lambda name: float(chosen[name](np.ones((1, len(units.units(primary)))))[0]))
        gap = against_best(pairs, best, [name for name in names if name != best])
        low, high = gap.difference.low, gap.difference.high
        clear = "ahead of" if low * high > 0 else "not distinguishable from"
        figures = f"difference {gap.difference.value:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
        sentences.insert(0, f"Among the methods, {best} is {clear} {gap.b} ({figures}).")
    table = []
    for name, (row, scores) in everyone.items():
        found = {
            metric: score_embedding({metric: score}, scores.units(metric), **common)[metric].to_dict()
            for metric, score in row.items()
            if "|" not in metric
        }
        table.append({"name": name, "rival": name in rivals, **found, **cost.get(name, {})})
    text, described = " ".join(sentences), [pair.to_dict() for pair in pairs]
    write_json(output / "compare.json", {"verdict": text, "primary": primary, "table": table, "pairs": described})
    page = write_side_by_side(list(runs), output / "report.html")
    return Comparison(output, text, primary, table, described, page)


def _gather(
    runs: Sequence[Path], records: Sequence[dict[str, Any]]
) -> tuple[dict[str, tuple[dict[str, Score], FactorScores]], list[str], dict[str, Any]]:
    """Scores of methods and rivals by name, which are rivals, and costs; a rival is named with its factors.

    Raises:
        MismatchError: the runs were scored on different samples.
    """
    methods = [record["method"] for record in records]
    own: dict[str, tuple[dict[str, Score], FactorScores]] = {}
    others: dict[str, tuple[dict[str, Score], FactorScores]] = {}
    cost: dict[str, Any] = {}
    first = load_factor_scores(runs[0] / SCORES)
    for run, record in zip(runs, records, strict=True):
        scores = load_factor_scores(run / SCORES)
        if not (np.array_equal(scores.unit, first.unit) and np.array_equal(scores.near_unit, first.near_unit)):
            raise MismatchError("the runs were scored on different samples", where=run, expected=f"those of {runs[0]}")
        factors = read_json(run / "metrics.json")["conditions"]["factors"]
        for name, row in scores.rows.items():
            mine = name == record["method"]
            label = (name if methods.count(name) == 1 else run.name) if mine else f"{name} ({factors} factors)"
            (own if mine else others)[label] = (row, scores)
            cost[label] = record["cost"].get(name, {})
    return {**own, **others}, list(others), cost
