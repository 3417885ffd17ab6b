from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import FormatError, InputError
from chiasma.io.coverage import open_coverage
from chiasma.io.track_store import keep_windows
from track_material import write_coverage


def test_bigwig_and_bed_give_values_by_base(tmp_path: Path) -> None:
    values = np.arange(300.0)
    path = write_coverage(tmp_path / "a.bw", {"chr1": values})
    with open_coverage(path) as track:
        assert track.contigs == {"1": 300}
        np.testing.assert_array_equal(track.values("1", 20, 40), values[20:40])
    (tmp_path / "a.bed").write_text("chr2\t10\t20\nchr2\t15\t30\nchr2\t90\t95\n")
    with open_coverage(tmp_path / "a.bed") as track:
        assert track.contigs == {"2": None}
        slow = [sum(a <= place < b for a, b in ((10, 20), (15, 30), (90, 95))) for place in range(5, 94)]
        np.testing.assert_array_equal(track.values("chr2", 5, 94), slow)
    (tmp_path / "a.narrowPeak").write_text("chr2\t10\t20\tp\t0\t.\t7.5\t1\t1\t4\n")
    with open_coverage(tmp_path / "a.narrowPeak") as track:
        assert track.values("chr2", 18, 22).tolist() == [7.5, 7.5, 0, 0]


def test_files_that_are_no_tracks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"), open_coverage(tmp_path / "none.bw"):
        pass
    (tmp_path / "a.bw").write_text("not one")
    with pytest.raises(FormatError, match="not a bigWig"), open_coverage(tmp_path / "a.bw"):
        pass


def test_windows_are_kept_once_and_a_killed_writing_goes_on(tmp_path: Path) -> None:
    asked: list[tuple[int, int]] = []

    def fill(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        asked.append((start, stop))
        if (start, stop) == (4, 6) and len(asked) == 3:
            raise KeyboardInterrupt
        rows = np.arange(start, stop)
        return np.repeat(rows[:, None], 5, 1).astype(np.uint8), np.full((len(rows), 2, 3), start, np.float16)

    folder = tmp_path / "windows"
    with pytest.raises(KeyboardInterrupt):
        keep_windows(folder, fill, windows=7, length=5, shape=(2, 3), shard=2)
    assert not folder.exists()
    codes, values = keep_windows(folder, fill, windows=7, length=5, shape=(2, 3), shard=2)
    assert asked == [(0, 2), (2, 4), (4, 6), (4, 6), (6, 7)]
    assert codes[:, 0].tolist() == list(range(7)) and isinstance(codes, np.memmap)
    assert values[:, 0, 0].tolist() == [0, 0, 2, 2, 4, 4, 6]
    keep_windows(folder, fill, windows=7, length=5, shape=(2, 3), shard=2)
    assert len(asked) == 5
