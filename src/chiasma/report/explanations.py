"""What the model reads: motifs with their matches and logos, and notes on how it was found."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.report.load import Run
from chiasma.report.sections import flatten
from chiasma.report.words import sentence, small

_MOST_MOTIFS = 24


def explain_section(run: Run) -> dict[str, Any]:
    """Motif rows, notes, and how many motifs are left out of the page."""
    rows = run.explain.get("motifs") or []
    matrices = read_meme(run.path / "explain" / "motifs.meme")
    motifs = [_motif(row, matrices) for row in rows[:_MOST_MOTIFS]]
    return {
        "motifs": motifs,
        "searched": "motifs" in run.explain,
        "more": max(0, len(rows) - _MOST_MOTIFS),
        "notes": flatten(run.notes),
        "any": bool(run.explain or run.notes),
    }


def _motif(row: dict[str, str], matrices: dict[str, np.ndarray]) -> dict[str, Any]:
    name = row.get("motif", "")
    return {
        "name": name,
        "n": _count(row.get("n_seqlets", "")),
        "consensus": row.get("consensus", ""),
        "match": row.get("match", ""),
        "q": _probability(row.get("q", "")),
        "p": _probability(row.get("p", "")),
        "logo": _logo(name, matrices.get(name)),
        "certain": _below(row.get("q", ""), 0.05),
    }


def _logo(name: str, matrix: np.ndarray | None) -> str:
    """The motif's logo for the page, or nothing where it has no matrix."""
    if matrix is None or not len(matrix):
        return ""
    return logo_svg(matrix, label=f"Logo of {name}")


def read_meme(path: Path) -> dict[str, np.ndarray]:
    """Letter-probability matrices of a MEME file by motif name, each (position, base)."""
    if not path.exists():
        return {}
    found: dict[str, np.ndarray] = {}
    blocks = re.split(r"^MOTIF\s+", path.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE)[1:]
    for block in blocks:
        name = block.split(None, 1)[0]
        rows = []
        for line in block.splitlines()[1:]:
            cells = line.split()
            if len(cells) == 4 and all(re.fullmatch(r"[-+.\deE]+", cell) for cell in cells):
                rows.append([float(cell) for cell in cells])
            elif rows:
                break
        if rows:
            found[name] = np.array(rows)
    return found


# Outlines of the letters in a unit box, y down; A and G are drawn with the even-odd rule.
_GLYPHS = {
    "A": "M0 1L.38 0H.62L1 1H.8L.715 .75H.285L.2 1ZM.34 .59H.66L.5 .13Z",
    "C": "M1 .66A.5 .5 0 1 1 1 .34L.8 .38A.31 .34 0 1 0 .8 .62Z",
    "G": "M1 .34L.8 .38A.31 .34 0 1 0 .8 .66V.6H.55V.46H1V1H.85L.83 .9A.5 .5 0 1 1 1 .34Z",
    "T": "M0 0H1V.16H.6V1H.4V.16H0Z",
}
_BASES = "ACGT"


def logo_svg(matrix: np.ndarray, *, label: str) -> str:
    """An information-content logo as inline SVG whose letters take the page's colours.

    Args:
        matrix: letter probabilities (position, base).
        label: what it shows, for readers who cannot see it.
    """
    p = np.clip(matrix, 1e-9, None)
    p = p / p.sum(1, keepdims=True)
    bits = 2 + (p * np.log2(p)).sum(1)
    width, height = 13.0 * len(p), 44.0
    parts = []
    for position in range(len(p)):
        top = height
        for base in np.argsort(p[position], kind="stable"):
            tall = float(p[position, base] * bits[position]) / 2 * height
            top -= tall
            if tall >= 0.4:
                letter = _BASES[base]
                move = f"translate({13 * position + 0.5:.1f} {top:.2f}) scale(12 {tall:.2f})"
                outline = f'fill-rule="evenodd" d="{_GLYPHS[letter]}"'
                parts.append(f'<path class="base-{letter}" {outline} transform="{move}"/>')
    safe = html.escape(label, quote=True)
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f'<svg class="logo" role="img" aria-label="{safe}" {size}>{"".join(parts)}</svg>'


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value else None


def _probability(text: str) -> str:
    value = _number(text)
    return "" if value is None else small(value)


def _count(text: str) -> str:
    value = _number(text)
    return text if value is None else sentence(int(value))


def _below(text: str, limit: float) -> bool:
    value = _number(text)
    return value is not None and value < limit
