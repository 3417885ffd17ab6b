"""From files to a Dataset, with the traps that files hold."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from chiasma.core.cards import find_card
from chiasma.core.errors import InputError, InsufficientDataError, MismatchError, UsageError
from chiasma.data.dataset import Target
from chiasma.split.make import make_split
from chiasma.split.options import SplitOptions
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import prepare
from chiasma.workflow.loading.sequences import load_sequences, load_unlabelled
from chiasma.workflow.method import load_method


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CHIASMA_CACHE", str(tmp_path / "cache"))


def _fasta(path, count, *, length=60, seed=0, name="s{}", lower=False):
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list("ACGT"), length)) for _ in range(count)]
    texts = [text.lower() if lower else text for text in texts]
    path.write_text("".join(f">{name.format(i)}\n{text}\n" for i, text in enumerate(texts)))
    return path


@pytest.fixture
def genome(tmp_path):
    return _fasta(tmp_path / "genome.fa", 3, length=20_000, name="chr{}")


def test_shuffled_twins_share_their_peak(tmp_path):
    data = load_sequences({"positives": _fasta(tmp_path / "q.fa", 30)}, seed=1)
    assert data.problems() == [] and len(data) == 60 and data.unit_name == "peak with its twin"
    assert data.target.names == ("negative", "positive") and data.target.values.sum() == 30
    for unit in range(30):
        one, two = np.flatnonzero(data.unit == unit)
        assert {data.target.values[one], data.target.values[two]} == {0, 1}
        assert data.ids[two] == f"{data.ids[one]}/shuffled"
        np.testing.assert_array_equal(np.bincount(data.x[one], minlength=4), np.bincount(data.x[two], minlength=4))
    assert "dinucleotide" in data.notes["negatives"]
    assert set(data.columns) == {"gc", "length", "lower_case_share"}
    again = load_sequences({"positives": tmp_path / "q.fa", "negatives": "shuffled"}, seed=1)
    assert np.array_equal(again.x.codes, data.x.codes)


def test_given_negatives_may_share_ids(tmp_path):
    positives = _fasta(tmp_path / "p.fa", 5)
    negatives = _fasta(tmp_path / "n.fa", 7, seed=3, lower=True)
    data = load_sequences({"positives": positives, "negatives": negatives}, seed=0)
    assert data.problems() == [] and data.ids[5] == "negative:s0"
    assert data.columns["lower_case_share"].tolist() == [0] * 5 + [1] * 7
    assert len(np.unique(data.unit)) == 12 and data.notes["negatives"] == "7 given in n.fa"


@pytest.mark.parametrize("flipped", [False, True])
def test_one_file_as_both_classes_is_refused(tmp_path, flipped):
    positives, negatives = _fasta(tmp_path / "p.fa", 20), tmp_path / "n.fa"
    lines = positives.read_text().splitlines()
    turn = str.maketrans("ACGT", "TGCA")
    text = [line if line[0] == ">" or not flipped else line.translate(turn)[::-1] for line in lines]
    negatives.write_text("\n".join(text[:24]) + "\n")  # 12 of the 20
    with pytest.raises(InputError, match="same sequences in both classes"):
        load_sequences({"positives": positives, "negatives": negatives}, seed=1)
    negatives.write_text("\n".join([*text[:8], *(f">x{i}\n{'ACGT'[i] * 60}" for i in range(4))]) + "\n")
    assert len(load_sequences({"positives": positives, "negatives": negatives}, seed=1)) == 28


def test_bed_with_genome_negatives(tmp_path, genome):
    bed = tmp_path / "p.bed"
    rows = [f"{i % 3}\t{400 * i + 100}\t{400 * i + 180}\tp{i}\t0\t+" for i in range(30)]
    rows.append("0\t19990\t20060\toff\t0\t+")
    bed.write_text("\n".join(rows) + "\n")
    data = load_sequences({"positives": bed, "negatives": "genome", "fasta": genome}, seed=4, length=50)
    assert data.problems() == []
    assert data.skips[0].reason == "beyond the end of the contig" and data.skips[0].examples == ("off",)
    assert (data.columns["length"] == 50).all() and data.columns["start"][0] == 140 - 25
    assert "31 intervals matched by another style" in data.notes["genome contigs"]
    assert (data.target.values == 0).sum() == 30 and "matched" in data.notes["negatives"]


def test_annotation_as_classes_and_as_positives(tmp_path, genome):
    gtf = tmp_path / "a.gtf"
    lines = []
    for i in range(12):
        start, sign = 1000 * i + 500, "+-"[i % 2]
        lines += [f'chr0\tx\texon\t{start + a}\t{start + b}\t.\t{sign}\t.\tgene_id "g{i}"; transcript_id "t{i}";'
                  for a, b in ((0, 100), (300, 400))]  # fmt: skip
    gtf.write_text("\n".join(lines) + "\n")
    data = load_sequences({"sequences": gtf, "fasta": genome}, seed=0, length=40)
    assert data.target.kind == "multiclass" and len(data.target.names) == 6 and data.problems() == []
    data = load_sequences({"positives": f"{gtf}:donor", "negatives": f"{gtf}:intergenic", "fasta": genome}, seed=0,
                          length=40)  # fmt: skip
    assert data.target.values.sum() == 12 and data.problems() == []


def test_labelled_sources(tmp_path):
    table = tmp_path / "t.tsv"
    table.write_text("sequence\tlabel\tgroup\nACGTACGT\t1\tp\nTTTTACGT\t0\tq\nACGTNNNN\tNA\tq\nNNNNNNNN\t1\tq\n")
    data = load_sequences({"sequences": table}, seed=0)
    assert data.target.values.tolist() == [1, 0] and data.columns["group"].tolist() == ["p", "q"]
    assert [skip.reason for skip in data.skips] == ["no known base, all N", "no label"]
    fasta = _fasta(tmp_path / "s.fa", 4)
    labels = tmp_path / "l.csv"
    labels.write_text("id,a,b\ns0,0.5,x\ns1,1.5,y\ns3,2.5,x\n")
    data = load_sequences({"sequences": fasta, "labels": labels}, seed=0)
    assert data.target.kind == "regression" and data.ids.tolist() == ["s0", "s1", "s3"]
    data = load_sequences({"sequences": fasta, "labels": f"{labels}:b"}, seed=0)
    assert data.target.names == ("x", "y")


def test_longer_sequences_are_cut_with_their_coordinates(tmp_path):
    path = tmp_path / "p.fa"
    path.write_text(">c:100-110(-)\nAACCGGTTAC\n>c:200-204\nACGG\n")
    data = load_unlabelled(path, length=5)
    assert data.x.strings() == ["CCGGT", "ACGG"]
    assert (data.columns["start"].tolist(), data.columns["end"].tolist()) == ([103, 200], [108, 204])
    assert data.notes["cut"] == "1 sequences cut to their central 5 bp"


def test_unlabelled_keeps_the_target_of_the_model(tmp_path, genome):
    target = Target("multilabel", np.zeros((0, 2)), ("a", "b"))
    data = load_unlabelled(_fasta(tmp_path / "p.fa", 4), target=target)
    assert data.target.kind == "multilabel" and data.target.values.shape == (4, 2)
    bed = tmp_path / "x.bed"
    bed.write_text("chr1\t5\t25\n")
    assert load_unlabelled(bed, fasta=genome, length=10).target.kind == "none"
    with pytest.raises(UsageError, match="--fasta"):
        load_unlabelled(bed)


def test_a_reference_of_another_build_is_refused(tmp_path, genome):
    wrong = _fasta(tmp_path / "wrong.fa", 20, length=60, seed=9, name="chr1:{0}100-{0}160")
    with pytest.raises(MismatchError, match="not those of the genome"):
        load_sequences({"positives": wrong, "negatives": "genome", "fasta": genome}, seed=0)


def _inputs(tmp_path, genome, case):
    bed = tmp_path / "x.bed"
    fasta = _fasta(tmp_path / "ok.fa", 5)
    other = tmp_path / "other.fa"
    texts = {
        "empty": "", "duplicates": ">a\nACGT\n>a\nACGT\n", "unknown": ">a\nNNNN\n",
        "homopolymers": ">a\nAAAA\n>b\nTT\n",
        "labels": ">a label=x\nACGT\n>b label=x\nACGA\n", "none": ">a\nACGTT\n>b\nACG\n",
    }  # fmt: skip
    other.write_text(texts.get(case, ""))
    bed.write_text({"contigs": "NC_9\t1\t5\n", "reference": "chr0\t90000\t90010\nchr1\t80000\t80010\n"}.get(case, ""))
    if case == "truncated":
        other.write_bytes(gzip.compress(fasta.read_bytes())[:-20])
    return {
        "neither": {}, "both": {"positives": fasta, "sequences": fasta},
        "contigs": {"positives": bed, "fasta": genome}, "reference": {"positives": bed, "fasta": genome},
        "no genome": {"positives": fasta, "negatives": "genome"},
        "no place": {"positives": fasta, "negatives": "genome", "fasta": genome},
        "labels": {"sequences": other}, "none": {"sequences": other},
    }.get(case, {"positives": other})  # fmt: skip


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("neither", UsageError, "either positives or sequences"),
        ("both", UsageError, "either positives or sequences"),
        ("empty", InputError, "empty"),
        ("truncated", InputError, "truncated"),
        ("duplicates", InputError, "duplicate ids"),
        ("unknown", InsufficientDataError, "no sequence has a known base"),
        ("homopolymers", InsufficientDataError, "only one class"),
        ("labels", InsufficientDataError, "only one class"),
        ("none", InputError, "no labels"),
        ("contigs", MismatchError, "no contig"),
        ("reference", MismatchError, "2 of 2 intervals lie off"),
        ("no genome", UsageError, "--fasta"),
        ("no place", InsufficientDataError, "no coordinates"),
    ],
)
def test_bad_input(tmp_path, genome, case, error, message):
    with pytest.raises(error, match=message):
        load_sequences(_inputs(tmp_path, genome, case), seed=0)


@pytest.mark.realdata
def test_ctcf_peaks(data_dir):
    data = load_sequences({"positives": data_dir / "sequence/peaks/ctcf.fa.gz", "negatives": "shuffled"}, seed=1)
    assert len(data) == 2 * 39_184 and data.problems() == [] and not data.skips
    assert len(np.unique(data.columns["chrom"])) > 20
    assert (data.columns["chrom"][:39_184] == data.columns["chrom"][39_184:]).all()


@pytest.mark.realdata
def test_promoters_tables_and_yeast(data_dir):
    folder = data_dir / "sequence"
    coli = folder / "promoters/ecoli_regulondb"
    data = load_sequences({"positives": coli / "positive2860.txt", "negatives": coli / "negative2860.txt"}, seed=0)
    assert len(data) == 5720 and data.problems() == [] and "chrom" not in data.columns
    case = data.columns["lower_case_share"] > 0.5
    assert (case == (data.target.values == 1)).all()
    data = load_sequences({"sequences": folder / "yeast_mpra/demo_train.txt"}, seed=0)
    assert data.target.kind == "regression" and data.problems() == []
    data = load_sequences({"sequences": folder / "promoters/dnabert_prom_core_1000.tsv.gz"}, seed=0)
    assert data.target.kind == "binary" and data.problems() == []
    yeast = folder / "yeast"
    data = load_sequences(
        {
            "positives": f"{yeast}/Saccharomyces_cerevisiae.R64-1-1.96.gtf.gz:tss",
            "negatives": "genome",
            "fasta": yeast / "Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz",
        },
        seed=0,
        length=100,
    )
    assert data.problems() == []
    gc = data.columns["gc"]
    assert abs(gc[data.target.values == 1].mean() - gc[data.target.values == 0].mean()) < 0.02


def _grouped_table(path):
    rng = np.random.default_rng(0)
    rows = [f"s{i}\t{''.join(rng.choice(list('ACGT'), 60))}\t{i % 2}\tpatient{i // 10}" for i in range(120)]
    path.write_text("id\tsequence\tlabel\tpatient\n" + "\n".join(rows) + "\n")
    return path


def test_a_column_of_groups_is_the_unit(tmp_path):
    data = load_sequences({"sequences": _grouped_table(tmp_path / "t.tsv")}, seed=0)
    assert data.unit_name == "patient" and len(set(data.unit)) == 12
    assert len(set(zip(data.unit.tolist(), data.columns["group"].tolist()))) == 12


def test_groups_by_id_join_twins_and_name_what_is_unknown(tmp_path):
    (tmp_path / "g.tsv").write_text("id\tdonor\n" + "".join(f"s{i}\td{i // 5}\n" for i in range(28)) + "x1\td9\n")
    inputs = {"positives": _fasta(tmp_path / "q.fa", 30), "groups": f"{tmp_path / 'g.tsv'}:donor"}
    data = load_sequences(inputs, seed=1)
    assert data.unit_name == "donor" and len(set(data.unit)) == 8
    assert data.columns["group"][0] == data.columns["group"][30] == "d0"
    assert data.notes["groups"].startswith("4 examples without a group stand alone (s28, s29")
    assert "1 skipped: a group, but no such example (x1)" in [str(skip) for skip in data.skips]
    split = make_split(data, SplitOptions(kind="random", valid=0, calibration=0))
    assert split.proof["shared_units"] == 0
    (tmp_path / "other.tsv").write_text("id\tgroup\nq1\ta\n")
    with pytest.raises(MismatchError, match="table of groups"):
        load_sequences({**inputs, "groups": tmp_path / "other.tsv"}, seed=1)


def test_clusters_are_resampled_after_a_split_by_homology(tmp_path):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(60)]
    rows = "".join(f">s{i} label={'ab'[i // 3 % 2]}\n{texts[i // 3]}\n" for i in range(180))
    (tmp_path / "l.fa").write_text(rows)
    card = find_card("cnn")
    job = FitOptions(split=SplitOptions(kind="homology"))
    prepared = prepare(card, load_method("cnn").configure(None, preset="tiny"), {"sequences": tmp_path / "l.fa"}, job)
    assert prepared.dataset.unit_name == "homology cluster"
    assert len(set(prepared.dataset.unit)) == 60 and prepared.split.proof["shared_units"] == 0
    assert "groups" in [port.name for port in card.inputs]
