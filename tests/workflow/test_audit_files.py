"""Auditing files of every kind, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import FormatError, MismatchError
from chiasma.data.results import Audit, Finding
from chiasma.data.sequences import decode
from chiasma.workflow.auditing.files import audit_files
from command_line import call, done


def named(found: Audit, name: str) -> list[Finding]:
    return [finding for finding in found.findings if finding.name == name]


def write_dna(path: Path, texts: list[str], labels: list[str] | None = None, *, prefix: str = "s") -> Path:
    headers = [f"{prefix}{i}" + (f" label={labels[i]}" if labels else "") for i in range(len(texts))]
    path.write_text("".join(f">{header}\n{text}\n" for header, text in zip(headers, texts, strict=True)))
    return path


def dna(n: int, seed: int) -> list[str]:
    return [decode(code) for code in np.random.default_rng(seed).integers(0, 4, (n, 60)).astype(np.uint8)]


def other_strand(text: str) -> str:
    return text.translate(str.maketrans("ACGT", "TGCA"))[::-1]


def test_twins_between_two_fasta_files_with_labels_in_the_headers(tmp_path):
    texts, labels = dna(80, 1), ["bound" if i % 2 else "free" for i in range(80)]
    train = write_dna(tmp_path / "train.fa", texts, labels)
    test = write_dna(tmp_path / "test.fa", [*map(other_strand, texts[:30]), *dna(10, 2)], labels[:40])
    found = audit_files(train, test)
    assert named(found, "reverse-complement-twins")[0].figures["examples"] == 30
    assert named(found, "shared-ids")[0].severity == "ok"  # equal names of different sequences are a coincidence
    assert named(found, "class-shares")


def test_labels_and_predictions_from_tables(tmp_path):
    train, test = (write_dna(tmp_path / f"{k}.fa", dna(60, k), prefix=f"p{k}_") for k in (3, 4))
    rows = [f"p{k}_{i}\t{i % 2}" for k in (3, 4) for i in range(60)]
    (tmp_path / "labels.tsv").write_text("id\tlabel\n" + "\n".join(rows) + "\n")
    scores = [f"p4_{i}\t{i % 2}\t{0.8 if i % 2 else 0.3}" for i in range(60)]
    (tmp_path / "predictions.tsv").write_text("id\ty\tp\n" + "\n".join(scores) + "\n")
    both = audit_files(train, test, labels=str(tmp_path / "labels.tsv"), predictions=tmp_path / "predictions.tsv")
    alone = audit_files(train, test, predictions=tmp_path / "predictions.tsv")
    for found in (both, alone):
        assert named(found, "recomputed")[0].figures["value"] == 1.0
    assert named(both, "permuted-labels") and named(alone, "no-label")


def test_class_columns_in_another_order_and_repeated_rows(tmp_path):
    labels = ["acb"[i % 3] for i in range(60)]
    train, test = (write_dna(tmp_path / f"{k}.fa", dna(60, k), labels, prefix=f"p{k}_") for k in (3, 4))
    rows = [f"p4_{i}\t" + "\t".join(str(float(label == name)) for name in "cab") for i, label in enumerate(labels)]
    (tmp_path / "p.tsv").write_text("id\tp_c\tp_a\tp_b\n" + "\n".join([*rows, rows[0]]) + "\n")
    found = audit_files(train, test, predictions=tmp_path / "p.tsv")
    assert named(found, "recomputed")[0].figures["value"] == 1.0
    assert named(found, "repeated-predictions")[0].figures == {"examples": 1, "differing": 0}


def test_the_table_of_a_run_without_labels(tmp_path):
    """y holds the number of the class there, in the order of the columns."""
    train, test = (write_dna(tmp_path / f"{k}.fa", dna(60, k), prefix=f"p{k}_") for k in (3, 4))
    rows = [f"p4_{i}\ttest\t{i}\t{i % 2}\t{1 - i % 2}\t{i % 2}" for i in range(60)]
    (tmp_path / "p.tsv").write_text("id\tpart\tunit\ty\tp_negative\tp_positive\n" + "\n".join(rows) + "\n")
    found = audit_files(train, test, predictions=tmp_path / "p.tsv")
    assert named(found, "recomputed")[0].figures["value"] == 1.0


def test_intervals_that_overlap_across_files(tmp_path):
    (tmp_path / "train.bed").write_text("".join(f"chr1\t{i * 100}\t{i * 100 + 150}\n" for i in range(30)))
    (tmp_path / "test.bed").write_text("chr1\t10\t60\nchr2\t10\t60\n")
    found = audit_files(tmp_path / "train.bed", tmp_path / "test.bed")
    assert named(found, "interval-overlaps")[0].figures["examples"] == 1
    assert named(found, "self-overlap")[-1].figures["pairs"] + named(found, "self-overlap")[0].figures["pairs"] == 29


def test_matrices_share_features_and_their_selection_is_examined(tmp_path):
    rng = np.random.default_rng(5)
    for name, n in (("train", 60), ("test", 30)):
        lines = [f"{name}{i}," + ",".join(f"{value:.6f}" for value in rng.normal(size=12)) for i in range(n)]
        (tmp_path / f"{name}.csv").write_text("id," + ",".join(f"g{j}" for j in range(12)) + "\n" + "\n".join(lines))
    labels = [f"{name}{i},{'ab'[i % 2]}" for name, n in (("train", 60), ("test", 30)) for i in range(n)]
    (tmp_path / "labels.csv").write_text("id,label\n" + "\n".join(labels) + "\n")
    found = audit_files(tmp_path / "train.csv", tmp_path / "test.csv", labels=str(tmp_path / "labels.csv"))
    assert named(found, "feature-selection")[0].severity == "ok"
    assert named(found, "features-per-sample")


def test_files_that_do_not_belong_together(tmp_path):
    bed = tmp_path / "a.bed"
    bed.write_text("chr1\t1\t5\n")
    with pytest.raises(MismatchError, match="different kinds"):
        audit_files(write_dna(tmp_path / "a.fa", dna(5, 6)), bed)
    (tmp_path / "p.tsv").write_text("id\ty\ns0\t1\n")
    with pytest.raises(FormatError, match="no column of scores"):
        audit_files(tmp_path / "a.fa", predictions=tmp_path / "p.tsv")


def test_one_file_is_divided_here_and_that_is_said(tmp_path):
    found = audit_files(write_dna(tmp_path / "all.fa", dna(100, 7)))
    assert "homology" in named(found, "own-split")[0].message


def test_no_torch():
    code = "import sys, chiasma.workflow.auditing.files, chiasma.audit.audit; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.realdata
def test_the_case_trap_of_the_promoters(data_dir):
    from chiasma.audit.audit import audit
    from chiasma.data.dataset import Dataset, Target
    from chiasma.data.sequences import concatenate
    from chiasma.io.fasta import read_fasta_records
    from chiasma.split.make import make_split
    from chiasma.split.options import SplitOptions

    folder = data_dir / "sequence" / "promoters" / "ecoli_regulondb"
    sets = [read_fasta_records(folder / f"{name}2860.txt") for name in ("positive", "negative")]
    x = concatenate([records.sequences for records in sets])
    y = np.repeat([1, 0], [len(records.sequences) for records in sets])
    lower = np.concatenate([records.lower_case_share for records in sets])
    target = Target("binary", y, ("negative", "positive"))
    data = Dataset(x.ids, x, target, np.arange(len(x)), columns={"lower_case_share": lower})
    split = make_split(data, SplitOptions())
    assert split.kind == "homology" and split.proof["largest_containment"]["test_examples_at_least"]["0.5"] == 0
    finding = named(audit(data, split), "letter-case")[0]
    assert finding.severity == "warning" and finding.pitfall == "format" and finding.figures["value"] > 0.99


def test_positives_alone_are_audited_beside_their_twins(peaks, tmp_path):
    record = done("audit", "--positives", peaks, "--json").json
    same = done("audit", "--positives", peaks, "--negatives", "shuffled", "--json").json
    assert record == same
    names = {finding["name"] for finding in record["findings"]}
    assert "own-split" in names and not any(finding["severity"] == "critical" for finding in record["findings"])
    assert "300" in str(record), "a twin for each peak"
    assert call("audit", "--positives", peaks, "--labels", peaks).code == 2
    assert call("audit", "--negatives", peaks).code == 2
    assert call("audit", "--positives", peaks, "--negatives", "genome").code == 2
