"""`compare`: several methods and the simple rivals on one split, the same seeds, paired differences, a verdict."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import MismatchError, UsageError
from chiasma.core.files import read_json, write_json
from chiasma.run.folder import require_run
from chiasma.workflow.evaluating import TestPart, read_test
from chiasma.workflow.fitting import carry_out, plan
from chiasma.workflow.options import FitOptions


@dataclass(frozen=True)
class Comparison:
    """What was compared, where it is written, and the outcome."""

    path: Path
    verdict: str
    primary: str
    table: list[dict[str, Any]]
    pairs: list[dict[str, Any]]
    report: Path | None


def compare(
    methods: Sequence[str],
    inputs: Mapping[str, Any] | None = None,
    *,
    output: Path | str,
    presets: str = "default",
    options: FitOptions | Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Comparison:
    """Fit several methods on one split beside the rivals, or compare complete runs on the same test examples.

    Args:
        methods: names of methods, or paths of complete runs (then `inputs` is not used).
        inputs: as for fit.
        output: a folder that will hold one run a method and compare.json.
        presets: the preset of every method; nobody is tuned, so the tuning budget is the same for all.
        options: shared by all.
        overwrite: replace runs of another configuration.
    """
    output = Path(output)
    if len(set(methods)) != len(methods):
        raise UsageError("a method is named twice", got=" ".join(methods))
    if all((Path(name) / "run.json").exists() for name in methods):
        runs = [require_run(name) for name in methods]
    else:
        runs = []
        for name in methods:
            print(f"--- {name}", file=sys.stderr)
            job = plan(name, inputs, preset=presets, options=options)
            shared = runs[0] if runs else None
            runs.append(carry_out(job, output / name, overwrite=overwrite, rivals_from=shared).path)
    return compare_runs(runs, output=output)


def compare_runs(runs: Sequence[Path], *, output: Path, draws: int = 1000) -> Comparison:
    """Compare complete runs that share their test examples, and the rivals they were fitted beside.

    Raises:
        MismatchError: the runs were tested on different examples.
    """
    from chiasma.stats.bootstrap import bootstrap
    from chiasma.stats.compare import against_best, compare_all, verdict

    first, _ = read_test(runs[0])
    scores, rivals, cost, negatives = _gather(runs, first)
    everyone = {**scores, **rivals}
    common: dict[str, Any] = {"unit_name": first.unit_name, "seed": first.seed, "draws": draws}
    pairs = compare_all(first.target, everyone, first.unit, **common)
    sentences = []
    if rivals:
        sentences = [verdict(pairs, network=name, rivals=list(rivals), negatives=negatives) for name in scores]
    if len(scores) > 1:
        ahead = _order(pairs, list(scores))
        best = against_best(pairs, ahead[0], ahead[1:])
        gap = best.difference
        clear = "ahead of" if gap.low * gap.high > 0 else "not distinguishable from"
        figures = f"difference {gap.value:+.3f}, 95 % interval {gap.low:+.3f} to {gap.high:+.3f}"
        sentences.insert(0, f"Among the methods, {ahead[0]} is {clear} {best.b} ({figures}).")
    table = []
    for name, values in everyone.items():
        found = bootstrap(first.target, values, first.unit, **common)
        row = {metric: estimate.to_dict() for metric, estimate in found.items()}
        table.append({"name": name, "rival": name in rivals, **row, **cost.get(name, {})})
    primary = read_json(runs[0] / "metrics.json")["primary"]
    described = [pair.to_dict() for pair in pairs]
    text = " ".join(sentences)
    write_json(output / "compare.json", {"verdict": text, "primary": primary, "table": table, "pairs": described})
    from chiasma.report.page import write_side_by_side

    page = write_side_by_side(list(runs), output / "report.html")
    return Comparison(output, text, primary, table, described, page)


def _gather(
    runs: Sequence[Path], first: TestPart
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, Any], str | None]:
    """Scores of each run by name, scores of the rivals, costs, and what the negatives were."""
    scores: dict[str, np.ndarray] = {}
    rivals: dict[str, np.ndarray] = {}
    cost: dict[str, Any] = {}
    negatives = None
    for run in runs:
        test, own = read_test(run)
        if not np.array_equal(test.ids, first.ids):
            raise MismatchError(
                "the runs were not tested on the same examples",
                where=f"{runs[0]} and {run}",
                got=f"{len(first.ids)} and {len(test.ids)} test examples",
                expected="the same ids",
                do="fit them with the same data, --split and --seed",
            )
        record = read_json(run / "compare.json")
        name = record["method"] if record["method"] not in scores else run.name
        scores[name] = own
        rivals |= test.rivals
        cost |= {name if key == record["method"] else key: value for key, value in record["cost"].items()}
        negatives = read_json(run / "metrics.json").get("negatives", negatives)
    return scores, rivals, cost, negatives


def _order(pairs: Sequence[Any], names: list[str]) -> list[str]:
    """Names from best to worst on the metric compared."""
    from chiasma.metrics.score import higher_is_better

    values = {pair.a: pair.value_a for pair in pairs} | {pair.b: pair.value_b for pair in pairs}
    sign = -1 if higher_is_better(pairs[0].metric) else 1
    return sorted(names, key=lambda name: sign * values[name])
