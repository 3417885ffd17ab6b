"""What each section of the page says, ready for the template: strings and rows, no markup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chiasma.data.results import SEVERITIES
from chiasma.data.split import PARTS
from chiasma.metrics.score import LOWER_IS_BETTER
from chiasma.report.figures import shown_metrics
from chiasma.report.load import Run
from chiasma.report.words import (
    MEANING,
    best_of,
    best_rival,
    difference,
    duration,
    figure,
    flatten,
    humanise,
    interval,
    is_number,
    may_not_claim,
    metric_name,
    sentence,
    small,
    verdict,
)

_ORDER = SEVERITIES[::-1]


def hero(run: Run) -> dict[str, Any]:
    """The first screen: verdict, effect against the best rival, what may not be claimed."""
    ours = (run.metrics.get("test") or {}).get(run.primary) or {}
    rival = best_rival(run)
    theirs = ((run.metrics.get("baselines") or {}).get(rival or "") or {}).get(run.primary) or {}
    text = verdict(run)
    head, opened, tail = text.rpartition(" (") if text.endswith((").", ")")) else (text, "", "")
    return {
        "verdict": text,
        "learnt": _learnt(run),
        "head": head if opened else text,
        "tail": opened + tail if opened else "",
        "metric": metric_name(run.primary) if run.primary else "",
        "meaning": MEANING.get(run.primary, ""),
        "ours": {"value": figure(ours.get("value")), "interval": interval(ours), "unit": ours.get("unit") or ""},
        "rival": rival,
        "theirs": {"value": figure(theirs.get("value")), "interval": interval(theirs)},
        "effect": _effect(run),
        "claims": may_not_claim(run),
        "audit": str(run.audit.get("worst") or ""),
        "audit_verdict": str(run.audit.get("verdict") or ""),
    }


def _learnt(run: Run) -> str:
    """What a method without a target learnt and what it was scored on, in a sentence; nothing for other methods."""
    if concluded := run.metrics.get("inference"):
        return _concluded(concluded)
    conditions = run.metrics.get("conditions") or {}
    if "factors" not in conditions:
        return ""
    sizes = (run.provenance.get("split") or {}).get("sizes") or {}
    learnt = sum(int(sizes.get(name, 0)) for name in ("train", "valid"))
    where = str(conditions.get("scored on"))
    scored = f"{conditions['n']:,} held-out samples" if where == "the test part" else where
    living, asked = conditions["factors"], conditions.get("asked", conditions["factors"])
    counted = f"{living}" if living == asked else f"{living} of {asked} factors tell samples apart, and"
    learnt_in = (
        f"factors were learnt from {learnt:,} samples" if living == asked else f"were learnt from {learnt:,} samples"
    )
    return (
        f"{counted} {learnt_in} without looking at a class, and scored "
        f"on {scored}; {conditions.get('neighbours')} nearest neighbours of each were compared. The rivals have as "
        "many factors."
    )


def _concluded(facts: Mapping[str, Any]) -> str:
    """Whether a procedure's estimate fits the observed regions, what it says of them, and how they differ from it."""
    checks = str(facts.get("checks") or "")
    said = [str(facts.get("gate") or ""), str(facts.get("says") or "")]
    said.append(f"{checks[0].upper()}{checks[1:]}." if checks else "")
    return " ".join(part for part in said if part)


def _effect(run: Run) -> dict[str, Any] | None:
    found = difference(run)
    if found is None:
        return None
    value = float(found["value"])
    low = float(found["low"]) if is_number(found.get("low")) else value
    high = float(found["high"]) if is_number(found.get("high")) else value
    left, right = min(0.0, low, value), max(0.0, high, value)
    span = (right - left) or 1.0
    left, right = left - 0.18 * span, right + 0.18 * span

    def place(x: float) -> float:
        return round(100 * (x - left) / (right - left), 2)

    better = -1 if run.primary in LOWER_IS_BETTER else 1
    tone = (
        "better"
        if min(better * low, better * high) > 0
        else "worse"
        if max(better * low, better * high) < 0
        else "open"
    )
    return {
        "value": figure(value, sign=True),
        "interval": interval(found),
        "p": small(found["p"]) if is_number(found.get("p")) else "",
        "unit": found.get("unit") or "",
        "tone": tone,
        "zero": place(0.0),
        "at": place(value),
        "from": place(low),
        "width": round(place(high) - place(low), 2),
        "low": figure(low, sign=True),
        "high": figure(high, sign=True),
    }


def data_section(run: Run) -> dict[str, Any]:
    """The data, what was left out, the split and its proof."""
    dataset, split = run.provenance.get("dataset") or {}, run.provenance.get("split") or {}
    kind = str(split.get("kind") or "")
    facts = [("examples", sentence(dataset.get("n"))), ("one unit is", sentence(dataset.get("unit_name")))]
    facts += [("target", sentence(run.target.get("kind"))), ("names", sentence(run.target.get("names")))]
    facts += [("unit of the target", str(run.target.get("unit") or ""))]
    facts += [(humanise(key), sentence(value)) for key, value in (dataset.get("notes") or {}).items()]
    if run.metrics.get("negatives") and "negatives" not in (dataset.get("notes") or {}):
        facts.append(("negatives", sentence(run.metrics["negatives"])))
    recorded = split.get("sizes") or {}
    ordered = [*[name for name in PARTS if name in recorded], *[name for name in recorded if name not in PARTS]]
    sizes = {name: int(recorded[name]) for name in ordered}
    total = sum(sizes.values()) or 1
    return {
        "facts": [(name, text) for name, text in facts if text not in ("", "–")],
        "skips": dataset.get("skips") or [],
        "kind": {"given": "as given", "random": "at random", "": ""}.get(kind, f"by {kind}"),
        "parameters": flatten(split.get("parameters") or {}),
        "sizes": [(name, f"{count:,}", round(100 * count / total, 2)) for name, count in sizes.items()],
        "proof": proof_section(split.get("proof") or {}),
        "warnings": [str(text) for text in split.get("warnings") or []],
    }


def proof_section(proof: Mapping[str, Any]) -> dict[str, Any]:
    """The proof of a split: facts, and a table of what each pair of parts shares."""
    inner = {key: value for key, value in proof.items() if key not in ("kind", "parameters", "sizes")}
    tables = {key: value for key, value in inner.items() if isinstance(value, Mapping) and _by_pair(value)}
    columns = list(dict.fromkeys(pair for value in tables.values() for pair in value))
    rows = [(humanise(key), [_shared(value.get(pair)) for pair in columns]) for key, value in tables.items()]
    rest = {key: value for key, value in inner.items() if key not in tables and value is not None}
    unasked = [humanise(key) for key, value in inner.items() if value is None]
    return {
        "columns": [pair.replace("-", " and ") for pair in columns],
        "rows": rows,
        "facts": flatten(rest),
        "unasked": ", ".join(unasked),
        "any": bool(inner),
    }


def _by_pair(value: Mapping[str, Any]) -> bool:
    return bool(value) and all(len(set(key.split("-")) & set(PARTS)) == 2 for key in value)


def _shared(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {"count": sentence(value), "shown": ""}
    count = value.get("examples", value.get("pairs"))
    shown = "; ".join(" and ".join(map(str, pair)) for pair in value.get("shown") or [] if isinstance(pair, list))
    return {"count": sentence(count), "shown": shown}


def audit_section(run: Run) -> dict[str, Any]:
    """The audit's verdict and findings, the gravest first."""
    findings = [row for row in run.audit.get("findings") or [] if isinstance(row, Mapping)]
    rank = {name: index for index, name in enumerate(_ORDER)}
    findings.sort(key=lambda row: rank.get(str(row.get("severity")), len(rank)))
    rows = [
        {
            "severity": str(row.get("severity") or "note"),
            "pitfall": humanise(row.get("pitfall") or ""),
            "name": humanise(row.get("name") or ""),
            "message": str(row.get("message") or ""),
            "figures": [pair for pair in flatten(row.get("figures") or {})[:40]],
        }
        for row in findings
    ]
    counts = [(name, sum(row["severity"] == name for row in rows)) for name in _ORDER]
    passed = [row for row in rows if row["severity"] == "ok"]
    rest = [row for row in rows if row["severity"] != "ok"]
    return {"verdict": str(run.audit.get("verdict") or ""), "rows": rest, "passed": passed, "counts": counts}


def performance_section(run: Run) -> dict[str, Any]:
    """Tables of the metrics: ours beside the rivals, by ratio, by slice, pairs and cost."""
    test = run.metrics.get("test") or {}
    names = list(shown_metrics(run, most=8))
    methods = {run.method: test, **(run.metrics.get("baselines") or {})} if test else {}
    best = {name: _best(methods, name) for name in names}
    rows = [
        {
            "name": method,
            "ours": method == run.method,
            "cells": [metric_cell(found.get(name), best=method == best[name]) for name in names],
        }
        for method, found in methods.items()
    ]
    units = sorted({str(row["unit"]) for row in test.values() if row and row.get("unit")})
    pairs = _pair_rows(run)
    ratios = run.metrics.get("ratios") or {}
    measured = list(dict.fromkeys(name for row in ratios.values() for name in row))
    return {
        "header": [(metric_name(name), MEANING.get(name, "")) for name in names],
        "rows": rows,
        "unit": ", ".join(units),
        "negatives": sentence(run.metrics["negatives"]) if run.metrics.get("negatives") else "",
        "ratio_header": [metric_name(name) for name in measured],
        "ratios": [(ratio, [metric_cell(row.get(name)) for name in measured]) for ratio, row in ratios.items()],
        "slices": _slice_rows(run),
        "slice_metric": metric_name(run.primary),
        "views": _view_rows(run),
        "tracks": _track_rows(run, list(methods)),
        "pairs": [row for row in pairs if row["a"] == run.method],
        "other_pairs": [row for row in pairs if row["a"] != run.method],
        "cost": _cost_rows(run),
        "adaptation": _adaptation(run),
    }


def _adaptation(run: Run) -> dict[str, Any]:
    """What adaptation to real windows did, in words and with and without it; nothing where there was none."""
    found = run.metrics.get("adaptation") or {}
    if not found:
        return {}
    area, test = found.get("area") or {}, found["test"]
    adapted = "adapted to real windows" if found.get("weight") != 0 else "beside real windows, weight 0"
    rows = [
        (
            label,
            metric_cell(area.get(name)),
            figure(test[name], 3),
            duration((found.get("cpu_seconds") or {}).get(name)),
        )
        for name, label in (("without", "simulations alone"), ("adapted", adapted))
    ]
    return {"text": str(found.get("text") or ""), "metric": metric_name(str(test["metric"])), "rows": rows}


def _view_rows(run: Run) -> dict[str, Any]:
    """Reconstruction of each view by the method and its rivals."""
    views = run.metrics.get("by_view") or {}
    names = list(dict.fromkeys(name for row in views.values() for name in row))
    rows = [(name, [metric_cell(row.get(name)) for row in views.values()]) for name in names]
    return {"header": list(views), "rows": rows}


def _track_rows(run: Run, methods: list[str]) -> dict[str, Any]:
    """Correlation of each track by the method and its rivals."""
    rows = run.metrics.get("by_track") or []
    cells = [(f"{row['track']} {row['description']}", [metric_cell(row.get(name)) for name in methods]) for row in rows]
    return {"header": methods, "rows": cells}


def metric_cell(row: Mapping[str, Any] | None, *, best: bool = False) -> dict[str, Any]:
    """One cell of a table of metrics."""
    return {"value": figure((row or {}).get("value")), "interval": interval(row), "best": best}


def _best(methods: Mapping[str, Mapping[str, Any]], metric: str) -> str:
    values = {name: (found.get(metric) or {}).get("value") for name, found in methods.items()}
    known = {name: float(value) for name, value in values.items() if is_number(value)}
    return best_of(known, metric=metric) or ""


def _slice_rows(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "slice": humanise(row.get("slice") or ""),
            "value": sentence(row.get("value")),
            "n": sentence(row.get("n")),
            "cell": metric_cell(row.get(run.primary)),
            "note": str(row.get("note") or ""),
        }
        for row in run.metrics.get("slices") or []
    ]


def _pair_rows(run: Run) -> list[dict[str, str]]:
    return [
        {
            "a": str(pair.get("a")),
            "b": str(pair.get("b")),
            "metric": metric_name(str(pair.get("metric") or run.primary)),
            "value": figure(pair.get("value"), sign=True),
            "interval": interval(pair),
            "p": small(pair.get("p")),
        }
        for pair in run.pairs
    ]


def _cost_rows(run: Run) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "seconds": duration(row.get("cpu_seconds")),
            "parameters": sentence(row.get("parameters")),
            "rate": figure(row.get("examples_per_second"), 0),
        }
        for name, row in (run.compare.get("cost") or {}).items()
    ]


def uncertainty_section(run: Run) -> dict[str, Any]:
    """Calibration and conformal sets."""
    calibration, conformal = run.metrics.get("calibration") or {}, run.metrics.get("conformal") or {}
    facts = []
    if is_number(conformal.get("alpha")):
        facts.append(("coverage promised", f"{1 - conformal['alpha']:.0%}"))
    if is_number(conformal.get("coverage")):
        facts.append(("coverage on the test part", f"{conformal['coverage']:.1%}"))
    if is_number(conformal.get("mean_size")):
        facts.append(("mean size of a set", figure(conformal["mean_size"], 2)))
    for key, words in (("ece_before", "calibration error before"), ("ece_after", "calibration error after")):
        if is_number(calibration.get(key)):
            facts.append((words, figure(calibration[key])))
    if is_number(calibration.get("temperature")):
        facts.append(("temperature", figure(calibration["temperature"], 2)))
    known = {"alpha", "coverage", "mean_size", "per_class"}
    facts += [(humanise(key), sentence(value)) for key, value in conformal.items() if key not in known]
    per_class = [
        (name, f"{value:.1%}" if is_number(value) else sentence(value))
        for name, value in (conformal.get("per_class") or {}).items()
    ]
    return {"facts": facts, "per_class": per_class}


def provenance_section(run: Run) -> dict[str, Any]:
    """Command, times, machine, versions, inputs with checksums, files that are absent."""
    found = run.provenance
    return {
        "command": str(found.get("command") or ""),
        "started": str(found.get("started") or ""),
        "finished": str(found.get("finished") or ""),
        "machine": flatten(found.get("machine") or {}),
        "versions": list((found.get("versions") or {}).items()),
        "inputs": [
            {
                "name": name,
                "what": str(row.get("path") or row.get("value") or ""),
                "bytes": sentence(row.get("bytes")),
                "sha256": str(row.get("sha256") or ""),
            }
            for name, row in (found.get("inputs") or {}).items()
        ],
        "stages": [(humanise(name), duration(value)) for name, value in (found.get("stages") or {}).items()],
        "absent": list(run.absent),
    }
