import gzip

import numpy as np
import pytest

from chiasma.core.errors import FormatError, InputError
from chiasma.data.intervals import make_intervals
from chiasma.io.fvec import FeatureVectors, find_fvec, read_fvec, write_fvec


def vectors(seed: int = 1, *, places: bool = False) -> FeatureVectors:
    values = np.random.default_rng(seed).random((4, 3, 11)).round(6)
    where = make_intervals(["2L"] * 4, [100 * i for i in range(4)], [100 * i + 100 for i in range(4)])
    return FeatureVectors(("pi", "theta_w", "haf_mean"), values, where if places else None)


@pytest.mark.parametrize("places", [False, True])
def test_what_is_written_is_read(tmp_path, places):
    wanted = vectors(places=places)
    write_fvec(tmp_path / "x.fvec", wanted)
    head = (tmp_path / "x.fvec").read_text().split("\n")[0].split("\t")
    assert "thetaW_win10" in head and "HAF-Mean_win0" in head
    found = read_fvec(tmp_path / "x.fvec")
    assert found.names == wanted.names
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-5)
    if places:
        assert found.places is not None and found.places.start.tolist() == [0, 100, 200, 300]
        assert found.places.end.tolist() == [100, 200, 300, 400]
    else:
        assert found.places is None


def test_columns_may_stand_in_any_order_and_be_packed(tmp_path):
    text = "label\ttajD_win1\tpi_win0\ttajD_win0\tpi_win1\n3\t4\t1\t3\t2\n"
    (tmp_path / "hard.fvec.gz").write_bytes(gzip.compress(text.encode()))
    found = read_fvec(tmp_path / "hard.fvec.gz")
    assert found.names == ("tajima_d", "pi") and found.values.tolist() == [[[3, 4], [1, 2]]]
    assert find_fvec(tmp_path) == {"hard": tmp_path / "hard.fvec.gz"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chrom\tpos\n1\t2\n", "not the header"),
        ("pi_win0\tpi_win2\n1\t2\n", "not the header"),
        ("pi_win0\tpi_win1\n1\n", "wrong number of columns"),
        ("pi_win0\tpi_win1\n1\tx\n", "no number"),
        ("pi_win0\tpi_win1\n", "without a line"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    (tmp_path / "x.fvec").write_text(text)
    with pytest.raises(FormatError, match=message):
        read_fvec(tmp_path / "x.fvec")


def test_folders_without_vectors_or_with_twins(tmp_path):
    with pytest.raises(InputError, match="no feature vectors"):
        find_fvec(tmp_path)
    for name in ("hard.fvec", "hard.fvec.gz"):
        (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match="twice"):
        find_fvec(tmp_path)


@pytest.mark.realdata
def test_the_shipped_vectors(data_dir):
    folder = data_dir / "population" / "diploshic_fvec"
    assert set(find_fvec(folder / "training")) == {"hard", "linkedHard", "linkedSoft", "neut", "soft"}
    found = read_fvec(folder / "training" / "hard.fvec.gz")
    assert found.values.shape == (2000, 12, 11)
    np.testing.assert_allclose(found.values.sum(axis=2), 1, atol=1e-9)
    empirical = read_fvec(folder / "testEmpirical.fvec")
    assert empirical.names == found.names and empirical.places is not None
    assert empirical.places.start[0] == 554 and empirical.places.end[0] == 666
