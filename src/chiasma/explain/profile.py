"""Attribution by position, and known words enriched where it is high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chiasma.data.sequences import encode
from chiasma.explain.onehot import require_codes


@dataclass(frozen=True)
class WordFinding:
    """A word looked for in the attribution.

    Attributes:
        name, word: what was looked for, with at most one mismatch.
        position: where it is most enriched in high attribution: its first base, relative to the origin.
        n: sequences that hold it there, give or take the tolerance.
        attribution: mean attribution of a base inside it there.
        background: mean attribution of a base in the same place of the sequences that do not hold the word.
        z: difference in standard errors.
        found: z at least 5 with 20 sequences or more.
    """

    name: str
    word: str
    position: int
    n: int
    attribution: float
    background: float
    z: float
    found: bool


Word = str | tuple[str, int, int]
"""DNA text, and where its first base may lie relative to the origin (first, last); a bare text may lie anywhere."""

BACTERIAL_PROMOTER: dict[str, Word] = {"-10": ("TATAAT", -16, -7), "-35": ("TTGACA", -41, -28)}
"""Consensus words of sigma-70 promoters, relative to the transcription start (Harley & Reynolds 1987)."""


def position_profile(scores: np.ndarray, *, origin: int = 0) -> dict[str, np.ndarray]:
    """Attribution by position, relative to `origin` (0-based): mean, mean of absolute values and standard error."""
    count = np.maximum(np.isfinite(scores).sum(axis=0), 1)
    error = np.nanstd(scores, axis=0) / np.sqrt(count)
    return {
        "position": np.arange(scores.shape[1]) - origin,
        "mean": np.nanmean(scores, axis=0),
        "mean_absolute": np.nanmean(np.abs(scores), axis=0),
        "standard_error": error,
    }


def find_words(
    codes: np.ndarray,
    scores: np.ndarray,
    words: Mapping[str, Word],
    *,
    origin: int = 0,
    mismatches: int = 1,
    tolerance: int = 2,
) -> list[WordFinding]:
    """Where known words carry the most attribution.

    Args:
        codes: uint8 (sequence, position).
        scores: attribution of the base present (sequence, position).
        words: by name.
        origin: 0-based position called 0, for instance the transcription start.
        mismatches: bases of a word that may differ.
        tolerance: positions on either side pooled with each place.
    """
    codes = require_codes(codes)
    found = []
    for name, given in words.items():
        word, first, last = (given, -origin, codes.shape[1]) if isinstance(given, str) else given
        query = encode(word)
        views = np.lib.stride_tricks.sliding_window_view(codes, len(query), axis=1)
        held = (views != query).sum(axis=-1) <= mismatches
        windows = np.lib.stride_tricks.sliding_window_view(scores.astype(float), len(query), axis=1).mean(axis=-1)
        span = range(max(0, first + origin), min(windows.shape[1], last + origin + 1))
        known = np.asarray((views < 4).all(axis=-1))
        found.append(_best_place((name, word), held, windows, known, span=span, origin=origin, tolerance=tolerance))
    return found


def _best_place(
    named: tuple[str, str],
    held: np.ndarray,
    windows: np.ndarray,
    known: np.ndarray,
    *,
    span: range,
    origin: int,
    tolerance: int,
) -> WordFinding:
    """The place whose holders most exceed the other sequences there; one window a sequence, that nearest the place."""
    rows = np.arange(len(windows))
    best = WordFinding(*named, 0, 0, float("nan"), float("nan"), 0.0, found=False)
    for start in span:
        near = np.arange(max(0, start - tolerance), min(windows.shape[1], start + tolerance + 1))
        near = near[np.argsort(np.abs(near - start), kind="stable")]
        holds = held[:, near]
        holder, nearest = holds.any(axis=1), near[holds.argmax(axis=1)]
        here, others = windows[rows, nearest][holder], windows[:, start][~holder & known[:, start]]
        if len(here) < 5 or len(others) < 5:
            continue
        error = np.sqrt(here.var() / len(here) + others.var() / len(others)) or 1e-12
        z = float((here.mean() - others.mean()) / error)
        if z > best.z:
            found = z >= 5 and len(here) >= 20
            levels = (float(here.mean()), float(others.mean()))
            best = WordFinding(*named, start - origin, int(holder.sum()), *levels, z, found=found)
    return best


def sentence(finding: WordFinding) -> str:
    """A finding in words."""
    if not finding.found:
        return f"{finding.name} ({finding.word}) is absent from the attribution (best z {finding.z:.1f})"
    return (
        f"{finding.name} ({finding.word}) stands out at {finding.position:+d}: {finding.n} sequences, "
        f"attribution {finding.attribution:.3g} a base against {finding.background:.3g} (z {finding.z:.1f})"
    )
