"""Experiments on measured alleles: windows and VCFs fold by fold, and scores held against what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chiasma.core.errors import InsufficientDataError, UsageError
from chiasma.core.files import write_text
from chiasma.core.rng import generator
from chiasma.data.sequences import UNKNOWN, decode, encode
from chiasma.io.saturation import Saturation, read_saturation
from chiasma.stats.bootstrap import draw_weights, interval

_STRONG = 0.1
"""Share of alleles, those of the largest measured effects, whose sign is asked for."""


def prepare_alleles(
    effects: Path | str,
    references: Path | str,
    *,
    folder: Path,
    build: str = "GRCh38",
    half: int = 50,
    folds: int = 7,
    fewest_barcodes: int = 10,
    seed: int = 1,
) -> dict[str, Any]:
    """Write what a network is fitted to and scored on, whole loci being held out fold by fold.

    Into `folder` go windows.fa (2 half + 1 bases around each allele, and around each base as it is, N beyond the
    element), effects.tsv (0 for windows as they are), loci.tsv (the locus of each window), elements.fa (the genome of
    the VCFs), alleles.tsv (all alleles with their fold), and for each fold N testN.txt (ids of its windows) and
    foldN.vcf (its alleles).

    Args:
        effects: the measured table. references: the elements. build, fewest_barcodes: see `read_saturation`.
        folder: where to write.
        half: bases on either side of the allele.
        folds: into how many parts the loci are drawn.
        seed: of that draw.

    Returns:
        counts, JSON-ready.

    Raises:
        InsufficientDataError: fewer loci than folds. Others: see `read_saturation`.
    """
    found = read_saturation(effects, references, build=build, fewest_barcodes=fewest_barcodes)
    table = found.alleles
    loci = sorted(table["locus"].unique())
    if len(loci) < folds:
        raise InsufficientDataError("fewer loci than folds", got=len(loci), expected=f"{folds} or more")
    drawn = generator(seed, "folds").permutation(loci).tolist()
    table = table.assign(fold=table["locus"].map({locus: place % folds for place, locus in enumerate(drawn)}))
    windows = _windows(found, half)
    _write(folder / "windows.fa", [f">{name}\n{text}" for name, text, _, _ in windows])
    _write(folder / "effects.tsv", ["id\teffect", *(f"{name}\t{effect}" for name, _, effect, _ in windows)])
    _write(folder / "loci.tsv", ["id\tlocus", *(f"{name}\t{locus}" for name, _, _, locus in windows)])
    _write(folder / "elements.fa", [f">{name}\n{text}" for name, text in found.bases.items()])
    write_text(folder / "alleles.tsv", table.to_csv(sep="\t", index=False, lineterminator="\n"))
    for fold in range(folds):
        held = table[table["fold"] == fold]
        own = set(held["locus"])
        _write(folder / f"test{fold}.txt", [name for name, _, _, locus in windows if locus in own])
        _write(folder / f"fold{fold}.vcf", _vcf(held, found.bases))
    deletions = int((table["alt"] == "-").sum())
    counts = {"alleles": len(table), "deletions": deletions, "loci": len(loci), "sets": len(found.bases)}
    return {**counts, "folds": folds, "left_out": found.left_out}


def _windows(found: Saturation, half: int) -> list[tuple[str, str, float, str]]:
    """Id, bases, effect and locus of the window of every allele, and of every base as it is."""
    padded = {}
    for element, text in found.bases.items():
        codes = np.full(len(text) + 4 * half, UNKNOWN, np.uint8)
        codes[2 * half : 2 * half + len(text)] = encode(text)
        padded[element] = codes

    def window(element: str, at: int, alt: str | None) -> str:
        codes, middle = padded[element], 2 * half + at
        if alt == "-":
            codes = np.delete(codes, middle)
        elif alt is not None:
            codes = codes.copy()
            codes[middle] = encode(alt)[0]
        return decode(codes[middle - half : middle + half + 1])

    rows = [(row.id, window(row.element, row.at, row.alt), row.effect, row.locus) for row in found.alleles.itertuples()]
    locus = dict(zip(found.alleles["element"], found.alleles["locus"], strict=True))
    for element, text in found.bases.items():
        if element in locus:
            rows += [
                (f"{element}_{at}_asis", window(element, at, None), 0.0, locus[element]) for at in range(len(text))
            ]
    return rows


def _vcf(alleles: pd.DataFrame, bases: Mapping[str, str]) -> list[str]:
    """Lines of a VCF; a deletion stands at the base before it, or after it at the very start."""
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for row in alleles.sort_values(["element", "at"]).itertuples():
        text, at, ref, alt = bases[row.element], row.at, row.ref, row.alt
        if alt == "-":
            at, ref, alt = (at - 1, text[at - 1] + ref, text[at - 1]) if at else (0, ref + text[1], text[1])
        lines.append(f"{row.element}\t{at + 1}\t{row.id}\t{ref}\t{alt}\t.\t.\t.")
    return lines


def _write(path: Path, lines: Sequence[str]) -> None:
    write_text(path, "\n".join(lines) + "\n")


def measured_effects(
    alleles: Path | str, scores: Sequence[Path | str], *, folder: Path, draws: int = 2000
) -> dict[str, Any]:
    """Rank correlation of scores with measured effects, element by element, beside a baseline blind to position.

    The baseline gives every allele the mean effect of its exchange of bases (C to T, deletion of G) in the other folds.
    elements.tsv goes into `folder`.

    Args:
        alleles: alleles.tsv of `prepare_alleles`.
        scores: Parquet tables of `variants`, one a fold, whose ids are those of the alleles.
        folder: where to write.
        draws: bootstrap draws of loci.

    Returns:
        means over elements with intervals, counts, and the share of strong effects whose sign is right, JSON-ready.

    Raises:
        UsageError: a table has no effect of its own. InsufficientDataError: no allele has a score.
    """
    table = pd.read_csv(alleles, sep="\t", keep_default_na=False)
    table["score"] = table["id"].map(pd.concat([_effects(Path(path)) for path in scores]))
    lost = table.loc[table["score"].isna(), "id"].tolist()
    table = table.dropna(subset="score")
    if not len(table):
        raise InsufficientDataError("no allele has a score", where=alleles, got=f"{len(lost):,} without")
    table["blind"] = _blind(table)
    found = pd.DataFrame([_of_element(element, part) for element, part in table.groupby("element")])
    locus = found["element"].map(dict(zip(table["element"], table["locus"], strict=True)))
    drawn = list(draw_weights(locus.to_numpy(str), seed=1, draws=draws))
    summary = {}
    columns = {"model": found["model"], "blind": found["blind"], "difference": found["model"] - found["blind"]}
    for name, values in columns.items():
        column = values.to_numpy(float)
        low, high = interval(np.array([np.average(column, weights=draw) for draw in drawn]))
        summary[name] = {"value": float(column.mean()), "low": low, "high": high, "unit": "locus"}
    _write(folder / "elements.tsv", _rows(found))
    strong = table[table["effect"].abs().rank() > (1 - _STRONG) * len(table)]
    sign = float((np.sign(strong["score"]) == np.sign(strong["effect"])).mean())
    counts = {"alleles": len(table), "deletions": int((table["alt"] == "-").sum()), "elements": len(found)}
    counts |= {"loci": int(locus.nunique()), "ahead_in": int((found["model"] > found["blind"]).sum())}
    return {"spearman": summary, **counts, "sign_of_strong": sign, "without_score": {"n": len(lost), "first": lost[:3]}}


def _effects(path: Path) -> pd.Series:
    """The first output's effect by id."""
    scored = pd.read_parquet(path)
    names = [name for name in scored if name.startswith("effect_")]
    if not names:
        raise UsageError("no column of effects", where=path, expected="a table that variants wrote")
    return scored.set_index("id")[names[0]]


def _blind(table: pd.DataFrame) -> pd.Series:
    kind = table["ref"] + ">" + table["alt"]
    found = pd.Series(np.nan, index=table.index)
    for fold in table["fold"].unique():
        held = table["fold"] == fold
        found[held] = kind[held].map(table.loc[~held, "effect"].groupby(kind[~held]).mean())
    return found


def _of_element(element: str, part: pd.DataFrame) -> dict[str, Any]:
    gone = part["alt"] == "-"
    row = {"element": element, "alleles": len(part), "deletions": int(gone.sum())}
    row |= {"model": _spearman(part, "score"), "blind": _spearman(part, "blind")}
    return row | {
        "substitutions alone": _spearman(part[~gone], "score"),
        "deletions alone": _spearman(part[gone], "score"),
    }


def _spearman(part: pd.DataFrame, column: str) -> float:
    """Rank correlation with the measured effect; NaN of fewer than three alleles, or where either is constant."""
    from scipy.stats import spearmanr

    known = part.dropna(subset=column)
    if len(known) < 3 or known[column].nunique() < 2 or known["effect"].nunique() < 2:
        return float("nan")
    return float(spearmanr(known["effect"], known[column]).statistic)


def _rows(found: pd.DataFrame) -> list[str]:
    cells = [
        [f"{cell:.3f}" if isinstance(cell, float) else f"{cell}" for cell in row] for row in found.to_numpy(object)
    ]
    return ["\t".join(found.columns), *("\t".join(row) for row in cells)]
