"""Bad input: a clear error with its exit code, or a counted, named skip; nothing half-written."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from chiasma.methods.omics.diablo.examples import example
from command_line import FAST, Answer, call, done


def refused(answer: Answer, code: int, *said: object, folder) -> None:
    """The command failed as it should: code, words, no traceback, nothing left."""
    assert answer.code == code, (answer.code, answer.err)
    for word in said:
        assert str(word) in answer.err, answer.err
    assert "Traceback" not in answer.err and "unforeseen" not in answer.err
    assert answer.out == ""
    left = [item.name for item in folder.rglob("*") if "run" in item.name or item.name.startswith(".")]
    assert left == [], left


def _dna(n: int, *, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), n))


def _fasta(path, records) -> object:
    path.write_text("".join(f">{name}\n{text}\n" for name, text in records))
    return path


def _fit(path, folder, *words) -> Answer:
    return call("fit", "cnn", path, *FAST, *words, "-o", folder / "run")


# ---------------------------------------------------------------------------------------------- sequences


def test_truncated_gzip(tmp_path, peaks):
    path = tmp_path / "cut.fa.gz"
    whole = gzip.compress(peaks.read_bytes())
    path.write_bytes(whole[: len(whole) // 2])
    refused(_fit(path, tmp_path), 3, path, "do:", folder=tmp_path)


def test_not_gzip_at_all(tmp_path):
    path = tmp_path / "fake.fa.gz"
    path.write_bytes(b"\x1f\x8bnothing of the kind")
    refused(_fit(path, tmp_path), 3, path, folder=tmp_path)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_fasta(tmp_path, text):
    path = tmp_path / "empty.fa"
    path.write_text(text)
    refused(_fit(path, tmp_path), 3, path, folder=tmp_path)


def test_no_fasta(tmp_path):
    path = tmp_path / "prose.fa"
    path.write_text("Dear reader,\nthis is a letter!\n")
    refused(_fit(path, tmp_path), 3, path, folder=tmp_path)


def test_binary_as_fasta(tmp_path):
    path = tmp_path / "noise.fa"
    path.write_bytes(bytes(range(256)) * 20)
    refused(_fit(path, tmp_path), 3, path, folder=tmp_path)


def test_duplicate_ids(tmp_path):
    path = _fasta(tmp_path / "twice.fa", [(f"s{i // 2}", _dna(60, seed=i)) for i in range(40)])
    refused(_fit(path, tmp_path), 3, "duplicate", "s0", path, folder=tmp_path)


def test_lower_case_and_iupac_letters_work_and_are_counted(tmp_path, peaks):
    text = peaks.read_text().splitlines()
    lines = [line if line.startswith(">") else ("R" + line[1:]).lower() for line in text]
    path = tmp_path / "lower.fa"
    path.write_text("\n".join(lines) + "\n")
    done("fit", "cnn", path, *FAST, "-o", tmp_path / "run")
    record = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert "R" in record["dataset"]["notes"]["ambiguous letters"]
    rows = done("predict", tmp_path / "run", path, "--json").json
    upper = tmp_path / "upper.fa"
    upper.write_text("\n".join(line if line.startswith(">") else line.upper() for line in lines) + "\n")
    assert done("predict", tmp_path / "run", upper, "--json").json == rows


def test_sequences_shorter_than_the_model(tmp_path):
    path = _fasta(tmp_path / "short.fa", [(f"s{i}", _dna(8, seed=i)) for i in range(200)])
    answer = _fit(path, tmp_path, "--split", "random")
    assert answer.code == 0 and "shorter than the 13 bases the network reads: padded with N" in answer.err, answer.err
    assert len(done("predict", tmp_path / "run", path, "--json").json) == 200


def test_all_unknown(tmp_path):
    path = _fasta(tmp_path / "n.fa", [(f"s{i}", "N" * 60) for i in range(50)])
    refused(_fit(path, tmp_path), 3, path, "no sequence has a known base", folder=tmp_path)


def test_some_unknown_are_skipped_by_name(tmp_path, peaks):
    path = tmp_path / "some.fa"
    path.write_text(peaks.read_text() + ">gap\n" + "N" * 100 + "\n")
    answer = _fit(path, tmp_path, "--split", "homology")
    assert answer.code == 0, answer.err
    assert "no known base" in answer.err and "gap" in answer.err
    record = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert [skip["count"] for skip in record["dataset"]["skips"] if "known base" in skip["reason"]] == [1]


def test_too_few(tmp_path):
    path = _fasta(tmp_path / "few.fa", [(f"s{i}", _dna(60, seed=i)) for i in range(3)])
    refused(_fit(path, tmp_path), 3, folder=tmp_path)


def test_one_class_only(tmp_path):
    path = tmp_path / "one.tsv"
    path.write_text("id\tsequence\tlabel\n" + "".join(f"s{i}\t{_dna(60, seed=i)}\tyes\n" for i in range(60)))
    answer = call("fit", "cnn", "--sequences", path, *FAST, "-o", tmp_path / "run")
    refused(answer, 3, "only one class", path, "yes", folder=tmp_path)


def test_labels_of_other_ids(tmp_path, peaks):
    labels = tmp_path / "l.tsv"
    labels.write_text("id\tlabel\n" + "".join(f"x{i}\t{i % 2}\n" for i in range(50)))
    answer = call("fit", "cnn", "--sequences", peaks, "--labels", labels, *FAST, "-o", tmp_path / "run")
    refused(answer, 3, "x0", folder=tmp_path)


# ---------------------------------------------------------------------------------------------- intervals


@pytest.fixture
def genome(tmp_path):
    return _fasta(tmp_path / "g.fa", [(f"chr{i}", _dna(4000, seed=i)) for i in range(1, 11)])


def _bed(path, places) -> object:
    path.write_text("".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in places))
    return path


def test_bed_beyond_the_chromosome_is_skipped_by_name(tmp_path, genome):
    inside = [(f"chr{c}", 100 * i, 100 * i + 60) for c in range(1, 11) for i in range(16)]
    path = _bed(tmp_path / "b.bed", [*inside, ("chr1", 3990, 4050), ("chr2", 9000, 9060)])
    answer = _fit(path, tmp_path, "--fasta", genome)
    assert answer.code == 0, answer.err
    record = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert sum(skip["count"] for skip in record["dataset"]["skips"]) >= 2
    assert "chr" in answer.err and "2" in answer.err


def test_bed_mostly_beyond_the_chromosome_is_read(tmp_path, genome):
    inside = [(f"chr{c}", 100 * i, 100 * i + 60) for c in range(1, 11) for i in range(16)]
    path = _bed(tmp_path / "b.bed", [*inside, *[("chr2", 9000 + i, 9060 + i) for i in range(200)]])
    answer = _fit(path, tmp_path, "--fasta", genome)
    assert answer.code == 0 and "200 skipped: beyond the end of the contig (chr2:9000-9060" in answer.err, answer.err


def test_bed_wholly_beyond_the_chromosome(tmp_path, genome):
    path = _bed(tmp_path / "b.bed", [("chr1", 9000 + i, 9060 + i) for i in range(50)])
    refused(_fit(path, tmp_path, "--fasta", genome), 3, genome, "chr1:9000-9060", folder=tmp_path)


def test_chr1_against_1(tmp_path, genome):
    path = _bed(tmp_path / "b.bed", [(str(c), 100 * i, 100 * i + 60) for c in range(1, 11) for i in range(16)])
    answer = _fit(path, tmp_path, "--fasta", genome)
    if answer.code == 0:
        notes = json.loads((tmp_path / "run" / "provenance.json").read_text())["dataset"]["notes"]
        assert any("chr" in str(value) for value in notes.values()), notes
    else:
        refused(answer, 3, "chr1", folder=tmp_path)


def test_contigs_of_another_genome(tmp_path, genome):
    path = _bed(tmp_path / "b.bed", [("NC_000913.3", 100 * i, 100 * i + 60) for i in range(50)])
    refused(_fit(path, tmp_path, "--fasta", genome), 3, "NC_000913.3", folder=tmp_path)


def test_wrong_reference(tmp_path, genome):
    places = [(f"chr{c}:{100 * i}-{100 * i + 60}", _dna(60, seed=100 * c + i)) for c in range(1, 11) for i in range(9)]
    path = _fasta(tmp_path / "p.fa", places)
    answer = _fit(path, tmp_path, "--fasta", genome, "--negatives", "genome")
    refused(answer, 3, path, folder=tmp_path)


@pytest.mark.parametrize("line", ["chr1\tten\ttwenty", "chr1\t20\t10", "chr1\t5", "chr1\t-5\t10"])
def test_broken_bed(tmp_path, genome, line):
    path = tmp_path / "b.bed"
    path.write_text(f"chr1\t10\t70\n{line}\n")
    refused(_fit(path, tmp_path, "--fasta", genome), 3, path, folder=tmp_path)


def test_bed_without_a_genome(tmp_path):
    path = _bed(tmp_path / "b.bed", [("chr1", 10, 70)])
    refused(_fit(path, tmp_path), 2, "--fasta", folder=tmp_path)


# ---------------------------------------------------------------------------------------------- matrices


def _tables(folder, *, change=None):
    """Two views and labels as CSV; `change` may spoil them first."""
    data = example(0)
    blocks = {name: np.array(data.x.blocks[name].values) for name in list(data.x.blocks)[:2]}
    samples = {name: list(map(str, data.ids)) for name in blocks}
    labels = {str(name): data.target.names[code] for name, code in zip(data.ids, data.target.values)}
    if change is not None:
        change(blocks, samples, labels)
    words = []
    for name, values in blocks.items():
        rows = [",".join(["", *data.x.blocks[name].features])]
        rows += [
            ",".join([sample, *["" if np.isnan(x) else str(x) for x in row]])
            for sample, row in zip(samples[name], values)
        ]
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
        words += ["--view", f"{name}={folder / name}.csv"]
    (folder / "labels.csv").write_text("id,y\n" + "".join(f"{key},{value}\n" for key, value in labels.items()))
    flags = ["--preset", "tiny", "--draws", 100, "--repeats", 1, "--no-rivals"]
    return call("fit", "diablo", *words, "--labels", folder / "labels.csv", *flags, "-o", folder / "run")


def test_matrix_with_missing_values_and_a_constant_feature_works_and_says_so(tmp_path):
    def spoil(blocks, samples, labels):
        first, second = blocks.values()
        first[3, :4] = np.nan
        second[:, 2] = 1.0

    answer = _tables(tmp_path, change=spoil)
    assert answer.code == 0, answer.err
    notes = json.loads((tmp_path / "run" / "provenance.json").read_text())["dataset"]["notes"]
    first, second = [value for key, value in notes.items() if key.startswith("view ")]
    assert first["missing values"] == 4 and second["constant features"] == 1


def test_sample_ids_that_match_in_part_are_counted(tmp_path):
    def spoil(blocks, samples, labels):
        samples[next(iter(samples))][0] = "stranger"

    answer = _tables(tmp_path, change=spoil)
    assert answer.code == 0 and "stranger" in answer.err and "no label" in answer.err, answer.err


def test_sample_ids_that_match_nowhere(tmp_path):
    def spoil(blocks, samples, labels):
        for index, name in enumerate(list(labels)):
            labels[f"x{index}"] = labels.pop(name)

    refused(_tables(tmp_path, change=spoil), 3, "x0", "labels", folder=tmp_path)


def test_duplicate_samples(tmp_path):
    def spoil(blocks, samples, labels):
        names = samples[next(iter(samples))]
        names[1] = names[0]

    refused(_tables(tmp_path, change=spoil), 3, "duplicate", folder=tmp_path)


def test_one_class_of_samples(tmp_path):
    def spoil(blocks, samples, labels):
        labels.update(dict.fromkeys(labels, "same"))

    refused(_tables(tmp_path, change=spoil), 3, "only one class", "same", folder=tmp_path)


def test_text_where_numbers_should_be(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("id,a,b\ns1,1,high\ns2,2,low\n")
    (tmp_path / "l.csv").write_text("id,y\ns1,a\ns2,b\n")
    answer = call("fit", "spls-da", path, "--labels", tmp_path / "l.csv", "-o", tmp_path / "run")
    refused(answer, 3, path, folder=tmp_path)


def test_a_column_that_is_not_there(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("id,a,b\ns1,1,2\ns2,2,3\n")
    (tmp_path / "l.csv").write_text("id,y\ns1,a\ns2,b\n")
    answer = call("fit", "spls-da", path, "--labels", f"{tmp_path / 'l.csv'}:z", "-o", tmp_path / "run")
    refused(answer, 2, "z", folder=tmp_path)


# ---------------------------------------------------------------------------------------------- writing


def test_an_output_folder_that_cannot_be_made(tmp_path, peaks):
    (tmp_path / "file").write_text("in the way")
    answer = call("fit", "cnn", peaks, *FAST, "-o", tmp_path / "file" / "out")
    refused(answer, 4, tmp_path / "file", "do:", folder=tmp_path)


def test_predictions_to_a_place_that_cannot_be_written(tmp_path, peaks, cnn_run):
    (tmp_path / "file").write_text("in the way")
    answer = call("predict", cnn_run, peaks, "-o", tmp_path / "file" / "p.tsv")
    refused(answer, 4, "p.tsv", "cannot write", folder=tmp_path)


def test_full_disk(tmp_path, peaks, monkeypatch):
    """The disk fills up while the model is written: an error, no RUN, and the same command goes on later."""
    import errno
    import os

    written = []
    real = os.fsync

    def full(handle):
        written.append(handle)
        if len(written) > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle)

    with monkeypatch.context() as patch:
        patch.setattr("chiasma.core.files.os.fsync", full)
        answer = _fit(peaks, tmp_path)
    assert answer.code == 4 and "No space left" in answer.err and "free some space" in answer.err, answer.err
    assert "Traceback" not in answer.err and not (tmp_path / "run").exists()
    stray = [item.name for item in (tmp_path / "run.partial").rglob(".*") if item.name != ".lock"]
    assert stray == []
    assert _fit(peaks, tmp_path).code == 0


def test_predictions_to_a_full_disk(peaks, cnn_run, tmp_path, monkeypatch):
    import errno
    import os

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("chiasma.core.files.os.fsync", full)
    for suffix in ("tsv", "parquet", "bed", "json"):
        answer = call("predict", cnn_run, peaks, "-o", tmp_path / f"p.{suffix}")
        refused(answer, 4, "No space left", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------- genotypes


@pytest.fixture(scope="module")
def haplotype_run(tmp_path_factory):
    """A complete run of the small haplotype network on simulations."""
    run = tmp_path_factory.mktemp("haplotypes") / "model"
    flags = ("--preset", "tiny", "--epochs", 1, "--draws", 100, "--no-rivals", "--no-explain", "--executor", "serial")
    done("fit", "haplotype-cnn", *flags, "-o", run)
    return run


def _vcf(path, change=None):
    """A VCF of ten phased diploids in the coalescent; `change` spoils its data lines, split into fields."""
    import io

    msprime = pytest.importorskip("msprime")
    ancestry = msprime.sim_ancestry(
        10, population_size=1e4, sequence_length=45_000, recombination_rate=1e-8, random_seed=1
    )
    mutated = msprime.sim_mutations(ancestry, rate=3e-8, random_seed=1)
    text = io.StringIO()
    mutated.write_vcf(text, position_transform=lambda p: np.asarray(p, int) + 1)
    lines = text.getvalue().splitlines()
    head = [line for line in lines if line.startswith("#")]
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    rows = change(rows) if change else rows
    path.write_text("\n".join([*head, *["\t".join(row) for row in rows]]) + "\n")
    return path


def _predicted(run, path):
    return call("predict", run, path, "-o", path.parent / "out.tsv")


def test_phased_genotypes_are_predicted(haplotype_run, tmp_path):
    answer = _predicted(haplotype_run, _vcf(tmp_path / "x.vcf"))
    assert answer.code == 0, answer.err
    assert (tmp_path / "out.tsv").read_text().startswith("id\tyhat_log_rho")


def test_unsorted_vcf(haplotype_run, tmp_path):
    path = _vcf(tmp_path / "x.vcf", lambda rows: [rows[5], *rows[:5], *rows[6:]])
    refused(_predicted(haplotype_run, path), 3, "x.vcf", "sort", folder=tmp_path)
    assert not (tmp_path / "out.tsv").exists()


def test_unphased_vcf(haplotype_run, tmp_path):
    path = _vcf(tmp_path / "x.vcf", lambda rows: [row[:9] + [g.replace("|", "/") for g in row[9:]] for row in rows])
    refused(_predicted(haplotype_run, path), 3, "phased", folder=tmp_path)
    assert not (tmp_path / "out.tsv").exists()


def test_multi_allelic_sites_are_skipped_by_name(haplotype_run, tmp_path):
    def spoil(rows):
        rows[3][4] += ",T" if rows[3][4] != "T" else ",G"
        return rows

    answer = _predicted(haplotype_run, _vcf(tmp_path / "x.vcf", spoil))
    assert answer.code == 0 and "1 skipped" in answer.err and "allel" in answer.err, answer.err


def test_missing_genotypes_are_counted(haplotype_run, tmp_path):
    def spoil(rows):
        rows[3][9:] = [".|1", "0|."] * 5  # whichever twelve of the twenty haplotypes are drawn
        return rows

    answer = _predicted(haplotype_run, _vcf(tmp_path / "x.vcf", spoil))
    assert answer.code == 0 and "1 skipped: sites with missing genotypes (" in answer.err, answer.err


def test_too_few_haplotypes_and_an_empty_vcf(haplotype_run, tmp_path):
    path = _vcf(tmp_path / "x.vcf", lambda rows: [])
    refused(_predicted(haplotype_run, path), 3, "x.vcf", folder=tmp_path)
    cut = tmp_path / "cut.vcf.gz"
    whole = gzip.compress(_vcf(tmp_path / "y.vcf").read_bytes())
    cut.write_bytes(whole[: len(whole) // 2])
    refused(_predicted(haplotype_run, cut), 3, "cut.vcf.gz", folder=tmp_path)
