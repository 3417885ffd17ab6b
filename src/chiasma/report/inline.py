"""Figures and files made part of the page: SVG that takes the page's colours, and data: addresses to download."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from pathlib import Path

from chiasma.data.results import Figure
from chiasma.plot.style import GRID, INK, MUTED, PALETTE, PAPER, to_csv

_COLORS = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)", PAPER: "none"}
_COLORS |= {color: f"var(--c{index})" for index, color in enumerate(PALETTE)}


@dataclass(frozen=True)
class Plate:
    """A figure as the page shows it: markup or the address of an image, with its downloads."""

    name: str
    title: str
    caption: str
    svg: str
    image: str
    svg_link: str
    csv_link: str
    wide: bool


def data_uri(text: str | bytes, media: str) -> str:
    """A data: address that holds `text`."""
    raw = text.encode() if isinstance(text, str) else text
    return f"data:{media};base64,{base64.b64encode(raw).decode()}"


def inline_svg(svg: str, *, prefix: str, label: str) -> str:
    """An SVG of ours ready to stand inside a page: ids made unique, colours taken from the page, labelled.

    Args:
        svg: a complete <svg> element drawn by chiasma.plot; never one read from disk, which may hold a script.
        prefix: unique on the page.
        label: what the drawing shows, for readers who cannot see it.
    """
    svg = re.sub(r"<title>.*?</title>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    for color, variable in _COLORS.items():
        svg = svg.replace(color, variable)
    head, rest = svg.split(">", 1)
    svg = re.sub(r'\s(role|aria-label)="[^"]*"', "", head) + ">" + rest
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label, quote=True)}" ', 1)


def plate(figure: Figure, *, prefix: str = "", downloads: bool = True) -> Plate:
    """A drawn figure for the page; `downloads` leaves the SVG copy out where the page grows too large."""
    unique = re.sub(r"[^A-Za-z0-9_-]", "_", f"{prefix}{figure.name}")
    return Plate(
        name=figure.name,
        title=figure.title,
        caption=figure.caption,
        svg=inline_svg(figure.svg, prefix=unique, label=figure.title),
        image="",
        svg_link=data_uri(figure.svg, "image/svg+xml") if downloads else "",
        csv_link=data_uri(to_csv(figure.table), "text/csv") if figure.table else "",
        wide=_width(figure.svg) > 300,
    )


def _said(head: str, element: str) -> str:
    """The text of an element of an SVG's head; empty if there is none."""
    found = re.search(rf"<{element}>(.*?)</{element}>", head, flags=re.DOTALL)
    return html.unescape(found.group(1)).strip() if found else ""


def picture(path: Path, *, title: str) -> Plate:
    """A drawing found on disk, shown as an image, where a script inside it cannot run.

    Its <title> and <desc> are title and caption; `title` stands in where there is none.
    """
    raw = path.read_bytes()
    said = {name: _said(raw[:4000].decode("utf-8", "replace"), name) for name in ("title", "desc")}
    table = path.with_suffix(".csv")
    address = data_uri(raw, "image/svg+xml")
    csv_link = data_uri(table.read_bytes(), "text/csv") if table.exists() else ""
    wide = _width(raw[:2000].decode("utf-8", "replace")) > 300
    return Plate(path.stem, said["title"] or title, said["desc"], "", address, address, csv_link, wide)


def _width(svg: str) -> float:
    found = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+)', svg)
    return float(found.group(1)) if found else 0.0
