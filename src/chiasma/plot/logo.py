"""Sequence logos as SVG: letters whose height is information, or contribution."""

from __future__ import annotations

from html import escape

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.results import Figure
from chiasma.plot.style import INK, MUTED, PAPER

COLOURS = {"A": "#109648", "C": "#255c99", "G": "#e0a100", "T": "#d62839"}
"""The colours of most logos."""

# Outlines in a box of 100 by 100, y upwards from 0; even-odd filling leaves the holes.
_OUTLINES = {
    "A": "M0 0 L38 100 L62 100 L100 0 L79 0 L70 25 L30 25 L21 0 Z M36 42 L64 42 L50 82 Z",
    "C": "M100 34 C95 12 77 0 53 0 C20 0 0 20 0 50 C0 80 20 100 53 100 C77 100 95 88 100 66 L79 60 "
    "C76 74 67 82 53 82 C34 82 22 70 22 50 C22 30 34 18 53 18 C67 18 76 26 79 40 Z",
    "G": "M100 53 L100 12 C88 4 72 0 55 0 C20 0 0 20 0 50 C0 80 20 100 54 100 C78 100 94 89 99 69 L77 64 "
    "C74 76 66 82 54 82 C34 82 22 70 22 50 C22 30 34 18 56 18 C65 18 73 20 79 23 L79 36 L56 36 L56 53 Z",
    "T": "M39 0 L39 82 L0 82 L0 100 L100 100 L100 82 L61 82 L61 0 Z",
}


def motif_logo(probabilities: np.ndarray, *, name: str = "logo", title: str = "Motif", caption: str = "") -> Figure:
    """Logo of a motif, letters as high as their share of the information.

    Args:
        probabilities: (position, base), rows summing to one.
        name: file stem.
        title: what the reader should see.
        caption: how to read it.
    """
    safe = np.clip(probabilities, 1e-9, 1)
    bits = np.maximum(2 + (safe * np.log2(safe)).sum(axis=1, keepdims=True), 0)
    how = caption or "Letter height is information in bits."
    return letter_logo(probabilities * bits, name=name, title=title, caption=how, unit="bits", highest=2.0)


def letter_logo(
    heights: np.ndarray,
    *,
    name: str = "logo",
    title: str = "Contributions",
    caption: str = "",
    unit: str = "contribution",
    start: int = 1,
    highest: float | None = None,
    lowest: float | None = None,
) -> Figure:
    """Stacked letters; positive heights above the line, negative below it and upside down.

    Args:
        heights: (position, base), finite.
        name: file stem.
        title: what the reader should see.
        caption: how to read it.
        unit: of the heights.
        start: number of the first position.
        highest: top of the axis; the largest stack if None.
        lowest: bottom of the axis; the deepest stack if None.

    Raises:
        UsageError: not (position, 4), or not finite.
    """
    heights = np.asarray(heights, float)
    if heights.ndim != 2 or heights.shape[1] != 4 or not len(heights) or not np.isfinite(heights).all():
        raise UsageError("cannot draw a logo", got=f"shape {heights.shape}", expected="finite (position, 4)")
    top = max(float(np.maximum(heights, 0).sum(axis=1).max()), highest or 0.0)
    bottom = min(float(np.minimum(heights, 0).sum(axis=1).min()), lowest or 0.0)
    span = (top - bottom) or 1.0
    left, above, tall = 44.0, 8.0, 110.0
    cell = min(24.0, max(7.0, 720 / len(heights)))
    scale = tall / span
    zero = above + top * scale
    letters = [
        piece
        for position, row in enumerate(heights)
        for piece in _stack(row, x=left + position * cell, zero=zero, width=cell * 0.94, scale=scale)
    ]
    width, height = left + cell * len(heights) + 8, above + tall + 26
    axis = _axis(len(heights), (left, above, tall, cell), (top, bottom, zero), unit=unit, start=start)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.1f} {height:.1f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title)}" font-family="Helvetica, Arial, sans-serif">'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>{axis}{"".join(letters)}</svg>'
    )
    table = {"position": np.arange(len(heights)) + start} | {base: heights[:, i] for i, base in enumerate("ACGT")}
    return Figure(name, title, svg, table, caption)


def _stack(row: np.ndarray, *, x: float, zero: float, width: float, scale: float) -> list[str]:
    """Letters of one position, the smallest nearest the line."""
    pieces = []
    for sign in (1, -1):
        level = zero
        for base in np.argsort(np.abs(row), kind="stable"):
            size = abs(row[base]) * scale
            if row[base] * sign <= 0 or size < 0.3:
                continue
            flip = -sign * size / 100
            pieces.append(
                f'<path fill="{COLOURS["ACGT"[base]]}" fill-rule="evenodd" d="{_OUTLINES["ACGT"[base]]}" '
                f'transform="translate({x:.2f} {level:.2f}) scale({width / 100:.4f} {flip:.4f})"/>'
            )
            level -= sign * size
    return pieces


def _axis(
    count: int,
    frame: tuple[float, float, float, float],
    levels: tuple[float, float, float],
    *,
    unit: str,
    start: int,
) -> str:
    left, above, tall, cell = frame
    top, bottom, zero = levels
    right, below = left + cell * count, above + tall
    text = f'font-size="10" fill="{INK}"'
    parts = [
        f'<line x1="{left:.1f}" y1="{zero:.1f}" x2="{right:.1f}" y2="{zero:.1f}" stroke="{MUTED}" stroke-width="0.8"/>',
        f'<line x1="{left:.1f}" y1="{above}" x2="{left:.1f}" y2="{below:.1f}" stroke="{MUTED}" stroke-width="0.8"/>',
        f'<text x="{left - 4:.1f}" y="{above + 6:.1f}" text-anchor="end" {text}>{top:.3g}</text>',
        f'<text x="12" y="{above + tall / 2:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 12 {above + tall / 2:.1f})" {text}>{escape(unit)}</text>',
    ]
    if bottom < 0:
        parts.append(f'<text x="{left - 4:.1f}" y="{below:.1f}" text-anchor="end" {text}>{bottom:.3g}</text>')
    step = next(size for size in (1, 2, 5, 10, 20, 50, 100, 500, 10**9) if size * cell >= 24)
    for position in range(count):
        if (position + start) % step == 0 or position == 0:
            x = left + (position + 0.5) * cell
            number = f'<text x="{x:.1f}" y="{below + 14:.1f}" text-anchor="middle" {text}>{position + start}</text>'
            parts.append(number)
    return "".join(parts)
