"""Motifs: MEME minimal format and JASPAR's TRANSFAC, as HOCOMOCO, JASPAR and CIS-BP write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from chiasma.core.errors import FormatError
from chiasma.core.files import write_text
from chiasma.data.motif import UNIFORM, Motif
from chiasma.io.textfile import read_lines

_SETTING = re.compile(r"(\w+)\s*=\s*(\S+)")
_TOLERANCE = 0.02
"""Rows may miss a sum of 1 by this much: files round to few digits."""


def read_meme(path: Path | str) -> list[Motif]:
    """Read motifs from MEME minimal format or JASPAR TRANSFAC, plain or gzip; which one shows in the content.

    Raises:
        InputError: absent or unreadable.
        FormatError: neither format, no motif, a protein alphabet, or a matrix that is not one; names the line.
    """
    lines = list(read_lines(path))
    first = lines[0][1]
    if first.startswith("MEME version"):
        motifs = list(_read_minimal(lines, path))
    elif first.startswith(("AC ", "AC\t", "ID ", "VV ")):
        motifs = list(_read_transfac(lines, path))
    else:
        raise FormatError(
            "not a motif file",
            where=path,
            got=repr(first[:60]),
            expected="'MEME version 4' or a TRANSFAC entry ('AC ...')",
            do="convert it to MEME minimal format",
        )
    if not motifs:
        raise FormatError("no motif in the file", where=path, expected="one MOTIF or more")
    return motifs


def write_meme(path: Path | str, motifs: Sequence[Motif]) -> None:
    """Write MEME minimal format; the background is that of the first motif.

    Raises:
        RunError: the place cannot be written.
    """
    background = motifs[0].background if motifs else UNIFORM
    shares = " ".join(f"{base} {share:.6g}" for base, share in zip("ACGT", background, strict=True))
    head = f"MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n{shares}\n"
    pieces = [head]
    for motif in motifs:
        rows = "\n".join(" ".join(f"{value:.10g}" for value in row) for row in motif.probabilities)
        name, width = f"{motif.name} {motif.alt}".rstrip(), len(motif.probabilities)
        pieces.append(
            f"\nMOTIF {name}\nletter-probability matrix: alength= 4 w= {width} nsites= {motif.nsites:g} E= 0\n{rows}\n"
        )
    write_text(path, "".join(pieces))


def _read_minimal(lines: list[tuple[int, str]], path: Path | str) -> Iterator[Motif]:
    background, name, alt = UNIFORM, "", ""
    index = 0
    while index < len(lines):
        number, line = lines[index]
        index += 1
        if line.startswith("ALPHABET") and not line.split("=")[-1].strip().startswith(("ACGT", "DNA", '"DNA')):
            raise FormatError("not a DNA alphabet", where=f"{path}, line {number}", got=line, expected="ACGT")
        if line.startswith("Background letter frequencies"):
            background, index = _background(lines, index, path)
        elif line.startswith("MOTIF"):
            _, name, alt, *_ = [*line.split(None, 2), "", ""]
            alt = alt.strip()
        elif line.lower().startswith("letter-probability matrix"):
            settings = dict(_SETTING.findall(line))
            rows, index = _matrix(lines, index, int(settings.get("w", 0)), path)
            yield _motif(name, rows, alt=alt, nsites=float(settings.get("nsites", 0)), background=background,
                         where=f"{path}, line {number}, motif {name}")  # fmt: skip


def _background(lines: list[tuple[int, str]], index: int, path: Path | str) -> tuple[np.ndarray, int]:
    found: dict[str, float] = {}
    while index < len(lines) and len(found) < 4:
        number, line = lines[index]
        words = line.split()
        try:
            found |= {base: float(share) for base, share in zip(words[::2], words[1::2], strict=True)}
        except ValueError:
            raise FormatError(
                "not background frequencies", where=f"{path}, line {number}", got=line, expected="A 0.25 C 0.25 ..."
            ) from None
        index += 1
    shares = np.array([found.get(base, 0) for base in "ACGT"])
    return (shares / shares.sum() if (shares > 0).all() else UNIFORM), index


def _matrix(lines: list[tuple[int, str]], index: int, width: int, path: Path | str) -> tuple[list[list[float]], int]:
    """Rows of numbers from `index` on: `width` of them, or up to the first line that is not four numbers."""
    rows: list[list[float]] = []
    while index < len(lines) and (not width or len(rows) < width):
        number, line = lines[index]
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = []
        if len(row) != 4:
            if width:
                raise FormatError(
                    "matrix row is not four numbers",
                    where=f"{path}, line {number}",
                    got=repr(line[:60]),
                    expected=f"row {len(rows) + 1} of {width}: A C G T",
                )
            break
        rows.append(row)
        index += 1
    return rows, index


def _read_transfac(lines: list[tuple[int, str]], path: Path | str) -> Iterator[Motif]:
    name = alt = ""
    rows: list[list[float]] = []
    begin = 0
    for number, line in lines:
        key, _, rest = line.replace("\t", " ").partition(" ")
        if key == "AC":
            name, alt, rows, begin = rest.strip(), "", [], number
        elif key == "ID":
            alt = rest.strip()
            name = name or alt
        elif key.isdigit():
            try:
                rows.append([float(word) for word in rest.split()[:4]])
            except ValueError:
                raise FormatError(
                    "matrix row is not numbers", where=f"{path}, line {number}", got=line, expected="counts of A C G T"
                ) from None
        elif key == "//" and rows:
            sites = float(np.sum(rows[0]))
            yield _motif(name, rows, alt=alt, nsites=sites if sites > 1.5 else 0, background=UNIFORM,
                         where=f"{path}, line {begin}, motif {name}", counts=True)  # fmt: skip
            name, rows = "", []


def _motif(
    name: str,
    rows: list[list[float]],
    *,
    alt: str,
    nsites: float,
    background: np.ndarray,
    where: str,
    counts: bool = False,
) -> Motif:
    table = np.array(rows, float)
    if table.ndim != 2 or table.shape[1:] != (4,) or (table < 0).any() or (table.sum(axis=1) <= 0).any():
        raise FormatError(
            "not a matrix of shares",
            where=where,
            got=f"shape {table.shape}",
            expected="four columns, no negative number",
        )
    total = table.sum(axis=1, keepdims=True)
    if not counts and np.abs(total - 1).max() > _TOLERANCE:
        raise FormatError(
            "probabilities do not sum to 1",
            where=where,
            got=f"{float(total.min()):.3g} to {float(total.max()):.3g}",
            expected="1 in every row",
            do="divide each row by its sum",
        )
    return Motif(name, table / total, alt, nsites, background)
