"""Answers to the DOME recommendations: Data, Optimization, Model, Evaluation.

Source: Walsh, I. et al. DOME: recommendations for supervised machine learning validation in biology. Nature Methods 18,
1122-1127 (2021), doi 10.1038/s41592-021-01205-4, its table of questions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chiasma.report.load import Run, read_run
from chiasma.report.words import (
    NOT_RECORDED,
    best_rival,
    difference,
    duration,
    figure,
    flatten,
    interval,
    is_number,
    metric_name,
    sentence,
    verdict,
)

SOURCE = "Walsh et al. 2021, Nature Methods 18:1122-1127, doi:10.1038/s41592-021-01205-4"


def dome(run: Run | Path | str) -> dict[str, Any]:
    """The answers that a run's files give, JSON-ready; a question they cannot answer says "not recorded"."""
    run = run if isinstance(run, Run) else read_run(run)
    answers = {
        "data": _data(run),
        "optimization": _optimization(run),
        "model": _model(run),
        "evaluation": _evaluation(run),
    }
    tidy = {part: {key: text or NOT_RECORDED for key, text in found.items()} for part, found in answers.items()}
    return {"recommendations": SOURCE, "run": run.name, "method": run.method, **tidy}


def _data(run: Run) -> dict[str, str]:
    dataset, split = run.provenance.get("dataset") or {}, run.provenance.get("split") or {}
    inputs = run.provenance.get("inputs") or {}
    files = [
        f"{name}: {row.get('path') or row.get('value')}" + (f" (SHA-256 {row['sha256']})" if row.get("sha256") else "")
        for name, row in inputs.items()
    ]
    count = f"{dataset['n']:,} examples" if is_number(dataset.get("n")) else ""
    proof = split.get("proof") or {}
    sizes = sentence(split.get("sizes")) if split.get("sizes") else ""
    return {
        "provenance": "; ".join([*files, *([count] if count else [])]),
        "dataset_splits": f"{split.get('kind')}; {sizes}" if split.get("kind") else "",
        "redundancy_between_splits": sentence({key: value for key, value in proof.items() if "sha" not in str(key)})
        if proof
        else "",
        "availability_of_data": "; ".join(files),
    }


def _optimization(run: Run) -> dict[str, str]:
    card, training = run.card, run.settings.get("training") or {}
    parameters = run.parameters or (card.get("parameters") or {}).get("default")
    sizes = (run.provenance.get("split") or {}).get("sizes") or {}
    ratio = ""
    if is_number(parameters) and is_number(sizes.get("train")):
        ratio = f"{parameters:,} trainable parameters, {sizes['train']:,} training examples"
    regular = {key: training[key] for key in ("weight_decay", "patience", "clip_norm") if key in training}
    regular |= {key: value for key, value in flatten(run.settings) if "dropout" in key}
    return {
        "algorithm": f"{run.method}: {card['title']}" if card.get("title") else run.method,
        "meta_predictions": "No: inputs are the data themselves, not outputs of other predictors." if card else "",
        "data_encoding": sentence([port.get("axes") for port in card.get("inputs") or [] if port.get("axes")])
        if card.get("inputs")
        else "",
        "parameters": ratio or (f"{parameters:,} trainable parameters" if is_number(parameters) else ""),
        "features": str(card.get("data") or ""),
        "fitting": _finding(run, "sufficiency"),
        "regularization": sentence(regular) if regular else "",
        "availability_of_configuration": "config.toml in the run folder, reproduced in the report"
        if run.config_text
        else "",
    }


def _model(run: Run) -> dict[str, str]:
    stages = run.provenance.get("stages") or {}
    seconds = sum(value for value in stages.values() if is_number(value))
    explained = [name for name in ("motifs", "position_profile", "attention", "loadings") if run.explain.get(name)]
    own = (run.provenance.get("versions") or {}).get("chiasma")
    return {
        "interpretability": f"Explained after fitting: {sentence([name.replace('_', ' ') for name in explained])}."
        if explained
        else "",
        "output": f"{run.target.get('kind')}: {sentence(run.target.get('names'))}" if run.target.get("kind") else "",
        "execution_time": f"{duration(seconds)} in all" if seconds else "",
        "availability_of_software": f"chiasma {own}, MIT licence" if own else "",
    }


def _evaluation(run: Run) -> dict[str, str]:
    split, test = run.provenance.get("split") or {}, run.metrics.get("test") or {}
    measured = [
        f"{metric_name(name)} {figure(row['value'])}"
        for name, row in test.items()
        if row and is_number(row.get("value"))
    ]
    spread = [f"{metric_name(name)} {interval(row)}" for name, row in test.items() if interval(row)]
    unit = next((row.get("unit") for row in test.values() if row and row.get("unit")), "example")
    rival, found = best_rival(run), difference(run)
    beside = ", ".join(run.metrics.get("baselines") or {})
    versus = f"{beside}. {verdict(run)}" if beside else ""
    if found and rival:
        versus += f" Paired difference from {rival}: {figure(found['value'], sign=True)} ({interval(found)})."
    return {
        "evaluation_method": f"One held-out test part, divided by {split['kind']}" if split.get("kind") else "",
        "performance_measures": "; ".join(measured),
        "comparison": versus,
        "confidence": f"95 % bootstrap intervals over each {unit}: {'; '.join(spread)}" if spread else "",
        "availability_of_evaluation": "predictions.parquet and metrics.json in the run folder"
        if run.predictions
        else "",
    }


def _finding(run: Run, pitfall: str) -> str:
    found = [row.get("message", "") for row in run.audit.get("findings") or [] if row.get("pitfall") == pitfall]
    return " ".join(found)
