"""Predictions of haplotypes: each different one once, outputs on the genome's bins."""

import numpy as np
import pytest
import torch

from chiasma.core.errors import FormatError, UsageError
from chiasma.io.genome import open_genome
from chiasma.workflow.personal.predictions import gene_windows, make_reading, predict_gene
from chiasma.workflow.variants.models import make_scorer
from personal_material import other_base, random_dna, write_fasta, write_vcf

TEXT = random_dna(1, 4000)
SAMPLES = [f"p{number}" for number in range(6)]
ANCHOR = 2000


def world(tmp_path, **changes):
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": TEXT})
    rows = [
        ("1", 1990, TEXT[1989], other_base(TEXT[1989]), [(0, 1), (1, 1), (0, 0), (0, 1), (1, 0), (0, 0)]),
        ("1", 2011, TEXT[2010], TEXT[2010] + "ACG", [(0, 1), (0, 0), (0, 0), (0, 1), (0, 1), (1, 0)]),
        ("1", 2021, TEXT[2020:2024], TEXT[2020], [(1, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 1)]),
    ]
    return open_genome(fasta), write_vcf(tmp_path / "phased.vcf", SAMPLES, rows, **changes)


def counter(calls):
    def count_g(x):
        calls.append(len(x))
        return x[:, 2].sum(dim=1, keepdim=True)

    count_g.length = 100
    return count_g


def test_each_different_haplotype_is_predicted_once(tmp_path):
    genome, vcf = world(tmp_path)
    calls = []
    reading = make_reading(make_scorer(counter(calls)), target=None, bins=1, both_strands=False)
    calls.clear()
    windows, alleles = gene_windows(vcf, genome, ("1", ANCHOR), length=100)
    found = predict_gene("gene", reading, windows, alleles)
    assert sum(calls) == len(windows) == 5  # 12 haplotypes
    every = windows.codes(windows.taken[windows.member])
    np.testing.assert_allclose(found.person, (every == 2).sum(axis=1).reshape(6, 2).mean(axis=1))
    assert found.dosage(np.arange(3)).tolist() == [[1, 1, 1], [2, 0, 0], [0, 0, 0], [1, 1, 0], [1, 1, 0], [0, 1, 1]]


def test_only_substitutions_of_one_base(tmp_path):
    genome, vcf = world(tmp_path)
    windows, alleles = gene_windows(vcf, genome, ("1", ANCHOR), length=100, mode="snv")
    assert alleles.ids.tolist() == [f"1:1990:{TEXT[1989]}>{other_base(TEXT[1989])}"]
    assert [(skip.reason, skip.count) for skip in alleles.skips] == [("insertions and deletions", 2)]
    assert len(windows) == 2


def binned(x):
    """Two tracks: bases G, and where on the window; bins of 10 over the middle 80 of 100 bases."""
    return torch.stack([x[:, 2], x.sum(dim=1)], dim=2)[:, 10:90].reshape(len(x), 8, 10, 2).sum(dim=2)


binned.length, binned.bin, binned.columns = 100, 10, ("g", "bases")


def test_bins_are_those_of_the_genome(tmp_path):
    genome, vcf = world(tmp_path)
    reading = make_reading(make_scorer(binned), target="bases", bins=8, both_strands=True)
    assert reading.strands == (False,)  # no strand pairs are named
    windows, alleles = gene_windows(vcf, genome, ("1", ANCHOR), length=100)
    found = predict_gene("gene", reading, windows, alleles)
    # every base counts one: what a haplotype has between the genome's bins is what it has gained and lost there
    gained = windows.taken @ np.array([0, 3, -3])
    np.testing.assert_allclose(found.unique, np.minimum(80 + gained, 80) / 8)
    middle = make_reading(make_scorer(binned), target="bases", bins=4, both_strands=False)
    # the middle forty bases end before the deletion
    np.testing.assert_allclose(middle.values(windows, windows.taken), (40 + np.maximum(gained, 0)) / 4)


def test_requests_that_cannot_be_met(tmp_path):
    with pytest.raises(UsageError, match="several outputs"):
        make_reading(make_scorer(binned), target=None, bins=2, both_strands=True)
    with pytest.raises(UsageError, match="unknown output"):
        make_reading(make_scorer(binned), target="h", bins=2, both_strands=True)
    with pytest.raises(UsageError, match="bins"):
        make_reading(make_scorer(binned), target="g", bins=9, both_strands=True)
    genome, vcf = world(tmp_path, between="/")
    with pytest.raises(FormatError, match="without a phase"):
        gene_windows(vcf, genome, ("1", ANCHOR), length=100)
    windows, alleles = gene_windows(vcf, genome, ("1", ANCHOR), length=100, unphased="drop")
    assert len(windows) == 1
    assert [skip.count for skip in alleles.skips] == [3]


def test_people_of_different_ploidy_are_refused_and_missing_alleles_counted(tmp_path):
    genome = open_genome(write_fasta(tmp_path / "genome.fa", {"1": TEXT}))
    alt = other_base(TEXT[1999])
    mixed = [("1", 2000, TEXT[1999], alt, ["0|1", "1", "0|0"])]
    with pytest.raises(FormatError, match="ploidy"):
        gene_windows(write_vcf(tmp_path / "mixed.vcf", SAMPLES[:3], mixed), genome, ("1", ANCHOR), length=100)
    absent = [("1", 2000, TEXT[1999], alt, ["0|1", ".|.", "0|0"])]
    windows, alleles = gene_windows(
        write_vcf(tmp_path / "absent.vcf", SAMPLES[:3], absent), genome, ("1", ANCHOR), length=100
    )
    assert windows.member.tolist().count(windows.member[1]) == 1
    assert [skip.count for skip in alleles.skips] == [2]
