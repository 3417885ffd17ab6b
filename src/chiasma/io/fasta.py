"""FASTA: sets of sequences, with what their case, letters and headers tell."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chiasma.core.checks import duplicates
from chiasma.core.errors import FormatError, InputError, list_some
from chiasma.core.files import atomic_write
from chiasma.data.dataset import Skip
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.data.sequences import Sequences, encode
from chiasma.io.textfile import read_bytes

_IUPAC = b"ACGTUNRYSWKMBDHVXacgtunryswkmbdhvx"
_GAPS = b"-."
_AMBIGUOUS = "RYSWKMBDHVX-."
_COORDINATES = re.compile(r"(?:^|::|\s)([^\s:]+):(\d+)-(\d+)(?:\(([+\-.])\))?(?=\s|$)")
_STRANDS = {"+": 1, "-": -1, ".": 0, "": 0, None: 0}


@dataclass(frozen=True, eq=False)
class FastaRecords:
    """Sequences, and what a model never sees but an audit must.

    Attributes:
        sequences: the codes; their intervals are set where every header carries coordinates.
        headers: whole header of each record (sequence,).
        lower_case_share: share of lower-case letters (soft-masking, or how the file was made) (sequence,).
        ambiguous: how often each letter other than A, C, G, T, U and N occurs, gaps (- and .) among them; all of them
            read as N.
        skips: records without bases.
    """

    sequences: Sequences
    headers: np.ndarray
    lower_case_share: np.ndarray
    ambiguous: dict[str, int] = field(default_factory=dict)
    skips: tuple[Skip, ...] = ()


def read_fasta(path: Path | str) -> Sequences:
    """Read a FASTA file: plain, gzip or bgzip; `-` is standard input.

    Ids are the first word of each header, or whole headers where first words repeat. Case is ignored.

    Raises:
        InputError: absent, or whole headers repeat.
        FormatError: truncated, empty, or not DNA in FASTA.
    """
    return read_fasta_records(path).sequences


def read_fasta_records(path: Path | str, *, unique_headers: bool = True) -> FastaRecords:
    """Read a FASTA file with headers, letter case and ambiguous letters kept aside.

    Args:
        path: plain, gzip or bgzip; `-` is standard input.
        unique_headers: refuse repeated headers; otherwise they are numbered, as where a header is only a label.

    Raises:
        InputError, FormatError: as `read_fasta`.
    """
    headers, bodies = _split_records(read_bytes(path), path)
    full = [index for index, body in enumerate(bodies) if body]
    skips: tuple[Skip, ...] = ()
    if len(full) < len(bodies):
        empty = [headers[index] for index, body in enumerate(bodies) if not body]
        skips = (Skip("no bases under the header", len(empty), tuple(empty[:3])),)
        headers, bodies = [headers[index] for index in full], [bodies[index] for index in full]
    if not bodies:
        raise FormatError(
            "no sequence in the file",
            where=path,
            got=f"{skips[0].count} headers without bases",
            expected="bases under them",
        )
    return make_records(headers, bodies, path=path, unique_headers=unique_headers, skips=skips)


def make_records(
    headers: list[str],
    bodies: list[bytes],
    *,
    path: Path | str,
    unique_headers: bool = True,
    skips: tuple[Skip, ...] = (),
) -> FastaRecords:
    """Records from headers and letters, none of them empty, checked to be DNA; `path` is for messages.

    Raises:
        InputError: headers repeat, where they must not.
        FormatError: a letter is not an IUPAC nucleotide or a gap.
    """
    joined = b"".join(bodies)
    _check_letters(joined, headers, bodies, path)
    lengths = np.array([len(body) for body in bodies], np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    letters = np.frombuffer(joined, np.uint8)
    lower = np.add.reduceat((letters >= ord("a")).astype(np.int64), offsets[:-1]) / lengths
    upper = joined.upper()
    ambiguous = {letter: count for letter in _AMBIGUOUS if (count := upper.count(letter.encode()))}
    ids = _make_ids(headers, path, unique_headers=unique_headers)
    intervals = intervals_from_headers(headers, lengths, names=ids)
    sequences = Sequences(np.asarray(ids, dtype=object), encode(joined), offsets, intervals)
    return FastaRecords(sequences, np.asarray(headers, dtype=object), lower, ambiguous, skips)


def write_fasta(path: Path | str, sequences: Sequences, *, width: int = 80) -> None:
    """Write sequences, upper case, `width` bases a line; gzip where the name ends in .gz.

    Raises:
        RunError: the place cannot be written.
    """
    pieces = []
    for name, text in zip(sequences.ids, sequences.strings(), strict=True):
        lines = "\n".join(text[start : start + width] for start in range(0, len(text), width))
        pieces.append(f">{name}\n{lines}\n")
    raw = "".join(pieces).encode()
    if str(path).endswith(".gz"):
        import gzip

        raw = gzip.compress(raw, compresslevel=6, mtime=0)
    with atomic_write(path, "wb") as handle:
        handle.write(raw)


def intervals_from_headers(headers: list[str], lengths: np.ndarray, *, names: list[str]) -> Intervals | None:
    """Places on a genome, where every header holds one (chr1:100-200, x::chr1:100-200(+)); otherwise None.

    Whether ranges are 0-based half-open (bedtools getfasta) or 1-based inclusive (samtools faidx) shows in the
    lengths (sequence,), which must agree with one of the two throughout.
    """
    found = []
    for header in headers:
        match = _COORDINATES.search(header)
        if match is None:
            return None
        found.append(match.groups())
    start, end = (np.array([int(groups[column]) for groups in found], np.int64) for column in (1, 2))
    if (end - start + 1 == lengths).all():
        start = start - 1
    elif not (end - start == lengths).all():
        return None
    strand = [_STRANDS[groups[3]] for groups in found]
    return make_intervals([groups[0] for groups in found], start, end, strand=strand, names=names)


def _split_records(raw: bytes, path: Path | str) -> tuple[list[str], list[bytes]]:
    raw = raw.lstrip()
    if raw.startswith(b";"):
        raw = b"\n".join(line for line in raw.split(b"\n") if not line.startswith(b";"))
    if not raw.startswith(b">"):
        raise FormatError(
            "not a FASTA file",
            where=path,
            got=f"{_guess_format(raw)}: {raw[:40]!r}",
            expected="'>' and a name, then bases",
            do="give a FASTA file, or a BED file with --fasta GENOME",
        )
    headers, bodies = [], []
    for record in raw[1:].split(b"\n>"):
        header, _, body = record.partition(b"\n")
        headers.append(header.decode("utf-8", "replace").strip())
        bodies.append(body.translate(None, b"\n \t"))
    return headers, bodies


def _guess_format(raw: bytes) -> str:
    if b"\0" in raw[:1000]:
        return "binary content"
    known = {b"##fileformat=VCF": "a VCF", b"@": "FASTQ or SAM", b"##gff": "GFF3", b"LOCUS": "GenBank", b"track": "BED"}
    for start, name in known.items():
        if raw.startswith(start):
            return name
    columns = raw.split(b"\n", 1)[0].split(b"\t")
    return "a table, perhaps BED" if len(columns) >= 3 and columns[1].isdigit() else "text"


def _check_letters(joined: bytes, headers: list[str], bodies: list[bytes], path: Path | str) -> None:
    """Raise for letters that are neither IUPAC nucleotides nor gaps, naming the first record that has one."""
    strange = joined.translate(None, _IUPAC + _GAPS)
    if not strange:
        return
    index = next(index for index, body in enumerate(bodies) if body.translate(None, _IUPAC + _GAPS))
    letters = "".join(sorted({chr(byte) for byte in strange}))
    protein = set(letters.upper()) <= set("EFILPQZJO*")
    raise FormatError(
        "letters that are not DNA" + (": this looks like protein" if protein else ""),
        where=f"{path}, record {index + 1} ({headers[index][:60]})",
        got=f"{letters!r}, {len(strange)} of {len(joined)} letters",
        expected="A, C, G, T, U, N and other IUPAC nucleotide letters, upper or lower case",
        do="give nucleotide sequences" if protein else "check that the file is whole and is FASTA",
    )


def _make_ids(headers: list[str], path: Path | str, *, unique_headers: bool) -> list[str]:
    words = [header.split(None, 1)[0] if header else "" for header in headers]
    if all(words) and len(set(words)) == len(words):
        return words
    if len(set(headers)) == len(headers) and all(headers):
        return headers
    if not unique_headers:
        seen: dict[str, int] = {}
        numbered = []
        for header in headers:
            seen[header] = seen.get(header, 0) + 1
            numbered.append(f"{header or 'sequence'}_{seen[header]}")
        return numbered
    if not all(headers):
        raise InputError("a record without a name", where=path, got="a bare '>'", do="give each record a name")
    repeated = duplicates(headers)
    raise InputError(
        f"duplicate ids: {len(repeated)} headers occur more than once",
        where=path,
        got=list_some(repeated),
        expected="each header once",
        do="rename or remove the repeated records; where the header is the class label, give the file as --sequences",
    )
