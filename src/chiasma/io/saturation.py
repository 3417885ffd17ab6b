"""Saturation mutagenesis of regulatory elements: measured effects of alleles, and the sequences they were made on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from chiasma.core.errors import FormatError, InputError, MismatchError, UsageError, list_some

COLUMNS = ("Pos", "Ref", "Alt", "Barcodes", "Coefficient", "Element", "Release")
_HEADER = re.compile(r">(\S+)\s+(\S+):(\d+)-(\d+)")


@dataclass(frozen=True, eq=False)
class Saturation:
    """Alleles with measured effects.

    Attributes:
        alleles: one row an allele: id, element, locus, at (0-based in the element), ref, alt ("-" where the base is
            deleted), effect (log2 of the reporter's expression, as fitted by the authors), barcodes.
        bases: sequence of each element.
        left_out: reasons and how many rows each concerns.
    """

    alleles: pd.DataFrame
    bases: dict[str, str]
    left_out: dict[str, int]


def read_saturation(effects: Path | str, references: Path | str, *, build: str, fewest_barcodes: int) -> Saturation:
    """Read the published table (Kircher et al. 2019), in which every allele stands once a genome build.

    Args:
        effects: TSV with `COLUMNS`, 1-based positions, NA where nothing was measured.
        references: FASTA of the elements, headed `NAME chrom:first-last`, 1-based.
        build: whose rows are taken.
        fewest_barcodes: alleles seen with fewer are left out.

    Raises:
        InputError, FormatError: a file is missing, or is not what it should be. UsageError: no row is of that build.
        MismatchError: alleles that do not fit the sequences.
    """
    places, bases = _elements(Path(references))
    if not Path(effects).is_file():
        raise InputError("no such file", where=effects, expected="the table of effects")
    table = pd.read_csv(effects, sep="\t", dtype=str, keep_default_na=False)
    if missing := [name for name in COLUMNS if name not in table]:
        raise FormatError("columns are missing", where=effects, got=list_some(missing), expected=list_some(COLUMNS))
    builds = sorted(set(table["Release"]))
    if build not in builds:
        raise UsageError("no allele of this build", where=effects, got=build, expected=" | ".join(builds))
    table = table[table["Release"] == build]
    effect, barcodes = (pd.to_numeric(table[name], errors="coerce") for name in ("Coefficient", "Barcodes"))
    unmeasured = (table["Pos"] == "NA") | effect.isna()
    few = ~unmeasured & ~(barcodes >= fewest_barcodes)
    kept = ~(unmeasured | few)
    left_out = {"nothing measured": int(unmeasured.sum()), f"fewer than {fewest_barcodes} barcodes": int(few.sum())}
    table = table.assign(effect=effect, barcodes=barcodes)[kept].reset_index(drop=True)
    if unknown := sorted(set(table["Element"]) - set(bases)):
        raise MismatchError(
            "elements without a sequence",
            where=references,
            got=list_some(unknown),
            do="give the file with all elements",
        )
    first = table["Element"].map({name: start for name, (_, start, _) in places.items()})
    at = table["Pos"].astype(int) - first
    fits = [bases[name][i : i + 1] == ref for name, i, ref in zip(table["Element"], at, table["Ref"], strict=True)]
    if not all(fits):
        raise MismatchError(
            "alleles do not fit the sequences",
            where=references,
            got=f"{fits.count(False):,} of them",
            do="give the sequences of the same genome build",
        )
    names = table["Alt"].replace("-", "del")
    found = pd.DataFrame({"element": table["Element"], "at": at, "ref": table["Ref"], "alt": table["Alt"]})
    found["locus"] = table["Element"].map(_loci(places))
    found["id"] = found["element"] + "_" + at.astype(str) + "_" + found["ref"] + "_" + names
    return Saturation(found.assign(effect=table["effect"], barcodes=table["barcodes"]), bases, left_out)


def _elements(path: Path) -> tuple[dict[str, tuple[str, int, int]], dict[str, str]]:
    """Place (chrom, first, last) and sequence of each element."""
    if not path.is_file():
        raise InputError("no such file", where=path, expected="the sequences of the elements")
    places: dict[str, tuple[str, int, int]] = {}
    parts: dict[str, list[str]] = {}
    name = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith(">"):
            parts.setdefault(name, []).append(line.strip().upper())
            continue
        head = _HEADER.match(line)
        if head is None:
            raise FormatError("no place in the header", where=f"{path}:{number}", expected=">NAME chrom:first-last")
        name = head[1]
        places[name] = (head[2], int(head[3]), int(head[4]))
    bases = {name: "".join(lines) for name, lines in parts.items()}
    if uneven := [name for name, (_, first, last) in places.items() if len(bases.get(name, "")) != last - first + 1]:
        raise FormatError(
            "sequences are not as long as their places",
            where=path,
            got=list_some(uneven),
            expected="last - first + 1 bases",
        )
    return places, bases


def _loci(places: dict[str, tuple[str, int, int]]) -> dict[str, str]:
    """Locus of each element: those that overlap are one, named for the first of them."""
    order = {name: number for number, name in enumerate(places)}
    names = sorted(places, key=lambda name: (places[name][:2], order[name]))
    found: dict[str, str] = {}
    chrom, end, locus = "", -1, ""
    for name in names:
        here, first, last = places[name]
        if here != chrom or first > end:
            locus, chrom, end = name, here, last
        end = max(end, last)
        found[name] = locus
    return found
