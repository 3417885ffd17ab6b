"""Several genomes in one fit: a table that names each one's files, and alignments that tell which windows are kin."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from chiasma.core.config import Config, read_toml
from chiasma.core.errors import MismatchError, UsageError, list_some, unknown_name
from chiasma.data.alignment import Alignment
from chiasma.data.contigs import bare_contig
from chiasma.data.dataset import Dataset, Skip
from chiasma.data.genomes import MARK, Genomes, join_genomes
from chiasma.data.split import Split
from chiasma.data.track_table import Scale
from chiasma.io.alignments import read_alignment
from chiasma.io.genome import open_genome
from chiasma.stats.homologues import homologous_pairs
from chiasma.workflow.loading.tracks import load_tracks

ALIGNMENT = "alignment"
"""Key of the table that is no genome's name."""


class GenomeFiles(Config):
    """One genome of a table: records, or a FASTA with tracks."""

    records: str | None = Field(default=None, description="folder of Basenji or Borzoi data")
    fasta: str | None = Field(default=None, description="genome along which windows are laid")
    tracks: dict[str, str] | None = Field(default=None, description="bigWig, narrowPeak or BED of each track by name")
    track_table: str | None = Field(default=None, description="in place of tracks: table of them")
    squash: Scale | None = Field(default=None, description="order of squashing, where the table does not say")


class AlignmentFile(Config):
    """An alignment of two of the genomes."""

    between: tuple[str, str] = Field(description="names of the two: of the file's target, then of its query")
    file: str = Field(description="UCSC chain or net, or PAF, plain or gzip")


def load_genomes(config: Any, path: Path | str, *, own_split: bool, share: float) -> tuple[Dataset, Split | None]:
    """Windows of several genomes with their tracks; each genome's name is that of the head which learns them.

    Args:
        config: of the network: length, bin, crop.
        path: a TOML file with a table for each genome (`GenomeFiles`), and [[alignment]] (`AlignmentFile`); files are
            named from where it lies.
        own_split: keep the division of records, where all genomes are records.
        share: of the shorter window's bases that an alignment joins to another's, from which they are kin.

    Raises:
        UsageError: fewer than two genomes, a key that is not known, a file that is not there.
        MismatchError: what `load_tracks` refuses, or an alignment of other genomes.
    """
    files, alignments = _read(Path(path))
    if len(files) < 2:
        raise UsageError(
            "a table of genomes names two or more",
            where=path,
            got=list_some(files),
            expected="[human] fasta = ..., tracks = {...}; [mouse] ...",
            do="give one genome as --fasta with --tracks, or as --records",
        )
    loaded = {name: load_tracks(config, one, own_split=own_split, apart=True) for name, one in files.items()}
    members = {name: dataset for name, (dataset, _) in loaded.items()}
    kin, skips, notes = _kin(members, files, alignments=alignments, table=Path(path), share=share)
    dataset = join_genomes(members, kin=kin)
    dataset.notes.update(notes)
    dataset = Dataset(**{**vars(dataset), "skips": (*dataset.skips, *skips)})
    splits = [split for _, split in loaded.values()]
    if any(split is None for split in splits):
        return dataset, None
    part = np.concatenate([split.part for split in splits if split is not None])
    return dataset, Split("given", dataset.ids, part, {"by": "the folders' own parts"}, blocks=dataset.unit)


def files_named(path: Path | str) -> dict[str, str]:
    """Every file that a table of genomes names: GENOME.fasta, GENOME.tracks.NAME, alignment.FIRST.SECOND and so on."""
    files, alignments = _read(Path(path))
    found: dict[str, str] = {}
    for name, given in files.items():
        for key, value in given.items():
            if isinstance(value, Mapping):
                found |= {f"{name}.{key}.{track}": str(file) for track, file in value.items()}
            elif key != "squash":
                found[f"{name}.{key}"] = str(value)
    for one in alignments:
        found[f"{ALIGNMENT}.{'.'.join(one.between)}"] = _beside(Path(path), one.file, ALIGNMENT)
    return found


def _read(path: Path) -> tuple[dict[str, dict[str, Any]], list[AlignmentFile]]:
    """Inputs of each genome, as `load_tracks` takes them, and the alignments."""
    table = read_toml(path)
    alignments = [AlignmentFile.parse(one, source=f"{path}: {ALIGNMENT}") for one in table.pop(ALIGNMENT, [])]
    return {name: _files(name, values, path) for name, values in table.items()}, alignments


def outputs_of(dataset: Dataset) -> int | dict[str, int]:
    """What a network of these data gives: a number of outputs, or of tracks by head."""
    if not isinstance(dataset.x, Genomes):
        return dataset.target.n_outputs
    return {name: member.target.n_outputs for name, member in dataset.x.members.items()}


def _files(name: str, values: Any, table: Path) -> dict[str, Any]:
    """The inputs of one genome, as `load_tracks` takes them."""
    if not isinstance(values, Mapping):
        raise UsageError(
            "not the table of a genome", where=f"{table}: {name}", got=values, expected="fasta and tracks, or records"
        )
    if not name or any(sign in name for sign in f"{MARK}/. "):
        raise UsageError("not a name for a genome", where=table, got=name, expected="a word such as human")
    given = GenomeFiles.parse(values, source=f"{table}: {name}")
    found: dict[str, Any] = {"squash": given.squash}
    for key in ("records", "fasta", "track_table"):
        if (file := getattr(given, key)) is not None:
            found[key] = _beside(table, file, f"{name}: {key}")
    if given.tracks is not None:
        found["tracks"] = {track: _beside(table, file, f"{name}: {track}") for track, file in given.tracks.items()}
    return found


def _beside(table: Path, file: str, where: str) -> str:
    path = table.parent / file  # an absolute path stays as it is
    if not path.exists():
        raise UsageError(
            "no such file",
            where=f"{table}: {where}",
            got=file,
            expected="a path from where the table is",
            do="check the path",
        )
    return str(path)


def _kin(
    members: Mapping[str, Dataset],
    files: Mapping[str, Mapping[str, Any]],
    *,
    alignments: list[AlignmentFile],
    table: Path,
    share: float,
) -> tuple[np.ndarray, list[Skip], dict[str, Any]]:
    """Label of each window's component under all alignments, what was left out of these, and what was joined."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    names = list(members)
    first = dict(zip(names, accumulate([0, *(len(member) for member in members.values())])))
    total = sum(len(member) for member in members.values())
    left, right, skips, notes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [], {}
    for one in alignments:
        for name in one.between:
            if name not in members:
                raise unknown_name(f"genome of {table}", name, names)
        path = _beside(table, one.file, ALIGNMENT)
        alignment = read_alignment(path)
        for side, name in enumerate(one.between):
            skips += _unplaced(
                alignment, side, name=name, member=members[name], fasta=files[name].get("fasta"), path=path
            )
        places = [members[name].x.intervals for name in one.between]  # type: ignore[union-attr]
        if places[0] is None or places[1] is None:
            raise UsageError("an alignment needs windows with places", where=path, do="give records with sequences.bed")
        rows, columns = homologous_pairs(places[0], places[1], alignment=alignment, share=share)
        left.append(rows + first[one.between[0]])
        right.append(columns + first[one.between[1]])
        pair = " and ".join(one.between)
        notes[f"aligned windows of {pair}"] = f"{len(rows):,} pairs share {share:.0%} of their bases or more"
    rows, columns = np.concatenate(left), np.concatenate(right)
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(total, total))
    return connected_components(graph, directed=False)[1], skips, notes


def _unplaced(
    alignment: Alignment, side: int, *, name: str, member: Dataset, fasta: str | None, path: str
) -> list[Skip]:
    """Aligned stretches on contigs that have no window; all of them, or other lengths, are another genome's.

    Raises:
        MismatchError: no contig is the genome's, or one has another length.
    """
    stretches = (alignment.first, alignment.second)[side]
    lengths = (alignment.first_lengths, alignment.second_lengths)[side]
    if fasta is not None:
        genome = open_genome(fasta)
        own = {bare_contig(contig): int(size) for contig, size in zip(genome.names, genome.lengths)}
        for contig, size in lengths.items():
            if own.get(bare_contig(contig), size) != size:
                raise MismatchError(
                    "the alignment is of another genome or build",
                    where=path,
                    got=f"{contig} of {size:,} bases for {name}",
                    expected=f"{own[bare_contig(contig)]:,}, as in its FASTA",
                    do="name the genomes of `between` in the file's order: target, then query",
                )
    known = {bare_contig(str(contig)) for contig in member.columns["chrom"]}
    contigs = np.array([str(contig) for contig in stretches.chrom], dtype=object)
    out = np.array([bare_contig(contig) not in known for contig in contigs])
    if out.all():
        raise MismatchError(
            f"the alignment has no contig of {name}",
            where=path,
            got=list_some(dict.fromkeys(contigs)),
            expected=list_some(dict.fromkeys(map(str, member.columns["chrom"]))),
            do="name the genomes of `between` in the file's order: target, then query",
        )
    lost = tuple(dict.fromkeys(contigs[out]))[:3]
    return [Skip(f"aligned stretches on contigs without a window of {name}", int(out.sum()), lost)] if lost else []
