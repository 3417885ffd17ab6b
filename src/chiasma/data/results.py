"""Results that several verbs share: predictions, attributions, figures of merit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval and what was resampled to get it ("peak with its twin", "gene")."""

    value: float
    low: float = float("nan")
    high: float = float("nan")
    unit: str = "example"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, as in metrics.json."""
        return {"value": self.value, "low": self.low, "high": self.high, "unit": self.unit}


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of each example.

    Attributes:
        ids: (example,).
        columns: named columns (example,): p_CLASS (probability) or yhat_TRACK.
        part: part of the split (example,), or None for new data.
        truth: (example,) or (example, track), or None.
        sets: conformal set of each example as text, classes joined by "|" (example,), or None.
    """

    ids: np.ndarray
    columns: dict[str, np.ndarray]
    part: np.ndarray | None = None
    truth: np.ndarray | None = None
    sets: np.ndarray | None = None

    def scores(self) -> np.ndarray:
        """All columns side by side (example, output)."""
        return np.column_stack(list(self.columns.values()))


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each base contributes to one output.

    Attributes:
        ids: (sequence,).
        codes: the sequences explained, uint8 (sequence, position).
        scores: contribution of the base present (sequence, position), float32.
        hypothetical: contribution each base would have, (sequence, position, base), or None.
        completeness_error: |sum of scores - (output - reference output)| (sequence,), NaN where undefined.
        output: the model's output (sequence,).
        method: ism, saliency, input-x-gradient, integrated-gradients, deep-lift-shap.
        target: name of the class or track explained.
    """

    ids: np.ndarray
    codes: np.ndarray
    scores: np.ndarray
    hypothetical: np.ndarray | None
    completeness_error: np.ndarray
    output: np.ndarray
    method: str
    target: str


SEVERITIES = ("ok", "note", "warning", "critical")
"""From nothing found to a test part that says nothing."""


@dataclass(frozen=True)
class Finding:
    """One line of an audit: what was looked for, what was found, how bad it is.

    Attributes:
        pitfall: distributional-difference, dependent-examples, confounding, leaky-preprocessing, imbalance,
            sufficiency, format.
        name: short machine name, for instance "reverse-complement-twins".
        severity: ok, note, warning or critical.
        message: a sentence for people.
        figures: the numbers behind it, JSON-ready.
    """

    pitfall: str
    name: str
    severity: str
    message: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Audit:
    """All findings, and a verdict in words."""

    verdict: str
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> str:
        """The gravest severity among the findings."""
        return max((finding.severity for finding in self.findings), key=SEVERITIES.index, default="ok")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, as in audit.json."""
        findings = [vars(finding) for finding in self.findings]
        return {"verdict": self.verdict, "worst": self.worst, "findings": findings}


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawing and the table behind it.

    Attributes:
        name: file stem, for instance "reliability".
        title: what the reader should see in it.
        svg: the drawing, a complete <svg> element.
        table: columns of equal length: what is written as CSV beside it.
        caption: how to read it, one or two sentences.
    """

    name: str
    title: str
    svg: str
    table: dict[str, Any]
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Inference:
    """What a procedure concludes about the observed data, ready for the run folder.

    Attributes:
        facts: figures and sentences, JSON-ready.
        tables: by file stem, columns of equal length.
        figures: for the report.
    """

    facts: dict[str, Any]
    tables: dict[str, dict[str, Any]]
    figures: tuple[Figure, ...] = ()
