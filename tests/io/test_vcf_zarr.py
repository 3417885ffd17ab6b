import subprocess
import sys

import numpy as np
import pytest
import zarr

from chiasma.core.errors import FormatError, InputError
from chiasma.io.vcf import read_vcf
from chiasma.io.vcf_zarr import read_vcf_zarr


def text(n=70):
    head = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">']
    head += ['##FILTER=<ID=LowQual,Description="q">', '##FILTER=<ID=PASS,Description="all">']
    head += ["##contig=<ID=1,length=5000>", "##contig=<ID=2,length=9000>"]
    head.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "a", "b", "c"]))
    draw, filters = np.random.default_rng(1), (".", "PASS", "LowQual")
    for chrom in "12":
        for site in range(n):
            alt = "C,G" if site % 10 == 3 else "CT" if site % 10 == 4 else "C"
            calls = [f"{a}|{b}" for a, b in draw.integers(0, 2, (3, 2))]
            calls[0] = "./." if site % 9 == 0 else calls[0]
            head.append(
                "\t".join([chrom, str(5 + 7 * site), ".", "A", alt, ".", filters[site % 7 % 3], ".", "GT", *calls])
            )
    return "\n".join(head) + "\n"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    pysam = pytest.importorskip("pysam")
    folder = tmp_path_factory.mktemp("vcz")
    path = folder / "x.vcf"
    path.write_text(text())
    pysam.tabix_compress(str(path), f"{path}.gz")
    pysam.tabix_index(f"{path}.gz", preset="vcf")
    command = [
        sys.executable,
        "-m",
        "bio2zarr",
        "vcf2zarr",
        "convert",
        "--no-progress",
        "--variants-chunk-size",
        "32",
        f"{path}.gz",
        str(folder / "x.vcz"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path, folder / "x.vcz"


@pytest.mark.parametrize("region", ["1", "chr2", "2:40-300"])
def test_equals_the_vcf(pair, region):
    one, two = read_vcf(pair[0], region=region), read_vcf_zarr(pair[1], region=region)
    a, b = one.haplotypes, two.haplotypes
    assert np.array_equal(a.alleles, b.alleles) and np.array_equal(a.positions, b.positions)
    assert (a.start, a.end, a.contig, a.phased) == (b.start, b.end, b.contig, b.phased)
    assert one.skips == two.skips and any("filters" in skip.reason for skip in one.skips)


def test_scikit_allel_layout(tmp_path):
    root = zarr.open_group(str(tmp_path / "x.zarr"), mode="w", zarr_format=2)
    calls = np.array([[[0, 1], [1, 1]], [[-1, -1], [0, 1]]], np.int8)
    arrays = {
        "calldata/GT": calls,
        "variants/POS": np.array([5, 9]),
        "variants/CHROM": np.array([b"2", b"2"]),
        "variants/REF": np.array([b"A", b"A"]),
        "variants/ALT": np.array([[b"C", b""], [b"G", b""]]),
        "samples": np.array([b"a", b"b"]),
    }
    for name, values in arrays.items():
        array = root.create_array(name, shape=values.shape, dtype=values.dtype)
        array[...] = values
    read = read_vcf_zarr(tmp_path / "x.zarr").haplotypes
    assert read.alleles.T.tolist() == [[0, 1, 1, 1], [-1, -1, 0, 1]] and read.positions.tolist() == [4, 8]
    assert read.samples.tolist() == ["a", "b"]


def test_bad_stores(tmp_path, pair):
    with pytest.raises(InputError, match="no such"):
        read_vcf_zarr(tmp_path / "absent.vcz")
    zarr.open_group(str(tmp_path / "empty.zarr"), mode="w", zarr_format=2)
    with pytest.raises(FormatError, match="no genotypes"):
        read_vcf_zarr(tmp_path / "empty.zarr")
    with pytest.raises(InputError, match="several contigs"):
        read_vcf_zarr(pair[1])
