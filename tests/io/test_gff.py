"""Annotation, and windows labelled by what lies at their centre."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import FormatError, InsufficientDataError, UsageError
from chiasma.io.genome import open_genome
from chiasma.io.gff import KINDS, labelled_windows, read_annotation

GFF = """##gff-version 3
##sequence-region chr1 1 400
chr1\tx\tgene\t51\t150\t.\t+\t.\tID=g1;gene_biotype=protein%20coding
chr1\tx\tmRNA\t51\t150\t.\t+\t.\tID=t1;Parent=g1
chr1\tx\texon\t51\t80\t.\t+\t.\tParent=t1
chr1\tx\texon\t121\t150\t.\t+\t.\tParent=t1
chr1\tx\tCDS\t60\t80\t.\t+\t0\tParent=t1
chr1\tx\tgene\t201\t300\t.\t-\t.\tID=g2
chr1\tx\tmRNA\t201\t300\t.\t-\t.\tID=t2;Parent=g2
chr1\tx\texon\t201\t230\t.\t-\t.\tParent=t2
chr1\tx\texon\t271\t300\t.\t-\t.\tParent=t2
##FASTA
>chr1
"""
GTF = (
    'chr1\tx\tgene\t51\t150\t.\t+\t.\tgene_id "g1"; gene_biotype "b";\n'
    'chr1\tx\ttranscript\t51\t150\t.\t+\t.\tgene_id "g1"; transcript_id "t1";\n'
    'chr1\tx\texon\t51\t80\t.\t+\t.\tgene_id "g1"; transcript_id "t1";\n'
    'chr1\tx\texon\t121\t150\t.\t+\t.\tgene_id "g1"; transcript_id "t1";\n'
)


@pytest.fixture
def genome(tmp_path):
    rng = np.random.default_rng(0)
    text = list("".join(rng.choice(list("ACGT"), 400)))
    text[80:82], text[118:120] = "GT", "AG"
    # The minus-strand intron 231..270 (1-based) begins at 270, so its donor GT reads AC at 268..270.
    text[268:270], text[230:232] = "AC", "CT"
    path = tmp_path / "g.fa"
    path.write_text(">chr1\n" + "".join(text) + "\n")
    return open_genome(path, cache=tmp_path / "cache")


def _write(tmp_path, text, name="a.gff"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_gff3_and_gtf_give_the_same(tmp_path):
    one = read_annotation(_write(tmp_path, GFF))
    two = read_annotation(_write(tmp_path, GTF, "a.gtf"))
    assert one.lengths == {"chr1": 400}
    assert one.genes.names.tolist() == ["g1", "g2"] and one.genes.columns["biotype"][0] == "protein coding"
    assert one.exons.start.tolist() == [50, 120, 200, 270] and one.exons.names[0] == "t1:1"
    assert one.introns().start.tolist() == [80, 230] and one.introns().end.tolist() == [120, 270]
    assert two.exons.start.tolist() == [50, 120] and two.transcripts.columns["gene"].tolist() == ["g1"]


def test_missing_levels_are_filled(tmp_path):
    exons = "\n".join(line for line in GTF.splitlines() if "\texon\t" in line)
    read = read_annotation(_write(tmp_path, exons, "a.gtf"))
    assert (read.genes.start.tolist(), read.genes.end.tolist()) == ([50], [150]) and len(read.transcripts) == 1
    bare = read_annotation(_write(tmp_path, "chr1\tx\tgene\t11\t20\t.\t+\t.\tID=g\n"))
    assert bare.exons.start.tolist() == [10] and bare.transcripts.names.tolist() == ["g"]
    augustus = "X\tA\tgene\t1\t9\t.\t-\t.\tg1\nX\tA\ttranscript\t1\t9\t.\t-\t.\tg1.t1\n"
    augustus += 'X\tA\texon\t1\t9\t.\t-\t.\ttranscript_id "g1.t1"; gene_id "g1";\n'
    read = read_annotation(_write(tmp_path, augustus, "b.gtf"))
    assert read.genes.names.tolist() == ["g1"] and read.transcripts.names.tolist() == ["g1.t1"]


def test_points_lie_at_the_middle_on_both_strands(tmp_path, genome):
    path = _write(tmp_path, GFF)
    for length in (10, 11):
        windows, skips = labelled_windows(path, genome, kinds=("donor", "acceptor", "tss"), length=length, seed=1)
        assert not skips and len(windows) == 6
        codes = genome.windows(windows)
        middle = length // 2
        text = ["".join("ACGT"[code] for code in row) for row in codes]
        label = windows.columns["label"]
        assert {t[middle : middle + 2] for t, k in zip(text, label, strict=True) if k == "donor"} == {"GT"}
        assert {t[middle - 1 : middle + 1] for t, k in zip(text, label, strict=True) if k == "acceptor"} == {"AG"}
        tss = windows.take(label == "tss")
        at = np.where(tss.strand > 0, tss.start + middle, tss.end - 1 - middle)
        assert sorted(at.tolist()) == [50, 299]


def test_stretches_lie_inside(tmp_path, genome):
    windows, skips = labelled_windows(_write(tmp_path, GFF), genome, length=35, seed=1)
    label = windows.columns["label"]
    assert set(label) == {"tss", "donor", "acceptor", "intron", "intergenic"}
    assert skips[0].count == 4 and "exon shorter" in skips[0].reason
    free = windows.take(label == "intergenic")
    genes = read_annotation(_write(tmp_path, GFF)).genes
    for start, end in zip(free.start, free.end, strict=True):
        assert ((end <= genes.start) | (start >= genes.end)).all() and start >= 0 and end <= 400
    inside = windows.take(label == "intron")
    assert inside.start.tolist() == [83, 233]
    again, _ = labelled_windows(_write(tmp_path, GFF), genome, length=35, seed=1)
    assert again.names.tolist() == windows.names.tolist() and len(set(again.names)) == len(again)
    few, _ = labelled_windows(_write(tmp_path, GFF), genome, length=35, seed=1, per_kind=1)
    assert np.unique(few.columns["label"].astype(str), return_counts=True)[1].max() == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("##gff-version 3\n", "no features"),
        ("chr1\t10\t20\n", "line 1"),
        ("chr1\tx\tgene\t20\t10\t.\t+\t.\tID=g\n", "start after end"),
        ("chr1\tx\tgene\t1\t10\t.\t*\t.\tID=g\n", "strand"),
    ],
)
def test_bad_lines(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        read_annotation(_write(tmp_path, text))


def test_unknown_kind_and_no_room(tmp_path, genome):
    path = _write(tmp_path, GFF)
    with pytest.raises(UsageError, match="intron"):
        labelled_windows(path, genome, kinds=("introns",), length=10, seed=0)
    with pytest.raises(InsufficientDataError, match="no window"):
        labelled_windows(path, genome, kinds=("exon",), length=300, seed=0)


@pytest.mark.realdata
def test_real_annotation(data_dir, tmp_path):
    folder = data_dir / "sequence"
    coli = read_annotation(folder / "ecoli/GCF_000005845.2_ASM584v2_genomic.gff.gz")
    assert len(coli.genes) == 4494 + 145
    yeast_file = folder / "yeast/Saccharomyces_cerevisiae.R64-1-1.96.gtf.gz"
    yeast = open_genome(folder / "yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz", cache=tmp_path)
    windows, _ = labelled_windows(yeast_file, yeast, length=60, seed=0)
    label = windows.columns["label"]
    assert set(label) == set(KINDS) and (label == "tss").sum() > 7000
    codes = yeast.windows(windows)
    donors = codes[label == "donor"]
    assert ((donors[:, 30] == 2) & (donors[:, 31] == 3)).mean() > 0.7
    cress_file = folder / "genomes/A.thaliana.gff.gz"
    cress = open_genome(folder / "genomes/A.thaliana.fa.gz", cache=tmp_path)
    windows, _ = labelled_windows(cress_file, cress, kinds=("acceptor",), length=60, seed=0)
    acceptors = cress.windows(windows)
    assert ((acceptors[:, 29] == 0) & (acceptors[:, 30] == 2)).mean() > 0.99
