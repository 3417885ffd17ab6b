from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import FormatError, InputError, MismatchError, UsageError
from chiasma.data.tracks import Tracks
from chiasma.io.tracks import read_track_table, require_fit

HEADER = "\tidentifier\tfile\tclip\tclip_soft\tscale\tsum_stat\tstrand_pair\tdescription"
ROWS = (
    "34\tA+\ta.bw\t384\t64\t0.3\tsum_sqrt\t35\tRNA:liver",
    "35\tA-\tb.bw\t384\t64\t0.3\tsum_sqrt\t34\tRNA:liver",
    "40\tD\tc.bw\t128\t32\t2\tmean\t40\tDNASE:K562",
)


def write(path: Path, header: str = HEADER, rows: tuple[str, ...] = ROWS) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_selection_of_tracks_keeps_its_pairs(tmp_path: Path) -> None:
    table = read_track_table(write(tmp_path / "t.txt"), squash="old")
    assert table.strand_pair.tolist() == [1, 0, 2] and table.exponent.tolist() == [0.75, 0.75, 1.0]
    assert table.clip_soft.tolist() == [64, 64, 32] and table.assay.tolist() == ["RNA", "RNA", "DNASE"]
    assert table.take(np.array([2, 1, 0])).strand_pair.tolist() == [0, 2, 1]
    assert table.take(np.array([True, False, True])).strand_pair.tolist() == [0, 1]
    assert read_track_table(tmp_path / "t.txt", squash="new").exponent.tolist() == [0.5, 0.5, 1.0]


def test_the_order_of_squashing_is_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not say in which order"):
        read_track_table(write(tmp_path / "t.txt"))
    told = write(tmp_path / "u.txt", HEADER + "\tsquash", tuple(row + "\tnew" for row in ROWS))
    assert read_track_table(told).squash == "new"
    with pytest.raises(UsageError, match="the table says otherwise"):
        read_track_table(told, squash="old")
    plain = write(tmp_path / "v.txt", "\tidentifier\tfile", ("0\tx\tx.bw",))
    assert read_track_table(plain).scale.tolist() == [1.0]


def test_a_statistic_of_the_new_order_is_refused_in_the_old_one(tmp_path: Path) -> None:
    """The old order would take no power for it."""
    rows = tuple(row.replace("sum_sqrt", "sum_exp75") for row in ROWS)
    path = write(tmp_path / "t.txt", rows=rows)
    assert read_track_table(path, squash="new").exponent.tolist() == [0.75, 0.75, 1.0]
    with pytest.raises(UsageError, match=r"does not have(.|\n)*sum_exp75(.|\n)*--squash new"):
        read_track_table(path, squash="old")
    told = write(tmp_path / "u.txt", HEADER + "\tsquash", tuple(row + "\told" for row in rows))
    with pytest.raises(UsageError, match="sum_exp75"):
        read_track_table(told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("A-", "A+"), "repeated identifiers"),
        (("mean", "average"), "unknown sum_stat"),
        (("\t35\t", "\t40\t"), "strand_pair is not mutual"),
        (("\t2\tmean", "\t0\tmean"), "scale is not positive for D"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    rows = tuple(row.replace(*change) for row in ROWS)
    with pytest.raises(InputError, match=message):
        read_track_table(write(tmp_path / "t.txt", rows=rows), squash="old")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no column 'identifier'"):
        read_track_table(write(tmp_path / "t.txt", "\tname", ("0\tx",)))
    with pytest.raises(FormatError, match="names tracks that the table does not have"):
        read_track_table(write(tmp_path / "t.txt", rows=ROWS[:1]), squash="old")
    with pytest.raises(FormatError, match="column clip is not a number"):
        read_track_table(write(tmp_path / "t.txt", rows=(ROWS[2].replace("128", "much"),)), squash="old")
    with pytest.raises(InputError, match="no such file"):
        read_track_table(tmp_path / "none.txt")


def test_a_table_that_does_not_fit_the_head_is_refused(tmp_path: Path) -> None:
    table = read_track_table(write(tmp_path / "t.txt"), squash="old")
    require_fit(table, 3)
    with pytest.raises(MismatchError, match=r"got: +3 rows(.|\n)*expected: 74"):
        require_fit(table, 74, where="targets.txt")


def test_windows_list_their_problems(tmp_path: Path) -> None:
    table = read_track_table(write(tmp_path / "t.txt"), squash="old")
    good = Tracks(np.zeros((2, 12), np.uint8), 4, 1, table)
    assert good.problems() == [] and good.bins == 1 and len(good.take(np.array([1]))) == 1
    assert "not whole bins of 5" in Tracks(good.codes, 5, 1, table).problems()[0]
    assert "leaves nothing" in Tracks(good.codes, 4, 2, table).problems()[0]
    assert "codes above 4" in Tracks(good.codes + np.uint8(5), 4, 1, table).problems()
    assert "not uint8" in Tracks(good.codes.astype(float), 4, 1, table).problems()[0]
