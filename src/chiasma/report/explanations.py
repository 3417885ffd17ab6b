"""What the model reads: motifs with their matches and logos, and notes on how it was found."""

from __future__ import annotations

from typing import Any

import numpy as np

from chiasma.core.errors import FormatError
from chiasma.data.results import Figure
from chiasma.io.meme import read_meme
from chiasma.plot.logo import letter_logo, motif_logo
from chiasma.report.inline import plate
from chiasma.report.load import Run
from chiasma.report.words import flatten, sentence, small

_MOST_MOTIFS = 24
_SHOWN_BASES = 84


def explain_section(run: Run) -> dict[str, Any]:
    """Motif rows, notes, and how many motifs are left out of the page."""
    rows = run.explain.get("motifs") or []
    path = run.path / "explain" / "motifs.meme"
    matrices = {motif.name: motif.probabilities for motif in read_meme(path)} if rows and path.exists() else {}
    motifs = [_motif(row, matrices) for row in rows[:_MOST_MOTIFS]]
    return {
        "motifs": motifs,
        "searched": "motifs" in run.explain,
        "more": max(0, len(rows) - _MOST_MOTIFS),
        "notes": flatten({key: value for key, value in run.notes.items() if key not in ("messages", "words")}),
        "messages": _messages(run),
        "any": bool(run.explain or run.notes),
    }


def _motif(row: dict[str, str], matrices: dict[str, np.ndarray]) -> dict[str, Any]:
    name = row.get("motif", "")
    matrix = matrices.get(name)
    drawn = None if matrix is None else motif_logo(matrix, name=name, title=f"Logo of {name}")
    return {
        "name": name,
        "n": _count(row.get("n_seqlets", "")),
        "consensus": row.get("consensus", ""),
        "match": row.get("match", ""),
        "q": _probability(row.get("q", "")),
        "p": _probability(row.get("p", "")),
        "logo": plate(drawn, prefix="motif-") if drawn else None,
        "certain": _below(row.get("q", ""), 0.05),
    }


def _messages(run: Run) -> list[str]:
    """What the explanation says of itself, and of the words that were looked for."""
    words = [item.get("sentence") for item in run.notes.get("words") or [] if isinstance(item, dict)]
    texts = [*words, *(run.notes.get("messages") or [])]
    return [str(text)[:1].upper() + str(text)[1:] for text in texts if text]


def example_logos(run: Run, *, most: int = 3) -> list[Figure]:
    """Contribution of each base in the explained sequences of largest output, around where it is greatest.

    Raises:
        FormatError: explain/attributions.npz cannot be read.
    """
    path = run.path / "explain" / "attributions.npz"
    if not path.exists():
        return []
    try:
        with np.load(path, allow_pickle=False) as arrays:
            codes, scores, output, ids = (arrays[key] for key in ("codes", "scores", "output", "ids"))
    except (OSError, ValueError, KeyError) as error:
        raise FormatError(
            "not readable attributions", where=path, got=error, do="write them anew: chiasma explain RUN"
        ) from error
    figures = []
    for rank, index in enumerate(np.argsort(-output, kind="stable")[:most], start=1):
        row = np.nan_to_num(scores[index].astype(float))
        weight = np.convolve(np.abs(row), np.ones(15), mode="same")
        start = int(np.clip(weight.argmax() - _SHOWN_BASES // 2, 0, max(len(row) - _SHOWN_BASES, 0)))
        window = slice(start, start + _SHOWN_BASES)
        heights = (codes[index][window, None] == np.arange(4)) * row[window, None]
        figures.append(
            letter_logo(
                heights,
                name=f"example_{rank}",
                title=f"Contributions in {ids[index]}",
                caption=f"Output {output[index]:.3f}. Letters above the line speak for the class, below it against.",
                start=start + 1,
            )
        )
    return figures


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
