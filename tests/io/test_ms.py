import numpy as np
import pytest

from chiasma.core.errors import ChiasmaError, FormatError
from chiasma.data.haplotypes import Haplotypes
from chiasma.io.ms import is_ms, read_ms, write_ms
from chiasma.workflow.loading.genotypes import read_haplotypes


def test_round_trip(tmp_path):
    draw = np.random.default_rng(1)
    replicates = []
    for sites in (5, 0, 12):
        alleles = draw.integers(0, 2, (4, sites)).astype(np.int8)
        positions = np.sort(draw.random(sites)) * 2000
        replicates.append(Haplotypes(alleles, positions, 0, 2000, "1", np.arange(4), 1))
    write_ms(tmp_path / "x.ms", replicates)
    for one, two in zip(replicates, read_ms(tmp_path / "x.ms"), strict=True):
        assert np.array_equal(one.alleles, two.alleles) and one.length == two.length
        assert np.allclose(one.positions, two.positions, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "ms 2 1\n1\n",
        "ms 2 1\n\n//\nsegsites: 2\npositions: .1 .2\n01\n",
        "ms 2 1\n//\nsegsites: 2\npositions: .1 .2\n01\n0\n",
        "ms 2 1\n//\nsegsites: 1\n0\n1\n",
        "ms 2 1\n//\nsegsites: 2\npositions: .1\n01\n00\n",
        "ms 2 1\n//\n",
    ],
)
def test_broken(tmp_path, text):
    (tmp_path / "x.ms").write_text(text)
    with pytest.raises(FormatError):
        read_ms(tmp_path / "x.ms")


def test_missing_cannot_be_written(tmp_path):
    bad = Haplotypes(np.array([[-1], [1]], np.int8), np.array([3.0]), 0, 10, "1", np.arange(2), 1)
    with pytest.raises(ChiasmaError, match="missing"):
        write_ms(tmp_path / "x.ms", [bad])


@pytest.mark.realdata
def test_discoal(data_dir):
    replicates = read_ms(data_dir / "population/ms/discoal_hard55k.ms.gz")
    assert len(replicates) == 10 and replicates[0].alleles.shape == (100, 1987) and replicates[0].length == 55_000
    assert len(read_ms(data_dir / "population/ms/rehh_ms.out")) == 2


def test_output_of_ms_is_known_by_its_first_lines(tmp_path):
    found = tmp_path / "sweeps.out"
    found.write_text("ms 2 1 -t 5\n1 2 3\n\n//\nsegsites: 1\npositions: 0.5\n0\n1\n")
    other = tmp_path / "calls.vcf"
    other.write_text("##fileformat=VCFv4.2\n##source=//\n")
    assert is_ms(found)
    assert not is_ms(other)
    assert read_haplotypes(found).haplotypes.n_haplotypes == 2
