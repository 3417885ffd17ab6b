"""One door for genotypes: the same haplotypes of every format, ancestral alleles from wherever they are known."""

import numpy as np
import pytest

from chiasma.core.errors import InputError, MismatchError, UsageError
from chiasma.io.ms import write_ms
from chiasma.workflow.loading.genotypes import GenotypeChoice, read_genotypes

msprime = pytest.importorskip("msprime")
LENGTH = 20_000
HEAD = "##fileformat=VCFv4.2\n##contig=<ID=1,length=20000>\n"
AA = '##INFO=<ID=AA,Number=1,Type=String,Description="ancestral">\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Derived and ancestral alleles of five people in each format; in VCF every second reference allele is derived."""
    import pysam

    folder = tmp_path_factory.mktemp("formats")
    ancestry = msprime.sim_ancestry(5, population_size=1e4, sequence_length=LENGTH, random_seed=1)
    trees = msprime.sim_mutations(ancestry, rate=5e-8, random_seed=1, model=msprime.BinaryMutationModel())
    trees.dump(folder / "x.trees")
    pytest.importorskip("tszip").compress(trees, str(folder / "x.tsz"))
    read = read_genotypes(folder / "x.trees").read.haplotypes
    write_ms(folder / "x.ms", [read])
    rows, table, sites = [], ["contig\tposition\tancestral"], []
    sequence = ["N"] * LENGTH
    for column, position in enumerate(read.positions.astype(int)):
        swapped = column % 2 == 1
        ref, alt = ("C", "A") if swapped else ("A", "C")
        alleles = 1 - read.alleles[:, column] if swapped else read.alleles[:, column]
        cells = "\t".join(f"{a}|{b}" for a, b in alleles.reshape(-1, 2))
        rows.append(f"1\t{position + 1}\t.\t{ref}\t{alt}\t.\tPASS\tAA=A|||\tGT\t{cells}")
        table.append(f"chr1\t{position + 1}\tA")
        sites.append(f"1\t{position + 1}\t.\t{ref}\t{alt}\t.\tPASS\tAA=A")
        sequence[position] = "A"
    people = "\t".join(f"p{i}" for i in range(5))
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    text = f'##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n{columns}\tFORMAT\t{people}\n' + "\n".join(rows)
    (folder / "x.vcf").write_text(HEAD + AA + text + "\n")
    (folder / "none.vcf").write_text(HEAD + text.replace("AA=A|||", ".") + "\n")
    (folder / "sites.vcf").write_text(HEAD + AA + columns + "\n" + "\n".join(sites) + "\n")
    (folder / "aa.tsv").write_text("\n".join(table) + "\n")
    (folder / "anc.fa").write_text(">ANCESTOR_for_chromosome:B:1:1:20000:1\n" + "".join(sequence) + "\n")
    source = pysam.VariantFile(str(folder / "x.vcf"))
    with source, pysam.VariantFile(str(folder / "x.bcf"), "wb", header=source.header) as target:
        for record in source:
            target.write(record)
    plain = read_genotypes(folder / "x.vcf").read.haplotypes
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "x.h5", "w") as file:
        file["variants/CHROM"] = np.array([b"1"] * plain.n_sites)
        file["variants/POS"] = plain.positions.astype(int) + 1
        file["calldata/GT"] = plain.alleles.reshape(5, 2, -1).transpose(2, 0, 1)
    return folder


def test_every_format_gives_the_same_haplotypes(folder):
    truth = read_genotypes(folder / "x.trees").read.haplotypes
    for name in ("x.tsz", "x.ms"):
        other = read_genotypes(folder / name).read.haplotypes
        assert np.array_equal(other.alleles, truth.alleles) and other.polarised
    plain = read_genotypes(folder / "x.vcf").read.haplotypes
    assert not plain.polarised and np.array_equal(plain.positions, truth.positions)
    for name, phased in (("x.bcf", False), ("x.h5", True)):
        other = read_genotypes(folder / name, GenotypeChoice(phased=phased)).read.haplotypes
        assert np.array_equal(other.alleles, plain.alleles) and other.phased
    assert not read_genotypes(folder / "x.h5").read.haplotypes.phased
    part = read_genotypes(folder / "x.ms", GenotypeChoice(region="7:5001-9000")).read.haplotypes
    inside = (truth.positions >= 5_000) & (truth.positions < 9_000)
    assert np.array_equal(part.alleles, truth.alleles[:, inside]) and (part.contig, part.start) == ("7", 5_000)


@pytest.mark.parametrize("source", ["AA", "sites.vcf", "aa.tsv", "anc.fa"])
@pytest.mark.parametrize("name", ["x.vcf", "x.bcf"])
def test_ancestral_alleles_from_anywhere_give_the_truth(folder, name, source):
    truth = read_genotypes(folder / "x.trees").read.haplotypes
    where = source if source == "AA" else str(folder / source)
    read = read_genotypes(folder / name, GenotypeChoice(ancestral=where)).read
    assert read.haplotypes.polarised and np.array_equal(read.haplotypes.alleles, truth.alleles)
    assert set(read.ref) == {"A"} and set(read.alt) == {"C"}


def test_sites_without_an_ancestral_allele_are_counted(folder):
    lines = (folder / "aa.tsv").read_text().splitlines()
    (folder / "some.tsv").write_text("\n".join(lines[1:-3]) + "\n")
    read = read_genotypes(folder / "x.vcf", GenotypeChoice(ancestral=str(folder / "some.tsv"))).read
    assert [(s.count, s.reason) for s in read.skips] == [(3, "sites whose ancestral allele is not known")]


def test_what_cannot_be_polarised_is_said(folder):
    with pytest.raises(InputError, match="no ancestral alleles"):
        read_genotypes(folder / "none.vcf", GenotypeChoice(ancestral="AA"))
    with pytest.raises(InputError, match="names no alleles"):
        read_genotypes(folder / "x.h5", GenotypeChoice(ancestral=str(folder / "aa.tsv")))
    with pytest.raises(InputError, match="no ancestral alleles"):
        read_genotypes(folder / "x.vcf", GenotypeChoice(ancestral=str(folder / "none.vcf")))
    (folder / "far.tsv").write_text("9\t5\tA\n")
    with pytest.raises(MismatchError, match="no such contig"):
        read_genotypes(folder / "x.vcf", GenotypeChoice(ancestral=str(folder / "far.tsv")))
    (folder / "odd.tsv").write_text("1\tfive\tA\n1\tsix\tA\n")
    with pytest.raises(InputError, match="line 2"):
        read_genotypes(folder / "x.vcf", GenotypeChoice(ancestral=str(folder / "odd.tsv")))
    with pytest.raises(UsageError, match="no such file"):
        read_genotypes(folder / "x.vcf", GenotypeChoice(map=str(folder / "absent.map")))


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("sample\tpopulation\np1\tA\np3\tB\n", ":population"),
        ("sample pop\np1 A\np3 B\n", ""),
        ("p1\tA\np3\tB\n", ""),
        ("person,where\np1,A\np3,B\n", ":where"),
    ],
)
def test_population_tables_of_all_kinds(folder, text, column):
    (folder / "people").write_text(text)
    found = read_genotypes(folder / "x.vcf", GenotypeChoice(samples=f"{folder / 'people'}{column}=B,A")).read
    assert found.haplotypes.samples.tolist() == ["p3", "p1"]
    assert found.haplotypes.population.tolist() == ["B", "A"]


def test_a_list_of_names_keeps_these(folder):
    (folder / "names").write_text("p4\np0\n")
    found = read_genotypes(folder / "x.vcf", GenotypeChoice(samples=str(folder / "names"))).read
    assert found.haplotypes.samples.tolist() == ["p0", "p4"]
    assert any(skip.count == 3 and "not in the table" in skip.reason for skip in found.skips)


def test_models_of_derived_alleles_refuse_others(folder):
    from chiasma.data.dataset import Target
    from chiasma.methods.population.haplotype_cnn.config import tiny
    from chiasma.workflow.loading.haplotypes import load_haplotypes

    config = tiny().replace(haplotypes=(10,))
    given = config.replace(encoding=config.encoding.replace(orient="given"))
    target = Target("regression", np.zeros(0), ("log_rho",), "")
    # shorter than a window of the design: what is asked of the alleles comes first
    with pytest.raises(InputError, match="reads derived alleles"):
        load_haplotypes(folder / "x.vcf", given, target=target)
    with pytest.raises(InputError, match="no window can be used"):
        load_haplotypes(folder / "x.vcf", given, target=target, choice=GenotypeChoice(ancestral="AA"))
