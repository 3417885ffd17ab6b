"""Every kind of file that the audit reads, and that nothing it leaves out goes unnamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import InputError, MismatchError, UsageError
from chiasma.data.matrix import Matrix, Views
from chiasma.data.results import Audit, Finding
from chiasma.data.sequences import decode
from chiasma.io.containers import write_h5ad, write_h5mu
from chiasma.io.tables import write_labels, write_matrix
from chiasma.workflow.auditing.audit import audit
from chiasma.workflow.auditing.files import audit_files


def named(found: Audit, name: str) -> list[Finding]:
    return [finding for finding in found.findings if finding.name == name]


def skips(found: Audit) -> dict[str, int]:
    return {finding.figures["reason"]: finding.figures["count"] for finding in named(found, "skipped")}


def dna(n: int, seed: int, *, length: int = 60, p: list[float] | None = None) -> list[str]:
    rng = np.random.default_rng(seed)
    return [decode(code) for code in rng.choice(4, (n, length), p=p).astype(np.uint8)]


def fasta(path: Path, texts: list[str], *, prefix: str = "s") -> Path:
    path.write_text("".join(f">{prefix}{i}\n{text}\n" for i, text in enumerate(texts)))
    return path


def matrix(n: int, features: list[str], *, prefix: str, seed: int = 0) -> Matrix:
    values = np.random.default_rng(seed).normal(size=(n, len(features)))
    ids = np.array([f"{prefix}{i}" for i in range(n)], dtype=object)
    return Matrix(values, ids, np.array(features, dtype=object))


def names(letter: str, n: int) -> list[str]:
    return [f"{letter}{j}" for j in range(n)]


def test_a_header_without_bases_is_a_note(tmp_path):
    path = fasta(tmp_path / "a.fa", dna(40, 1))
    path.write_text(path.read_text() + ">empty\n>hollow\n")
    finding = named(audit_files(path), "skipped")[0]
    assert finding.severity == "note" and finding.figures["count"] == 2
    assert finding.figures["examples"] == ["empty", "hollow"] and "a.fa" in finding.message


def test_letters_read_as_n_are_a_note(tmp_path):
    (tmp_path / "a.fa").write_text(">a\nACGTRYACGT-A\n>b\nacgtnACGTTTT\n")
    found = audit_files(tmp_path / "a.fa", fasta(tmp_path / "b.fa", dna(3, 3), prefix="t"))
    finding = named(found, "ambiguous-letters")[0]
    assert finding.severity == "note" and finding.figures == {"R": 1, "Y": 1, "-": 1}
    assert "Too few examples" in found.verdict  # five sequences prove nothing, and the verdict says so


def test_intervals_off_the_genome_are_counted_and_named(tmp_path):
    genome = tmp_path / "genome.fa"
    genome.write_text("".join(f">chr{i}\n{dna(1, i, length=3000)[0]}\n" for i in range(1, 5)))
    inside = [f"chr{1 + i % 4}\t{i * 50}\t{i * 50 + 60}\tpeak{i}" for i in range(40)]
    outside = ["chr1\t2990\t3050\tover", "chr9\t5\t65\tnowhere"]
    bed = tmp_path / "peaks.bed"
    bed.write_text("\n".join([*inside, *outside]) + "\n")
    found = audit_files(bed, fasta=genome)
    assert skips(found) == {
        "peaks.bed: contig absent from the genome": 1,
        "peaks.bed: beyond the end of the contig": 1,
    }
    assert "over" in " ".join(finding.message for finding in named(found, "skipped"))
    assert named(found, "near-duplicates")  # the bases were looked at, not only the places


def test_one_name_for_two_places_is_no_shared_example(tmp_path):
    for name, shift in (("train", 0), ("test", 10_000)):
        lines = [f"chr1\t{shift + i * 100}\t{shift + i * 100 + 50}\tpeak_{i}" for i in range(20)]
        (tmp_path / f"{name}.bed").write_text("\n".join(lines) + "\n")
    found = audit_files(tmp_path / "train.bed", tmp_path / "test.bed")
    assert named(found, "shared-ids")[0].severity == "ok"
    again = audit_files(tmp_path / "train.bed", tmp_path / "train.bed")
    assert named(again, "shared-ids")[0].severity == "critical"


def test_a_file_for_each_class(tmp_path):
    rich = fasta(tmp_path / "rich.fa", dna(80, 2, p=[0.15, 0.35, 0.35, 0.15]))
    poor = fasta(tmp_path / "poor.fa", [text.lower() for text in dna(80, 3, p=[0.35, 0.15, 0.15, 0.35])])
    found = audit({"positive": rich, "negative": poor})
    assert named(found, "predicted-by-gc-content")[0].severity == "critical"
    assert named(found, "letter-case")[0].figures["value"] == 1.0
    assert named(found, "class-shares")[0].figures["counts"] == {"negative": 80, "positive": 80}
    with pytest.raises(UsageError, match="each class stands alone"):
        audit({"positive": rich, "negative": poor}, test=rich)


def test_case_differs_between_two_files_without_labels(tmp_path):
    upper = fasta(tmp_path / "upper.fa", dna(50, 4), prefix="u")
    lower = fasta(tmp_path / "lower.fa", [text.lower() for text in dna(50, 5)], prefix="l")
    assert named(audit_files(upper, lower), "letter-case-by-part")[0].severity == "warning"


def test_labels_of_two_tables_and_those_without_one(tmp_path):
    write_matrix(tmp_path / "train.csv", matrix(40, names("g", 12), prefix="a"))
    write_matrix(tmp_path / "test.csv", matrix(20, names("g", 12), prefix="b", seed=1))
    write_labels(tmp_path / "train_y.csv", {f"a{i}": "xy"[i % 2] for i in range(37)})
    write_labels(tmp_path / "test_y.csv", {f"b{i}": "xy"[i % 2] for i in range(20)})
    labels = [str(tmp_path / "train_y.csv"), str(tmp_path / "test_y.csv")]
    found = audit_files(tmp_path / "train.csv", tmp_path / "test.csv", labels=labels)
    assert skips(found) == {"example without a label": 3}
    assert named(found, "class-shares")[0].figures["counts"] == {"x": 29, "y": 28}


def test_features_and_predictions_that_find_no_partner(tmp_path):
    write_matrix(tmp_path / "train.csv", matrix(30, names("g", 12), prefix="a"))
    write_matrix(tmp_path / "test.csv", matrix(20, names("g", 10), prefix="b"))
    rows = [f"b{i}\t{i % 2}\t0.{1 + i % 2}" for i in range(20)] + ["ghost\t1\t0.5"]
    (tmp_path / "p.tsv").write_text("id\ty\tp\n" + "\n".join(rows) + "\n")
    found = audit_files(tmp_path / "train.csv", tmp_path / "test.csv", predictions=tmp_path / "p.tsv")
    assert skips(found) == {"feature that only one of the files has": 2, "p.tsv: prediction of no example": 1}
    assert named(found, "recomputed")[0].figures["value"] == 1.0


@pytest.mark.parametrize("kind", [".h5mu", ".h5ad", ".parquet"])
def test_containers_and_parquet(tmp_path, kind):
    for part, n, seed in (("train", 40, 6), ("test", 20, 7)):
        rows = matrix(n, names("g", 12), prefix=part, seed=seed)
        if part == "test":
            rows = Matrix(np.vstack([matrix(40, names("g", 12), prefix="", seed=6).values[:5], rows.values[5:]]),
                          rows.samples, rows.features)  # fmt: skip
        if kind == ".h5mu":
            other = matrix(n, names("m", 12), prefix=part, seed=seed + 2)
            other = other if part == "train" else Matrix(other.values, rows.samples, other.features)
            write_h5mu(tmp_path / f"{part}{kind}", Views({"rna": rows, "mirna": other}))
        elif kind == ".h5ad":
            write_h5ad(tmp_path / f"{part}{kind}", rows)
        else:
            write_matrix(tmp_path / f"{part}{kind}", rows)
    write_labels(
        tmp_path / "y.csv", {f"{p}{i}": "xy"[i % 2] for p, n in (("train", 40), ("test", 20)) for i in range(n)}
    )
    found = audit_files(tmp_path / f"train{kind}", tmp_path / f"test{kind}", labels=str(tmp_path / "y.csv"))
    assert named(found, "class-shares")[0].figures["counts"] == {"x": 30, "y": 30}
    assert len(named(found, "feature-selection")) == (2 if kind == ".h5mu" else 1)
    if kind != ".h5mu":  # a copy in one view is no copied sample
        assert named(found, "exact-duplicates")[0].figures["examples"] == 5


def test_labels_inside_a_container(tmp_path):
    views = Views({name: matrix(60, names(name, 12), prefix="s") for name in ("rna", "mirna")})
    write_h5mu(tmp_path / "all.h5mu", views, obs={"subtype": ["xyz"[i % 3] for i in range(60)]})
    found = audit_files(tmp_path / "all.h5mu", labels=f"{tmp_path / 'all.h5mu'}:subtype")
    assert named(found, "class-shares")[0].figures["counts"] == {"x": 20, "y": 20, "z": 20}
    assert "at random" in named(found, "own-split")[0].message


def test_views_that_only_one_file_has(tmp_path):
    for part, blocks in (("train", ("rna", "protein")), ("test", ("rna",))):
        views = {name: matrix(20, names(name, 12), prefix=part) for name in blocks}
        write_h5mu(tmp_path / f"{part}.h5mu", Views(views))
    assert skips(audit_files(tmp_path / "train.h5mu", tmp_path / "test.h5mu")) == {
        "view that only one of the files has": 1
    }


def test_the_matrix_before_selection(tmp_path):
    rng = np.random.default_rng(8)
    full = matrix(90, names("g", 1000), prefix="s", seed=8)
    y = rng.permutation(90) % 2
    best = np.argsort(-np.abs(full.values[y == 1].mean(axis=0) - full.values[y == 0].mean(axis=0)))[:30]
    write_matrix(tmp_path / "full.parquet", full.take(rng.permutation(90)))  # the order of rows does not matter
    write_matrix(tmp_path / "chosen.csv", full.take_features(best))
    write_labels(tmp_path / "y.csv", {str(name): str(value) for name, value in zip(full.samples, y, strict=True)})
    options = {"labels": str(tmp_path / "y.csv"), "full_features": tmp_path / "full.parquet"}
    finding = named(audit(tmp_path / "chosen.csv", **options), "nested-selection")[0]
    assert finding.severity == "critical" and finding.figures["gap"] > 0.15
    write_matrix(tmp_path / "full.parquet", full.take(np.arange(80)))
    with pytest.raises(MismatchError, match="10 samples are not in the matrix before selection"):
        audit(tmp_path / "chosen.csv", **options)
    with pytest.raises(UsageError, match="on matrices"):
        audit(fasta(tmp_path / "a.fa", dna(30, 9)), full_features=tmp_path / "full.parquet")


def test_requests_that_contradict_themselves(tmp_path):
    with pytest.raises(UsageError, match="a file or a run"):
        audit()
    with pytest.raises(InputError, match="not a run folder"):
        audit(tmp_path)
    (tmp_path / "mine.partial").mkdir()
    with pytest.raises(InputError, match="not complete"):
        audit(tmp_path / "mine")
