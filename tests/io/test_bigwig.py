"""bigWig of predictions: what is read back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import InputError
from chiasma.data.intervals import make_intervals
from chiasma.io.bigwig import write_bigwig
from chiasma.io.genome import open_genome
from command_line import call, done

bigwig = pytest.importorskip("pyBigWig")


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(">chr2\n" + "ACGT" * 25 + "\n>chr10\n" + "GGCC" * 10 + "\n>chr1\n" + "A" * 30 + "\n")
    return path


def test_values_come_back_at_their_places(tmp_path, fasta):
    genome = open_genome(fasta, tmp_path / "cache")
    places = make_intervals(["1", "chr10", "2", "2"], [0, 4, 50, 20], [30, 8, 60, 50])
    write_bigwig(tmp_path / "x.bw", places, np.array([1.5, -2, 0.25, 3]), genome=genome)
    with bigwig.open(str(tmp_path / "x.bw")) as found:
        assert found.chroms() == {"chr2": 100, "chr10": 40, "chr1": 30}
        assert found.intervals("chr2") == ((20, 50, 3.0), (50, 60, 0.25))
        assert found.intervals("chr10") == ((4, 8, -2.0),) and found.intervals("chr1") == ((0, 30, 1.5),)


@pytest.mark.parametrize(("start", "said"), [((10, 19), "overlap"), ((10, 95), "off the genome")])
def test_what_bigwig_cannot_hold_is_refused(tmp_path, fasta, start, said):
    genome = open_genome(fasta, tmp_path / "cache")
    places = make_intervals(["chr2", "chr2"], start, [begin + 10 for begin in start])
    with pytest.raises(InputError, match=said):
        write_bigwig(tmp_path / "x.bw", places, np.zeros(2), genome=genome)
    assert not (tmp_path / "x.bw").exists()


def test_predictions_as_bigwig(tmp_path, fasta):
    (tmp_path / "own.py").write_text("def gc(x):\n    return x[:, 1:3].sum(dim=(1, 2))[:, None]\n")
    (tmp_path / "x.bed").write_text("chr10\t0\t10\nchr1\t5\t15\nchr2\t90\t99\n")
    words = ("predict", f"{tmp_path / 'own.py'}:gc", tmp_path / "x.bed", "--fasta", fasta)
    done(*words, "-o", tmp_path / "x.bw")
    with bigwig.open(str(tmp_path / "x.bw")) as found:
        assert [found.intervals(name)[0][2] for name in ("chr10", "chr1", "chr2")] == [10, 0, 5]
    (tmp_path / "x.fa").write_text(">chr1:0-4\nACGT\n")
    answer = call("predict", f"{tmp_path / 'own.py'}:gc", tmp_path / "x.fa", "-o", tmp_path / "y.bw")
    assert answer.code == 2 and "--fasta GENOME" in answer.err
