"""The verb personal on a made-up world: files of every form, what is skipped, what is refused, done before."""

import csv

import numpy as np
import pysam
import pytest

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError
from chiasma.workflow.personal.inputs import read_genes
from chiasma.workflow.personal.measure import PersonalOptions, personal_genomes
from command_line import call, done, left_behind
from personal_material import other_base, random_dna, write_fasta, write_vcf

TEXT = random_dna(2, 6000)
PEOPLE = [f"p{number:02d}" for number in range(40)]
GENES = {"one": 1000, "two": 3000, "three": 5000}
"""0-based starts."""
MODEL = """
def count_g(x):
    return x[:, 2].sum(dim=1, keepdim=True)

count_g.length = 200
"""


def sites(text=TEXT):
    rng = np.random.default_rng(4)
    rows = []
    for start in GENES.values():
        for at in (start - 50, start - 5, start + 3, start + 60):
            share = rng.uniform(0.2, 0.6)
            alt = "G" if text[at] != "G" else "T"
            rows.append(("1", at + 1, text[at], alt, (rng.random((40, 2)) < share).astype(int).tolist()))
    return rows


def count_g_of(rows, start):
    """The expression of a gene: what the model would say, per person."""
    total = np.zeros(len(PEOPLE))
    for _, position, ref, alt, genotypes in rows:
        if abs(position - 1 - start) < 100:
            total += (int(alt == "G") - int(ref == "G")) * np.array(genotypes).sum(axis=1) / 2
    return total


@pytest.fixture
def world(tmp_path):
    rows = sites()
    rng = np.random.default_rng(5)
    write_fasta(tmp_path / "genome.fa", {"1": TEXT})
    write_vcf(tmp_path / "people.vcf", PEOPLE, rows, contigs=(("1", 6000),))
    (tmp_path / "genes.tsv").write_text(
        "gene_id\tchr\tposition\n" + "".join(f"{name}\t1\t{start + 1}\n" for name, start in GENES.items())
    )
    lines = ["person,one,two,three"]
    values = np.stack([count_g_of(rows, start) + 0.1 * rng.normal(size=40) for start in GENES.values()])
    lines += [
        f"{name}," + ",".join(f"{value:.5f}" for value in column) for name, column in zip(PEOPLE, values.T, strict=True)
    ]
    (tmp_path / "expression.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


def inputs(folder, **changes):
    names = {"genotypes": "people.vcf", "fasta": "genome.fa", "genes": "genes.tsv", "expression": "expression.csv"}
    return {key: folder / name for key, name in (names | changes).items()}


def flags(folder, **changes):
    return [word for key, path in inputs(folder, **changes).items() for word in (f"--{key}", path)]


FEW = ("--permutations", 200, "--draws", 100, "--one-strand")


def test_from_the_command_line_to_a_run_folder(world):
    words = ("personal", f"{world / 'model.py'}:count_g", *flags(world), *FEW, "-o", world / "run")
    first = done(*words)
    assert "mean r = 0.9" in first.out
    names = {path.name for path in (world / "run").iterdir()}
    assert {"run.json", "personal.json", "metrics.json", "genes.tsv", "predictions.parquet", "report.html"} <= names
    page = (world / "run" / "report.html").read_text()
    assert "Across 40 people" in page
    assert "three" in page
    assert call("report", world / "run").code == 2
    assert (world / "run" / "report.html").read_text() == page
    assert "(done before)" in done(*words).out
    refused = call(*words, "--mode", "snv")
    assert refused.code == 2
    assert "another" in refused.err
    assert done(*words, "--mode", "snv", "--overwrite", "--json").json["mode"] == "snv"
    assert not left_behind(world)


def test_what_was_done_before_an_interruption_is_not_done_again(world):
    marker = world / "broken"
    (world / "model.py").write_text(
        f"""
from pathlib import Path
calls = []

def count_g(x):
    calls.append(len(x))
    if len(calls) > 5 and Path({str(marker)!r}).exists():
        raise RuntimeError("out of order")
    return x[:, 2].sum(dim=1, keepdim=True)

count_g.length = 200
"""
    )
    marker.touch()
    words = ("personal", f"{world / 'model.py'}:count_g", *flags(world), *FEW, "-o", world / "run")
    broken = call(*words)
    assert broken.code == 3
    assert "out of order" in broken.err
    marker.unlink()
    resumed = done(*words)
    assert "gene 1 of 3" not in resumed.err
    assert "gene 3 of 3" in resumed.err
    whole = done(*words[:-1], world / "whole")
    assert whole.out.replace("whole", "run") == resumed.out


def test_the_same_from_a_bgzipped_and_indexed_file(world):
    options = PersonalOptions(permutations=50, draws=20)
    model = f"{world / 'model.py'}:count_g"
    plain = personal_genomes(model, **inputs(world), output=world / "plain", options=options)
    pysam.tabix_index(str(world / "people.vcf"), preset="vcf", force=True, keep_original=True)
    indexed = personal_genomes(
        model, **inputs(world, genotypes="people.vcf.gz"), output=world / "indexed", options=options
    )
    assert indexed["summary"] == plain["summary"]
    assert len(plain["remarks"]) == 1  # read three times, without an index
    assert indexed["remarks"] == []


def test_genes_and_people_that_do_not_match_are_counted(world):
    genes = ["one,chr1,1001,train", "two,1,3001,test", "three,1,9001,test", "four,1,2,test", "five,7,2,test"]
    (world / "genes.tsv").write_text("\n".join(["gene,chrom,tss,part", *genes]) + "\n")
    with open(world / "expression.csv", newline="") as handle:
        table = list(csv.reader(handle))
    table[0] += ["four", "five", "six"]
    for number, row in enumerate(table[1:]):
        row += ["1" if number else "", "2", "3"]
    table = [*table[:38], ["stranger", *table[1][1:]]]
    (world / "expression.csv").write_text("\n".join(",".join(row) for row in table) + "\n")
    options = PersonalOptions(permutations=50, draws=20)
    facts = personal_genomes(f"{world / 'model.py'}:count_g", **inputs(world), output=world / "run", options=options)
    assert (facts["people"], facts["genes"]) == (37, 2)
    assert {one["reason"]: (one["count"], one["examples"]) for one in facts["skipped"]} == {
        "people that are not in expression.csv": (3, ["p37", "p38", "p39"]),
        "people that are not in people.vcf": (1, ["stranger"]),
        "genes that are not in the genes": (1, ["six"]),
        "genes on contigs that the genome lacks": (1, ["five"]),
        "genes beyond the end of their contig": (1, ["three"]),
        "genes whose expression is missing in some people": (1, ["four"]),
    }
    assert {name: part["genes"] for name, part in facts["parts"].items()} == {"train": 1, "test": 1}


def test_populations_are_taken_out(world):
    lines = ["person\tpopulation"] + [
        f"{name}\t{'A' if number % 2 else 'B'}" for number, name in enumerate(PEOPLE[:38])
    ]
    (world / "samples.tsv").write_text("\n".join(lines) + "\n")
    options = PersonalOptions(permutations=50, draws=20, populations=f"{world / 'samples.tsv'}:population")
    facts = personal_genomes(f"{world / 'model.py'}:count_g", **inputs(world), output=world / "run", options=options)
    assert facts["people"] == 38
    assert facts["test_people"] == 12  # 6 of each population
    assert {"reason": "people without a population", "count": 2, "examples": ["p38", "p39"]} in facts["skipped"]


def test_input_that_cannot_be_used(world):
    model = f"{world / 'model.py'}:count_g"
    write_vcf(world / "other.vcf", [f"q{number}" for number in range(40)], sites(), contigs=(("1", 6000),))
    with pytest.raises(MismatchError, match="no people in common"):
        personal_genomes(model, **inputs(world, genotypes="other.vcf"), output=world / "run")
    write_vcf(world / "few.vcf", PEOPLE[:5], [(*row[:4], row[4][:5]) for row in sites()], contigs=(("1", 6000),))
    with pytest.raises(InsufficientDataError, match="too few people"):
        personal_genomes(model, **inputs(world, genotypes="few.vcf"), output=world / "run")
    wrong = [("1", at + 1, other_base(TEXT[at]), TEXT[at], [(0, 1)] * 40) for at in range(950, 980)]
    write_vcf(world / "build.vcf", PEOPLE, wrong, contigs=(("1", 6000),))
    with pytest.raises(MismatchError, match="another build"):
        personal_genomes(model, **inputs(world, genotypes="build.vcf"), output=world / "run")
    with pytest.raises(UsageError, match="no such file"):
        personal_genomes(model, **inputs(world, genes="absent.tsv"), output=world / "run")
    with pytest.raises(UsageError, match="not a share"):
        personal_genomes(model, **inputs(world), output=world / "run", options=PersonalOptions(test_share=1.0))
    unphased = call("personal", model, *flags(world, genotypes=slashed(world)), "-o", world / "run")
    assert unphased.code == 3
    assert "without a phase" in unphased.err
    assert "--unphased drop" in unphased.err
    untrained = call("personal", "cnn", *flags(world), "-o", world / "run")
    assert untrained.code == 4
    assert not left_behind(world)


def slashed(folder):
    return write_vcf(folder / "slashed.vcf", PEOPLE, sites(), contigs=(("1", 6000),), between="/").name


def test_genes_from_files_of_other_forms(tmp_path):
    (tmp_path / "genes.bed").write_text("1\t100\t200\tone\t0\t+\n1\t100\t200\ttwo\t0\t-\n")
    (tmp_path / "genes.gtf").write_text(
        '1\t.\tgene\t101\t200\t.\t+\t.\tgene_id "one";\n1\t.\tgene\t101\t200\t.\t-\t.\tgene_id "two";\n'
    )
    for name in ("genes.bed", "genes.gtf"):
        found = read_genes(tmp_path / name)
        assert dict(zip(found.name.tolist(), found.tss.tolist(), strict=True)) == {"one": 100, "two": 199}


@pytest.mark.realdata
def test_the_published_list_of_genes(data_dir, tmp_path):
    """Of Huang et al. 2023, to which a line of headings is added."""
    rows = (data_dir / "sequence" / "personal_expression" / "gene_list.csv").read_text()
    (tmp_path / "genes.csv").write_text("gene,chrom,tss,symbol,strand\n" + rows)
    found = read_genes(tmp_path / "genes.csv")
    assert len(found) == 3259
    assert (found.contig[0], found.tss[0]) == ("1", 169863407)
