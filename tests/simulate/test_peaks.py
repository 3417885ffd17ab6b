"""Simulated peaks: composition, motif, places."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.io.fasta import read_fasta, write_fasta
from chiasma.simulate.peaks import CONSENSUS, motif_matrix, simulate_peaks


def _best_score(codes):
    """Best log-odds of the motif over all offsets and both strands: the slow twin of a scan."""
    odds = np.log2(motif_matrix() / 0.25)
    width = len(CONSENSUS)
    best = np.full(len(codes), -np.inf)
    for matrix in (odds, odds[::-1, ::-1]):
        for start in range(codes.shape[1] - width + 1):
            best = np.maximum(best, matrix[np.arange(width), codes[:, start : start + width]].sum(axis=1))
    return best


def test_composition_is_human_and_the_motif_is_there():
    background = simulate_peaks(3000, seed=1, share=0).padded(100)
    pairs = np.bincount((background[:, :-1] * 4 + background[:, 1:]).ravel(), minlength=16).reshape(4, 4)
    pairs = pairs / pairs.sum()
    single = pairs.sum(axis=1)
    assert pairs[1, 2] / (single[1] * single[2]) < 0.5  # CpG is rare
    gc = np.isin(background, (1, 2)).mean(axis=1)
    assert 0.4 < gc.mean() < 0.55 and gc.std() > 0.06
    assert background.max() == 3
    with_motif = simulate_peaks(3000, seed=1, share=1).padded(100)
    assert (_best_score(with_motif)[:, None] > np.quantile(_best_score(background), 0.9)).mean() > 0.85


def test_places_and_seeds(tmp_path):
    peaks = simulate_peaks(500, seed=2)
    places = peaks.intervals
    assert peaks.problems() == [] and len(set(places.chrom)) == 22
    order = np.lexsort((places.start, places.chrom.astype(str)))
    same = places.chrom[order][1:] == places.chrom[order][:-1]
    assert (places.start[order][1:] >= places.end[order][:-1])[same].all()
    assert np.array_equal(simulate_peaks(500, seed=2).codes, peaks.codes)
    assert not np.array_equal(simulate_peaks(500, seed=3).codes, peaks.codes)
    write_fasta(tmp_path / "x.fa", peaks)
    back = read_fasta(tmp_path / "x.fa")
    assert np.array_equal(back.codes, peaks.codes) and back.intervals is not None


def test_matrix_and_limits():
    np.testing.assert_allclose(motif_matrix().sum(axis=1), 1)
    with pytest.raises(UsageError, match="length 5"):
        simulate_peaks(5, seed=0, length=5)
