import gzip
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from chiasma.core.errors import ChiasmaError, FormatError, InputError, InsufficientDataError, MismatchError, UsageError
from chiasma.encode.haplotypes import HaplotypeEncoding, encode_haplotypes
from chiasma.io.sites import Region, SiteRules, parse_region, read_sample_table
from chiasma.io.trees import from_tree_sequence, read_trees
from chiasma.io.vcf import read_vcf

HEADER = "##fileformat=VCFv4.2\n##contig=<ID=2,length=1000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"


def line(position, genotypes, *, chrom="2", ref="A", alt="C", keys="GT"):
    return "\t".join([chrom, str(position), ".", ref, alt, ".", ".", ".", keys, *genotypes.split()])


def write(path, lines, samples="a b"):
    text = "\n".join(["\t".join([HEADER, *samples.split()]), *lines]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz"])
def test_reads_phased_missing_and_long_formats(tmp_path, name):
    rows = [line(10, "0|1 1|1"), line(11, ".|. 0|1"), line(900, "0|1:3 .:4", keys="GT:DP")]
    read = read_vcf(write(tmp_path / name, rows))
    assert read.haplotypes.alleles.T.tolist() == [[0, 1, 1, 1], [-1, -1, 0, 1], [0, 1, -1, -1]]
    assert read.haplotypes.positions.tolist() == [9, 10, 899]
    assert (read.haplotypes.start, read.haplotypes.end, read.haplotypes.phased) == (0, 1000, True)
    assert read.skips == ()


def test_what_is_left_out_is_counted_and_named(tmp_path):
    rows = [
        line(1, "0|1 0|2", alt="C,G"),
        line(2, "0|1 0|0", alt="CT"),
        line(3, "0|0 0|0", alt="."),
        line(4, "0|1 0|0", alt="<DEL>"),
        line(5, "0/1 0|0"),
        line(6, "0|1 0/0"),
    ]
    path = write(tmp_path / "x.vcf", rows)
    read = read_vcf(path)
    assert {skip.reason: (skip.count, skip.examples) for skip in read.skips} == {
        "sites with more than two alleles": (1, ("2:1",)),
        "insertions and deletions": (1, ("2:2",)),
        "sites without an alternative allele": (1, ("2:3",)),
        "symbolic alleles": (1, ("2:4",)),
    }
    assert read.n_unphased == 1 and not read.haplotypes.phased and read.haplotypes.n_sites == 2
    rules = SiteRules(multiallelic="split", indels=True, unphased="drop")
    split = read_vcf(path, rules=rules).haplotypes
    assert split.phased and split.positions.tolist() == [0, 0, 1, 5]
    assert split.alleles.T[:2].tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]


def test_sites_that_failed_a_filter_and_telomeres_are_left_out(tmp_path):
    rows = [
        line(0, "0|1 0|0"),
        line(10, "0|1 1|0").replace("\t.\t.\tGT", "\tLowQual\t.\tGT"),
        line(20, "0|1 1|0").replace("\t.\t.\tGT", "\tPASS\t.\tGT"),
        line(30, "0|1 1|0"),
        line(40, "1|0 0|1", ref="AC", alt="GT"),
    ]
    read = read_vcf(write(tmp_path / "x.vcf", rows))
    assert read.haplotypes.positions.tolist() == [19, 29]
    assert {skip.reason: skip.examples for skip in read.skips} == {
        "records at position 0, which stands for a telomere": ("2:0",),
        "sites that did not pass the caller's filters (FILTER)": ("2:10",),
        "substitutions of several bases at once": ("2:40",),
    }
    assert read_vcf(tmp_path / "x.vcf", rules=SiteRules(filter="any")).haplotypes.positions.tolist() == [9, 19, 29]


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([line(9, "0|1 0|0"), line(7, "0|1 0|0")], FormatError, ["line 5", "not sorted"]),
        ([line(9, "0|1 0")], FormatError, ["ploidy", "b"]),
        ([line(9, "0|1 0|0"), line(10, "0 1")], FormatError, ["ploidy", "line 5"]),
        ([line(9, "0|1 x|0")], FormatError, ["not a genotype"]),
        ([line(9, "0|3 0|0")], FormatError, ["allele"]),
        ([line(9, "3 4", keys="DP")], FormatError, ["GT"]),
        ([line(9, "0|1 0|1"), line(9, "0|1 0|1", chrom="3")], InputError, ["several contigs", "--region"]),
        ([line(2000, "0|1 0|0")], MismatchError, ["beyond"]),
        ([], InsufficientDataError, ["no usable site"]),
        (["garbage"], FormatError, ["VCF line"]),
    ],
)
def test_bad_input_says_where(tmp_path, rows, error, words):
    with pytest.raises(error) as caught:
        read_vcf(write(tmp_path / "x.vcf", rows))
    assert all(word in str(caught.value) for word in words)


def test_samples(tmp_path):
    path = write(tmp_path / "x.vcf", [line(9, "0|1 1|1 0|0")], samples="a b c")
    (tmp_path / "s.tsv").write_text("sample\tpop\tregion\nc\tX\tE\na\tY\tE\nz\tY\tW\n")
    table = read_sample_table(f"{tmp_path / 's.tsv'}:pop")
    read = read_vcf(path, samples=table, populations=("Y", "X"))
    assert read.haplotypes.samples.tolist() == ["a", "c"]
    assert read.haplotypes.alleles.ravel().tolist() == [0, 1, 0, 0]
    assert [(skip.count, skip.examples) for skip in read.skips] == [(1, ("z",)), (1, ("b",))]
    with pytest.raises(MismatchError, match="population"):
        read_vcf(path, samples=table, populations=("Q",))
    with pytest.raises(UsageError, match="table"):
        read_vcf(path, populations=("Q",))
    with pytest.raises(MismatchError, match="no sample"):
        read_vcf(path, samples=["q"])
    with pytest.raises(MismatchError, match="column"):
        read_sample_table(f"{tmp_path / 's.tsv'}:nope")
    with pytest.raises(InputError, match="duplicate"):
        read_vcf(write(tmp_path / "y.vcf", [], samples="a a"))
    with pytest.raises(FormatError, match="no samples"):
        read_vcf(write(tmp_path / "z.vcf", [], samples=""))


def test_truncated_gzip(tmp_path):
    path = write(tmp_path / "x.vcf.gz", [line(9 + i, "0|1 1|1") for i in range(500)])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FormatError, match="truncated"):
        read_vcf(path)


def test_regions_and_aliases(tmp_path):
    path = write(tmp_path / "x.vcf", [line(p, "0|1 1|1") for p in (10, 20, 30)])
    read = read_vcf(path, region="chr2:20-29").haplotypes
    assert (read.positions.tolist(), read.start, read.end) == ([19], 19, 29)
    assert read_vcf(path, region=Region("2", 9, 10)).haplotypes.n_sites == 1
    with pytest.raises(MismatchError, match="no such contig"):
        read_vcf(path, region="7")
    for text in ("2:5-1", "2:0-4"):
        with pytest.raises(UsageError):
            parse_region(text)


def test_index_and_bcf_agree_with_text(tmp_path):
    import pysam

    rows = [line(p, f"{p % 2}|1 0|{p // 3 % 2}", chrom=c) for c in "23" for p in range(1, 400, 3)]
    text = HEADER.replace(
        "##contig", '##contig=<ID=3,length=1000>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="G">\n##contig', 1
    )
    path = tmp_path / "x.vcf"
    path.write_text("\n".join([text + "\ta\tb", *rows]) + "\n")
    plain = read_vcf(path, region="3:100-200").haplotypes
    pysam.tabix_compress(str(path), str(path) + ".gz")
    pysam.tabix_index(str(path) + ".gz", preset="vcf")
    with (
        pysam.VariantFile(str(path)) as source,
        pysam.VariantFile(str(tmp_path / "x.bcf"), "wb", header=source.header) as sink,
    ):
        for record in source:
            sink.write(record)
    unindexed = read_vcf(tmp_path / "x.bcf", region="3:100-200").haplotypes
    pysam.tabix_index(str(tmp_path / "x.bcf"), preset="bcf")
    for other in (
        read_vcf(f"{path}.gz", region="chr3:100-200").haplotypes,
        unindexed,
        read_vcf(tmp_path / "x.bcf", region="3:100-200").haplotypes,
    ):
        assert np.array_equal(plain.alleles, other.alleles) and np.array_equal(plain.positions, other.positions)


@given(
    seed=st.integers(1, 10**6),
    sites=st.integers(2, 40),
    ploidy=st.sampled_from([1, 2]),
    coding=st.sampled_from(["01", "-11"]),
    order=st.sampled_from(["given", "neighbours", "similarity"]),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_trees_and_vcf_give_the_same_tensor(tmp_path, seed, sites, ploidy, coding, order):
    msprime = pytest.importorskip("msprime")
    ancestry = msprime.sim_ancestry(
        6, ploidy=ploidy, population_size=1e4, sequence_length=3_000, recombination_rate=1e-7, random_seed=seed
    )
    ts = msprime.sim_mutations(ancestry, rate=1e-6, random_seed=seed)  # a discrete genome: several alleles a site
    buffer = io.StringIO()
    ts.write_vcf(buffer, position_transform=lambda positions: np.asarray(positions, int) + 1)
    # write_vcf puts the length of the contig through the same transform as positions
    (tmp_path / "x.vcf").write_text(buffer.getvalue().replace("length=3001", "length=3000"))
    ts.dump(tmp_path / "x.trees")
    try:
        real, simulated = read_vcf(tmp_path / "x.vcf"), read_trees(tmp_path / "x.trees")
    except ChiasmaError:  # nothing segregates: both say so
        assert from_tree_sequence(ts).haplotypes.n_sites == 0
        return
    assert [skip.count for skip in real.skips] == [skip.count for skip in simulated.skips]
    config = HaplotypeEncoding(sites=sites, coding=coding, order=order)
    one, two = (encode_haplotypes(read.haplotypes, config) for read in (real, simulated))
    assert one.alleles.tobytes() == two.alleles.tobytes()
    assert one.positions.tobytes() == two.positions.tobytes() and one.n_sites == two.n_sites


@pytest.mark.realdata
def test_real_files(data_dir):
    folder = data_dir / "population"
    lct = read_vcf(folder / "lct_1kg/lct_1kg_phase3.vcf.gz").haplotypes
    assert lct.alleles.shape == (5008, 7665) and lct.phased
    table = read_sample_table(f"{folder / 'lct_1kg/samples.tsv'}:population")
    ceu = read_vcf(
        folder / "lct_1kg/lct_1kg_phase3.vcf.gz", region="2:136608646-136608646", samples=table, populations=("CEU",)
    ).haplotypes
    assert (ceu.alleles == 1).mean() == pytest.approx(0.737, abs=5e-4)  # rs4988235, MANIFEST.md
    drosophila = read_vcf(folder / "vcf/ReLERNN_example_dmel.vcf.gz", region="chr2L").haplotypes
    assert drosophila.ploidy == 1 and drosophila.n_haplotypes == 10
    assert not read_vcf(folder / "vcf/LCT.EUR.gaston.vcf.gz").haplotypes.phased
