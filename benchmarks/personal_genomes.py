"""Haplotype windows of everybody in a phased VCF: CPU seconds beside GenVarLoader, in one process.

The 1000 Genomes haplotypes around LCT (2,504 people, 7,665 substitutions), on a made-up reference that carries their
REF alleles. GenVarLoader writes a dataset from the VCF once and then reads haplotypes of regions and people out of it;
chiasma reads the VCF's windows directly and writes each different haplotype once. Both give the same sequences, which
is checked for every person.

    CHIASMA_DATA=... OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 RAYON_NUM_THREADS=1 POLARS_MAX_THREADS=1 \
        python benchmarks/personal_genomes.py [--json]

Needs `pip install genvarloader` (>= 0.20); without it only chiasma is measured.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pysam

from chiasma.data.sequences import decode
from chiasma.encode.haplotype_windows import HaplotypeWindows, Place, haplotype_windows
from chiasma.io.genome import Genome, open_genome
from chiasma.io.phased import read_phased
from chiasma.io.sites import Region

SHIFT = 136_400_000
"""Bases by which the region is moved to the left, so that its reference is short."""
CONTIG = 310_000
CASES = ((2_114, 24), (98_304, 3))
"""Lengths of windows (ChromBPNet's; half of Enformer's, which would hold two thirds of the region), and windows."""
ROUNDS = 3


def prepare(source: Path, folder: Path) -> tuple[Path, Path]:
    """The VCF with its positions moved, bgzipped and indexed, and a reference with its REF alleles."""
    letters = np.random.default_rng(1).choice(list("ACGT"), CONTIG)
    lines = []
    with pysam.BGZFile(str(source)) as handle:
        for raw in handle:
            line = raw.decode()
            if line.startswith("##contig"):
                line = f"##contig=<ID=2,length={CONTIG}>"
            elif not line.startswith("#"):
                fields = line.split("\t", 5)
                at = int(fields[1]) - SHIFT
                fields[1] = str(at)
                letters[at - 1] = fields[3]
                line = "\t".join(fields)
            lines.append(line)
    vcf = folder / "people.vcf.gz"
    with pysam.BGZFile(str(vcf), "w") as out:
        out.write(("\n".join(lines) + "\n").encode())
    pysam.tabix_index(str(vcf), preset="vcf", force=True)
    fasta = folder / "genome.fa"
    fasta.write_text(">2\n" + "\n".join("".join(letters[i : i + 60]) for i in range(0, CONTIG, 60)) + "\n")
    pysam.faidx(str(fasta))
    return vcf, fasta


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """Process CPU seconds of a call, and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def ours(vcf: Path, genome: Genome, anchors: list[int], length: int) -> list[HaplotypeWindows]:
    """Windows of all people, from the VCF."""
    found = []
    for anchor in anchors:
        place = Place(0, anchor, length, 100, 50)
        region = Region("2", max(0, place.start - 100), place.start + length + 100)
        found.append(haplotype_windows(read_phased(vcf, region, longest=50), genome, place))
    return found


def measure(vcf: Path, fasta: Path, folder: Path) -> list[dict[str, Any]]:
    """Rows of the table."""
    genome = open_genome(fasta, cache=folder)
    rows: list[dict[str, Any]] = []
    for length, count in CASES:
        anchors = np.linspace(length // 2 + 2_000, CONTIG - length // 2 - 5_000, count).astype(int).tolist()
        ours(vcf, genome, anchors[:1], length)[0].codes(np.zeros((1, 0), bool))  # compile
        windows = ours(vcf, genome, anchors, length)
        people = len(windows[0].member) // 2
        total = sum(len(one.member) for one in windows)
        work: dict[str, Callable[[], Any]] = {
            "read the VCF, find the different haplotypes": lambda a=anchors, n=length: ours(vcf, genome, a, n),
            "write each different haplotype once": lambda w=windows: sum(one.codes(one.taken).size for one in w),
            "write every person's two haplotypes": lambda w=windows: sum(
                np.take(one.codes(one.taken), one.member, axis=0).size for one in w
            ),
        }
        seconds = {name: statistics.median(cpu(call)[0] for _ in range(ROUNDS)) for name, call in work.items()}
        row: dict[str, Any] = {"length": length, "windows": count, "people": people, "haplotypes": total}
        row |= {"different": sum(len(one) for one in windows), "chiasma_cpu_s": seconds}
        if find_spec("genvarloader") is not None:
            row["genvarloader_cpu_s"] = genvarloader(vcf, fasta, folder, windows)
        rows.append(row)
    return rows


def genvarloader(vcf: Path, fasta: Path, folder: Path, windows: list[HaplotypeWindows]) -> dict[str, float]:
    """The same windows by GenVarLoader; its sequences are held against ours, person by person."""
    import genvarloader as gvl
    import polars as pl

    starts = [one.place.start for one in windows]
    length = windows[0].place.length
    bed = pl.DataFrame({"chrom": ["2"] * len(starts), "chromStart": starts, "chromEnd": [s + length for s in starts]})
    where = folder / f"gvl-{length}"
    write, _ = cpu(lambda: gvl.write(where, bed, variants=str(vcf), overwrite=True))
    dataset = gvl.Dataset.open(where, reference=str(fasta)).with_seqs("haplotypes").with_len(length)
    with pysam.VariantFile(str(vcf)) as file:
        names = list(file.header.samples)
    order = np.array([names.index(name) for name in dataset.samples])

    def read() -> int:
        return sum(np.asarray(dataset[row]).size for row in range(len(starts)))

    read()
    seconds = statistics.median(cpu(read)[0] for _ in range(ROUNDS))
    for row, one in enumerate(windows):
        theirs = np.asarray(dataset[row]).reshape(len(names), 2, length)  # (sample, ploidy, position), S1
        codes = one.codes(one.taken)
        text = np.array([np.frombuffer(decode(unique).encode(), "S1") for unique in codes])
        mine = one.member.reshape(-1, 2)[order]
        same = all(
            (theirs[person, side] == text[mine[person, side]]).all() for person in range(len(names)) for side in (0, 1)
        )
        assert same, "other sequences: timings would mean nothing"
    return {"write the dataset from the VCF": write, "read every person's two haplotypes": seconds}


def main() -> None:
    root = os.environ.get("CHIASMA_DATA")
    if root is None:
        sys.exit("CHIASMA_DATA is not set: the 1000 Genomes haplotypes are needed")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(root) / "population" / "lct_1kg" / "lct_1kg_phase3.vcf.gz"
        rows = measure(*prepare(source, Path(folder)), Path(folder))
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"\n{row['windows']} windows of {row['length']:,} bases, {row['people']:,} people: "
              f"{row['haplotypes']:,} haplotypes, {row['different']:,} of them different (CPU seconds)")  # fmt: skip
        for who in ("chiasma", "genvarloader"):
            for name, value in row.get(f"{who}_cpu_s", {}).items():
                print(f"  {who:13s} {name:46s} {value:9.3f}")
        if "genvarloader_cpu_s" in row:
            mine, theirs = row["chiasma_cpu_s"], row["genvarloader_cpu_s"]
            first = sum(theirs.values()) / sum(list(mine.values())[:2])
            again = list(theirs.values())[1] / mine["write every person's two haplotypes"]
            once = list(theirs.values())[1] / mine["write each different haplotype once"]
            print(f"  chiasma is {first:.1f} x from the VCF to what is predicted, {once:.1f} x for that alone, "
                  f"{again:.1f} x for everybody's haplotypes")  # fmt: skip


if __name__ == "__main__":
    main()
