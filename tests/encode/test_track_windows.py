from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import MismatchError
from chiasma.data.dataset import Dataset
from chiasma.data.intervals import make_intervals
from chiasma.data.tracks import Tracks
from chiasma.encode.squash import squash
from chiasma.encode.track_windows import fit_windows, lay_windows, summarise, targets_of
from chiasma.io.genome import open_genome
from chiasma.simulate.planted_tracks import planted_tracks


def placed(examples: int = 3) -> Dataset:
    """Windows of 4,096 bases on chr1, bins of 16, 8 of them cropped at each end."""
    data = planted_tracks(1, examples=examples, length=4096, bin=16, crop=8, motifs=12)
    start = 10_000 * np.arange(examples)
    where = make_intervals(np.array(["chr1"] * examples, dtype=object), start, start + 4096)
    columns = {"chrom": where.chrom, "start": where.start, "end": where.end}
    return replace(data, x=replace(data.x, intervals=where), ids=where.names, columns=columns)


def test_windows_of_the_right_form_stay_as_they_are() -> None:
    data = placed()
    assert fit_windows(data, length=4096, bin=16, crop=8) is data


@pytest.mark.parametrize(("length", "bin", "crop"), [(1024, 16, 4), (1024, 32, 4), (2048, 64, 0), (512, 16, 12)])
def test_pieces_hold_the_sequence_and_the_targets_of_their_place(length: int, bin: int, crop: int) -> None:
    data = placed()
    found = fit_windows(data, length=length, bin=bin, crop=crop)
    assert found.problems() == [] and isinstance(found.x, Tracks) and isinstance(data.x, Tracks)
    assert (found.x.length, found.x.bin, found.x.crop) == (length, bin, crop)
    assert set(found.unit.tolist()) == {0, 1, 2} and len(found) % 3 == 0
    for row in range(len(found)):
        whole = int(found.unit[row])
        at = int(found.columns["start"][row]) - 10_000 * whole
        np.testing.assert_array_equal(found.x.codes[row], data.x.codes[whole, at : at + length])
        first = (at + crop * bin) // 16 - 8
        inner = data.target.values[whole, first : first + found.x.bins * bin // 16].astype(float)
        joined = inner.reshape(found.x.bins, bin // 16, -1).mean(axis=1)
        np.testing.assert_allclose(found.target.values[row], joined, atol=1e-2)


def test_bins_are_joined_on_the_scale_of_coverage() -> None:
    data = placed()
    assert isinstance(data.x, Tracks)
    count = len(data.x.table)
    table = replace(
        data.x.table,
        sum_stat=np.array(["sum_sqrt", "mean", "max", "sum"], dtype=object),
        exponent=np.array([0.5, 1, 1, 1]),
        clip_soft=np.array([6.0, np.nan, np.nan, np.nan]),
        scale=np.full(count, 2.0),
    )
    coverage = np.random.default_rng(0).random((3, 240, 2, count)) * 50
    fine = targets_of(coverage[:, :, 0], table)
    changed = replace(data, x=replace(data.x, table=table), target=replace(data.target, values=fine))
    found = fit_windows(changed, length=4096, bin=32, crop=4)
    raw = coverage[:, :, 0].reshape(3, 120, 2, count)
    expected = np.stack([raw[..., 0].sum(2), raw[..., 1].mean(2), raw[..., 2].max(2), raw[..., 3].sum(2)], axis=-1)
    np.testing.assert_allclose(found.target.values, squash(expected, table), rtol=1e-2)


def test_windows_that_do_not_fit_are_refused() -> None:
    for length, bin, crop in ((8192, 16, 8), (4096, 24, 8), (1024, 8, 4), (4096, 16, 4)):
        with pytest.raises(MismatchError, match="do not fit the network"):
            fit_windows(placed(), length=length, bin=bin, crop=crop)


def test_statistics_of_a_bin() -> None:
    coverage = np.array([[0.0, 1, 2, 3, 10, 20, 30, 40]])
    for statistic, expected in (("sum", [6, 100]), ("mean_sqrt", [1.5, 25]), ("median", [1.5, 25]), ("max", [3, 40])):
        np.testing.assert_array_equal(summarise(coverage, bin=4, statistic=statistic)[0], expected)
    np.testing.assert_array_equal(summarise(coverage, bin=4, statistic="peak")[0], [1.5, 25])


def test_what_float16_cannot_hold_is_cut() -> None:
    data = placed()
    assert isinstance(data.x, Tracks)
    assert np.isfinite(targets_of(np.full((1, 1, 4), 1e9), data.x.table)).all()


def test_windows_of_two_regions_share_no_base(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(f">long\n{'ACGTTGCA' * 900}\n>short\n{'ACGT' * 200}\n")
    genome = open_genome(tmp_path / "g.fa")
    places, skips = lay_windows(genome, length=1024, bin=32, crop=4, within=2600)
    assert places.start.tolist() == [0, 768, 1536, 2600, 3368, 4136, 5200, 5968]
    assert [int(start) // 2600 for start in places.start] == [(int(end) - 1) // 2600 for end in places.end]
    assert [str(skip) for skip in skips] == ["1 skipped: contigs shorter than a window of 1,024 bases (short)"]
    whole, _ = lay_windows(genome, length=1024, bin=32, crop=4)
    assert whole.start.tolist() == [768 * number for number in range(9)]
