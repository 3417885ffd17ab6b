import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from chiasma.core.errors import FormatError, InputError, MismatchError
from chiasma.io.plink import read_plink
from chiasma.io.sites import SampleTable, SiteRules


def write_plink(stem, copies, *, contigs=None, positions=None, alleles=None):
    """Write copies of A1 (site, sample), -1 missing, bit by bit as the format's page describes."""
    n_sites, n_samples = copies.shape
    code = {2: 0b00, -1: 0b01, 1: 0b10, 0: 0b11}
    body = bytearray([0x6C, 0x1B, 0x01])
    for site in copies:
        for begin in range(0, n_samples, 4):
            body.append(sum(code[int(value)] << (2 * place) for place, value in enumerate(site[begin : begin + 4])))
    contigs = contigs or ["1"] * n_sites
    positions = positions if positions is not None else [10 * (site + 1) for site in range(n_sites)]
    alleles = alleles or [("T", "C")] * n_sites
    bim = "".join(
        f"{c}\trs{i}\t0\t{p}\t{a}\t{b}\n" for i, (c, p, (a, b)) in enumerate(zip(contigs, positions, alleles))
    )
    stem.with_suffix(".bed").write_bytes(body)
    stem.with_suffix(".bim").write_text(bim)
    stem.with_suffix(".fam").write_text("".join(f"f{i} s{i} 0 0 0 -9\n" for i in range(n_samples)))
    return stem


@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=st.integers(-1, 2)))
@settings(max_examples=30)
def test_round_trip(tmp_path_factory, copies):
    stem = write_plink(tmp_path_factory.mktemp("plink") / "x", copies)
    read = read_plink(f"{stem}.bed")
    alleles = read.haplotypes.alleles
    called = alleles[::2] >= 0
    found = np.where(called, alleles[::2] + alleles[1::2], -1)
    np.testing.assert_array_equal(found.T, copies)
    assert read.n_unphased == (copies == 1).sum() and read.haplotypes.phased == (not (copies == 1).any())
    assert read.haplotypes.positions.tolist() == [10 * i + 9 for i in range(len(copies))]


def test_region_samples_and_what_is_left_out(tmp_path):
    copies = np.array([[0, 1, 2, -1, 0]] * 5)
    stem = write_plink(
        tmp_path / "x",
        copies,
        contigs=["1", "chr2", "chr2", "chr2", "chr2"],
        positions=[5, 10, 20, 30, 40],
        alleles=[("A", "G"), ("A", "G"), ("0", "G"), ("AT", "A"), ("C", "T")],
    )
    table = SampleTable(("s1", "s3", "s9"), ("p", "q", "q"))
    read = read_plink(stem, region="2:10-40", samples=table)
    assert read.haplotypes.contig == "chr2" and read.haplotypes.positions.tolist() == [9, 39]
    assert read.haplotypes.population.tolist() == ["p", "q"]
    assert read.haplotypes.alleles[:, 0].tolist() == [0, 1, -1, -1]
    reasons = {skip.reason: skip.count for skip in read.skips}
    assert reasons["samples of the table that are not in the genotypes"] == 1
    assert reasons["sites without an alternative allele"] == 1 and reasons["insertions and deletions"] == 1
    assert read_plink(stem, region="2", rules=SiteRules(indels=True)).haplotypes.n_sites == 3
    with pytest.raises(InputError, match="several contigs"):
        read_plink(stem)
    with pytest.raises(MismatchError, match="no such contig"):
        read_plink(stem, region="7")


def test_broken_files(tmp_path):
    stem = write_plink(tmp_path / "x", np.zeros((3, 5), int))
    bed = stem.with_suffix(".bed")
    whole = bed.read_bytes()
    for content, message in (
        (whole[:-1], "truncated"),
        (b"chr1" + whole[4:], "not a PLINK"),
        (whole[:2] + b"\0" + whole[3:], "sample-major"),
    ):
        bed.write_bytes(content)
        with pytest.raises(FormatError, match=message):
            read_plink(stem)
    bed.write_bytes(whole)
    stem.with_suffix(".bim").write_text("1 a 0 20 T C\n1 b 0 10 T C\n1 c 0 30 T C\n")
    with pytest.raises(FormatError, match="not sorted"):
        read_plink(stem)
    stem.with_suffix(".bim").write_text("1 a 0\n")
    with pytest.raises(FormatError, match="6 columns"):
        read_plink(stem)
    bed.unlink()
    stem.with_suffix(".bim").write_text("1 a 0 20 T C\n")
    with pytest.raises(InputError, match="no such file"):
        read_plink(stem)


def test_found_by_its_name(tmp_path):
    from chiasma.workflow.loading.genotypes import read_haplotypes

    stem = write_plink(tmp_path / "x", np.array([[0, 1, 2], [2, 1, -1]]))
    read = read_haplotypes(f"{stem}.bed")
    assert read.haplotypes.n_sites == 2 and not read.haplotypes.phased and read.n_unphased == 2
