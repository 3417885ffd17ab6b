"""What a file to be audited holds, and two files one after the other; whatever is left out is counted and named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from chiasma.core.errors import FormatError, MismatchError
from chiasma.data.dataset import Skip
from chiasma.data.intervals import Intervals
from chiasma.data.matrix import Matrix, Views
from chiasma.data.results import Finding
from chiasma.data.sequences import Sequences, concatenate

_INTERVALS = (".bed", ".narrowpeak", ".broadpeak")
_CONTAINERS = (".h5mu", ".h5ad")
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Part:
    """What one file holds.

    Attributes:
        ids: (example,).
        x: sequences, or measurements; a matrix without columns for bare intervals.
        columns: per-example columns for the audit.
        labels: label columns as text, empty where the file has none.
        skips: what the reader left out, the file's name in each reason.
        renamed: the id that the file has, by the id used here, where two files use one name for different things.
        notes: what was read otherwise than it stands there.
    """

    ids: np.ndarray
    x: Sequences | Matrix | Views
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    skips: tuple[Skip, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Finding, ...] = ()

    def with_ids(self, ids: list[str]) -> Self:
        """The same under other ids."""
        changed = np.array(ids, dtype=object)
        renamed = {new: str(old) for new, old in zip(ids, self.ids) if new != old}
        if isinstance(self.x, Views):
            x: Sequences | Matrix | Views = Views({k: replace(b, samples=changed) for k, b in self.x.blocks.items()})
        elif isinstance(self.x, Sequences):
            x = replace(self.x, ids=changed)
        else:
            x = replace(self.x, samples=changed)
        return replace(self, ids=changed, x=x, renamed={**self.renamed, **renamed})

    def renamed_apart(self, taken: np.ndarray, *, prefix: str) -> Self:
        """The same with a prefix to every id that is taken."""
        known = set(taken.astype(str).tolist())
        return self.with_ids([f"{prefix}:{name}" if name in known else name for name in self.ids.astype(str).tolist()])


def suffix(path: Path | str) -> str:
    """The suffix in lower case, that of compression aside."""
    name = Path(path).name.lower()
    for compressed in (".gz", ".bgz"):
        name = name.removesuffix(compressed)
    return Path(name).suffix


def read_part(path: Path | str, fasta: Path | str | None = None) -> Part:
    """Read BED, narrowPeak, FASTA, a table of sequences or of measurements, Parquet, h5ad or h5mu.

    Args:
        path: plain or gzip.
        fasta: genome whose bases intervals stand for; without it they are bare places.

    Raises:
        InputError, FormatError: from the readers.
    """
    name = Path(path).name
    if suffix(path) in _INTERVALS:
        return _read_intervals(path, fasta)
    if suffix(path) in _CONTAINERS:
        from chiasma.io.containers import read_h5ad, read_h5mu

        x: Matrix | Views = read_h5mu(path) if suffix(path) == ".h5mu" else read_h5ad(path)
        return Part(x.samples, x)
    from chiasma.io.sequence_table import read_labelled
    from chiasma.io.tables import read_matrix

    if suffix(path) != ".parquet":
        try:
            read = read_labelled(path)
        except FormatError as error:
            if "no column of DNA" not in error.what:
                raise
        else:
            columns = {"lower_case_share": read.records.lower_case_share}
            columns |= {} if read.group is None else {"group": read.group}
            found = read.records.sequences
            columns |= _place_columns(found.intervals)
            skips, notes = _named(read.records.skips, name), _ambiguous(read.records.ambiguous, name)
            return Part(found.ids, found, columns, read.labels, skips, notes=notes)
    matrix = read_matrix(path)
    return Part(matrix.samples, matrix)


def _read_intervals(path: Path | str, fasta: Path | str | None) -> Part:
    from chiasma.io.bed import read_bed

    places = read_bed(path)
    if fasta is None:
        bare = Matrix(np.zeros((len(places), 0)), places.names, np.zeros(0, dtype=object))
        return Part(places.names, bare, _place_columns(places))
    from chiasma.encode.windows import extract
    from chiasma.io.genome import open_genome

    found, skips = extract(open_genome(fasta), places)
    return Part(found.ids, found, _place_columns(found.intervals), skips=_named(skips, Path(path).name))


def _place_columns(places: Intervals | None) -> dict[str, np.ndarray]:
    return {} if places is None else {"chrom": places.chrom, "start": places.start, "end": places.end}


def _ambiguous(letters: Mapping[str, int], name: str) -> tuple[Finding, ...]:
    """A note on letters that stand for several bases, and gaps."""
    if not letters:
        return ()
    shown = ", ".join(f"{letter} {count:,}" for letter, count in letters.items())
    message = f"In {name} {sum(letters.values()):,} letters other than A, C, G, T and N were read as N ({shown})."
    return (Finding("format", "ambiguous-letters", "note", message, dict(letters)),)


def _named(skips: tuple[Skip, ...] | list[Skip], name: str) -> tuple[Skip, ...]:
    return tuple(Skip(f"{name}: {skip.reason}", skip.count, skip.examples) for skip in skips)


def some_skipped(reason: str, names: list[str]) -> tuple[Skip, ...]:
    """A Skip of these names, none if there are none."""
    return (Skip(reason, len(names), tuple(names[:_SHOWN])),) if names else ()


def join(first: Part, second: Part, *, where: str) -> Part:
    """Two parts one after the other, with what both have.

    Args:
        first: a part.
        second: of the same kind.
        where: for messages.

    Raises:
        MismatchError: the parts are of different kinds or share no feature.
    """
    lost: tuple[Skip, ...] = ()
    for what, one, other in (("column", first.columns, second.columns), ("label", first.labels, second.labels)):
        lost += some_skipped(f"{what} that only one of the files has", sorted(one.keys() ^ other.keys()))
    columns = {
        key: np.concatenate([first.columns[key], second.columns[key]]) for key in first.columns if key in second.columns
    }
    labels = {key: first.labels[key] + second.labels[key] for key in first.labels if key in second.labels}
    ids = np.concatenate([first.ids, second.ids])
    if isinstance(first.x, Sequences) and isinstance(second.x, Sequences):
        x: Sequences | Matrix | Views = concatenate([first.x, second.x])
    elif isinstance(first.x, Matrix) and isinstance(second.x, Matrix):
        x, more = _stack(first.x, second.x, where)
        lost += more
    elif isinstance(first.x, Views) and isinstance(second.x, Views):
        x, more = _stack_views(first.x, second.x, where)
        lost += more
    else:
        raise MismatchError(
            "the files are of different kinds",
            where=where,
            got=f"{type(first.x).__name__} and {type(second.x).__name__}",
            expected="two files of one kind",
        )
    skips, renamed = (*first.skips, *second.skips, *lost), {**first.renamed, **second.renamed}
    return Part(ids, x, columns, labels, skips, renamed, (*first.notes, *second.notes))


def apart(first: Part, second: Part, *, prefix: str) -> Part:
    """The first part, a prefix to those of its ids that only happen to be ids of the second: they name other things.

    The name of a sample is the sample, so measurements stay as they are.
    """
    if not isinstance(first.x, Sequences) and "start" not in first.columns:
        return first
    known = {str(name): index for index, name in enumerate(second.ids)}
    ids = []
    for index, name in enumerate(first.ids.astype(str).tolist()):
        other = known.get(name)
        ids.append(name if other is None or _same(first, index, second, other) else f"{prefix}:{name}")
    return first.with_ids(ids)


def _same(first: Part, index: int, second: Part, other: int) -> bool:
    """Whether two examples of one name are the same sequence, or the same place."""
    if isinstance(first.x, Sequences) and isinstance(second.x, Sequences):
        return np.array_equal(first.x[index], second.x[other])
    place = ("chrom", "start", "end")
    return all(key in second.columns and first.columns[key][index] == second.columns[key][other] for key in place)


def _stack_views(first: Views, second: Views, where: str) -> tuple[Views, tuple[Skip, ...]]:
    common = [name for name in first.blocks if name in second.blocks]
    if not common:
        raise MismatchError("no view is in both files", where=where)
    lost = some_skipped("view that only one of the files has", sorted(first.blocks.keys() ^ second.blocks.keys()))
    blocks = {}
    for name in common:
        blocks[name], more = _stack(first.blocks[name], second.blocks[name], where)
        lost += more
    return Views(blocks), lost


def _stack(first: Matrix, second: Matrix, where: str) -> tuple[Matrix, tuple[Skip, ...]]:
    place = {str(name): index for index, name in enumerate(second.features)}
    both = [index for index, name in enumerate(first.features) if str(name) in place]
    if not both and len(first.features):
        raise MismatchError("the files have no feature in common", where=where)
    order = [place[str(name)] for name in first.features[both]]
    values = np.vstack([first.values[:, both], second.values[:, order]])
    alone = sorted(set(first.features.astype(str)) ^ set(second.features.astype(str)))
    lost = some_skipped("feature that only one of the files has", alone)
    return Matrix(values, np.concatenate([first.samples, second.samples]), first.features[both]), lost
