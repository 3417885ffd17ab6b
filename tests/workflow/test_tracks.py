from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyBigWig
import pytest

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError
from chiasma.data.tracks import Tracks
from chiasma.encode.track_windows import summarise
from chiasma.io.genome import open_genome
from chiasma.methods.regulation.basenji.config import tiny
from chiasma.workflow.explaining.explain import explain
from chiasma.workflow.fitting.fit import RunResult, fit
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.tracks import load_tracks
from chiasma.workflow.predicting.predict import predict
from track_material import write_coverage, write_genome

SIZES = {"chr1": 12_000, "chr2": 9_000, "chr3": 9_000, "chr4": 9_000, "chrM": 600}
QUICK: dict[str, Any] = {"draws": 100, "executor": "serial", "seed": 1}
BY_CHROMOSOME = {
    **QUICK,
    "split": {"kind": "chromosome", "test_chromosomes": ("chr4",), "valid_chromosomes": ("chr3",)},
}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_genome(tmp_path_factory.mktemp("genome"), SIZES)


@pytest.fixture(scope="module")
def run(material: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    fasta, signal = material
    inputs = {"fasta": fasta, "tracks": {"signal": signal, "again": signal}}
    folder = tmp_path_factory.mktemp("run") / "r"
    return fit(
        "basenji", inputs, output=folder, preset="tiny", config={"training": {"epochs": 2}}, options=BY_CHROMOSOME
    )


def test_windows_are_laid_end_to_end_with_the_coverage_of_their_bins(material: tuple[Path, Path]) -> None:
    fasta, signal = material
    data, split = load_tracks(tiny(), {"fasta": fasta, "tracks": {"signal": signal}}, own_split=True)
    assert split is None and data.problems() == [] and isinstance(data.x, Tracks)
    core = 1024 - 2 * 4 * 32
    assert len(data) == sum((size - 1024) // core + 1 for size in SIZES.values() if size >= 1024)
    assert [str(skip) for skip in data.skips] == ["1 skipped: contigs shorter than a window of 1,024 bases (chrM)"]
    genome = open_genome(fasta)
    with pyBigWig.open(str(signal)) as handle:
        for row in (0, 7, len(data) - 1):
            chrom, start = str(data.columns["chrom"][row]), int(data.columns["start"][row])
            found = np.array(handle.values(chrom, start + 128, start + 128 + core)).reshape(-1, 32).mean(axis=1)
            np.testing.assert_allclose(data.target.values[row, :, 0], found, rtol=2e-3)
            offset = int(genome.offsets[genome.names.index(chrom)])
            np.testing.assert_array_equal(data.x.codes[row], genome.codes[offset + start : offset + start + 1024])


def test_a_fit_scores_each_track_beside_the_rivals(run: RunResult) -> None:
    assert run.state == "new" and set(run.metrics["baselines"]) == {"mean-coverage", "gc-content"}
    figure = run.metrics["test"]["pearson"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    table = pd.read_csv(run.path / "tracks.tsv", sep="\t", keep_default_na=False)
    assert table["track"].tolist() == ["signal", "again"]
    assert table["pearson"].mean() == pytest.approx(figure["value"], abs=1e-5)
    windows = pd.read_parquet(run.path / "predictions.parquet")
    values = np.load(run.path / "predictions.npy")
    assert values.shape == (len(windows), 24, 2) and set(windows["part"]) == {"test"}
    assert run.report is not None
    assert all(words in run.report.read_text() for words in ("Correlation of each track", "Correlation of tracks"))
    assert json.loads((run.path / "compare.json").read_text())["best_rival"] in run.metrics["baselines"]
    assert {path.stem for path in (run.path / "figures").glob("*.svg")} >= {
        "correlation_by_track",
        "tracks_of_a_window",
    }


def test_the_array_is_what_the_figures_are_of(run: RunResult, material: tuple[Path, Path]) -> None:
    windows = pd.read_parquet(run.path / "predictions.parquet")
    values = np.load(run.path / "predictions.npy").astype(float)
    with pyBigWig.open(str(material[1])) as handle:
        truth = np.concatenate(
            [
                summarise(np.array(handle.values(row.chrom, row.start + 128, row.end - 128)), bin=32, statistic="mean")
                for row in windows.itertuples()
            ]
        )
    found = np.corrcoef(truth, values[:, :, 0].reshape(-1))[0, 1]
    table = pd.read_csv(run.path / "tracks.tsv", sep="\t", keep_default_na=False)
    assert table["pearson"][0] == pytest.approx(found, abs=2e-3)


def test_predictions_along_stretches_are_those_of_the_run(
    run: RunResult, material: tuple[Path, Path], tmp_path: Path
) -> None:
    windows = pd.read_parquet(run.path / "predictions.parquet")
    values = np.load(run.path / "predictions.npy").astype(float)
    row = windows.iloc[0]
    bed = tmp_path / "a.bed"
    bed.write_text(f"{row['chrom']}\t{row['start'] + 128}\t{row['end'] - 128}\nchr9\t1\t50\n")
    out = tmp_path / "out.bw"
    inputs = {"input": bed, "fasta": material[0]}
    columns, skips = predict(run.path, inputs, output=out, tracks=["again"])
    assert [skip.count for skip in skips] == [1] and list(columns) == ["id", "chrom", "start", "end", "yhat_again"]
    np.testing.assert_allclose(columns["yhat_again"], values[0, :, 1], rtol=2e-3, atol=1e-3)
    with pyBigWig.open(str(out)) as handle:
        assert handle.chroms()["chr1"] == 12_000
        middle = int(row["start"]) + 128 + 40
        np.testing.assert_allclose(
            handle.values(row["chrom"], middle, middle + 1)[0], columns["yhat_again"][1], rtol=1e-5
        )
    whole, _ = predict(run.path, {"input": material[0]}, output=tmp_path / "all.parquet")
    assert len(whole["id"]) == sum(-(-size // 32) for size in SIZES.values())
    assert whole["end"].max() == 12_000 and pd.read_parquet(tmp_path / "all.parquet").shape == (len(whole["id"]), 6)
    with pytest.raises(UsageError, match="this format holds one track"):
        predict(run.path, inputs, output=out)
    with pytest.raises(UsageError, match="again"):
        predict(run.path, inputs, tracks=["agin"])


def test_a_chosen_track_is_explained(run: RunResult, material: tuple[Path, Path], tmp_path: Path) -> None:
    bed = tmp_path / "a.bed"
    bed.write_text("".join(f"chr1\t{start}\t{start + 1024}\n" for start in range(0, 8192, 1024)))
    options = FitOptions(explain_examples=10, explain_seconds=5)
    inputs = {"input": bed, "fasta": material[0]}
    folder = explain(run.path, inputs, output=tmp_path / "e", target="again", options=options)
    assert json.loads((folder / "notes.json").read_text()) and list(folder.glob("*.tsv"))
    with pytest.raises(UsageError, match="again"):
        explain(run.path, inputs, output=tmp_path / "f", target="agin", options=options)


def test_fine_tuning_begins_with_the_weights_of_a_run(
    run: RunResult, material: tuple[Path, Path], tmp_path: Path
) -> None:
    inputs = {"fasta": material[0], "tracks": {"signal": material[1], "again": material[1]}}
    config = {"training": {"epochs": 1, "learning_rate": 1e-9}}
    options = {**BY_CHROMOSOME, "explain": False, "rivals": False}
    tuned = fit("basenji", inputs, output=tmp_path / "t", preset="tiny", config=config, options=options, start=run.path)
    assert tuned.metrics["test"]["pearson"]["value"] == pytest.approx(run.metrics["test"]["pearson"]["value"], abs=0.05)


def load(material: tuple[Path, Path], tracks: Any = None, **changes: Any) -> Any:
    config = tiny().replace(**changes)
    inputs = {"fasta": material[0], "tracks": tracks or {"signal": material[1]}}
    return load_tracks(config, inputs, own_split=True)


def test_tracks_that_do_not_fit_the_genome(material: tuple[Path, Path], tmp_path: Path) -> None:
    partly = {"chr1": np.ones(12_000), "chr2": np.ones(9_000)}
    data, _ = load(material, {"partly": write_coverage(tmp_path / "p.bw", partly)})
    assert set(data.columns["chrom"]) == {"chr1", "chr2"}
    assert "contigs that a track does not have (chr3, chr4" in str(data.skips[-1])
    with pytest.raises(MismatchError, match="no contig of the genome"):
        load(material, {"other": write_coverage(tmp_path / "o.bw", {"scaffold7": np.ones(9_000)})})
    with pytest.raises(MismatchError, match="another genome build"):
        load(material, {"build": write_coverage(tmp_path / "b.bw", {"chr1": np.ones(12_001)})})
    with pytest.raises(InsufficientDataError, match="no window fits"):
        load(material, length=32_768)


def test_inputs_that_say_too_much_or_too_little(material: tuple[Path, Path], tmp_path: Path) -> None:
    fasta, signal = material
    for inputs, message in (
        ({"fasta": fasta}, "tracks are needed"),
        ({"fasta": fasta, "records": tmp_path}, "one kind of input"),
        ({"records": fasta}, "records are a folder"),
        ({"records": tmp_path, "tracks": {"a": signal}}, "leave --tracks out"),
        ({"fasta": fasta, "tracks": {"a": signal}, "squash": "older"}, "order of squashing"),
    ):
        with pytest.raises(UsageError, match=message):
            load_tracks(tiny(), inputs, own_split=True)


def test_a_table_of_tracks_names_files_beside_it(material: tuple[Path, Path], tmp_path: Path) -> None:
    write_coverage(tmp_path / "s.bw", {name: np.full(size, 2.0) for name, size in SIZES.items()})
    (tmp_path / "t.txt").write_text(
        "\tidentifier\tfile\tclip\tclip_soft\tscale\tsum_stat\tdescription\n0\tx\ts.bw\t50\t20\t2\tsum_sqrt\tRNA:x\n"
    )
    inputs = {"fasta": material[0], "track_table": tmp_path / "t.txt"}
    with pytest.raises(UsageError, match="squash"):
        load_tracks(tiny(), inputs, own_split=True)
    new, _ = load_tracks(tiny(), {**inputs, "squash": "new"}, own_split=True)
    old, _ = load_tracks(tiny(), {**inputs, "squash": "old"}, own_split=True)
    np.testing.assert_allclose(new.target.values, np.sqrt(129) - 1, rtol=1e-3)  # (1 + 2 x 64) to the 1/2, less 1
    np.testing.assert_allclose(old.target.values, 2 * (20 + np.sqrt(64**0.75 - 20)), rtol=1e-3)


@pytest.mark.realdata
def test_calicos_records_are_divided_as_the_folder_says(data_dir: Path) -> None:
    folder = data_dir / "sequence/mini_borzoi/tiny/hg38"
    data, split = load_tracks(tiny(), {"records": folder, "squash": "new"}, own_split=True)
    assert split is not None and split.sizes() == {"test": 850, "train": 3825, "valid": 850}
    assert len(np.unique(data.unit)) == 65 and data.target.values.shape[1:] == (24, 74)
    with pytest.raises(MismatchError, match="do not fit the network"):
        load_tracks(tiny().replace(length=262_144), {"records": folder, "squash": "new"}, own_split=True)


@pytest.mark.slow
@pytest.mark.realdata
def test_fit_on_calicos_records(data_dir: Path, tmp_path: Path) -> None:
    inputs = {"records": data_dir / "sequence/mini_borzoi/tiny/hg38", "squash": "new"}
    config = {"training": {"epochs": 1}}
    found = fit("basenji", inputs, output=tmp_path / "r", preset="tiny", config=config, options=QUICK)
    assert {row["value"].split(" ")[0] for row in found.metrics["slices"]} == {"CAGE", "DNASE", "RNA", "RNA3"}
    assert found.metrics["test"]["pearson"]["unit"] == "window of 131,072 bases"


@pytest.mark.slow
@pytest.mark.realdata
def test_fit_on_yeast_finds_a_signal_that_follows_from_sequence(data_dir: Path, tmp_path: Path) -> None:
    genome = open_genome(data_dir / "sequence/yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz")
    lines, signal = [], {}
    for name in ("I", "VI", "III", "IX"):
        index = genome.names.index(name)
        codes = np.array(genome.codes[genome.offsets[index] : genome.offsets[index + 1]])
        lines.append(f">{name}\n{''.join(np.array(list('ACGTN'))[codes])}\n")
        word = np.array([0, 1, 2, 1, 3])  # ACGCT, and AGCGT on the other strand
        hits = [np.all([codes[at : len(codes) - 4 + at] == w for at, w in enumerate(each)], axis=0)
                for each in (word, (3 - word)[::-1])]  # fmt: skip
        mark = np.pad((hits[0] | hits[1]).astype(float), (0, 4))
        signal[name] = 0.2 + 5 * np.convolve(mark, np.ones(64) / 4, mode="same")
    (tmp_path / "yeast.fa").write_text("".join(lines))
    inputs = {"fasta": tmp_path / "yeast.fa", "tracks": {"acgct": write_coverage(tmp_path / "y.bw", signal)}}
    divided = {"kind": "chromosome", "test_chromosomes": ("VI",), "valid_chromosomes": ("I",)}
    options = {**QUICK, "split": divided}
    config = {"training": {"epochs": 6, "learning_rate": 0.01}}
    found = fit("basenji", inputs, output=tmp_path / "r", preset="tiny", config=config, options=options)
    best = max(row["pearson"]["value"] for row in found.metrics["baselines"].values())
    assert found.metrics["test"]["pearson"]["value"] > max(0.4, best + 0.2)
