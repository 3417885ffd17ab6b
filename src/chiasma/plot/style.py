"""The house style: one ink, one grid, eight colours that colour-blind readers tell apart, vector text."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from chiasma.core.files import plain, write_text
from chiasma.data.results import Figure

INK = "#22272e"
MUTED = "#6b7480"
GRID = "#e3e6ea"
PAPER = "#fffffe"
"""Nearly white, so that a page can find the background in the SVG and replace it."""
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7a5195")
"""Okabe and Ito (2008) without black and yellow, and two more of distinct lightness."""
SMALL, WIDE = 3.95, 8.1
"""Widths of a figure in inches: two small ones stand side by side on a page."""

_FONTS = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"
_STYLE: Any = {
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.labelcolor": INK,
    "legend.handlelength": 1.4,
    "text.color": INK,
    "font.family": "DejaVu Sans",
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "chiasma",
}


@contextmanager
def drawing(width: float = SMALL, height: float = 2.9, *, rows: int = 1, columns: int = 1) -> Iterator[Any]:
    """A canvas of `width` by `height` inches in the house style, as (canvas, axes); no global state is touched."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    with matplotlib.rc_context(_STYLE):
        canvas = Canvas(figsize=(width, height), layout="constrained")
        yield canvas, canvas.subplots(rows, columns)


def seal(canvas: Any, *, name: str, title: str, table: Mapping[str, Any], caption: str = "") -> Figure:
    """Turn a canvas into a Figure: a complete <svg> element, the same bytes for the same input."""
    buffer = io.StringIO()
    canvas.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = text.replace("'DejaVu Sans', sans-serif", _FONTS).replace("'DejaVu Sans'", _FONTS)
    return Figure(name, title, text, {key: list(plain(list(column))) for key, column in table.items()}, caption)


def to_csv(table: Mapping[str, Sequence[Any]]) -> str:
    """CSV text of columns of equal length; what is absent is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(["" if cell is None else cell for cell in row])
    return buffer.getvalue()


def save_figure(folder: Path | str, figure: Figure) -> tuple[Path, Path]:
    """Write NAME.svg, its caption inside as <desc>, and NAME.csv into `folder`; returns both paths."""
    drawing_path = Path(folder) / f"{figure.name}.svg"
    table_path = Path(folder) / f"{figure.name}.csv"
    head, ended, rest = figure.svg.partition("</title>")
    said = (
        f"\n <desc>{escape(figure.caption)}</desc>" if ended and figure.caption and "<desc>" not in head + rest else ""
    )
    write_text(drawing_path, head + ended + said + rest + "\n")
    write_text(table_path, to_csv(figure.table))
    return drawing_path, table_path


def number(value: Any) -> float:
    """A float for drawing: NaN for what is absent or no number."""
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def thin(n: int, most: int) -> list[int]:
    """At most `most` indices of 0..n-1, evenly spread, both ends kept."""
    if n <= most:
        return list(range(n))
    return sorted({round(i * (n - 1) / (most - 1)) for i in range(most)})


def shorten(text: object, most: int = 26) -> str:
    """A label no longer than `most` characters."""
    text = str(text)
    return text if len(text) <= most else text[: most - 1] + "…"
