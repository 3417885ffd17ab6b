"""What the audit must catch, through the functions and the command that people use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chiasma.cli.main import run as chiasma
from chiasma.data.matrix import Matrix
from chiasma.data.results import Audit, Finding
from chiasma.data.sequences import decode, reverse_complement
from chiasma.io.tables import write_labels, write_matrix
from chiasma.simulate.peaks import simulate_peaks
from chiasma.workflow.auditing.audit import audit


def named(found: Audit, name: str) -> Finding:
    return next(finding for finding in found.findings if finding.name == name)


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f">{name}\n{text}\n" for name, text in rows))
    return path


def twins(peaks, seed: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Peaks and the other strand of each, divided at random."""
    rows = [(f"f{i}", decode(peaks[i])) for i in range(len(peaks))]
    rows += [(f"r{i}", decode(reverse_complement(peaks[i]))) for i in range(len(peaks))]
    order = np.random.default_rng(seed).permutation(len(rows))
    cut = int(0.8 * len(rows))
    return [rows[i] for i in order[:cut]], [rows[i] for i in order[cut:]]


def test_reverse_complement_twins_across_a_random_split(tmp_path, capsys):
    train, test = twins(simulate_peaks(300, seed=1), seed=1)
    code = chiasma(["audit", "--train", str(write(tmp_path / "train.fa", train)),
                    "--test", str(write(tmp_path / "test.fa", test))])  # fmt: skip
    text = capsys.readouterr().out
    assert code == 0  # a finding is a result, not an error
    verdict, findings = text.split("\n\n", 1)
    assert "should not be believed" in verdict and "reverse complement" in " ".join(text.split())
    assert findings.startswith("Critical (") and findings.index("Critical (") < findings.index("In order (")
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.realdata
def test_reverse_complement_twins_of_real_peaks(data_dir, tmp_path):
    from chiasma.io.fasta import read_fasta

    peaks = read_fasta(data_dir / "sequence" / "peaks" / "ctcf.fa.gz").take(np.arange(2000))
    train, test = twins(peaks, seed=2)
    found = audit(train=write(tmp_path / "train.fa", train), test=write(tmp_path / "test.fa", test))
    finding = named(found, "reverse-complement-twins")
    assert finding.severity == "critical" and 0.75 < finding.figures["examples"] / len(test) < 0.85


@pytest.mark.realdata
def test_the_ninefold_self_overlap(data_dir, capsys):
    folder = data_dir / "origin" / "neanderthal"
    assert chiasma(["audit", str(folder / "Akey_intr_coords.bed.gz"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    finding = next(finding for finding in found["findings"] if finding["name"] == "self-overlap")
    assert found["worst"] == finding["severity"] == "critical" and "9.1 times over" in found["verdict"]
    assert finding["figures"]["fold"] == pytest.approx(9.1, abs=0.05)
    leak = next(finding for finding in found["findings"] if finding["name"] == "random-split-would-leak")
    assert leak["figures"]["overlap a training interval"] > 0.95 * leak["figures"]["test"]


def test_a_class_that_is_gc_content(tmp_path, capsys):
    peaks = simulate_peaks(400, seed=3)
    rich = peaks.gc() > np.median(peaks.gc())
    files = [write(tmp_path / f"{name}.fa", [(f"{name}{i}", decode(peaks[i])) for i in np.flatnonzero(chosen)])
             for name, chosen in (("rich", rich), ("poor", ~rich))]  # fmt: skip
    assert chiasma(["audit", "--positives", str(files[0]), "--negatives", str(files[1])]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "should not be believed" in text and "GC content alone nearly gives the label away" in text


@pytest.mark.parametrize("seed", range(3))
def test_labels_leaked_through_selection_before_the_split(tmp_path, seed):
    rng = np.random.default_rng(seed)
    values, y = rng.normal(size=(120, 3000)), np.arange(120) % 2
    best = np.argsort(-np.abs(values[y == 1].mean(axis=0) - values[y == 0].mean(axis=0)))[:60]
    ids = np.array([f"p{i}" for i in range(120)], dtype=object)
    chosen = Matrix(values[:, best], ids, np.array([f"g{j}" for j in best], dtype=object))
    order = rng.permutation(120)
    write_matrix(tmp_path / "train.csv", chosen.take(order[:84]))
    write_matrix(tmp_path / "test.csv", chosen.take(order[84:]))
    write_labels(tmp_path / "y.csv", {f"p{i}": "case" if value else "control" for i, value in enumerate(y)})
    found = audit(train=tmp_path / "train.csv", test=tmp_path / "test.csv", labels=str(tmp_path / "y.csv"))
    assert named(found, "selected-before-split").severity == "critical"
    assert "selected by the label before the split" in found.verdict


@pytest.fixture(scope="module")
def small_run(tmp_path_factory) -> Path:
    from chiasma.workflow.fitting.fit import fit

    folder = tmp_path_factory.mktemp("run")
    peaks = simulate_peaks(200, seed=4)
    rows = [(str(name), decode(peaks[i])) for i, name in enumerate(peaks.ids)]
    inputs = {"positives": str(write(folder / "peaks.fa", rows)), "negatives": "shuffled"}
    options = {"device": "cpu", "explain": False, "rivals": False, "draws": 100, "executor": "serial"}
    return fit("cnn", inputs, output=folder / "mine", preset="tiny", options=options).path


def test_a_run_is_audited_with_its_own_split_and_predictions(small_run, capsys):
    assert chiasma(["audit", str(small_run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    by_name = {finding["name"]: finding for finding in found["findings"]}
    assert by_name["shared-units"]["severity"] == "ok"  # a peak and its shuffled twin stay together
    metrics = json.loads((small_run / "metrics.json").read_text())
    assert by_name["recomputed"]["figures"]["value"] == pytest.approx(metrics["test"]["auroc"]["value"], abs=1e-6)
    written = {finding["name"] for finding in json.loads((small_run / "audit.json").read_text())["findings"]}
    assert written < set(by_name)


def test_fine_tuning_on_the_parents_training_part_is_critical(small_run, tmp_path):
    from chiasma.workflow.fitting.fit import fit

    inputs = {"positives": str(small_run.parent / "peaks.fa"), "negatives": "shuffled"}
    options = {"device": "cpu", "explain": False, "rivals": False, "draws": 100, "executor": "serial"}
    for kind, severity in (("chromosome", "ok"), ("random", "critical")):
        run = fit("cnn", inputs, output=tmp_path / kind, preset="tiny", options={**options, "split": {"kind": kind}},
                  start=small_run)  # fmt: skip
        found = json.loads((run.path / "audit.json").read_text())["findings"]
        finding = next(finding for finding in found if finding["name"] == "inherited-from-parent")
        assert finding["severity"] == severity and finding["figures"]["compared"].startswith("sequences")
    again = audit(tmp_path / "random")
    assert named(again, "inherited-from-parent").severity == "critical"
    assert named(audit(small_run), "recomputed")  # a run that began with nothing is asked nothing of the kind
    assert not [finding for finding in audit(small_run).findings if finding.name == "inherited-from-parent"]


def test_a_run_brings_its_own_files(small_run, capsys):
    assert chiasma(["audit", str(small_run), "--test", "other.fa"]) == 2
    assert "a run brings its own files" in capsys.readouterr().err


def test_the_whole_verb_does_without_torch(tmp_path):
    train, test = twins(simulate_peaks(60, seed=5), seed=5)
    arguments = [
        "audit",
        "--train",
        str(write(tmp_path / "a.fa", train)),
        "--test",
        str(write(tmp_path / "b.fa", test)),
    ]
    code = f"import sys; from chiasma.cli.main import run; run({arguments!r}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


@pytest.mark.realdata
def test_forty_thousand_sequences_in_under_a_minute_of_one_core(data_dir, tmp_path):
    """39,184 sequences in two class files, from the reading to the printed verdict, imports included."""
    from chiasma.io.fasta import read_fasta

    peaks = read_fasta(data_dir / "sequence" / "peaks" / "ctcf.fa.gz")
    half = len(peaks) // 2
    files = [write(tmp_path / f"{name}.fa", [(str(peaks.ids[i]), decode(peaks[i])) for i in index])
             for name, index in (("a", range(half)), ("b", range(half, len(peaks))))]  # fmt: skip
    code = (
        "import resource, sys\nfrom chiasma.cli.main import run\n"
        f"run(['audit', '--positives', {str(files[0])!r}, '--negatives', {str(files[1])!r}])\n"
        "spent = resource.getrusage(resource.RUSAGE_SELF)\n"
        "assert 'torch' not in sys.modules\n"
        "print(spent.ru_utime + spent.ru_stime, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stderr.split()[-1]) < 60
