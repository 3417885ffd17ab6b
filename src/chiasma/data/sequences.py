"""DNA as codes of one byte a base: A 0, C 1, G 2, T 3, everything else 4."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from chiasma.core.checks import duplicates
from chiasma.core.errors import list_some
from chiasma.data.intervals import Intervals

BASES = "ACGT"
UNKNOWN = 4

_CODE_OF_BYTE = np.full(256, UNKNOWN, np.uint8)
for _code, _base in enumerate(BASES):
    _CODE_OF_BYTE[ord(_base)] = _CODE_OF_BYTE[ord(_base.lower())] = _code
_CODE_OF_BYTE[ord("U")] = _CODE_OF_BYTE[ord("u")] = 3
_BYTE_OF_CODE = np.frombuffer(b"ACGTN", np.uint8)
_COMPLEMENT = np.array([3, 2, 1, 0, 4], np.uint8)


def encode(text: str | bytes) -> np.ndarray:
    """Codes (position,) of DNA text; case is ignored, U is T, IUPAC and all else become 4."""
    raw = text.encode("ascii", "replace") if isinstance(text, str) else text
    return _CODE_OF_BYTE[np.frombuffer(raw, np.uint8)]


def decode(codes: np.ndarray) -> str:
    """Upper-case DNA text of codes."""
    return _BYTE_OF_CODE[codes].tobytes().decode()


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """The other strand, along the last axis (..., position)."""
    return _COMPLEMENT[codes[..., ::-1]]


@dataclass(frozen=True, eq=False)
class Sequences:
    """A ragged set of DNA sequences.

    Attributes:
        ids: name of each sequence (sequence,).
        codes: all bases one after another, uint8 in 0..4 (base,).
        offsets: where each sequence begins, and the end of the last (sequence + 1,).
        intervals: where each lies on a genome, if known.
    """

    ids: np.ndarray
    codes: np.ndarray
    offsets: np.ndarray
    intervals: Intervals | None = None

    @classmethod
    def from_codes(cls, ids: Sequence[str], codes: Iterable[np.ndarray], intervals: Intervals | None = None) -> Self:
        """From one code array per sequence."""
        parts = [np.asarray(part, np.uint8) for part in codes]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        flat = np.concatenate(parts) if parts else np.zeros(0, np.uint8)
        return cls(np.asarray(ids, dtype=object), flat, offsets, intervals)

    @classmethod
    def from_strings(cls, ids: Sequence[str], texts: Iterable[str], intervals: Intervals | None = None) -> Self:
        """From DNA text."""
        return cls.from_codes(ids, [encode(text) for text in texts], intervals)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> np.ndarray:
        """Codes (position,) of one sequence."""
        return self.codes[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Bases in each sequence (sequence,)."""
        return np.diff(self.offsets)

    def strings(self) -> list[str]:
        """Upper-case text of every sequence."""
        return [decode(self[index]) for index in range(len(self))]

    def take(self, index: np.ndarray) -> Self:
        """The sequences at `index` (integers or a mask)."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index
        lengths = self.lengths[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        source = np.arange(offsets[-1]) + np.repeat(self.offsets[index] - offsets[:-1], lengths)
        intervals = None if self.intervals is None else self.intervals.take(index)
        return type(self)(self.ids[index], self.codes[source], offsets, intervals)

    def padded(self, length: int) -> np.ndarray:
        """Codes (sequence, position), each centred: shorter ones filled with 4, longer ones cut at both ends."""
        lengths = self.lengths
        if len(self) and (lengths == length).all():
            return self.codes[self.offsets[0] : self.offsets[-1]].reshape(len(self), length)
        # Column j of row i shows base j - (length - lengths[i]) // 2 of sequence i, if it has one.
        shift = (length - lengths) // 2
        column = np.arange(length)[None, :] - shift[:, None]
        inside = (column >= 0) & (column < lengths[:, None])
        source = np.where(inside, self.offsets[:-1, None] + column, 0)
        if not len(self.codes):
            return np.full((len(self), length), UNKNOWN, np.uint8)
        return np.where(inside, self.codes[source], UNKNOWN).astype(np.uint8)

    def reverse_complemented(self) -> Self:
        """Every sequence on its other strand, in place of itself."""
        flat = reverse_complement(self.codes)
        total = self.offsets[-1]
        flipped = type(self)(self.ids[::-1], flat, (total - self.offsets[::-1]).astype(np.int64))
        back = flipped.take(np.arange(len(self))[::-1])
        return type(self)(self.ids, back.codes, back.offsets, self.intervals)

    def gc(self) -> np.ndarray:
        """Share of G and C among known bases (sequence,); NaN where no base is known."""
        known = np.concatenate([[0], np.cumsum(self.codes < UNKNOWN)])
        strong = np.concatenate([[0], np.cumsum((self.codes == 1) | (self.codes == 2))])
        ends, starts = self.offsets[1:], self.offsets[:-1]
        with np.errstate(invalid="ignore"):
            return (strong[ends] - strong[starts]) / (known[ends] - known[starts]).astype(float)

    def problems(self) -> list[str]:
        """All that is wrong: repeated ids, empty sequences, codes out of range."""
        found = []
        if repeated := duplicates(self.ids):
            found.append(f"{len(repeated)} repeated ids ({list_some(repeated, most=3)})")
        if count := int((self.lengths == 0).sum()):
            found.append(f"{count} empty sequences ({list_some(self.ids[self.lengths == 0], most=3)})")
        if len(self.codes) and self.codes.max() > UNKNOWN:
            found.append("codes above 4")
        return found


def concatenate(sets: Sequence[Sequences]) -> Sequences:
    """Several sets as one; coordinates are kept where all have them."""
    from chiasma.data.intervals import make_intervals

    ids = np.concatenate([part.ids for part in sets])
    codes = np.concatenate([part.codes[part.offsets[0] : part.offsets[-1]] for part in sets])
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([part.lengths for part in sets]))]).astype(np.int64)
    places = [part.intervals for part in sets if part.intervals is not None]
    intervals = None
    if len(places) == len(sets):
        columns = [np.concatenate([getattr(p, key) for p in places]) for key in ("chrom", "start", "end")]
        intervals = make_intervals(
            *columns,
            strand=np.concatenate([place.strand for place in places]),
            names=np.concatenate([place.names for place in places]),
        )
    return Sequences(ids, codes, offsets, intervals)
