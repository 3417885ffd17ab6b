"""A plain motif finder for when TF-MoDISco finds none: seqlets gathered around their most telling k-mers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chiasma.data.motif import information, log_odds
from chiasma.explain.pwm import DiscoveredMotif, informative_span
from chiasma.explain.seqlets import Seqlet

_K = 6


def cluster_seqlets(
    codes: np.ndarray,
    scores: np.ndarray,
    seqlets: Sequence[Seqlet],
    *,
    most: int = 8,
    least_seqlets: int = 20,
    flank: int = 6,
) -> list[DiscoveredMotif]:
    """Motifs by aligned k-mer seeds, refined by re-alignment to their own matrix.

    Seqlets of either sign are handled apart. In each round the 6-mer (either strand) with the largest summed
    attribution seeds a motif; seqlets that hold it with at most one mismatch are aligned on it; the matrix realigns
    and reselects them twice; they are then set aside.

    Args:
        codes: uint8 (sequence, position).
        scores: attribution (sequence, position).
        seqlets: spans of them.
        most: motifs returned at most.
        least_seqlets: support below which a cluster is dropped.
        flank: positions kept on both sides of the seed.
    """
    motifs = []
    for sign, prefix in ((1, "pos"), (-1, "neg")):
        chosen = [seqlet for seqlet in seqlets if np.sign(seqlet.attribution) == sign]
        found = _cluster(codes, scores, chosen, most=most, least_seqlets=least_seqlets, flank=flank)
        motifs += [
            DiscoveredMotif(f"{prefix}_{number}", probabilities, contributions, count, "seqlet-clustering")
            for number, (probabilities, contributions, count) in enumerate(found)
        ]
    return sorted(motifs, key=lambda motif: -motif.n_seqlets)[:most]


def _cluster(
    codes: np.ndarray, scores: np.ndarray, seqlets: list[Seqlet], *, most: int, least_seqlets: int, flank: int
) -> list[tuple[np.ndarray, np.ndarray, int]]:
    width = _K + 2 * flank
    windows, values = _stacked(codes, scores, seqlets, reach=width)
    found: list[tuple[np.ndarray, np.ndarray, int]] = []
    for _ in range(most):
        if len(windows) < least_seqlets:
            break
        seed = _best_kmer(windows, values)
        if seed is None:
            break
        matrix = np.full((width, 4), 0.25)
        matrix[flank : flank + _K] = np.where(np.arange(4) == seed[:, None], 0.85, 0.05)
        members = np.zeros(len(windows), bool)
        for _ in range(3):
            best, where, flipped = _align(windows, matrix)
            members = best >= 0.5 * np.maximum(log_odds(matrix), 0).max(axis=1).sum()
            if members.sum() < least_seqlets:
                break
            matrix, contributions = _average(windows[members], values[members], where[members], flipped[members], width)
        keep = ~members
        if members.sum() >= least_seqlets and information(matrix).max() > 0.5:
            span = informative_span(matrix)
            found.append((matrix[span], contributions[span], int(members.sum())))
        else:
            keep = ~_holds(windows, seed)
        if keep.all():
            break
        windows, values = windows[keep], values[keep]
    return found


def _stacked(
    codes: np.ndarray, scores: np.ndarray, seqlets: list[Seqlet], *, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and attributions around the middle of each seqlet (seqlet, 3 reach); unknown and 0 beyond the ends."""
    padded = np.pad(codes, ((0, 0), (2 * reach, 2 * reach)), constant_values=4)
    weight = np.pad(scores, ((0, 0), (2 * reach, 2 * reach)))
    middle = np.array([(seqlet.start + seqlet.end) // 2 for seqlet in seqlets], dtype=int)
    rows = np.array([seqlet.row for seqlet in seqlets], dtype=int)
    column = middle[:, None] + 2 * reach - reach + np.arange(2 * reach)[None, :]
    return padded[rows[:, None], column], np.abs(weight[rows[:, None], column])


def _kmer_codes(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of every k-mer, the same for both strands (window, start), and whether all its bases are known."""
    views = np.lib.stride_tricks.sliding_window_view(windows, _K, axis=1)
    known = np.asarray((views < 4).all(axis=-1))
    digits = np.minimum(views, 3).astype(np.int64)
    power = 4 ** np.arange(_K)[::-1]
    return np.minimum(digits @ power, (3 - digits[..., ::-1]) @ power), known


def _best_kmer(windows: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    kmers, known = _kmer_codes(windows)
    weight = np.lib.stride_tricks.sliding_window_view(values, _K, axis=1).mean(axis=-1)
    total = np.bincount(kmers[known], weights=weight[known], minlength=4**_K)
    if not total.any():
        return None
    best = int(total.argmax())
    return np.array([(best // 4**place) % 4 for place in range(_K)][::-1])


def _holds(windows: np.ndarray, seed: np.ndarray) -> np.ndarray:
    kmers, known = _kmer_codes(windows)
    own, _ = _kmer_codes(seed[None])
    return ((kmers == own[0, 0]) & known).any(axis=1)


def _align(windows: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best log-odds score of a matrix on either strand, its start, and whether the strand is the other one."""
    weights = np.vstack([log_odds(matrix).T, np.zeros(len(matrix))])
    best = []
    for each in (windows, np.where(windows < 4, 3 - windows, 4)[:, ::-1]):
        score: np.ndarray = np.zeros((len(each), each.shape[1] - len(matrix) + 1))
        for position in range(len(matrix)):
            score += weights[each[:, position : position + score.shape[1]], position]
        best.append((score.max(axis=1), score.argmax(axis=1)))
    flipped = best[1][0] > best[0][0]
    return np.maximum(best[0][0], best[1][0]), np.where(flipped, best[1][1], best[0][1]), flipped


def _average(
    windows: np.ndarray, values: np.ndarray, where: np.ndarray, flipped: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and mean contributions (position, base) of aligned windows."""
    turned = np.where(flipped[:, None], np.where(windows < 4, 3 - windows, 4)[:, ::-1], windows)
    weight = np.where(flipped[:, None], values[:, ::-1], values)
    column = where[:, None] + np.arange(width)
    rows = np.arange(len(windows))[:, None]
    indicator = turned[rows, column][..., None] == np.arange(4)
    counts = indicator.sum(axis=0) + 0.25
    return counts / counts.sum(axis=1, keepdims=True), (indicator * weight[rows, column][..., None]).mean(axis=0)
