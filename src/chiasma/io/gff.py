"""GFF3 and GTF: genes, transcripts and exons, and windows labelled by what lies at their centre."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from chiasma.core.errors import FormatError, InsufficientDataError, list_some, unknown_name
from chiasma.core.rng import generator
from chiasma.data.dataset import Skip
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.io.genome import Genome
from chiasma.io.textfile import read_lines

KINDS = ("tss", "exon", "donor", "acceptor", "intron", "intergenic")
"""What a window can be labelled as; donor and acceptor are the two ends of an intron."""
_POINTS = ("tss", "donor", "acceptor")
_GTF_ATTRIBUTE = re.compile(r'(\w+)\s+"?([^";]*)"?\s*;?')
_STRANDS = {"+": 1, "-": -1, ".": 0, "?": 0}
_EXONS = {"exon", "pseudogenic_exon"}
_PARTS = _EXONS | {"CDS", "intron", "start_codon", "stop_codon", "five_prime_UTR", "three_prime_UTR", "UTR"}
_PARTS |= {"five_prime_utr", "three_prime_utr", "protein", "polypeptide"}


@dataclass(frozen=True, eq=False)
class Annotation:
    """Genes, transcripts and exons, 0-based half-open.

    Attributes:
        genes: names are gene ids; columns: biotype.
        transcripts: names are transcript ids; columns: gene.
        exons: names are transcript:number, in order along the contig; columns: transcript, gene.
        lengths: contig lengths that the file declares (##sequence-region).
    """

    genes: Intervals
    transcripts: Intervals
    exons: Intervals
    lengths: dict[str, int]

    def introns(self) -> Intervals:
        """Gaps between successive exons of each transcript, each place once; the column gene names its gene."""
        exons = self.exons
        transcript = exons.columns["transcript"]
        order = np.lexsort((exons.start, transcript))
        left, right = order[:-1], order[1:]
        gap = (transcript[left] == transcript[right]) & (exons.end[left] < exons.start[right])
        left, right = left[gap], right[gap]
        columns = {"gene": exons.columns["gene"][left]}
        found = make_intervals(
            exons.chrom[left], exons.end[left], exons.start[right], strand=exons.strand[left], columns=columns
        )
        return _each_once(found)


@dataclass(frozen=True)
class _Feature:
    chrom: str
    kind: str
    start: int
    end: int
    strand: int
    attributes: dict[str, str]


def read_annotation(path: Path | str) -> Annotation:
    """Read GFF3 or GTF, plain or gzip; which one shows in the attributes.

    Genes that the file leaves out are spanned from their transcripts, transcripts from their exons. A gene without
    exons, as in bacteria, has one: its own extent.

    Raises:
        InputError: absent or unreadable.
        FormatError: a line is neither; names the line.
    """
    features, lengths = _read_features(path)
    if not features:
        raise FormatError("no features in the file", where=path, expected="GFF3 or GTF lines of nine columns")
    return _assemble(features, lengths)


def labelled_windows(
    path: Path | str,
    genome: Genome,
    *,
    kinds: Sequence[str] = KINDS,
    length: int,
    seed: int,
    per_kind: int | None = None,
) -> tuple[Intervals, list[Skip]]:
    """Windows of `length` bases, labelled by what lies at their centre, strands as annotated.

    A TSS, donor (first base of an intron) or acceptor (its last base) lies at index length // 2, read on its strand.
    Exon, intron and intergenic windows lie wholly inside one stretch and around its middle; intergenic ones, in
    stretches that hold no gene, are drawn at random places on a random strand, as many as the most frequent other
    kind. Each place and label occurs once.

    Args:
        path: GFF3 or GTF.
        genome: the contigs.
        kinds: labels wanted, among KINDS.
        length: bases.
        seed: root of the randomness of intergenic places and of the choice of `per_kind`.
        per_kind: most windows of one kind, chosen at random.

    Returns:
        Windows with the column `label`, named LABEL:chrom:start-end(strand); and what was left out.

    Raises:
        UsageError: an unknown kind.
        InsufficientDataError: nothing fits.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise unknown_name("kind of window", kind, KINDS)
    annotation = read_annotation(path)
    rng = generator(seed, "labelled-windows")
    parts: dict[str, Intervals] = {}
    skips: list[Skip] = []
    for kind in (kind for kind in KINDS if kind in kinds):
        if kind == "intergenic":
            most = max((len(part) for part in parts.values()), default=len(annotation.genes))
            windows = _intergenic(annotation, genome, length, number=per_kind or most, rng=rng)
        else:
            windows, lost = _windows_of(annotation, kind, genome, length)
            skips += lost
        if per_kind is not None and len(windows) > per_kind:
            windows = windows.take(np.sort(rng.permutation(len(windows))[:per_kind]))
        parts[kind] = windows
    if not any(len(part) for part in parts.values()):
        raise InsufficientDataError(
            "no window fits", where=path, got=list_some(str(skip) for skip in skips), expected=f"{length} bp of room"
        )
    return _join(parts), skips


def _windows_of(annotation: Annotation, kind: str, genome: Genome, length: int) -> tuple[Intervals, list[Skip]]:
    skips = []
    if kind in _POINTS:
        point, source = _points(annotation, kind)
        start = np.where(source.strand < 0, point - (length - 1 - length // 2), point - length // 2)
    else:
        source = annotation.introns() if kind == "intron" else _each_once(annotation.exons)
        fits = source.lengths >= length
        if not fits.all():
            skips.append(_skip(f"{kind} shorter than the window of {length} bp", source, ~fits))
        source = source.take(fits)
        start = (source.start + source.end) // 2 - length // 2
    windows = _each_once(make_intervals(source.chrom, start, start + length, strand=source.strand))
    if not len(windows):
        return windows, skips
    inside = genome.inside(windows)
    if not inside.all():
        skips.append(_skip(f"{kind} window beyond the contig, or contig absent from the genome", windows, ~inside))
    return windows.take(inside), skips


def _points(annotation: Annotation, kind: str) -> tuple[np.ndarray, Intervals]:
    """The base that a kind of point is at, and the interval it comes from."""
    source = annotation.transcripts if kind == "tss" else annotation.introns()
    stranded = source.take(source.strand != 0)
    # A donor is the first base of an intron on its strand, as a TSS is of a transcript; an acceptor is the last.
    at_start = (stranded.strand > 0) != (kind == "acceptor")
    return np.where(at_start, stranded.start, stranded.end - 1), stranded


def _intergenic(
    annotation: Annotation, genome: Genome, length: int, *, number: int, rng: np.random.Generator
) -> Intervals:
    contig = genome.contig_indices(annotation.genes.chrom)
    free: list[tuple[int, int, int]] = []
    for index, size in enumerate(genome.lengths.tolist()):
        here = contig == index
        reach = 0
        order = np.argsort(annotation.genes.start[here])
        starts, ends = annotation.genes.start[here][order], annotation.genes.end[here][order]
        for start, end in [*zip(starts.tolist(), ends.tolist(), strict=True), (size, size)]:
            if start - reach >= length and here.any():
                free.append((index, reach, start - reach - length + 1))
            reach = max(reach, end)
    if not free:
        return make_intervals([], [], [])
    index, begin, room = np.array(free, np.int64).T
    # Non-overlapping draws: each stretch is cut into slots of `length`, and slots are drawn without replacement.
    slots = (room - 1) // length + 1
    chosen = np.sort(rng.permutation(int(slots.sum()))[:number])
    stretch = np.searchsorted(np.cumsum(slots), chosen, side="right")
    slot = chosen - (np.cumsum(slots) - slots)[stretch]
    spare = (room - 1 - (slots - 1) * length)[stretch]
    start = begin[stretch] + slot * length + spare // 2
    names = np.array(genome.names, dtype=object)[index[stretch]]
    return make_intervals(names, start, start + length, strand=rng.choice([-1, 1], len(start)))


def _join(parts: dict[str, Intervals]) -> Intervals:
    label = np.concatenate([np.full(len(part), kind, dtype=object) for kind, part in parts.items()])
    fields = [np.concatenate([getattr(p, key) for p in parts.values()]) for key in ("chrom", "start", "end", "strand")]
    chrom, start, end, strand = fields
    sign = np.array(["-", ".", "+"], dtype=object)[strand.astype(int) + 1]
    names = [f"{k}:{c}:{s}-{e}({d})" for k, c, s, e, d in zip(label, chrom, start, end, sign, strict=True)]
    return make_intervals(chrom, start, end, strand=strand, names=names, columns={"label": label})


def _each_once(intervals: Intervals) -> Intervals:
    """Each place and strand once, sorted by contig and start."""
    if not len(intervals):
        return intervals
    _, contig = np.unique(intervals.chrom.astype(str), return_inverse=True)
    key = np.column_stack([contig, intervals.start, intervals.end, intervals.strand])
    _, first = np.unique(key, axis=0, return_index=True)
    return intervals.take(first)


def _skip(reason: str, intervals: Intervals, lost: np.ndarray) -> Skip:
    return Skip(reason, int(lost.sum()), tuple(str(name) for name in intervals.names[lost][:3]))


def _read_features(path: Path | str) -> tuple[list[_Feature], dict[str, int]]:
    features: list[_Feature] = []
    lengths: dict[str, int] = {}
    for number, line in read_lines(path):
        if line.startswith("##FASTA") or line.startswith(">"):
            break
        if line.startswith("##sequence-region"):
            words = line.split()
            if len(words) == 4 and words[3].isdigit():
                lengths[words[1]] = int(words[3])
        if line.startswith("#"):
            continue
        features.append(_feature(line, number, path))
    return features, lengths


def _feature(line: str, number: int, path: Path | str) -> _Feature:
    columns = line.split("\t")
    where = f"{path}, line {number}"
    if len(columns) not in (8, 9) or not (columns[3].isdigit() and columns[4].isdigit()):
        raise FormatError(
            "not a GFF3 or GTF line",
            where=where,
            got=repr(line[:80]),
            expected="nine columns separated by tabs, start and end 1-based",
        )
    if columns[6] not in _STRANDS:
        raise FormatError("not a strand", where=where, got=columns[6], expected="+, -, . or ?")
    start, end = int(columns[3]) - 1, int(columns[4])
    if not 0 <= start < end:
        raise FormatError("start after end", where=where, got=f"{columns[3]} to {columns[4]}", expected="start <= end")
    text = columns[8].strip() if len(columns) == 9 else ""
    return _Feature(columns[0], columns[2], start, end, _STRANDS[columns[6]], _attributes(text, columns[2]))


def _attributes(text: str, kind: str) -> dict[str, str]:
    if re.match(r"^\w+=", text):
        pairs = (part.split("=", 1) for part in text.split(";") if "=" in part)
        return {key.strip(): unquote(value) for key, value in pairs}
    found = dict(_GTF_ATTRIBUTE.findall(text))
    if not found and text:
        # AUGUSTUS writes the bare id on gene and transcript lines of GTF.
        found = {"gene_id" if kind == "gene" else "transcript_id": text}
        if kind != "gene":
            found["gene_id"] = text.rsplit(".", 1)[0]
    return found


def _assemble(features: list[_Feature], lengths: dict[str, int]) -> Annotation:
    genes: dict[str, _Feature] = {}
    transcripts: dict[str, tuple[_Feature, str]] = {}
    for feature in features:
        own = feature.attributes.get("ID") or feature.attributes.get("gene_id", "")
        if feature.kind.endswith("gene"):
            genes.setdefault(own, feature)
        elif feature.kind not in _PARTS:
            gene = feature.attributes.get("Parent", "").split(",")[0] or feature.attributes.get("gene_id", "")
            name = feature.attributes.get("ID") or feature.attributes.get("transcript_id", "")
            if gene and name:
                transcripts.setdefault(name, (feature, gene))
    exons: dict[str, list[_Feature]] = {}
    for kinds in (_EXONS, {"CDS"}):
        _collect_exons(features, kinds, transcripts, genes, exons)
    members: dict[str, list[_Feature]] = {}
    for feature, gene in transcripts.values():
        members.setdefault(gene, []).append(feature)
    for name, feature in genes.items():
        if name not in members:
            transcripts.setdefault(name, (feature, name))
    for name, (feature, _) in transcripts.items():
        exons.setdefault(name, [feature])
    for gene, parts in members.items():
        if gene not in genes:
            genes[gene] = _span(parts)
    return _tables(genes, transcripts, exons, lengths)


def _collect_exons(
    features: list[_Feature],
    kinds: set[str],
    transcripts: dict[str, tuple[_Feature, str]],
    genes: dict[str, _Feature],
    exons: dict[str, list[_Feature]],
) -> None:
    """Add exons by transcript, for those that have none yet; makes transcripts that the file leaves out."""
    found: dict[str, list[_Feature]] = {}
    for feature in features:
        if feature.kind in kinds:
            parents = feature.attributes.get("Parent") or feature.attributes.get("transcript_id", "")
            for parent in filter(None, parents.split(",")):
                found.setdefault(parent, []).append(feature)
    for parent, parts in found.items():
        if parent in exons or (parent not in transcripts and parent not in genes and "Parent" in parts[0].attributes):
            continue
        exons[parent] = parts
        if parent not in transcripts:
            gene = parent if parent in genes else parts[0].attributes.get("gene_id", parent)
            transcripts[parent] = (genes.get(gene, _span(parts)) if parent == gene else _span(parts), gene)


def _span(parts: Iterable[_Feature]) -> _Feature:
    """The stretch from the first to the last of several features."""
    every = list(parts)
    first = every[0]
    start, end = min(part.start for part in every), max(part.end for part in every)
    return _Feature(first.chrom, first.kind, start, end, first.strand, first.attributes)


def _tables(
    genes: dict[str, _Feature],
    transcripts: dict[str, tuple[_Feature, str]],
    exons: dict[str, list[_Feature]],
    lengths: dict[str, int],
) -> Annotation:
    biotype = [f.attributes.get("gene_biotype", f.attributes.get("biotype", "")) for f in genes.values()]
    rows = [
        (part, f"{name}:{number + 1}", name, transcripts[name][1])
        for name, parts in exons.items()
        if name in transcripts
        for number, part in enumerate(sorted(parts, key=lambda part: part.start))
    ]
    exon_columns = {
        "transcript": np.array([row[2] for row in rows], dtype=object),
        "gene": np.array([row[3] for row in rows], dtype=object),
    }
    gene_of = np.array([gene for _, gene in transcripts.values()], dtype=object)
    return Annotation(
        _intervals(list(genes.values()), list(genes), {"biotype": np.array(biotype, dtype=object)}),
        _intervals([feature for feature, _ in transcripts.values()], list(transcripts), {"gene": gene_of}),
        _intervals([row[0] for row in rows], [row[1] for row in rows], exon_columns),
        lengths,
    )


def _intervals(features: list[_Feature], names: list[str], columns: dict[str, np.ndarray]) -> Intervals:
    return make_intervals(
        [feature.chrom for feature in features],
        [feature.start for feature in features],
        [feature.end for feature in features],
        strand=[feature.strand for feature in features],
        names=names,
        columns=columns,
    )
