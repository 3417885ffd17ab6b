"""The audit: may the figures of this division be believed? The pitfalls are those of Whalen et al. (2022,
Nat Rev Genet 23:169): distributional difference, dependent examples, confounding, leaky preprocessing, imbalance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from chiasma.audit.claims import check_claims
from chiasma.audit.confounding import check_confounding
from chiasma.audit.context import Context, make_context
from chiasma.audit.dependence import check_dependence
from chiasma.audit.distribution import check_distribution
from chiasma.audit.imbalance import check_imbalance
from chiasma.audit.leakage import check_leakage
from chiasma.audit.permuted import check_permuted
from chiasma.audit.sufficiency import check_sufficiency
from chiasma.core.errors import MismatchError
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix
from chiasma.data.results import SEVERITIES, Audit, Finding, Predictions
from chiasma.data.split import Split

CHECKS: tuple[tuple[str, Callable[[Context], list[Finding]]], ...] = (
    ("imbalance", check_imbalance),
    ("dependent-examples", check_dependence),
    ("confounding", check_confounding),
    ("distributional-difference", check_distribution),
    ("leaky-preprocessing", check_leakage),
    ("sufficiency", check_sufficiency),
    ("dependent-examples", check_permuted),
    ("claims", check_claims),
)


def audit(
    dataset: Dataset,
    split: Split,
    *,
    seed: int = 0,
    predictions: Predictions | None = None,
    budget_s: float = 60,
    full_features: Matrix | None = None,
) -> Audit:
    """Look for every way in which the test figures of a division could be too good.

    Args:
        dataset: the examples.
        split: their division, in the same order.
        seed: of folds, permutations and subsets.
        predictions: of a model, to be measured again.
        budget_s: seconds of wall time after which checks that remain are left out, each by name.
        full_features: the matrix before feature selection, rows as in `dataset`.

    Raises:
        MismatchError: split or full_features do not belong to the dataset.
    """
    if not np.array_equal(split.ids.astype(str), dataset.ids.astype(str)):
        raise MismatchError("the split lists other examples than the dataset", where="audit", do="make the split again")
    if full_features is not None and len(full_features) != len(dataset):
        raise MismatchError(
            "the matrix before selection has other rows than the dataset",
            where="audit",
            got=f"{len(full_features)} rows",
            expected=f"{len(dataset)} rows",
        )
    context = make_context(dataset, split, seed=seed, budget_s=budget_s, predictions=predictions, full=full_features)
    findings = [_warning(text) for text in split.warnings]
    for pitfall, check in CHECKS:
        if context.late:
            name = check.__name__.removeprefix("check_")
            message = f"Not examined for lack of time: {name.replace('_', ' ')}."
            findings.append(Finding(pitfall, f"{name}-skipped", "note", message, {"budget_s": budget_s}))
            continue
        findings += check(context)
    return collect(findings)


def collect(findings: Iterable[Finding]) -> Audit:
    """Findings as an audit, the gravest first, with the verdict on them."""
    ordered = sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))
    return Audit(verdict(ordered), tuple(ordered))


def _warning(text: str) -> Finding:
    return Finding("dependent-examples", "split-warning", "warning", text[:1].upper() + text[1:] + ".")


def verdict(findings: list[Finding]) -> str:
    """Two or three sentences: may the test figures be believed, why not, and what to keep in mind."""
    by = {severity: [finding for finding in findings if finding.severity == severity] for severity in SEVERITIES}
    blind = ""
    if any(finding.name == "no-label" for finding in findings):
        blind = " Without labels, confounding and imbalance could not be examined."
    if critical := by["critical"]:
        rest = _more(len(critical) - 1, "such finding")
        head = "Figures from these data and this split should not be believed as they stand."
        return f"{head} {critical[0].message}{rest}{blind}"
    if warnings := by["warning"]:
        rest = _more(len(warnings) - 1, "warning")
        return f"Nothing forbids belief in the test figures, with reservations. {warnings[0].message}{rest}{blind}"
    what = "No leak" if blind else "No leak, confounder or imbalance"
    notes = f", {len(by['note'])} of them worth a note" if by["note"] else ""
    return f"{what} that would spoil the test figures was found ({len(findings)} findings{notes}).{blind}"


def _more(count: int, what: str) -> str:
    """How many more there are, as a sentence."""
    return "" if not count else f" One more {what} follows." if count == 1 else f" {count} more {what}s follow."
