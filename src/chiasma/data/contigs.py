"""Names of contigs without their style: chr1, Chr1, chr01, chromosome_1 and 1 are one chromosome."""

from __future__ import annotations

import re

import numpy as np

_MITOCHONDRIA = {"m", "mt", "mito", "mitochondrion", "mtdna"}
_ACCESSION = re.compile(r"[a-z]{1,2}_?\d{5,}\.\d+")


def bare_contig(name: str) -> str:
    """A contig's name without its style: lower case, no chr, no leading zeros, no version; mitochondria all alike.

    >>> [bare_contig(name) for name in ("chr1", "Chr01", "chrM", "MT", "NC_000913.3", "chrX")]
    ['1', '1', 'mt', 'mt', 'nc_000913', 'x']
    """
    text = str(name).strip().lower()
    text = text.removeprefix("chromosome").removeprefix("chr").lstrip("_ ") or text
    if _ACCESSION.fullmatch(text):
        text = text.split(".")[0]
    if text in _MITOCHONDRIA:
        return "mt"
    return text.lstrip("0") if text.isdigit() and text.strip("0") else text


def contig_codes(names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bare names of the contigs (contig,), sorted, and which of them each name means (name,)."""
    spelled, spelling = np.unique(np.asarray(names).astype(str), return_inverse=True)
    bare, code = np.unique(np.array([bare_contig(name) for name in spelled], dtype=object).astype(str),
                           return_inverse=True)  # fmt: skip
    return bare, code.ravel()[spelling.ravel()]


def one_spelling(names: np.ndarray) -> np.ndarray:
    """Every name as its contig is first spelled: where chr1 comes before 1, both become chr1 (name,)."""
    _, code = contig_codes(names)
    _, first = np.unique(code, return_index=True)
    return np.asarray(names)[first][code]
