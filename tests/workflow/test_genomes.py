"""Two genomes in one fit: kin windows stay together, each head learns its own tracks, and MODEL:HEAD names one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chiasma.core.cards import find_card
from chiasma.core.errors import MismatchError, UsageError
from chiasma.data.genomes import Genomes
from chiasma.data.sequences import decode, encode, reverse_complement
from chiasma.methods.regulation.basenji.config import tiny
from chiasma.simulate.planted import MOTIFS
from chiasma.workflow.auditing.audit import audit
from chiasma.workflow.fitting.fit import RunResult, fit, plan
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.genomes import load_genomes
from chiasma.workflow.loading.prepare import Prepared, prepare
from chiasma.workflow.predicting.predict import predict
from chiasma.workflow.variants.models import make_scorer
from command_line import call
from track_material import write_coverage

REGION = 1024 + 3 * 768
REGIONS = 5
COPIES = {"exact": [(0, 1), (6, 3)], "diverged": [(2, 7), (9, 9), (13, 11)]}
"""Regions of the first genome and where they stand in the second one, too."""


def write_genomes(folder: Path) -> Path:
    """Two genomes of three contigs; some regions of the second are the first's, or a mutated other strand of them."""
    draw = np.random.default_rng(1)
    codes = {name: draw.integers(0, 4, (3 * REGIONS, REGION)).astype(np.uint8) for name in ("first", "second")}
    for one, other in COPIES["exact"]:
        codes["second"][other] = codes["first"][one]
    for one, other in COPIES["diverged"]:
        copy = reverse_complement(codes["first"][one])
        mutated = draw.random(REGION) < 0.3
        copy[mutated] = draw.integers(0, 4, int(mutated.sum()))
        codes["second"][other] = copy
    lines = []
    for one, other in COPIES["diverged"]:
        place = [f"chr{one // REGIONS + 1}", REGIONS * REGION, *(REGION * (one % REGIONS) + at for at in (0, REGION))]
        query = [
            f"chr{other // REGIONS + 1}",
            REGIONS * REGION,
            *(REGION * (other % REGIONS) + at for at in (0, REGION)),
        ]
        lines.append("\t".join(map(str, [*query, "-", *place, REGION, REGION, 60])))
    (folder / "kin.paf").write_text("\n".join(lines) + "\n")
    for name, motif in (("first", "ctcf"), ("second", "ap1")):
        word, signal = encode(MOTIFS[motif]), {}
        whole = codes[name].reshape(3, REGIONS * REGION)
        for contig in range(3):
            values = np.full(whole.shape[1], 0.1)
            for start in range(100, whole.shape[1] - 100, 200):
                whole[contig, start : start + len(word)] = word
                values[start - 20 : start + 40] += 4.0 * (start // 200 % 2)
                if start // 200 % 2 == 0:
                    whole[contig, start : start + len(word)] = draw.permutation(word)
            signal[f"chr{contig + 1}"] = values
        text = "".join(f">chr{number + 1}\n{decode(row)}\n" for number, row in enumerate(whole))
        (folder / f"{name}.fa").write_text(text)
        write_coverage(folder / f"{name}.bw", signal)
    (folder / "genomes.toml").write_text(TABLE)
    return folder / "genomes.toml"


TABLE = """
[first]
fasta = "first.fa"
tracks = { signal = "first.bw", again = "first.bw" }

[second]
fasta = "second.fa"
tracks = { signal = "second.bw" }

[[alignment]]
between = ["first", "second"]
file = "kin.paf"
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_genomes(tmp_path_factory.mktemp("genomes"))


def prepared(table: Path, **split: Any) -> Prepared:
    options = FitOptions.parse({"seed": 1, "split": split})
    return prepare(find_card("basenji"), tiny(), {"genomes": table}, options)


def parts_of(found: Prepared, genome: str, region: int) -> set[str]:
    """Parts of the windows of a region."""
    data = found.dataset
    begin = region % REGIONS * REGION
    chrom = f"{genome}:chr{region // REGIONS + 1}"
    here = (data.columns["chrom"] == chrom) & (data.columns["start"] >= begin) & (data.columns["end"] <= begin + REGION)
    assert here.sum() == 4
    return set(found.split.part[here])


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_kin_of_two_genomes_never_fall_into_different_parts(table: Path, seed: int) -> None:
    options = FitOptions.parse({"seed": seed})
    found = prepare(find_card("basenji"), tiny(), {"genomes": table}, options)
    assert found.split.kind == "homology"
    assert found.split.parameters["components"] == {"by k-mers": 2, "by alignment": 3, "by either": 5}
    for one, other in [*COPIES["exact"], *COPIES["diverged"]]:
        together = parts_of(found, "first", one) | parts_of(found, "second", other)
        assert len(together) == 1, (one, other)
    for part in ("train", "valid", "test"):
        assert set(found.dataset.columns["genome"][found.split.where(part)]) == {"first", "second"}
    assert found.split.proof["largest_containment"]["share"] < 0.1
    assert found.split.proof["interval_overlaps"]["train-test"]["pairs"] == 0
    assert "aligned windows of first and second" in found.dataset.notes


def test_other_divisions_are_warned_of(table: Path) -> None:
    named = {"test_chromosomes": ("first:chr3", "second:chr3"), "valid_chromosomes": ("first:chr2", "second:chr2")}
    found = prepared(table, kind="chromosome", **named)
    assert any("relatives of another" in warning for warning in found.split.warnings)
    assert set(found.dataset.columns["chrom"][found.split.where("test")]) == {"first:chr3", "second:chr3"}


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    options = {"draws": 100, "executor": "serial", "seed": 1}
    config = {"training": {"epochs": 8, "learning_rate": 0.02, "schedule": "one-cycle"}}
    folder = tmp_path_factory.mktemp("run") / "r"
    return fit("basenji", {"genomes": table}, output=folder, preset="tiny", config=config, options=options)


def test_each_genome_is_scored_beside_its_rivals(run: RunResult) -> None:
    genomes = run.metrics["genomes"]
    assert {name: one["tracks"] for name, one in genomes.items()} == {"first": 2, "second": 1}
    for one in genomes.values():
        figure, composition = one["test"]["pearson"], one["baselines"]["gc-content"]["pearson"]
        assert figure["low"] <= figure["value"] <= figure["high"] and set(one["baselines"]) == set(
            run.metrics["baselines"]
        )
        assert figure["value"] > composition["value"] + 0.2
    mean = np.mean([one["test"]["pearson"]["value"] for one in genomes.values()])
    assert run.metrics["test"]["pearson"]["value"] == pytest.approx(mean)
    rows = pd.read_csv(run.path / "tracks.tsv", sep="\t", keep_default_na=False)
    assert rows["track"].tolist() == ["first:signal", "first:again", "second:signal"]
    assert rows["pearson"][2] == pytest.approx(genomes["second"]["test"]["pearson"]["value"], abs=1e-5)
    windows = pd.read_parquet(run.path / "predictions.parquet")
    for name, tracks in (("first", 2), ("second", 1)):
        values = np.load(run.path / f"predictions_{name}.npy")
        assert values.shape == (int((windows["genome"] == name).sum()), 24, tracks)
    assert run.report is not None and "mean over 2 tracks" in run.report.read_text()
    assert (run.path / "figures/tracks_of_a_window_second.svg").exists()
    assert json.loads((run.path / "compare.json").read_text())["best_rival"] in run.metrics["baselines"]


def test_a_run_knows_its_genomes_by_the_content_of_their_files(run: RunResult, table: Path) -> None:
    known = json.loads((run.path / "provenance.json").read_text())["inputs"]
    names = {"genomes", "genomes.first.fasta", "genomes.second.tracks.signal", "genomes.alignment.first.second"}
    assert names < set(known) and all(len(one["sha256"]) == 64 for one in known.values())
    before = plan("basenji", {"genomes": table}, preset="tiny").identity()
    other = table.parent / "other"
    other.mkdir()
    for path in table.parent.glob("*.*"):
        (other / path.name).write_bytes(path.read_bytes())
    (other / "kin.paf").write_text((other / "kin.paf").read_text().replace("\t60\n", "\t59\n"))
    assert plan("basenji", {"genomes": other / "genomes.toml"}, preset="tiny").identity() != before
    (other / "kin.paf").write_bytes((table.parent / "kin.paf").read_bytes())
    assert plan("basenji", {"genomes": other / "genomes.toml"}, preset="tiny").identity() == before


def test_a_run_of_two_genomes_can_be_audited(run: RunResult) -> None:
    found = audit(run.path)
    assert found.findings and not [one for one in found.findings if "different parts" in one.message]


def test_a_head_is_chosen_by_name(run: RunResult, table: Path, tmp_path: Path, capsys: Any) -> None:
    windows = pd.read_parquet(run.path / "predictions.parquet")
    row = windows[windows["genome"] == "second"].iloc[0]
    (tmp_path / "a.bed").write_text(f"{row['chrom']}\t{row['start'] + 128}\t{row['end'] - 128}\n")
    inputs = {"input": tmp_path / "a.bed", "fasta": table.parent / "second.fa"}
    columns, _ = predict(f"{run.path}:second", inputs)
    values = np.load(run.path / "predictions_second.npy")[int(row["row"])].astype(float)
    assert list(columns)[4:] == ["yhat_signal"] and "head" not in capsys.readouterr().err
    np.testing.assert_allclose(columns["yhat_signal"], values[:, 0], rtol=2e-3, atol=1e-3)
    columns, _ = predict(run.path, inputs)
    assert list(columns)[4:] == ["yhat_signal", "yhat_again"]
    assert "head first (others: " in capsys.readouterr().err
    with pytest.raises(UsageError, match="second"):
        predict(f"{run.path}:secnd", inputs)
    scorer = make_scorer(f"{run.path}:second", device="cpu")
    assert scorer.names == ("signal",) and (scorer.bin, scorer.bins) == (32, 24)


def test_fine_tuning_takes_the_heads_of_a_run(run: RunResult, table: Path, tmp_path: Path, capsys: Any) -> None:
    options: dict[str, Any] = {"draws": 100, "seed": 1, "rivals": False, "explain": False}
    config = {"training": {"epochs": 1, "learning_rate": 1e-9}}
    same = fit("basenji", {"genomes": table}, output=tmp_path / "a", preset="tiny", config=config, options=options,
               start=run.path)  # fmt: skip
    expected = run.metrics["genomes"]["second"]["test"]["pearson"]["value"]
    assert same.metrics["genomes"]["second"]["test"]["pearson"]["value"] == pytest.approx(expected, abs=0.1)
    assert "new" not in capsys.readouterr().err
    alone = {"fasta": table.parent / "second.fa", "tracks": {"a": table.parent / "second.bw"}}
    options["split"] = {"kind": "homology"}
    fit("basenji", alone, output=tmp_path / "b", preset="tiny", config=config, options=options, start=run.path)
    assert "the head is new" in capsys.readouterr().err


def test_the_command_line_reads_a_table_of_genomes(table: Path) -> None:
    found = call("fit", "basenji", "--genomes", table, "--preset", "tiny", "--dry-run", "--json")
    assert found.code == 0 and found.json["examples"] == 120
    refused = call("fit", "basenji", "--genomes", table, "--fasta", table.parent / "first.fa", "--preset", "tiny")
    assert refused.code == 2 and "leave out --fasta" in refused.err


def changed(table: Path, old: str, new: str) -> Path:
    path = table.parent / "changed.toml"
    path.write_text(TABLE.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (TABLE[TABLE.index("[second]") :], "", "two or more"),
        ('fasta = "first.fa"', 'fasta = "absent.fa"', "absent.fa"),
        ('fasta = "first.fa"', 'fastq = "first.fa"', "fasta"),
        ("[first]", '["fi:rst"]', "not a name for a genome"),
        ('between = ["first", "second"]', 'between = ["first", "third"]', "third"),
        ('file = "kin.paf"', 'file = "kin.chain"', "kin.chain"),
        ("[first]", 'first = "first.fa"\n[other]', "not the table of a genome"),
    ],
)
def test_tables_that_say_too_much_or_too_little(table: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_genomes(tiny(), changed(table, old, new), own_split=True, share=0.1)


def test_an_alignment_of_other_genomes_is_refused_and_strays_are_counted(table: Path) -> None:
    text = (table.parent / "kin.paf").read_text()
    for name, content, message in (
        ("build.paf", text.replace(str(REGIONS * REGION), str(REGIONS * REGION + 1)), "another genome or build"),
        ("names.paf", text.replace("chr", "scaffold"), "no contig of first"),
    ):
        (table.parent / name).write_text(content)
        with pytest.raises(MismatchError, match=message):
            load_genomes(tiny(), changed(table, "kin.paf", name), own_split=True, share=0.1)
    stray = text + text.splitlines()[0].replace("chr2", "chrUn")
    (table.parent / "stray.paf").write_text(stray)
    data, split = load_genomes(tiny(), changed(table, "kin.paf", "stray.paf"), own_split=True, share=0.1)
    assert split is None and isinstance(data.x, Genomes) and data.problems() == []
    assert "1 skipped: aligned stretches on contigs without a window of second (chrUn)" in map(str, data.skips)


@pytest.mark.realdata
def test_records_of_two_species_keep_their_parts(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "sequence/mini_borzoi/tiny/hg38"
    entry = f'records = "{folder}"\nsquash = "new"\n'
    (tmp_path / "two.toml").write_text(f"[human]\n{entry}[mouse]\n{entry}")
    data, split = load_genomes(tiny(), tmp_path / "two.toml", own_split=True, share=0.1)
    assert split is not None and split.sizes() == {"test": 1700, "train": 7650, "valid": 1700}
    assert isinstance(data.x, Genomes) and data.x.of("mouse").target.values.shape[1:] == (24, 74)
    assert data.target.n_outputs == 148 and len(set(data.unit.tolist())) == 130
