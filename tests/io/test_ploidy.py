"""Samples of different ploidy, as on sex chromosomes: refused in every format, and readable one kind at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import FormatError
from chiasma.data.haplotypes import Haplotypes
from chiasma.workflow.loading.genotypes import read_haplotypes

FEMALES, MALES = (
    {"f1": ("0|1", "1|1", ".|1"), "f2": ("0|0", "1|0", "0|1")},
    {"m1": ("1", "0", "."), "m2": ("0", "1", "1")},
)


def write_vcf(path: Path, samples: Mapping[str, tuple[str, ...]]) -> Path:
    head = ["##fileformat=VCFv4.2", "##contig=<ID=X,length=100>"]
    head += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="G">']
    head += ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])]
    for site, calls in enumerate(zip(*samples.values(), strict=True)):
        head.append("\t".join(["X", str(10 * site + 5), ".", "A", "C", ".", "PASS", ".", "GT", *calls]))
    path.write_text("\n".join(head) + "\n")
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same females and males in VCF, in VCF Zarr by bio2zarr, and in scikit-allel's HDF5."""
    pysam, h5py = pytest.importorskip("pysam"), pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("ploidy")
    vcf = write_vcf(folder / "x.vcf", FEMALES | MALES)
    pysam.tabix_compress(str(vcf), f"{vcf}.gz")
    pysam.tabix_index(f"{vcf}.gz", preset="vcf")
    convert = [sys.executable, "-m", "bio2zarr", "vcf2zarr", "convert", "--no-progress", f"{vcf}.gz"]
    done = subprocess.run([*convert, str(folder / "x.vcz")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    calls = np.full((3, 4, 2), -1, np.int8)
    for column, row in enumerate((FEMALES | MALES).values()):
        for site, text in enumerate(row):
            alleles = [-1 if one == "." else int(one) for one in text.split("|")]
            calls[site, column, : len(alleles)] = alleles
    with h5py.File(folder / "x.h5", "w") as file:
        file["calldata/GT"], file["samples"] = calls, np.array([name.encode() for name in FEMALES | MALES])
        file["variants/POS"], file["variants/CHROM"] = np.array([5, 15, 25]), np.array([b"X"] * 3)
    for name, kind in (("females", FEMALES), ("males", MALES)):
        (folder / name).write_text("sample\tpopulation\n" + "".join(f"{sample}\tA\n" for sample in kind))
    return {"vcf": vcf, "zarr": folder / "x.vcz", "hdf5": folder / "x.h5"}


@pytest.mark.parametrize("kind", ["vcf", "zarr", "hdf5"])
def test_samples_of_different_ploidy_are_refused_and_read_one_kind_at_a_time(
    stores: dict[str, Path], kind: str
) -> None:
    path = stores[kind]
    how = {"phased": True} if kind == "hdf5" else {}

    def read(name: str) -> Haplotypes:
        return read_haplotypes(path, samples=f"{path.parent / name}:population", **how).haplotypes  # type: ignore[arg-type]

    with pytest.raises(FormatError, match="samples of different ploidy") as caught:
        read_haplotypes(path, **how)  # type: ignore[arg-type]
    assert "m1, m2" in str(caught.value) and "--samples" in str(caught.value)
    females, males = read("females"), read("males")
    assert females.ploidy == 2 and females.phased
    assert females.alleles.tolist() == [[0, 1, -1], [1, 1, 1], [0, 1, 0], [0, 0, 1]]
    assert males.ploidy == 1 and males.phased and males.samples.tolist() == ["m1", "m2"]
    assert males.alleles.tolist() == [[1, 0, -1], [0, 1, 1]]


def test_sites_without_any_call_tell_no_ploidy(tmp_path: Path) -> None:
    for calls, ploidy in ((("0|1", "1|1"), 2), (("0", "1"), 1)):
        samples = {"a": (".", calls[0], "."), "b": (".", calls[1], ".")}
        found = read_haplotypes(write_vcf(tmp_path / "x.vcf", samples)).haplotypes
        assert found.ploidy == ploidy and (found.alleles[:, [0, 2]] == -1).all() and found.n_sites == 3
        assert found.alleles[:, 1].tolist() == [int(one) for text in calls for one in text.split("|")]
