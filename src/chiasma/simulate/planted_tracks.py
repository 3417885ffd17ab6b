"""Windows with motifs planted in them and tracks that answer to them: the smallest data for networks of tracks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset, Target
from chiasma.data.genomes import join_genomes
from chiasma.data.sequences import encode, reverse_complement
from chiasma.data.track_table import TrackTable, plain_table
from chiasma.data.tracks import Tracks
from chiasma.simulate.planted import MOTIFS

_SPREAD = 24.0
"""Bases over which the signal of a motif fades, a standard deviation."""
_NAMES = ("ctcf", "ap1", "ap1+", "ap1-")


def planted_tracks(
    seed: int, *, examples: int = 30, length: int = 1024, bin: int = 32, crop: int = 4, motifs: int = 6
) -> Dataset:
    """Random windows; tracks are Poisson counts that rise where a motif stands.

    Args:
        seed: of everything.
        examples: how many windows.
        length: bases in a window.
        bin: bases in a bin.
        crop: bins at each end without targets.
        motifs: planted in a window, each CTCF's or AP-1's followed by a mark that gives it a strand.

    Returns:
        A dataset of four tracks: ctcf and ap1 on either strand, and ap1 by strand as a pair. AP-1's motif is its own
        reverse complement but for its middle, so that the mark behind it, TTT, tells the strand.
    """
    draw = generator(seed, "planted tracks")
    codes = draw.integers(0, 4, (examples, length)).astype(np.uint8)
    signal = np.zeros((examples, length, len(_NAMES)))
    distance = np.arange(length)
    words = {"ctcf": encode(MOTIFS["ctcf"]), "ap1": encode(MOTIFS["ap1"] + "TTT")}
    for row in range(examples):
        for start in np.sort(draw.choice(length // 32 - 1, motifs, replace=False)) * 32:
            name, forward = str(draw.choice(list(words))), bool(draw.random() < 0.5)
            word = words[name] if forward else reverse_complement(words[name])
            codes[row, start : start + len(word)] = word
            bump = 6.0 * np.exp(-0.5 * ((distance - start - len(word) / 2) / _SPREAD) ** 2)
            for track in (name, "ap1+" if forward else "ap1-") if name == "ap1" else (name,):
                signal[row, :, _NAMES.index(track)] += bump
    binned = signal.reshape(examples, length // bin, bin, len(_NAMES)).mean(axis=2)
    counts = draw.poisson(0.2 + binned[:, crop : length // bin - crop]).astype(np.float16)
    ids = np.array([f"window{row}" for row in range(examples)], dtype=object)
    return Dataset(
        ids=ids,
        x=Tracks(codes, bin, crop, _table()),
        target=Target("regression", counts, _NAMES, "counts of a bin"),
        unit=np.arange(examples),
        unit_name="window",
        notes={"simulated": f"uniform bases with planted motifs, seed {seed}"},
    )


def planted_genomes(seed: int, *, examples: int = 30, bin: int = 32, crop: int = 4) -> Dataset:
    """Two genomes of such windows: of the first only CTCF's track is known, of the second only AP-1's three.

    Settings are those of `planted_tracks`.
    """
    members = {}
    for name, number, tracks in (("first", 0, [0]), ("second", 1, [1, 2, 3])):
        whole = planted_tracks(2 * seed + number, examples=examples, bin=bin, crop=crop)
        assert isinstance(whole.x, Tracks)
        names = tuple(whole.target.names[track] for track in tracks)
        target = Target("regression", whole.target.values[:, :, tracks], names, whole.target.unit)
        members[name] = replace(whole, x=replace(whole.x, table=whole.x.table.take(np.array(tracks))), target=target)
    return join_genomes(members)


def _table() -> TrackTable:
    return replace(plain_table(_NAMES), strand_pair=np.array([0, 1, 3, 2]))
