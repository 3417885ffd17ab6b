import numpy as np
import pytest

from chiasma.core.errors import FormatError, InputError, MismatchError
from chiasma.io.allel_hdf5 import read_allel_hdf5
from chiasma.io.vcf import read_vcf

h5py = pytest.importorskip("h5py")

GENOTYPES = np.array([[[0, 1], [1, 1]], [[0, 0], [-1, -1]], [[1, 0], [0, 2]], [[0, 1], [0, 0]]], np.int8)


def write(path, *, names=True, contigs=("1", "1", "1", "2")):
    with h5py.File(path, "w") as file:
        file["calldata/GT"] = GENOTYPES
        file["variants/POS"] = np.array([5, 9, 20, 3], np.int32)
        file["variants/CHROM"] = np.array(contigs, object).astype("S")
        if names:
            file["samples"] = np.array([b"a", b"b"])
            file["variants/REF"] = np.array([b"A"] * 4)
            file["variants/ALT"] = np.array([[b"C", b""], [b"CT", b""], [b"G", b"T"], [b"C", b""]])
    return path


def test_reads_one_contig(tmp_path):
    path = write(tmp_path / "x.h5")
    read = read_allel_hdf5(path, phased=True, region="chr1")
    assert read.haplotypes.positions.tolist() == [4] and read.haplotypes.samples.tolist() == ["a", "b"]
    assert read.haplotypes.alleles[:, 0].tolist() == [0, 1, 1, 1] and read.haplotypes.phased
    assert {skip.reason for skip in read.skips} == {"insertions and deletions", "sites with more than two alleles"}
    assert not read_allel_hdf5(path, phased=False, region="1").haplotypes.phased
    assert read_allel_hdf5(path, phased=True, region="2:1-10").haplotypes.end == 10
    with pytest.raises(InputError, match="several contigs"):
        read_allel_hdf5(path, phased=True)
    with pytest.raises(MismatchError, match="no such contig"):
        read_allel_hdf5(path, phased=True, region="3")


def test_without_names_of_alleles_and_samples(tmp_path):
    path = write(tmp_path / "x.h5", names=False)
    read = read_allel_hdf5(path, phased=True, region="1")
    # the second site has no second allele, the third has three
    assert read.haplotypes.positions.tolist() == [4] and read.haplotypes.samples.tolist() == ["s0", "s1"]


def test_one_group_a_contig(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["2L/calldata/GT"] = GENOTYPES[:1]
        file["2L/variants/POS"] = np.array([5])
    assert read_allel_hdf5(tmp_path / "x.h5", phased=True).haplotypes.contig == "2L"


def test_broken(tmp_path):
    path = tmp_path / "x.h5"
    path.write_text("no")
    with pytest.raises(FormatError, match="not an HDF5"):
        read_allel_hdf5(path, phased=True)
    with h5py.File(path, "w") as file:
        file["x"] = [1]
    with pytest.raises(FormatError, match="no genotypes"):
        read_allel_hdf5(path, phased=True)
    path = write(path, contigs=("1", "2", "1", "2"))
    with pytest.raises(FormatError, match="comes back"):
        read_allel_hdf5(path, phased=True, region="1")


@pytest.mark.oracle
@pytest.mark.realdata
def test_files_that_scikit_allel_writes(data_dir, tmp_path):
    allel = pytest.importorskip("allel")
    vcf = data_dir / "population" / "vcf" / "1kg_chr4_TMEM156.vcf.gz"
    path = tmp_path / "x.h5"
    allel.vcf_to_hdf5(str(vcf), str(path), fields=["*"], alt_number=3)
    ours, theirs = read_allel_hdf5(path, phased=True), read_vcf(vcf)
    np.testing.assert_array_equal(ours.haplotypes.positions, theirs.haplotypes.positions)
    np.testing.assert_array_equal(ours.haplotypes.alleles, theirs.haplotypes.alleles)
    assert ours.haplotypes.samples.tolist() == theirs.haplotypes.samples.tolist()
