"""What personal genomes are judged on: genes, people and their expression, matched by name and counted."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chiasma.core.checks import require_unique
from chiasma.core.errors import FormatError, InsufficientDataError, MismatchError, list_some
from chiasma.core.rng import generator
from chiasma.data.contigs import bare_contig
from chiasma.data.dataset import Skip
from chiasma.io.bed import read_bed
from chiasma.io.genome import Genome
from chiasma.io.gff import read_annotation
from chiasma.io.phased import indexed_contigs, sample_names
from chiasma.io.tables import orient, read_labels, read_matrix, suffix_of
from chiasma.io.textfile import read_lines
from chiasma.stats.personal_correlation import LEAST_PEOPLE

_ANNOTATIONS = (".gtf", ".gff", ".gff3")
_COLUMNS = {
    "gene": ("gene", "gene_id", "name", "id"),
    "chrom": ("chrom", "chr", "contig", "chromosome"),
    "tss": ("tss", "position", "pos"),
}
_NAMED = 3


@dataclass(frozen=True, eq=False)
class Genes:
    """Genes and their starts.

    Attributes:
        name: (gene,).
        contig: (gene,).
        tss: 0-based (gene,).
        part: what each gene was to the model, such as train and test; "" where the file does not say (gene,).
    """

    name: np.ndarray
    contig: np.ndarray
    tss: np.ndarray
    part: np.ndarray

    def __len__(self) -> int:
        return len(self.name)

    def take(self, rows: np.ndarray) -> Genes:
        """Some genes."""
        return Genes(self.name[rows], self.contig[rows], self.tss[rows], self.part[rows])


@dataclass(frozen=True, eq=False)
class People:
    """Genes and people that can be judged.

    Attributes:
        genes: those left.
        samples: people with genotypes and expression, in the order of the genotypes (person,).
        expression: (gene, person).
        groups: population of each person, or None (person,).
        test: people whom the baselines do not see (person,).
        skips: what was left out.
    """

    genes: Genes
    samples: np.ndarray
    expression: np.ndarray
    groups: np.ndarray | None
    test: np.ndarray
    skips: tuple[Skip, ...]


def read_genes(path: Path | str) -> Genes:
    """Read genes from GTF, GFF3, BED, or a table with the columns gene, chrom and tss (1-based), and perhaps part.

    The TSS of an interval is its first base on its strand; an interval without a strand begins at its left.

    Raises:
        FormatError: columns that are not there, a TSS that is no number, a gene named twice.
    """
    suffix = suffix_of(path)
    if suffix in _ANNOTATIONS or suffix == ".bed":
        found = read_bed(path) if suffix == ".bed" else read_annotation(path).genes
        tss = np.where(found.strand < 0, found.end - 1, found.start)
        genes = Genes(found.names, found.chrom, tss, np.full(len(found), "", dtype=object))
    else:
        genes = _table(path)
    require_unique(genes.name.tolist(), what="gene", where=path)
    return genes


def _table(path: Path | str) -> Genes:
    lines = [line for line in read_lines(path) if not line[1].startswith("##")]
    if len(lines) < 2:
        raise FormatError(
            "no genes in the file", where=path, expected="a line of headings, then a gene a line", do="check the file"
        )
    header_line = lines[0][1].lstrip("#")
    delimiter = "\t" if "\t" in header_line else ","
    header = [cell.strip().lower() for cell in next(csv.reader([header_line], delimiter=delimiter))]
    place = {}
    for wanted, names in _COLUMNS.items():
        known = [name for name in names if name in header]
        if not known:
            raise FormatError(
                f"no column of the genes' {wanted}",
                where=path,
                got=list_some(header),
                expected="gene, chrom, tss (1-based), and perhaps part; or GTF, GFF3, BED",
                do="name the column so in the first line",
            )
        place[wanted] = header.index(known[0])
    rows = list(csv.reader([text for _, text in lines[1:]], delimiter=delimiter))
    for (number, _), row in zip(lines[1:], rows, strict=True):
        if len(row) != len(header) or not row[place["tss"]].strip().isdigit():
            raise FormatError(
                "not a gene",
                where=f"{path}, line {number}",
                got=delimiter.join(row)[:60],
                expected=", ".join(header),
                do="mend this line",
            )
    part = [row[header.index("part")] if "part" in header else "" for row in rows]
    columns = {key: np.array([row[index].strip() for row in rows], dtype=object) for key, index in place.items()}
    tss = columns["tss"].astype(np.int64) - 1
    return Genes(columns["gene"], columns["chrom"], tss, np.array(part, dtype=object))


def match_people(
    vcf: Path | str,
    genes: Genes,
    expression: Path | str,
    *,
    genome: Genome,
    populations: Path | str | None = None,
    test_share: float = 0.3,
    seed: int = 1,
) -> People:
    """Genes and people that the genotypes, the genome and the expression share.

    Args:
        vcf: phased genotypes.
        genes: to be judged.
        expression: table of genes by people, either way round.
        genome: the reference.
        populations: FILE[:COLUMN], of each person.
        test_share: people kept from the baselines, by population where they are known.
        seed: of that choice.

    Raises:
        MismatchError: no person or no gene in common. InsufficientDataError: fewer than ten people.
    """
    in_file = sample_names(vcf)
    matrix, _ = orient(read_matrix(expression), in_file)
    skips: list[Skip] = []
    samples, rows = _common(in_file, matrix.samples, skips, ("people", str(vcf), str(expression)))
    if len(samples) < LEAST_PEOPLE:
        raise InsufficientDataError(
            "too few people",
            where=expression,
            got=len(samples),
            expected=f"{LEAST_PEOPLE} with genotypes as well",
            do="check that people have the same names in both files",
        )
    names, columns = _common(genes.name, matrix.features, skips, ("genes", "the genes", str(expression)))
    row_of = {name: row for row, name in enumerate(genes.name.tolist())}
    genes = genes.take(np.array([row_of[name] for name in names.tolist()], np.int64))
    measured = matrix.values[np.ix_(rows, columns)].T
    genes, measured = _usable(genes, measured, genome, vcf, skips)
    groups = None
    if populations is not None:
        known = read_labels(populations)
        lost = [name for name in samples.tolist() if name not in known]
        if lost:
            skips.append(Skip("people without a population", len(lost), tuple(lost[:_NAMED])))
        keep = np.array([name in known for name in samples.tolist()])
        samples, measured = samples[keep], measured[:, keep]
        groups = np.array([known[name] for name in samples.tolist()], dtype=object)
    test = _divide(len(samples), groups, test_share, seed)
    return People(genes, samples, measured, groups, test, tuple(skips))


def _common(
    first: Sequence[str] | np.ndarray,
    second: Sequence[str] | np.ndarray,
    skips: list[Skip],
    words: tuple[str, str, str],
) -> tuple[np.ndarray, np.ndarray]:
    """Names of the first that the second has, and where it has them; what one side lacks is counted."""
    what, here, there = words
    place = {str(name): row for row, name in enumerate(second)}
    names = [str(name) for name in first]
    found = [name for name in names if name in place]
    if not found:
        raise MismatchError(
            f"no {what} in common",
            where=there,
            got=list_some(place, most=3),
            expected=f"names as in {here}: {list_some(names, most=3)}",
            do="give one kind of name in both (versions such as .8 of a gene's id count)",
        )
    for lost, where in (([n for n in names if n not in place], there), (sorted(set(place) - set(names)), here)):
        if lost:
            skips.append(Skip(f"{what} that are not in {Path(where).name}", len(lost), tuple(lost[:_NAMED])))
    return np.array(found, dtype=object), np.array([place[name] for name in found], np.int64)


def _usable(
    genes: Genes, measured: np.ndarray, genome: Genome, vcf: Path | str, skips: list[Skip]
) -> tuple[Genes, np.ndarray]:
    """Genes that lie on the genome and the genotypes' contigs and whose expression is known and varies."""
    contig = genome.contig_indices(genes.contig)
    indexed = indexed_contigs(vcf)
    bare = None if indexed is None else {bare_contig(name) for name in indexed}
    reasons = {
        "genes on contigs that the genome lacks": contig < 0,
        "genes beyond the end of their contig": (contig >= 0)
        & ((genes.tss < 0) | (genes.tss >= genome.lengths[np.where(contig >= 0, contig, 0)])),
        "genes on contigs that the genotypes lack": np.array(
            [bare is not None and bare_contig(name) not in bare for name in genes.contig.tolist()]
        ),
        "genes whose expression is missing in some people": np.isnan(measured).any(axis=1),
        "genes expressed alike in everybody": np.ptp(measured, axis=1) == 0,
    }
    keep = np.ones(len(genes), bool)
    for reason, lost in reasons.items():
        lost = lost & keep
        if lost.any():
            skips.append(Skip(reason, int(lost.sum()), tuple(genes.name[lost][:_NAMED].tolist())))
        keep &= ~lost
    if not keep.any():
        raise InsufficientDataError(
            "no gene is left",
            got="; ".join(map(str, skips)),
            expected="one gene or more",
            do="check that --genes, --expression and --fasta are of one build and use the same names",
        )
    return genes.take(keep), measured[keep]


def _divide(n: int, groups: np.ndarray | None, share: float, seed: int) -> np.ndarray:
    """People kept for the test, the same share of each population (person,)."""
    test = np.zeros(n, bool)
    codes = np.zeros(n, np.int64) if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    rng = generator(seed, "people")
    for code in range(int(codes.max()) + 1):
        members = rng.permutation(np.flatnonzero(codes == code))
        test[members[: round(share * len(members))]] = True
    return test
