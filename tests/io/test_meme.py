"""Motif files in and out."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import FormatError
from chiasma.data.motif import Motif, consensus, log_odds
from chiasma.io.meme import read_meme, write_meme


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(0, 2**31))
def test_round_trip(tmp_path_factory, widths, seed):
    rng = np.random.default_rng(seed)
    motifs = [Motif(f"m{i}", rng.dirichlet(np.ones(4), size=w), "alt", 7 * i) for i, w in enumerate(widths)]
    path = tmp_path_factory.mktemp("meme") / "x.meme"
    write_meme(path, motifs)
    back = read_meme(path)
    assert [(m.name, m.alt, m.nsites) for m in back] == [(m.name, m.alt, m.nsites) for m in motifs]
    for one, two in zip(motifs, back, strict=True):
        np.testing.assert_allclose(one.probabilities, two.probabilities, atol=1e-9)


def test_transfac_counts(tmp_path):
    path = tmp_path / "x.transfac.gz"
    text = "AC MA1\nXX\nID foo\nPO\tA\tC\tG\tT\n01\t3\t1\t0\t0\n02\t0\t0\t4\t0\nXX\n//\n"
    path.write_bytes(gzip.compress(text.encode()))
    (motif,) = read_meme(path)
    assert (motif.name, motif.alt, motif.nsites) == ("MA1", "foo", 4)
    np.testing.assert_allclose(motif.probabilities, [[0.75, 0.25, 0, 0], [0, 0, 1, 0]])


HEAD = "MEME version 4\n\nALPHABET= ACGT\n\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ACGT\n", "not a motif file"),
        (HEAD, "no motif"),
        (HEAD.replace("ACGT", "ACDEFGHIKLMNPQRSTVWY") + "MOTIF a\n", "alphabet"),
        (HEAD + "MOTIF a\nletter-probability matrix: w= 2\n1 0 0 0\nMOTIF b\n", "row 2 of 2"),
        (HEAD + "MOTIF a\nletter-probability matrix: w= 1\n3 1 0 0\n", "sum to 1"),
        (HEAD + "Background letter frequencies\nhello\n", "background"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "x.meme"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_meme(path)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("H12CORE_meme_format.meme", 1443),
        ("H13CORE_meme_format.meme", 1611),
        ("CISBP_Homo_sapiens_Basset.meme", 734),
        ("jaspar_2024_consensus.meme", 182),
    ],
)
def test_public_databases(data_dir, name, count):
    motifs = read_meme(data_dir / "sequence/motifs" / name)
    assert len(motifs) == count and len({motif.name for motif in motifs}) == count
    assert all(np.isfinite(log_odds(motif.probabilities)).all() for motif in motifs)
    if name.startswith("H12"):
        (ctcf,) = (motif for motif in motifs if motif.name.startswith("CTCF."))
        assert consensus(ctcf.probabilities) == "YKRCCACYAGRKGGCGCYRN"


@pytest.mark.realdata
def test_jaspar_transfac(data_dir):
    motifs = {motif.name: motif for motif in read_meme(data_dir / "sequence/motifs/jaspar2024_core.transfac.gz")}
    assert len(motifs) > 500
    ctcf = next(motif for name, motif in motifs.items() if name.startswith("MA0139"))
    assert ctcf.alt.upper() == "CTCF" and len(ctcf.probabilities) >= 15 and ctcf.nsites > 500
