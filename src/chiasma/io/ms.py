"""Output of ms, discoal and their kin: several replicates of 0/1 haplotypes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from chiasma.core.checks import require_valid
from chiasma.core.errors import FormatError, InputError, InsufficientDataError
from chiasma.core.files import write_text
from chiasma.data.haplotypes import Haplotypes
from chiasma.io.textfile import read_lines


def is_ms(path: Path | str) -> bool:
    """Whether a file begins as ms and its kin write: a command, seeds, and within a few lines the first `//`."""
    with open(path, "rb") as file:
        start = file.read(4096)
    return any(line.startswith(b"//") for line in start.splitlines()[:8])


def read_ms(path: Path | str, *, length: float | None = None) -> list[Haplotypes]:
    """Read every replicate of an ms file, plain or gzip.

    Args:
        path: the file.
        length: bases that positions 0..1 stand for; taken from the command line in the file where it says so
            (discoal's third argument, ms -r), else 1.

    Raises:
        FormatError: no replicate, a row of another length, letters other than 0 and 1 (the line is named).
    """
    lines = list(read_lines(path))
    length = float(length if length is not None else _length(lines[0][1]))
    starts = [i for i, (_, line) in enumerate(lines) if line.startswith("//")]
    if not starts:
        raise FormatError("no replicate", where=path, expected="lines of //, segsites, positions and haplotypes")
    replicates = []
    n_haplotypes = _sample_size(lines[0][1])
    for number, (begin, stop) in enumerate(zip(starts, [*starts[1:], len(lines)]), start=1):
        haplotypes = _replicate(lines[begin + 1 : stop], path, length, n_haplotypes)
        require_valid(haplotypes, where=f"{path}, replicate {number}")
        n_haplotypes = n_haplotypes or haplotypes.n_haplotypes
        replicates.append(haplotypes)
    return replicates


def _sample_size(command: str) -> int:
    words = command.split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def _length(command: str) -> float:
    """Bases of the region, from the command that ms and discoal write on the first line."""
    words = command.split()
    if "discoal" in Path(words[0]).name and len(words) > 3 and words[3].isdigit():
        return float(words[3])
    if "-r" in words and len(words) > words.index("-r") + 2:
        return float(words[words.index("-r") + 2])
    return 1.0


def _replicate(lines: Sequence[tuple[int, str]], path: Path | str, length: float, n: int) -> Haplotypes:
    body = dict(_sections(lines))
    if "segsites" not in body:
        place = lines[0][0] if lines else "the end"
        raise FormatError("no segsites line", where=f"{path}:{place}", do="is the file whole?")
    n_sites = int(body["segsites"][0][1].split(":")[1])
    rows = body.get("rows", [])
    if n_sites == 0:
        if not n:
            raise InsufficientDataError(
                "no sites, and the number of haplotypes is not known",
                where=path,
                expected="a first line: ms N REPLICATES",
            )
        rows = [(0, "")] * n
    elif "positions" not in body:
        raise FormatError(
            "no positions line", where=f"{path}:{body['segsites'][0][0]}", expected=f"positions: and {n_sites} numbers"
        )
    alleles = np.zeros((len(rows), n_sites), np.int8)
    for index, (number, text) in enumerate(rows):
        codes = np.frombuffer(text.encode(), np.uint8)
        if len(codes) != n_sites or not ((codes == 48) | (codes == 49)).all():
            raise FormatError(
                "not a haplotype", where=f"{path}:{number}", got=text[:40], expected=f"{n_sites} letters 0 or 1"
            )
        alleles[index] = codes - 48
    if n and len(rows) != n:
        raise FormatError("wrong number of haplotypes (truncated?)", where=path, got=len(rows), expected=n)
    words = body["positions"][0][1].split()[1:] if n_sites else []
    if len(words) != n_sites:
        raise FormatError(
            "wrong number of positions", where=f"{path}:{body['positions'][0][0]}", got=len(words), expected=n_sites
        )
    positions = np.minimum(np.array(words, np.float64) * length, math.nextafter(length, 0))
    names = np.array([f"ms_{i}" for i in range(len(rows))], object)
    return Haplotypes(alleles, positions, 0.0, length, "1", names, 1, polarised=True)


def _sections(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    rows = []
    for number, line in lines:
        line = line.strip()
        if line.startswith(("segsites:", "positions:")):
            yield line.split(":")[0], [(number, line)]
        elif line[0] in "01" and len(line.split()) == 1:
            rows.append((number, line))
        elif line[0].isalnum() and rows:
            raise FormatError("not a haplotype", where=f"line {number}", got=line[:40], expected="letters 0 and 1")
    yield "rows", rows


def write_ms(path: Path | str, replicates: Sequence[Haplotypes], *, digits: int = 10) -> None:
    """Write replicates in ms format, atomically; positions as fractions of the region with so many digits.

    Raises:
        InputError: a replicate has missing alleles, which the format cannot hold.
    """
    if not replicates:
        raise InputError("no replicates to write", where=path, expected="one or more")
    first = replicates[0]
    lines = [f"ms {first.n_haplotypes} {len(replicates)} -r 0 {first.length:.17g}", "0"]
    for haplotypes in replicates:
        if haplotypes.alleles.size and haplotypes.alleles.min() < 0:
            raise InputError("missing alleles cannot be written as ms", where=path, do="drop these sites first")
        lines += ["", "//", f"segsites: {haplotypes.n_sites}"]
        if haplotypes.n_sites:
            fractions = (haplotypes.positions - haplotypes.start) / haplotypes.length
            lines.append("positions: " + " ".join(f"{value:.{digits}f}" for value in fractions))
            lines += ["".join(map(str, row)) for row in haplotypes.alleles.tolist()]
    write_text(path, "\n".join(lines) + "\n")
