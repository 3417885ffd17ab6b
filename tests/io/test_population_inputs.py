"""Masks, genetic maps, ancestral alleles and population tables."""

import gzip

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.core.errors import FormatError, InputError, InsufficientDataError, MismatchError, UsageError
from chiasma.data.accessibility import accessibility
from chiasma.data.genetic_map import GeneticMap
from chiasma.data.intervals import make_intervals
from chiasma.io.ancestral import NEITHER, UNKNOWN, polarise, read_site_alleles
from chiasma.io.genetic_map import read_genetic_map
from chiasma.io.masks import MASKED, mask_sites, read_mask
from chiasma.io.populations import read_population_lists, read_populations
from chiasma.io.vcf import read_vcf

VCF = """##fileformat=VCFv4.2
##contig=<ID=2,length=100>
{aa}##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb
2\t5\t.\tA\tC\t.\tPASS\t{0}\tGT\t0|1\t1|1
2\t7\t.\tG\tT\t.\tPASS\t{1}\tGT\t0|0\t.|1
2\t11\t.\tG\tT,C\t.\tPASS\t{2}\tGT\t0|0\t1|2
2\t20\t.\tA\tG\t.\tPASS\t{3}\tGT\t0|1\t0|0
2\t31\t.\tA\tG\t.\tPASS\t{4}\tGT\t0|1\t0|0
"""
AA = '##INFO=<ID=AA,Number=1,Type=String,Description="ancestral">\n'


def vcf(path, info=(".",) * 5, *, aa=""):
    path.write_text(VCF.format(*info, aa=aa))
    return path


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=8), st.integers(0, 45))
def test_accessible_bases_are_counted_once(stretches, place):
    starts, ends = [s for s, _ in stretches], [s + n for s, n in stretches]
    mask = accessibility(make_intervals(["chr1"] * len(starts), starts, ends))
    assert not mask.problems()
    bases = {base for start, end in zip(starts, ends, strict=True) for base in range(start, end)}
    edges = np.array([0, place, 60])
    expected = [len([b for b in bases if b < place]), len([b for b in bases if b >= place])]
    assert mask.bases("1", edges).tolist() == expected
    assert mask.covers("1", np.arange(60.0)).tolist() == [base in bases for base in range(60)]
    assert not mask.covers("2", np.arange(3)).any() and mask.bases("2", edges).tolist() == [0, 0]


def test_masked_sites_are_counted(tmp_path):
    (tmp_path / "mask.bed").write_text("chr2\t0\t10\nchr2\t5\t12\nchr3\t1\t9\n")
    mask = read_mask(tmp_path / "mask.bed")
    read = mask_sites(read_vcf(vcf(tmp_path / "x.vcf")), mask)
    assert read.haplotypes.positions.tolist() == [4, 6]
    assert [(s.count, s.examples) for s in read.skips if s.reason == MASKED] == [(2, ("2:20", "2:31"))]
    read = read_vcf(tmp_path / "x.vcf")
    with pytest.raises(MismatchError, match="mask has no such contig"):
        mask_sites(read, accessibility(make_intervals(["4"], [0], [9])))
    with pytest.raises(InsufficientDataError, match="hides every site"):
        mask_sites(read, accessibility(make_intervals(["2"], [50], [90])))


@pytest.mark.parametrize(
    "text",
    [
        "Chromosome\tPosition(bp)\tRate(cM/Mb)\tMap(cM)\nchr2\t101\t1000\t0.5\nchr2\t201\t2000\t0.6\nchr2\t301\t0\t0.8\n",
        "pos\tchr\tcM\n101\t2\t0.5\n201\t2\t0.6\n301\t2\t0.8\n",
        "2 rs1 0.5 101\n2 rs2 0.6 201\n2 rs3 0.8 301\n",
        "2 0.5 101\n2 0.6 201\n2 0.8 301\n",
        "position COMBINED_rate(cM/Mb) Genetic_Map(cM)\n101 1000 0.5\n201 2000 0.6\n301 0 0.8\n",
    ],
)
def test_maps_of_all_kinds_are_one(tmp_path, text):
    path = tmp_path / "map.gz"
    path.write_bytes(gzip.compress(text.encode()))
    found = read_genetic_map(path, contig="2")
    np.testing.assert_allclose(found.at("chr2", [0, 100, 150, 250, 900]), [0.5, 0.5, 0.55, 0.7, 0.8])
    edges, rates = found.rates("2")
    assert edges.tolist() == [100, 200, 300]
    np.testing.assert_allclose(rates, [1e-5, 2e-5])
    with pytest.raises(MismatchError, match="no such contig"):
        found.at("3", [1])


def test_broken_maps(tmp_path):
    path = tmp_path / "map"
    for text, message in (
        ("pos chr cM\n10 1 2\n5 1 3\n", "line 3: the map falls"),
        ("pos chr cM\n10 1 2\n20 1 nan\n30 1 3\n", "line 3: not a line of a genetic map"),
        ("pos chr cM\n10 1 2\ninf 1 3\n", "line 3: not a line of a genetic map"),
        ("pos chr cM\n10 1 2\n50 1 1\n", "falls"),
        ("pos chr cM\n10 1 x\n", "line 2: not a line"),
        ("pos chr cM\n10 1 1\n", "fewer than two"),
        ("a b c d e\n", "not a genetic map"),
        ("position rate map\n1 2 3\n", "does not name its contig"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_genetic_map(path)
    path.write_text("pos chr cM\n10 1 1\n20 1 2\n")
    with pytest.raises(MismatchError, match=r"map: the genetic map has no such contig(.|\n)*do: +give a map"):
        read_genetic_map(path).rates("chr7")
    assert "falls" in GeneticMap({"1": np.array([1, 2])}, {"1": np.array([2.0, 1])}).problems()[0]


@pytest.mark.realdata
def test_published_maps(data_dir):
    found = read_genetic_map(data_dir / "population" / "maps" / "chr2.b37.gmap.gz")
    positions, rates = found.rates("2")
    assert len(positions) > 1000 and (rates >= 0).all()
    # about 1 cM a megabase
    assert 1e-9 < rates @ np.diff(positions) / np.ptp(positions) < 2e-8


def test_polarise_by_info(tmp_path):
    path = vcf(tmp_path / "x.vcf", ["AA=C|||", "AA=g", "AA=G", "AA=T", "AA=."], aa=AA)
    read = read_vcf(path)
    found = polarise(read, read_site_alleles(path))
    assert found.haplotypes.polarised and not read.haplotypes.polarised
    assert found.haplotypes.positions.tolist() == [4, 6]
    assert found.haplotypes.alleles.T.tolist() == [[1, 0, 0, 0], [0, 0, -1, 1]]
    assert {s.reason: s.count for s in found.skips if "ancestral" in s.reason} == {NEITHER: 1, UNKNOWN: 1}
    sure = polarise(read, read_site_alleles(path), low_confidence=False)
    assert sure.haplotypes.positions.tolist() == [4]
    part = read_vcf(path, region="2:6-8")
    assert polarise(part, read_site_alleles(path)).haplotypes.positions.tolist() == [6]


def test_polarise_by_sequence(tmp_path):
    path = vcf(tmp_path / "x.vcf")
    sequence = ["N"] * 100
    sequence[4], sequence[6], sequence[19] = "C", "g", "."
    (tmp_path / "anc.fa").write_text(">ANCESTOR_for_chromosome:GRCh37:2:1:100:1\n" + "".join(sequence) + "\n")
    read = read_vcf(path)
    found = polarise(read, read_site_alleles(path), fasta=tmp_path / "anc.fa")
    assert found.haplotypes.alleles.T.tolist() == [[1, 0, 0, 0], [0, 0, -1, 1]]
    with pytest.raises(InsufficientDataError, match="no site has a known"):
        (tmp_path / "n.fa").write_text(">2\nNNNNNNNN\n")
        polarise(read, read_site_alleles(path), fasta=tmp_path / "n.fa")


def test_no_ancestral_alleles(tmp_path):
    path = vcf(tmp_path / "x.vcf")
    with pytest.raises(InputError, match="polarised ones were asked for"):
        polarise(read_vcf(path), read_site_alleles(path))
    with pytest.raises(FormatError, match="not a VCF"):
        (tmp_path / "no.vcf").write_text("no")
        read_site_alleles(tmp_path / "no.vcf")


@pytest.mark.realdata
def test_ancestral_alleles_of_the_1000_genomes(data_dir):
    path = data_dir / "population" / "vcf" / "1kg_chr4_TMEM156.vcf.gz"
    read = read_vcf(path)
    sites = read_site_alleles(path)
    np.testing.assert_array_equal(sites.positions, read.haplotypes.positions)
    found = polarise(read, sites)
    assert found.haplotypes.n_sites > 0.9 * read.haplotypes.n_sites
    changed = (found.haplotypes.alleles != read.haplotypes.alleles[:, np.isin(sites.positions,
               found.haplotypes.positions)]).any(axis=0)  # fmt: skip
    assert 0.01 < changed.mean() < 0.2


@pytest.mark.parametrize(
    "text",
    [
        "sample\tpopulation\tsuperpopulation\na\tCEU\tEUR\nb\tYRI\tAFR\n",
        "sample\tpop\tsuper_pop\tgender\na\tCEU\tEUR\tmale\nb\tYRI\tAFR\tmale\n",
        "a CEU\nb YRI\n",
        "Family ID,Individual ID,Population\nf1,a,CEU\nf2,b,YRI\n",
    ],
)
def test_population_tables(tmp_path, text):
    (tmp_path / "t").write_text(text)
    table = read_populations(tmp_path / "t")
    assert table.samples == ("a", "b") and table.population == ("CEU", "YRI")
    if "superpopulation" in text:
        assert read_populations(tmp_path / "t", column="superpopulation").population == ("EUR", "AFR")
    else:
        with pytest.raises(MismatchError, match="no such column"):
            read_populations(tmp_path / "t", column="superpopulation")


def test_broken_population_tables(tmp_path):
    path = tmp_path / "t"
    for text, message in (
        ("sample\tage\na\t1\n", "no column of samples, or none"),
        ("a CEU\nb\n", "line 2: too few columns"),
        ("a CEU\na YRI\n", "sample names"),
        ("only\n", "not a table"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_populations(path)
    with pytest.raises(UsageError, match="no populations"):
        read_population_lists({})


@pytest.mark.realdata
def test_lists_of_names(data_dir):
    folder = data_dir / "population" / "vcf"
    table = read_population_lists({"CEU": folder / "CEU.indlist", "YRI": folder / "YRI.indlist"})
    assert set(table.population) == {"CEU", "YRI"} and len(table.samples) > 150
    panel = read_populations(data_dir / "population" / "misc" / "20130606_g1k.ped.gz")
    known = dict(zip(panel.samples, panel.population, strict=True))
    assert all(known[name] == group for name, group in zip(table.samples, table.population, strict=True))
