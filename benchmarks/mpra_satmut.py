"""Saturation mutagenesis of 21 loci (Kircher et al. 2019): effects that a network says of loci it has not seen.

Every single-base substitution and one-base deletion of 29 assay sets has a measured effect on a reporter's expression.
For each of seven folds of whole loci a CNN learns the effects of the other folds' alleles from 101 bases around them (a
window as it is has effect 0), and `score_variants` scores the fold's alleles as a VCF. Beside it stands a baseline that
is blind to the position: the mean effect of that exchange of bases (C to T, deletion of G ...) in the same training
folds. Effects stand twice in the table, once for each genome build; GRCh38's are used. Alleles with fewer than ten
barcodes are left out, as the authors do.

    CHIASMA_DATA=... OMP_NUM_THREADS=1 python benchmarks/mpra_satmut.py FOLDER [RESULT.md]
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata, spearmanr

from chiasma.core.provenance import versions
from chiasma.core.rng import generator
from chiasma.data.sequences import UNKNOWN, decode, encode
from chiasma.stats.bootstrap import draw_weights, interval
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.variants.score import VariantOptions, score_variants

HALF, FOLDS, FEWEST = 50, 7, 10
LOCI = {"LDLR.2": "LDLR", "SORT1-flip": "SORT1", "SORT1.2": "SORT1", "PKLR-24h": "PKLR", "PKLR-48h": "PKLR"}
LOCI |= {"TERT-GAa": "TERT", "TERT-GBM": "TERT", "TERT-GSc": "TERT", "TERT-HEK": "TERT"}
LOCI |= {"ZRSh-13": "ZRS", "ZRSh-13h2": "ZRS"}
SETTINGS = {"filters": 32, "layers": 1, "max_shift": 0, "bins": 4, "pool": 2}
SETTINGS |= {"training": {"epochs": 5, "min_steps": 0, "batch_size": 128, "patience": 5}}


def read(data: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Measured alleles of GRCh38, and the sequence of each assay set."""
    names, bases = {}, {}
    for block in (data / "mpra_satmut_refs.GRCh38.fa").read_text().split(">")[1:]:
        head, *lines = block.split("\n")
        name, place = head.split()[:2]
        names[name], bases[name] = int(place.split(":")[1].split("-")[0]), "".join(lines).upper()
    table = pd.read_csv(data / "mpra_satmut_elements.tsv.gz", sep="\t", dtype=str, keep_default_na=False)
    table["effect"] = pd.to_numeric(table["Coefficient"], errors="coerce")
    barcodes = pd.to_numeric(table["Barcodes"], errors="coerce")
    kept = (table["Release"] == "GRCh38") & (table["Pos"] != "NA") & table["effect"].notna() & (barcodes >= FEWEST)
    table = table[kept].reset_index(drop=True)
    table["at"] = table["Pos"].astype(int) - table["Element"].map(names)
    table["locus"] = table["Element"].replace(LOCI)
    fits = [bases[row.Element][row.at] == row.Ref for row in table.itertuples()]
    if not all(fits):
        raise SystemExit(f"{fits.count(False)} alleles do not fit the reference sequences")
    table["id"] = [f"{row.Element}_{row.at}_{row.Ref}_{row.Alt.replace('-', 'del')}" for row in table.itertuples()]
    return table, bases


def window(text: str, at: int, ref: str, alt: str) -> str:
    """Bases around an allele, N beyond the element, as the model is to read them."""
    del ref
    codes = np.full(len(text) + 4 * HALF, UNKNOWN, np.uint8)
    codes[2 * HALF : 2 * HALF + len(text)] = encode(text)
    middle = 2 * HALF + at
    if alt == "-":
        codes = np.delete(codes, middle)
    elif alt:
        codes[middle] = encode(alt)[0]
    return decode(codes[middle - HALF : middle + HALF + 1])


def training_files(folder: Path, table: pd.DataFrame, bases: dict[str, str]) -> None:
    """Windows of alleles with their effect, and of the sequence as it is with 0."""
    rows = [
        (row.id, window(bases[row.Element], row.at, row.Ref, row.Alt), row.effect, row.locus)
        for row in table.itertuples()
    ]
    for element, text in bases.items():
        locus = LOCI.get(element, element)
        rows += [(f"{element}_{at}_asis", window(text, at, "", ""), 0.0, locus) for at in range(len(text))]
    (folder / "windows.fa").write_text("".join(f">{name}\n{text}\n" for name, text, _, _ in rows))
    (folder / "effects.tsv").write_text("id\teffect\n" + "".join(f"{row[0]}\t{row[2]}\n" for row in rows))
    (folder / "loci.tsv").write_text("id\tlocus\n" + "".join(f"{row[0]}\t{row[3]}\n" for row in rows))
    (folder / "elements.fa").write_text("".join(f">{name}\n{text}\n" for name, text in bases.items()))


def write_alleles(path: Path, table: pd.DataFrame, bases: dict[str, str]) -> None:
    """A VCF of alleles on the elements; a deletion stands at the base before it, or after it at the very start."""
    lines = ["##fileformat=VCFv4.2\n", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"]
    for row in table.sort_values(["Element", "at"]).itertuples():
        text, at, ref, alt = bases[row.Element], row.at, row.Ref, row.Alt
        if alt == "-":
            at, ref, alt = (at - 1, text[at - 1] + ref, text[at - 1]) if at else (0, ref + text[1], text[1])
        lines.append(f"{row.Element}\t{at + 1}\t{row.id}\t{ref}\t{alt}\t.\t.\t.\n")
    path.write_text("".join(lines))


def fold_of(table: pd.DataFrame) -> dict[str, int]:
    """Fold of each locus, drawn once."""
    loci = sorted(table["locus"].unique())
    return {locus: place % FOLDS for place, locus in enumerate(generator(1, "folds").permutation(loci).tolist())}


def predicted(folder: Path, table: pd.DataFrame, bases: dict[str, str], fold: int) -> pd.Series:
    """Scores of a fold's alleles by a network fitted to the other folds, by id."""
    held = table[table["fold"] == fold]
    names = [line.split("\t") for line in (folder / "loci.tsv").read_text().splitlines()[1:]]
    ids = [name for name, locus in names if locus in set(held["locus"])]
    (folder / f"test{fold}.txt").write_text("\n".join(ids) + "\n")
    inputs = {"sequences": folder / "windows.fa", "labels": folder / "effects.tsv", "groups": folder / "loci.tsv"}
    options = {"split": {"kind": "group"}, "test_ids": folder / f"test{fold}.txt", "rivals": False, "explain": False}
    run = folder / f"cnn{fold}"
    fit("cnn", inputs, output=run, config=SETTINGS, options=options | {"draws": 100})
    write_alleles(folder / f"fold{fold}.vcf", held, bases)
    out = folder / f"scored{fold}.vcf.gz"
    facts = score_variants(
        [run], folder / f"fold{fold}.vcf", fasta=folder / "elements.fa", output=out, options=VariantOptions(logos=4)
    )
    scores = pd.read_parquet(folder / f"scored{fold}.parquet")
    return scores.set_index("id")[f"effect_{facts['outputs'][0]}"]


def blind(table: pd.DataFrame) -> pd.Series:
    """Mean effect of the same exchange of bases in the other folds."""
    kind = table["Ref"] + ">" + table["Alt"]
    found = pd.Series(np.nan, index=table.index)
    for fold in range(FOLDS):
        held = table["fold"] == fold
        means = table.loc[~held, "effect"].groupby(kind[~held]).mean()
        found[held] = kind[held].map(means)
    return found


def correlation(table: pd.DataFrame, column: str) -> float:
    """Spearman's rank correlation with the measured effect."""
    return float(spearmanr(table["effect"], table[column]).statistic)


def by_element(table: pd.DataFrame) -> pd.DataFrame:
    """Correlations of each assay set."""
    rows = []
    for element, part in table.groupby("Element"):
        gone = part[part["Alt"] == "-"]
        row = {"element": element, "alleles": len(part), "deletions": len(gone), "network": correlation(part, "score")}
        row |= {"blind": correlation(part, "blind"), "network on deletions": correlation(gone, "score")}
        rows.append(row | {"network on substitutions": correlation(part[part["Alt"] != "-"], "score")})
    return pd.DataFrame(rows)


def main() -> None:
    """Prepare, fit, score, and write what came of it."""
    folder, data = Path(sys.argv[1]), Path(os.environ["CHIASMA_DATA"]) / "variants"
    folder.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    table, bases = read(data)
    training_files(folder, table, bases)
    table["fold"] = table["locus"].map(fold_of(table))
    parts = []
    for fold in range(FOLDS):
        parts.append(predicted(folder, table, bases, fold))
        print(f"fold {fold}: {time.process_time() - began:.0f} CPU seconds", file=sys.stderr, flush=True)
    table["score"] = table["id"].map(pd.concat(parts))
    lost = table.loc[table["score"].isna(), "id"].tolist()
    table = table.dropna(subset="score")
    table["blind"] = blind(table)
    found = by_element(table)
    table.drop(columns=["Pos", "Release"]).to_csv(folder / "alleles.tsv.gz", sep="\t", index=False)
    text = as_page(table, found, lost, seconds=time.process_time() - began)
    Path(sys.argv[2] if len(sys.argv) > 2 else folder / "result.md").write_text(text)
    print(text)


def as_page(table: pd.DataFrame, found: pd.DataFrame, lost: list[str], *, seconds: float) -> str:
    """The result as a page."""
    units = found["element"].replace(LOCI)
    drawn = list(draw_weights(units.to_numpy(str), seed=1, draws=2000))
    lines = ["| assay set | alleles (deletions) | network | blind to position | network, substitutions | deletions |"]
    lines += ["|---|---|---|---|---|---|"]
    for row in found.to_dict("records"):
        cells = [f"{row[key]:.3f}" for key in ("network", "blind", "network on substitutions", "network on deletions")]
        lines.append(f"| {row['element']} | {row['alleles']:,} ({row['deletions']}) | {' | '.join(cells)} |")
    known = {"network": found["network"], "blind": found["blind"], "difference": found["network"] - found["blind"]}
    summary = []
    for name, values in known.items():
        column = np.asarray(values)
        low, high = interval(np.array([np.average(column, weights=draw) for draw in drawn]))
        summary.append(f"{name} {column.mean():+.3f} ({low:+.3f} to {high:+.3f})")
    ranks = table.assign(r=rankdata(np.abs(table["effect"])))
    strong = ranks[ranks["r"] > 0.9 * len(ranks)]
    sign = float((np.sign(strong["score"]) == np.sign(strong["effect"])).mean())
    tools = ", ".join(f"{name} {versions()[name]}" for name in ("python", "torch", "chiasma"))
    wins, deleted = int((found["network"] > found["blind"]).sum()), int((table["Alt"] == "-").sum())
    about = [
        f"{datetime.now(UTC).date().isoformat()}, `python benchmarks/mpra_satmut.py FOLDER`, {seconds:,.0f} CPU",
        f"seconds, one thread of a loaded 2-core machine, one seed; {tools}.",
    ]
    told = [
        f"{len(table):,} alleles ({deleted:,} one-base deletions) of {table['locus'].nunique()} loci in {len(found)}",
        "assay sets. Mean Spearman over assay sets, 95 % interval by bootstrap over loci:",
        f"{'; '.join(summary)}. The network has the larger one in {wins} of {len(found)} sets.",
        f"Without a score, and left out: {', '.join(lost) or 'none'}.",
        f"Of the tenth of alleles with the strongest measured effect it gives the sign of {sign:.1%}.",
    ]
    title = "# Saturation mutagenesis of loci that were not learnt from"
    design = " ".join((__doc__ or "").split("\n\n")[1].split())
    return "\n".join([title, "", design, "", " ".join(about), "", " ".join(told), "", *lines, ""])


if __name__ == "__main__":
    main()
