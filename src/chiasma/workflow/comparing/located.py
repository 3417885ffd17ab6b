"""Methods that draw intervals along chromosomes, compared on the same simulated test chromosomes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import MismatchError, UsageError, list_some
from chiasma.core.files import read_json
from chiasma.metrics.localisation import LocalisationSums
from chiasma.stats.compare import Pair, pairs_of_draws
from chiasma.stats.localisation import score_localisation
from chiasma.workflow.evaluating.located import PRIMARY, SCORES, shown_figures
from chiasma.workflow.fitted import load_fitted
from chiasma.workflow.fitting.opponents import load_opponents


def compare_located(runs: Sequence[Path], *, output: Path, draws: int) -> tuple[dict[str, Any], list[Pair], list[str]]:
    """Compare complete runs, and the rivals of the first, on their common test chromosomes.

    Returns:
        what compare.json holds but for the verdict; the pairs; names of the runs, the others being rivals.

    Raises:
        UsageError: not all draw intervals. MismatchError: other chromosomes, or intervals by another definition.
    """
    del output
    about = [read_json(run / "provenance.json") for run in runs]
    if others := [str(run) for run, one in zip(runs, about, strict=True) if not one["card"].get("locates")]:
        raise UsageError(
            "methods that draw intervals along chromosomes are compared with each other",
            got=f"{list_some(others)} among them",
        )
    tables = [dict(np.load(run / SCORES, allow_pickle=False)) for run in runs]
    configs: list[Any] = [load_fitted(run).config for run in runs]
    _require_same(runs, tables, configs)
    methods = [one["method"] for one in about]
    names = [method if methods.count(method) == 1 else run.name for method, run in zip(methods, runs, strict=True)]
    scores = {name: table["scores"] for name, table in zip(names, tables, strict=True)}
    rivals = load_opponents(runs[0]).scores if (runs[0] / "rivals.json").exists() else {}
    first, config = tables[0], configs[0]
    conditions = read_json(runs[0] / "metrics.json")["conditions"]
    common = {"unit_name": conditions["unit_name"], "seed": int(conditions["seed"]), "draws": draws}
    found = {
        name: score_localisation(
            LocalisationSums.of(first["truth"], first["site"], values, threshold=config.threshold),
            **common,
            scale=config.length / config.columns / 1e6,
        )
        for name, values in {**scores, **rivals}.items()
    }
    whole = np.array([one.estimates[PRIMARY].value for one in found.values()])
    drawn = np.array([one.draws[PRIMARY] for one in found.values()])
    unit = np.arange(len(first["site"]))
    pairs = pairs_of_draws(list(found), whole, drawn, unit, metric=PRIMARY, unit_name=common["unit_name"])
    cost = {name: read_json(run / "cost.json") for name, run in zip(names, runs, strict=True)}
    cost |= read_json(runs[0] / "compare.json")["cost"] if rivals else {}
    shown = shown_figures(first["site"])
    table = [
        {"name": name, "rival": name in rivals, **{key: one.estimates[key].to_dict() for key in shown}}
        | cost.get(name, {})
        for name, one in found.items()
    ]
    record = {"primary": PRIMARY, "table": table, "pairs": [pair.to_dict() for pair in pairs], "conditions": conditions}
    return record, pairs, names


def _require_same(runs: Sequence[Path], tables: Sequence[dict[str, np.ndarray]], configs: Sequence[Any]) -> None:
    """The same chromosomes, columns, intervals and threshold."""
    for run, table, config in zip(runs[1:], tables[1:], configs[1:], strict=True):
        fields = (*config.shapes_simulations, "columns", "box", "threshold")
        differing = [name for name in fields if getattr(config, name) != getattr(configs[0], name)]
        if not np.array_equal(table["ids"], tables[0]["ids"]):
            differing.append("test chromosomes (seed, test_examples)")
        if differing:
            raise MismatchError(
                "the runs were not tested on the same chromosomes",
                where=f"{runs[0]} and {run}",
                got="different " + ", ".join(differing),
                expected="the same simulations, columns, box, threshold, seed and number of test chromosomes",
                do="fit them again alike",
            )
