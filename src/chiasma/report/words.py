"""Numbers and names as people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from chiasma.metrics.score import LOWER_IS_BETTER, SPOKEN
from chiasma.report.load import Run
from chiasma.stats.misspecification import FITS

MEANING = {
    "auroc": "chance that a positive scores above a negative; 0.5 is guessing",
    "auprc": "mean precision over recall; the share of positives is guessing",
    "balanced_accuracy": "mean share found over classes",
    "mcc": "correlation of truth and answer; 0 is guessing",
    "brier": "mean squared error of the probability; lower is better",
    "ece": "mean gap between probability and frequency; lower is better",
    "r2": "share of the variance explained; 0 is predicting the mean",
    "pearson": "linear correlation",
    "spearman": "rank correlation",
    "rmse": "typical error in the unit of the target; lower is better",
    "reconstruction_r2": "share of the variance of held-out values that the factors give back; 0 is the train mean",
    "trustworthiness": "neighbours on the factors are neighbours in the data; 1 is always, 0.5 is about chance",
    "continuity": "neighbours in the data stay neighbours on the factors; 1 is always, 0.5 is about chance",
    "neighbour_recall": "share of each sample's nearest neighbours that are kept",
    "distance_correlation": "rank correlation of all distances between samples in the data and on the factors",
    "ilisi": "sets around each cell, 0 one alone, 1 all as often; higher is better where the sets hold the same kinds",
    "kbet": "share of neighbourhoods in which the sets are mixed as in the whole",
    "neighbours_kept": "share of each cell's nearest neighbours in its own set that stay after alignment",
    "precision": "share of the called columns that lie in the true interval",
    "recall": "share of the true intervals' columns that are called",
    "centre": "share of selected sites that lie in a called interval",
    "centre_error": "distance of the best interval's middle from the site; lower is better",
    "false_calls": "share of chromosomes without selection that have a called interval; lower is better",
    "loglik": "mean log-probability of the truth; higher is better",
}
NOT_RECORDED = "not recorded"
_MINUS = "−"


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def figure(value: Any, digits: int = 3, *, sign: bool = False) -> str:
    """A number with so many decimals, a true minus, and thousands apart; a dash for what is absent."""
    if not is_number(value):
        return "–"
    if value and abs(value) < 10**-digits / 2:
        return small(value)
    text = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    return text.replace("-", _MINUS)


def small(value: Any) -> str:
    """A p- or q-value: three decimals, or a power of ten when smaller."""
    if not is_number(value):
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 0.001:
        return f"{value:.3f}".replace("-", _MINUS)
    mantissa, exponent = f"{value:.1e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{raised}".replace("-", _MINUS)


def interval(row: Mapping[str, Any] | None, digits: int = 3) -> str:
    """ "low to high", or nothing where no interval was made."""
    if not row or not is_number(row.get("low")) or not is_number(row.get("high")):
        return ""
    return f"{figure(row['low'], digits)} to {figure(row['high'], digits)}"


def metric_name(metric: str) -> str:
    """The usual name of a metric."""
    return SPOKEN.get(metric, metric.replace("_", " "))


def humanise(key: object) -> str:
    """A machine name as words."""
    return str(key).replace("_", " ").replace("-", " ")


def sentence(value: Any, *, most: int = 8) -> str:
    """Any JSON value as short text."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", _MINUS)
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", _MINUS)
    if isinstance(value, Mapping):
        return "; ".join(
            f"{humanise(key)}: {sentence(item)}" for key, item in value.items() if item not in (None, "", [], {})
        )
    if isinstance(value, (list, tuple)):
        shown = ", ".join(sentence(item) for item in value[:most])
        return shown if len(value) <= most else f"{shown} and {len(value) - most} more"
    text = str(value)
    return f"{text[:16]}…" if re.fullmatch(r"[0-9a-f]{32,}", text) else text


def duration(seconds: Any) -> str:
    """Seconds as people say them."""
    if not is_number(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def best_rival(run: Run) -> str | None:
    """The rival to beat: as recorded by the comparison, else the best on the primary metric."""
    if named := run.compare.get("best_rival"):
        return str(named)
    baselines = run.metrics.get("baselines") or {}
    scored = {name: (row.get(run.primary) or {}).get("value") for name, row in baselines.items()}
    return best_of({name: float(value) for name, value in scored.items() if is_number(value)}, metric=run.primary)


def best_of(values: Mapping[str, float], *, metric: str) -> str | None:
    """The name with the best value of a metric, or None where there is none."""
    if not values:
        return None
    sign = -1 if metric in LOWER_IS_BETTER else 1
    return max(values, key=lambda name: sign * values[name])


def verdict(run: Run) -> str:
    """The verdict in words: as recorded, else what the metrics alone can say."""
    if recorded := run.compare.get("verdict"):
        return str(recorded)
    ours = (run.metrics.get("test") or {}).get(run.primary) or {}
    if not is_number(ours.get("value")):
        return f"No result on a test part was recorded for {run.method}."
    text = f"{run.method} reaches {metric_name(run.primary)} {figure(ours['value'])} on the test part"
    rival = best_rival(run)
    if rival is None:
        return f"{text}; it was not compared with a simple rival."
    theirs = run.metrics["baselines"][rival][run.primary]["value"]
    return f"{text}; {rival} reaches {figure(theirs)}. The difference itself was not measured."


def difference(run: Run) -> dict[str, Any] | None:
    """The paired difference against the best rival, as recorded, or None."""
    found = run.compare.get("difference")
    return found if isinstance(found, dict) and is_number(found.get("value")) else None


def may_not_claim(run: Run) -> list[str]:
    """What may not be claimed: as recorded, and what follows from what is missing."""
    claims = [str(item) for item in run.compare.get("may_not_claim") or []]
    if not run.compare:
        claims.append("That the method beats a simple one: no comparison was recorded.")
    if not run.audit:
        claims.append("That the test part is free of leakage: no audit was recorded.")
    if run.keeps_simulations and not run.gates:
        claims.append("Anything of real data: none were compared with the simulations that it learnt from.")
    for record in run.gates:
        if record["verdict"] != FITS:
            meaning = sentence(record["text"]).partition(":")[0]
            claims.append(f"That its test figures hold for {data_compared(record)}: {meaning[0].lower()}{meaning[1:]}.")
    return claims


def data_compared(record: Mapping[str, Any]) -> str:
    """Which data a gate compared with simulations: the file, then all else that was told of it."""
    named = dict(record.get("data") or {})
    first = next((key for key in ("input", "genotypes") if key in named), next(iter(named), ""))
    return ", ".join([str(named.pop(first, "data")), *(f"{key} {value}" for key, value in named.items())])


def flatten(values: Mapping[str, Any], *, prefix: str = "") -> list[tuple[str, str]]:
    """Nested mappings as rows of a name and a short text."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{humanise(key)}"
        if isinstance(value, Mapping) and value:
            rows += flatten(value, prefix=f"{name}: ")
        elif isinstance(value, list) and len(value) > 3 and all(isinstance(item, Mapping) for item in value):
            rows.append((name, f"{len(value)} entries"))
        else:
            rows.append((name, sentence(value)))
    return rows
