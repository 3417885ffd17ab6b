"""Calls of local ancestry: RFMix's .msp.tsv (Gnomix, FLARE's summaries), tables of tracts, BED, folders of BED.

Windows of RFMix are told by the positions of SNPs, which leave small gaps between them: neighbouring calls of a
haplotype that are less than BRIDGED bases apart are joined in the middle of the gap. Longer gaps stay uncalled.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import FormatError, InputError, MismatchError, list_some
from chiasma.data.called_ancestry import CalledAncestry
from chiasma.data.contigs import bare_contig
from chiasma.data.dataset import Skip
from chiasma.data.tracts import Tracts
from chiasma.io.sites import parse_region
from chiasma.io.textfile import read_bytes

BRIDGED = 500_000
"""Bases between neighbouring calls of a haplotype that are still joined."""
UNNAMED = "chromosome"
"""Contig of a table that names none."""
_CODES = "#subpopulation order/codes:"
_COLUMNS = {
    "contig": ("chrom", "#chrom", "chr", "chm", "#chm", "chromosome", "contig"),
    "left": ("left", "start", "start_bp", "begin"),
    "right": ("right", "end", "end_bp"),
    "source": ("source", "ancestry", "ancid", "anc", "population", "assignment"),
    "haplotype": ("haplotype", "childid", "child", "hap"),
}
"""Headings under which a table of tracts has its columns, in lower case."""
_MSP = ("spos", "epos")
_NUMBERED = re.compile(r"\s*(\d+\s+\d+\s+)?\d+:\d+(\s+\d+:\d+)*\s*")
"""Lines of LAMP-LD's compact output, pairs of sources and the number of the last SNP; .lanc has counts before them."""
_BY_SNP = re.compile(r"\s*\d{12,}\s*")
"""A line of its expanded output, a digit a SNP."""


@dataclass(frozen=True, eq=False)
class AncestryRead:
    """What a file of calls holds: its chromosomes, and what was left out or mended."""

    chromosomes: tuple[CalledAncestry, ...]
    skips: tuple[Skip, ...] = ()


def read_local_ancestry(path: Path | str, *, region: str | None = None) -> AncestryRead:
    """Read calls by what the file shows.

    - `.msp.tsv` of RFMix 2 and of programs that write it: sources by the codes of its first line, -1 for no call.
    - A table with a header: columns left, right, source, haplotype and, for more than one chromosome, chrom, under any
      of the usual names (`chiasma simulate admixture` and Hamid et al. write such tables). 0-based, half-open.
    - BED without a header: chrom, start, end, source, haplotype.
    - A folder of .bed files, one a haplotype (as the program tracts reads): chrom, start, end, source.

    Args:
        path: the file or folder, files plain or gzip.
        region: `CONTIG` or `CONTIG:FIRST-LAST`, 1-based and both ends included; tells the length too. Without it a
            chromosome reaches from 0, or from where calls begin after more than BRIDGED bases, to the last call.

    Raises:
        FormatError: none of these (LAMP-LD's output is named), calls that overlap, a code without a name.
        MismatchError: the region's contig has no calls.
        InputError: no such file.
    """
    where = Path(path)
    if where.is_dir():
        table = _read_folder(where)
    else:
        raw = read_bytes(path).decode("utf-8", "replace")
        first = raw[: raw.index("\n") if "\n" in raw else len(raw)].lower()
        head = raw.split("\n", 2)[1].lower() if first.startswith(_CODES) else first
        if _NUMBERED.fullmatch(" ".join(raw[:10_000].split("\n", 2)[:2])) or _BY_SNP.fullmatch(first):
            raise _of_numbered_snps(first, path)
        msp = first.startswith(_CODES) or all(name in head.split() for name in _MSP)
        table = _read_msp(raw, path) if msp else _read_tracts(raw, path)
    return _chromosomes(table, where, region)


@dataclass(frozen=True, eq=False)
class _Table:
    """Calls by row: contig, haplotype, left, right, source as codes of the names given; what was not called."""

    contig: np.ndarray
    haplotype: np.ndarray
    left: np.ndarray
    right: np.ndarray
    source: np.ndarray
    contigs: tuple[str, ...]
    haplotypes: tuple[str, ...]
    populations: tuple[str, ...]
    skips: tuple[Skip, ...] = ()


def _of_numbered_snps(first: str, path: Path | str) -> FormatError:
    """What LAMP-LD writes: no positions, and of each person both sources at once, in no order."""
    return FormatError(
        "calls tell the number of a SNP in place of its position (LAMP-LD's output, or .lanc)",
        where=path,
        got=f"{first[:60]}{'...' if len(first) > 60 else ''}",
        expected="tracts of single haplotypes in bases: left, right, source, haplotype",
        do="LAMP-LD's pairs of sources have no order, so its calls are of no haplotype: call again on phased genotypes "
        "with RFMix or Gnomix. Of .lanc, which keeps the order, write such a table by the positions of the SNPs",
    )


def _read_msp(raw: str, path: Path | str) -> _Table:
    """Windows by haplotypes, as rows of calls."""
    import pandas as pd

    codes: dict[int, str] = {}
    line, _, rest = raw.partition("\n")
    if line.lower().startswith(_CODES):
        for word in line[len(_CODES) :].split():
            name, _, code = word.rpartition("=")
            if not name or not code.lstrip("-").isdigit():
                raise FormatError(
                    "not a code of a population", where=f"{path}, line 1", got=word, expected="NAME=NUMBER"
                )
            codes[int(code)] = name
        raw = rest
    frame = pd.read_csv(io.StringIO(raw), sep="\t", dtype=str, keep_default_na=False)
    frame.columns = [str(name).strip() for name in frame.columns]
    heads = [name.lower() for name in frame.columns]
    contig = next((i for i, name in enumerate(heads) if name in _COLUMNS["contig"]), None)
    missing = [name for name in _MSP if name not in heads]
    if contig is None or missing or not len(frame):
        raise FormatError(
            "not RFMix's table of windows", where=path, got=" ".join(heads[:7]), expected="#chm spos epos ... and rows"
        )
    facts = {contig, *(i for i, name in enumerate(heads) if name in ("spos", "epos", "sgpos", "egpos", "n snps"))}
    columns = [i for i in range(len(heads)) if i not in facts]
    names = tuple(str(frame.columns[i]) for i in columns)
    if unphased := [name for name in names if name.endswith(".diploid")]:
        raise InputError(
            "calls of diploids, not of haplotypes", where=path, got=list_some(unphased), expected="SAMPLE.0, SAMPLE.1"
        )
    values = _numbers(frame.iloc[:, columns].to_numpy(), path, what="code of a population", kind=np.int64)
    left = _numbers(frame.iloc[:, heads.index("spos")].to_numpy(), path, what="position", kind=np.float64) - 1
    right = _numbers(frame.iloc[:, heads.index("epos")].to_numpy(), path, what="position", kind=np.float64)
    if not codes:
        codes = {int(code): f"source{int(code)}" for code in np.unique(values) if code >= 0}
    unknown = sorted(set(np.unique(values).tolist()) - set(codes) - {-1})
    if unknown:
        raise FormatError(
            "populations without a name",
            where=path,
            got=f"code {list_some(unknown)}",
            expected=f"one of {', '.join(f'{name}={code}' for code, name in codes.items())}, or -1 for no call",
        )
    order = sorted(codes)
    place = np.full(max(order) + 2, -1)
    place[np.array(order)] = np.arange(len(order))
    contigs, number = _coded(frame.iloc[:, contig].to_numpy())
    _close(number, left, right, path)
    windows, haplotypes = np.divmod(np.arange(values.size), values.shape[1])
    source = place[values.ravel()]
    kept = source >= 0
    absent = int((~kept).sum())
    skips = (Skip("windows of haplotypes without a call", absent),) if absent else ()
    rows = windows[kept]
    return _Table(number[rows], haplotypes[kept], left[rows], right[rows], source[kept], contigs, names,
                  tuple(codes[code] for code in order), skips)  # fmt: skip


def _close(contig: np.ndarray, left: np.ndarray, right: np.ndarray, path: Path | str) -> None:
    """Let windows that share their edge's SNP, as RFMix writes them, end where the next one begins; in place."""
    for name in np.unique(contig):
        rows = np.flatnonzero(contig == name)
        rows = rows[np.argsort(left[rows], kind="stable")]
        after = left[rows[1:]]
        shared = (right[rows[:-1]] - after == 1) & (after > left[rows[:-1]])
        right[rows[:-1][shared]] = after[shared]


def _read_tracts(raw: str, path: Path | str) -> _Table:
    """A table with a header, or BED with source and haplotype in columns 4 and 5."""
    import pandas as pd

    lines = [line for line in raw.split("\n") if line.strip() and not line.startswith(("track", "browser", "##"))]
    separator = "\t" if "\t" in lines[0] else "," if "," in lines[0] else r"\s+"
    head = [word.strip().strip('"').lower() for word in pd.Series(lines[0]).str.split(separator, regex=True)[0]]
    found = {key: next((head.index(n) for n in names if n in head), None) for key, names in _COLUMNS.items()}
    if found["left"] is None and len(head) > 2 and head[1].isdigit() and head[2].isdigit():
        if len(head) < 5:
            raise FormatError(
                "whose haplotypes are these?",
                where=path,
                got=f"{len(head)} columns",
                expected="BED with the source in column 4 and the haplotype in column 5",
                do="add the haplotype, or give a folder with one BED file a haplotype",
            )
        found, body = dict(zip(("contig", "left", "right", "source", "haplotype"), range(5))), lines
    else:
        absent = [key for key, place in found.items() if place is None and key != "contig"]
        if absent:
            raise FormatError(
                f"no column of {', '.join(absent)}",
                where=path,
                got=" ".join(head)[:80],
                expected="; ".join(f"{key}: {', '.join(_COLUMNS[key])}" for key in absent),
                do="see docs/workflows/painted_chromosomes.md for the formats that are read",
            )
        body = lines[1:]
    if not body:
        raise FormatError("no calls", where=path, expected="a row a tract")
    engine: Any = "c" if len(separator) == 1 else "python"
    frame = pd.read_csv(
        io.StringIO("\n".join(body)), sep=separator, header=None, dtype=str, keep_default_na=False, engine=engine
    ).to_numpy()
    return _table(frame, {key: place for key, place in found.items() if place is not None}, path)


def _read_folder(folder: Path) -> _Table:
    """A folder of BED files, one a haplotype."""
    import pandas as pd

    files = sorted(path for path in folder.iterdir() if path.name.removesuffix(".gz").endswith(".bed"))
    if not files:
        raise InputError("no .bed file in this folder", where=folder, expected="one a haplotype")
    pieces = []
    for path in files:
        lines = [line.split() for line in read_bytes(path).decode("utf-8", "replace").split("\n") if line.strip()]
        rows = [row for row in lines if not row[0].startswith(("#", "track", "browser"))]
        if rows and len(rows[0]) > 1 and not rows[0][1].lstrip("-").isdigit():
            rows = rows[1:]
        if any(len(row) < 4 for row in rows) or not rows:
            raise FormatError("not a BED file of tracts", where=path, expected="chrom, start, end, source")
        name = path.name.removesuffix(".gz").removesuffix(".bed")
        pieces.append(pd.DataFrame([[*row[:4], name] for row in rows], dtype=str))
    frame = pd.concat(pieces).to_numpy()
    return _table(frame, dict(zip(("contig", "left", "right", "source", "haplotype"), range(5))), folder)


def _table(frame: np.ndarray, columns: dict[str, int], path: Path | str) -> _Table:
    left, right = (_numbers(frame[:, columns[key]], path, what="position", kind=np.float64) for key in
                   ("left", "right"))  # fmt: skip
    bad = np.flatnonzero((left < 0) | (right <= left))
    if len(bad):
        got = f"{left[bad[0]]:.0f} to {right[bad[0]]:.0f}, data row {bad[0] + 1}"
        raise FormatError(
            f"{len(bad)} tracts are empty, reversed or negative", where=path, got=got, expected="0 <= left < right"
        )
    texts = {key: frame[:, columns[key]] for key in ("source", "haplotype")}
    contigs, contig = _coded(frame[:, columns["contig"]]) if "contig" in columns else ((UNNAMED,), np.zeros(len(left)))
    names, haplotype = _coded(texts["haplotype"])
    populations, source = _coded(texts["source"], ordered=True)
    if "" in populations:
        got = f"data row {list(texts['source']).index('') + 1}"
        raise FormatError("a tract without a source", where=path, got=got, expected="the population of each")
    return _Table(contig.astype(np.int64), haplotype, left, right, source, contigs, names, populations)


def _coded(values: np.ndarray, *, ordered: bool = False) -> tuple[tuple[str, ...], np.ndarray]:
    """Names in the order in which they come (or sorted), and the code of each value."""
    texts = [str(value) for value in values]
    names = sorted(set(texts)) if ordered else list(dict.fromkeys(texts))
    place = {name: code for code, name in enumerate(names)}
    return tuple(names), np.array([place[text] for text in texts], np.int64)


def _numbers(values: np.ndarray, path: Path | str, *, what: str, kind: Any) -> np.ndarray:
    try:
        return values.astype(np.float64).astype(kind)
    except ValueError:
        flat = [str(value) for value in values.ravel()]
        bad = next(text for text in flat if not text.replace(".", "", 1).replace("-", "", 1).isdigit())
        raise FormatError(f"not a {what}", where=path, got=repr(bad), expected="a number") from None


def _chromosomes(table: _Table, path: Path, region: str | None) -> AncestryRead:
    """The calls of each contig, or of the one region asked for."""
    asked = parse_region(region)
    wanted, last = (asked.contig, asked.end) if asked is not None else (None, None)
    chosen = [i for i, name in enumerate(table.contigs) if wanted is None or bare_contig(name) == bare_contig(wanted)]
    if wanted is not None and table.contigs == (UNNAMED,):
        chosen = [0]  # the table names no chromosome: the region does
    if not chosen:
        raise MismatchError(
            "no calls on this chromosome", where=path, got=wanted, expected=list_some(list(table.contigs), most=8)
        )
    found, bridged, longest = [], 0, 0.0
    for number in chosen:
        rows = table.contig == number
        parts = [values[rows] for values in (table.haplotype, table.left, table.right, table.source)]
        name = str(wanted) if wanted is not None and table.contigs == (UNNAMED,) else table.contigs[number]
        start = float(asked.start) if asked is not None and last is not None else _begin(parts[1])
        end = float(last) if last is not None else float(parts[2].max())
        columns, joined, gap = _joined(parts, table, where=f"{path}, {name}")
        bridged, longest = bridged + joined, max(longest, gap)
        called = _cut(columns, table, name, (start, end))
        if not len(called.tracts):
            raise MismatchError("no calls in this region", where=path, got=region, do="check the coordinates")
        found.append(called)
    skips = list(table.skips)
    if bridged:
        skips.append(
            Skip(
                f"gaps between neighbouring calls joined in their middle, the longest of {longest:,.0f} bases", bridged
            )
        )
    return AncestryRead(tuple(found), tuple(skips))


def _begin(left: np.ndarray) -> float:
    """0, or where calls begin if that is far from it."""
    return 0.0 if left.min() <= BRIDGED else float(left.min())


def _joined(parts: Sequence[np.ndarray], table: _Table, *, where: str) -> tuple[np.ndarray, int, float]:
    """Rows of haplotype, left, right, source in order with small gaps closed, how many, and the longest of them."""
    rows = np.column_stack([part.astype(np.float64) for part in parts])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    together = rows[1:, 0] == rows[:-1, 0]
    gap = rows[1:, 1] - rows[:-1, 2]
    overlapping = np.flatnonzero(together & (gap < 0))
    if len(overlapping):
        one, two = rows[overlapping[0]], rows[overlapping[0] + 1]
        raise FormatError(
            f"{len(overlapping)} pairs of tracts of one haplotype overlap",
            where=f"{where}, haplotype {table.haplotypes[int(one[0])]}",
            got=f"{one[1]:.0f}-{one[2]:.0f} ({table.populations[int(one[3])]}) and "
            f"{two[1]:.0f}-{two[2]:.0f} ({table.populations[int(two[3])]})",
            expected="each base of a haplotype called once",
        )
    small = np.flatnonzero(together & (gap > 0) & (gap <= BRIDGED))
    middle = (rows[small, 2] + rows[small + 1, 1]) / 2
    longest = float(gap[small].max()) if len(small) else 0.0
    rows[small, 2], rows[small + 1, 1] = middle, middle
    return rows, len(small), longest


def _cut(columns: np.ndarray, table: _Table, name: str, bounds: tuple[float, float]) -> CalledAncestry:
    """Calls between two places of a contig."""
    start, end = bounds
    kept = columns[(columns[:, 1] < end) & (columns[:, 2] > start)]
    kept[:, 1], kept[:, 2] = np.maximum(kept[:, 1], start) - start, np.minimum(kept[:, 2], end) - start
    tracts = Tracts.joined(kept, populations=table.populations, n_haplotypes=len(table.haplotypes), length=end - start)
    return CalledAncestry(name, start, tracts, np.array(table.haplotypes, object))
