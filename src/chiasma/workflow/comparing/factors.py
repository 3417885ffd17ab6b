"""Methods without a target against each other, and against projections with as many factors, on held-out samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chiasma.core.errors import MismatchError
from chiasma.core.files import read_json, write_json
from chiasma.metrics.embedding import Score
from chiasma.workflow.evaluating.factors import HELD_OUT, NONE_HELD_OUT, SCORES, FactorScores, load_factor_scores

if TYPE_CHECKING:
    from chiasma.workflow.comparing.compare import Comparison

_PREFIX = "reconstruction_r2"


def compare_factors(
    runs: Sequence[Path], *, output: Path, draws: int, stability: Sequence[Mapping[str, Any]] = ()
) -> Comparison:
    """Compare complete runs without a target: every score they share, paired on the one that all have.

    The score that decides is reconstruction where all methods reconstruct, else trustworthiness. Methods are ranked
    among those of as many factors, scored in one space; each faces rivals that are its match.

    Raises:
        MismatchError: the runs were scored on different samples.
    """
    from chiasma.report.page import write_side_by_side
    from chiasma.stats.compare import against_best, verdict
    from chiasma.stats.embedding_scores import compare_embeddings, score_embedding
    from chiasma.workflow.comparing.compare import Comparison, require_same

    for run in runs[1:]:
        require_same(runs[0], run)
    records = [read_json(run / "compare.json") for run in runs]
    conditions = read_json(runs[0] / "metrics.json")["conditions"]
    common: dict[str, Any] = {"unit_name": conditions["unit_name"], "seed": conditions["seed"], "draws": draws}
    everyone, facing, cost = _gather(runs, records)
    rivals = {rival for faced in facing.values() for rival in faced}
    names = [name for name in everyone if name not in rivals]
    own = [everyone[name][0] for name in names]
    primary = _PREFIX if all(_PREFIX in row for row in own) else "trustworthiness"
    units = everyone[names[0]][1]
    chosen = {name: row[primary] for name, (row, _) in everyone.items() if primary in row}
    scales = dict(zip(names, map(_scale, runs)))
    sizes = dict(zip(names, map(_size, runs)))
    ranked: dict[tuple[str, int], list[str]] = {}
    for name in names:
        ranked.setdefault((scales[name], sizes[name]), []).append(name)
    pairs, sentences = [], []
    for mine in ranked.values():
        present = {
            name: score for name, score in chosen.items() if name in {*mine, *(r for m in mine for r in facing[m])}
        }
        found_pairs = compare_embeddings(present, units.units(primary), metric=primary, **common)
        pairs += found_pairs
        sentences += [verdict(found_pairs, network=name, rivals=facing[name]) for name in mine if facing[name]]
        if len(mine) > 1:
            best = max(mine, key=lambda name: float(chosen[name](np.ones((1, len(units.units(primary)))))[0]))
            gap = against_best(found_pairs, best, [name for name in mine if name != best])
            low, high = gap.difference.low, gap.difference.high
            clear = "ahead of" if low * high > 0 else "not distinguishable from"
            figures = f"difference {gap.difference.value:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
            sentences.insert(0, f"Among the methods, {best} is {clear} {gap.b} ({figures}).")
    if len(set(sizes.values())) > 1:
        told = "; ".join(f"{name}: {size}" for name, size in sizes.items())
        sentences.insert(0, f"Methods with different numbers of factors are not ranked ({told}).")
    if len(set(scales.values())) > 1:
        told = "; ".join(f"{name}: {scale}" for name, scale in scales.items())
        sentences.insert(0, f"Not all scores are on one scale, and methods on different ones are not ranked ({told}).")
    if conditions["scored on"] != HELD_OUT:
        sentences.insert(0, NONE_HELD_OUT)
    table = []
    for name, (row, scores) in everyone.items():
        found = {
            metric: score_embedding({metric: score}, scores.units(metric), **common)[metric].to_dict()
            for metric, score in row.items()
            if "|" not in metric
        }
        table.append({"name": name, "rival": name in rivals, **found, **cost.get(name, {})})
    text, described = " ".join(sentences), [pair.to_dict() for pair in pairs]
    record = {"verdict": text, "primary": primary, "table": table, "pairs": described}
    write_json(output / "compare.json", {**record, "stability": list(stability)})
    page = write_side_by_side(list(runs), output / "report.html")
    return Comparison(output, text, primary, table, described, page, stability=[dict(row) for row in stability])


def _size(run: Path) -> int:
    """Factors of a run that tell samples apart."""
    return int(read_json(run / "metrics.json")["conditions"]["factors"])


def _scale(run: Path) -> str:
    """What a run's samples were measured in when it was scored: which views, and whether they weigh alike."""
    from chiasma.core.cards import find_card

    identity = read_json(run / "run.json")["identity"]
    given = [name.partition(".")[2] for name in identity["inputs"] if name.startswith("view.")]
    views = " + ".join(sorted(identity["options"].get("views") or given)) or "all features"
    if "+" not in views and len(given) > 0:
        return views
    return f"{views}, {'each view alike' if find_card(identity['method']).data == 'views' else 'each feature alike'}"


def _gather(
    runs: Sequence[Path], records: Sequence[dict[str, Any]]
) -> tuple[dict[str, tuple[dict[str, Score], FactorScores]], dict[str, list[str]], dict[str, Any]]:
    """Scores of methods and rivals by name, the rivals with as many factors as each method, and costs.

    Raises:
        MismatchError: the runs were scored on different samples.
    """
    methods = [record["method"] for record in records]
    own: dict[str, tuple[dict[str, Score], FactorScores]] = {}
    others: dict[str, tuple[dict[str, Score], FactorScores]] = {}
    facing: dict[str, list[str]] = {}
    cost: dict[str, Any] = {}
    first = load_factor_scores(runs[0] / SCORES)
    scales = [_scale(run) for run in runs]
    for run, record, scale in zip(runs, records, scales, strict=True):
        beside = f"; {scale}" if len(set(scales)) > 1 else ""
        scores = load_factor_scores(run / SCORES)
        if not (np.array_equal(scores.unit, first.unit) and np.array_equal(scores.near_unit, first.near_unit)):
            raise MismatchError("the runs were scored on different samples", where=run, expected=f"those of {runs[0]}")
        factors = _size(run)
        for name, row in scores.rows.items():
            mine = name == record["method"]
            called = record["method"] if methods.count(record["method"]) == 1 else run.name
            label = called if mine else f"{name} ({factors} factors{beside})"
            (own if mine else others)[label] = (row, scores)
            if not mine:
                facing.setdefault(called, []).append(label)
            cost[label] = record["cost"].get(name, {})
    return {**own, **others}, {name: facing.get(name, []) for name in own}, cost
