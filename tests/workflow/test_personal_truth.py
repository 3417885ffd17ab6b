"""A known effect planted in the haplotypes of real people: a model that reads it finds it, others do not."""

import csv
import json

import numpy as np
import pytest
import torch

from chiasma.data.sequences import encode
from chiasma.io.phased import read_phased
from chiasma.io.sites import Region
from chiasma.workflow.personal.measure import PersonalOptions, personal_genomes
from personal_material import MOTIF, random_dna, write_fasta, write_vcf

LENGTH, GENES, PEOPLE = 1000, 16, 240
SHIFT = 136_400_000
"""Bases by which the region is moved to the left, so that its reference is short."""
OPTIONS = PersonalOptions(permutations=300, draws=300, frequency=0.05)


def occurrences(x):
    """How often the motif, its own reverse complement, stands in a window."""
    kernel = torch.eye(4)[torch.as_tensor(encode(MOTIF).astype(int))].T[None]
    return torch.relu(torch.conv1d(x, kernel) - len(MOTIF) + 1).sum(dim=2)


def against(x):
    """The same, of the wrong sign."""
    return -occurrences(x)


def blind(x):
    """GC content: differs between people, and knows nothing of the motif."""
    return x[:, 1:3].sum(dim=(1, 2))[:, None]


occurrences.length = against.length = blind.length = LENGTH


@pytest.fixture(scope="module")
def planted(data_dir, tmp_path_factory):
    """Files, and the allele planted for each gene: ALT makes the motif, REF does, or an insertion brings it."""
    folder = tmp_path_factory.mktemp("planted")
    source = data_dir / "population" / "lct_1kg"
    with open(source / "samples.tsv", newline="") as handle:
        table = list(csv.DictReader(handle, delimiter="\t"))
    europeans = [row["sample"] for row in table if row["superpopulation"] == "EUR"][:PEOPLE]
    found = read_phased(source / "lct_1kg_phase3.vcf.gz", Region("2"), samples=europeans)
    position, share = found.position - SHIFT, found.carried.mean(axis=0)
    letters = list(random_dna(5, 305_000))
    for at, ref in zip(position.tolist(), found.ref.tolist(), strict=True):
        letters[at] = ref
    rows = {
        at: (ref, alt, row)
        for row, (at, ref, alt) in enumerate(zip(position.tolist(), found.ref, found.alt, strict=True))
    }
    genes, causes, expression = [], {}, {}
    rng = np.random.default_rng(11)
    common = np.flatnonzero((share > 0.15) & (share < 0.85))
    spread = common[
        np.unique(np.searchsorted(position[common], np.linspace(4000, 295_000, 40)).clip(0, len(common) - 1))
    ]
    apart = spread[np.concatenate([[True], np.diff(position[spread]) > 2 * LENGTH])]
    for gene, row in enumerate(apart[:GENES].tolist()):
        tss = int(position[row]) + 120
        at, ref, alt = int(position[row]), found.ref[row], found.alt[row]
        sign = 1.0
        if gene % 4 == 3:
            rows[at] = (ref, ref + MOTIF, row)
        else:
            sign, wanted = (1.0, alt) if gene % 2 else (-1.0, ref)
            begin = at - MOTIF.index(wanted)
            for place in range(begin, begin + len(MOTIF)):
                if place != at:
                    rows.pop(place, None)
                    letters[place] = MOTIF[place - begin]
        name = f"gene{gene}"
        genes.append(f"{name},2,{tss + 1},{'seen' if gene % 2 else 'unseen'}")
        causes[name] = f"2:{at + 1}:{rows[at][0]}>{rows[at][1]}"
        copies = sign * found.carried[:, row].reshape(PEOPLE, 2).sum(axis=1)
        expression[name] = copies + rng.normal(scale=0.7, size=PEOPLE)
    assert len(genes) == GENES
    lines = [
        ("2", at + 1, ref, alt, found.carried[:, row].astype(int).reshape(PEOPLE, 2).tolist())
        for at, (ref, alt, row) in sorted(rows.items())
        if any(abs(at - int(gene.split(",")[2])) < LENGTH for gene in genes)
    ]
    (folder / "genes.csv").write_text("gene,chrom,tss,part\n" + "\n".join(genes) + "\n")
    text = ["gene," + ",".join(europeans)]
    text += [name + "," + ",".join(f"{value:.6f}" for value in row) for name, row in expression.items()]
    (folder / "expression.csv").write_text("\n".join(text) + "\n")
    inputs = {
        "genotypes": write_vcf(folder / "people.vcf", europeans, lines, contigs=(("2", 305_000),)),
        "fasta": write_fasta(folder / "genome.fa", {"chr2": "".join(letters)}),
        "genes": folder / "genes.csv",
        "expression": folder / "expression.csv",
    }
    return inputs, causes


@pytest.mark.realdata
def test_a_model_that_reads_the_motif_finds_it(planted, tmp_path):
    inputs, causes = planted
    facts = personal_genomes(occurrences, **inputs, output=tmp_path / "run", options=OPTIONS)
    mean = facts["summary"]["model, all people"]["mean_pearson"]
    assert mean["low"] > 0.5
    assert facts["summary"]["model, all people"]["share_right"]["value"] == 1
    assert facts["summary"]["model, all people"]["wrong_among_significant"]["value"] == 0
    assert facts["p_mean"] < 0.01
    assert facts["unique"] < facts["haplotypes"] / 4
    with open(tmp_path / "run" / "genes.tsv", newline="") as handle:
        rows = {row["gene"]: row for row in csv.DictReader(handle, delimiter="\t")}
    assert {name: row["driver"] for name, row in rows.items()} == causes
    assert all(row["agrees"] == "True" and float(row["additive_r"]) > 0.99 for row in rows.values())
    assert facts["drivers"]["agree"]["value"] == 1
    assert facts["parts"]["seen"]["genes"] == facts["parts"]["unseen"]["genes"] == GENES // 2
    # the elastic net sees the variant itself too, and has to learn it
    net = facts["summary"]["elastic-net, test people"]["mean_pearson"]
    assert net["low"] > 0.4
    assert facts["differences"]["elastic-net"]["value"] > -0.05
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["baselines"]["top-variant"]["mean_pearson"]


@pytest.mark.realdata
def test_a_model_of_the_wrong_sign_is_told_to_be(planted, tmp_path):
    inputs, _ = planted
    facts = personal_genomes(against, **inputs, output=tmp_path / "run", options=OPTIONS)
    side = facts["summary"]["model, all people"]
    assert side["share_wrong"]["value"] == side["wrong_among_significant"]["value"] == 1
    assert facts["drivers"]["agree"]["value"] == 0
    assert facts["drivers"]["agree_where_slope_is_significant"]["n"] == GENES


@pytest.mark.realdata
def test_a_blind_model_is_not_taken_for_one_that_sees(planted, tmp_path):
    inputs, _ = planted
    facts = personal_genomes(blind, **inputs, output=tmp_path / "run", options=OPTIONS)
    mean = facts["summary"]["model, all people"]["mean_pearson"]
    assert mean["low"] < 0 < mean["high"]
    assert facts["differences"]["elastic-net"]["high"] < 0


@pytest.mark.realdata
def test_without_indels_the_insertions_go_unseen(planted, tmp_path):
    inputs, causes = planted
    options = PersonalOptions(permutations=100, draws=50, drivers=0, mode="snv")
    facts = personal_genomes(occurrences, **inputs, output=tmp_path / "run", options=options)
    inserted = sum(len(name.split(">")[1]) > 1 for name in causes.values())
    assert inserted == facts["constant"] == GENES // 4
    assert {one["reason"]: one["count"] for one in facts["skipped"]}["insertions and deletions"] >= inserted
