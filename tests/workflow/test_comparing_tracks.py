"""Compare on networks of tracks: one part held out, bins of one size, whatever windows each reads."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyBigWig
import pytest

from chiasma.core.errors import InputError, InsufficientDataError, MismatchError, UsageError
from chiasma.data.intervals import make_intervals
from chiasma.workflow.comparing import tracks
from chiasma.workflow.comparing.compare import Comparison, compare
from chiasma.workflow.comparing.tracks import _overlapping
from chiasma.workflow.fitting.fit import Job, plan
from chiasma.workflow.loading.prepare import Prepared, prepare
from track_material import write_coverage, write_genome

SIZES = {f"chr{number}": 6_000 for number in range(1, 6)}
NAMES = ("basenji", "borzoi")
CROPS = {"basenji": 128, "borzoi": 32}
BINS = {"basenji": 32, "borzoi": 4}
OPTIONS: dict[str, Any] = {"draws": 100, "executor": "serial", "explain": False, "split": {"kind": "random"}}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    fasta, signal = write_genome(tmp_path_factory.mktemp("genome"), SIZES)
    return {"fasta": fasta, "tracks": {"signal": signal, "again": signal}}


@pytest.fixture(scope="module")
def found(material: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    output = tmp_path_factory.mktemp("compared") / "c"
    return compare(NAMES, material, output=output, presets="tiny", options=OPTIONS)


def bins(run: Path, name: str) -> dict[tuple[str, int], np.ndarray]:
    """Predictions (track,) of each bin of the test windows."""
    windows, values = pd.read_parquet(run / "predictions.parquet"), np.load(run / "predictions.npy")
    rows = zip(windows["chrom"], windows["start"], values, strict=True)
    return {
        (chrom, start + CROPS[name] + BINS[name] * number): value.astype(float)
        for chrom, start, window in rows
        for number, value in enumerate(window)
    }


def test_correlations_are_of_the_bins_that_both_hold_out(found: Comparison, material: dict[str, Any]) -> None:
    """Slow twin: bins of 32 bases, those of Borzoi averaged, wherever both networks hold all of one."""
    coarse, fine = (bins(found.path / name, name) for name in NAMES)
    joined = {key: [fine.get((key[0], key[1] + 4 * each)) for each in range(8)] for key in coarse}
    both = {key: np.mean(parts, axis=0) for key, parts in joined.items() if all(part is not None for part in parts)}
    assert 0 < len(both) <= len(coarse)
    with pyBigWig.open(str(material["tracks"]["signal"])) as handle:
        truth = [np.mean(handle.values(chrom, start, start + 32)) for chrom, start in both]
    rows = {row["name"]: row for row in found.table}
    for name, values in (("basenji", [coarse[key] for key in both]), ("borzoi", list(both.values()))):
        wanted = [np.corrcoef(truth, column)[0, 1] for column in np.transpose(values)]
        assert rows[name]["pearson"]["value"] == pytest.approx(np.mean(wanted), abs=3e-3)
    assert [name for name, row in rows.items() if row["rival"]] == ["mean-coverage", "gc-content"]


def test_nothing_compared_was_learnt_from(found: Comparison) -> None:
    """No window of Borzoi's training part has a target where Basenji is tested."""
    tested = pd.read_parquet(found.path / "basenji" / "predictions.parquet")
    split = pd.read_parquet(found.path / "borzoi" / "split.parquet")
    learnt = split.loc[split["part"] == "train", "id"].str.extract(r"(?P<chrom>.+):(?P<start>\d+)-(?P<end>\d+)")
    for window in learnt.astype({"start": int, "end": int}).itertuples():
        here = tested[tested["chrom"] == window.chrom]
        over = (here["start"] + 128 < window.end - 32) & (here["end"] - 128 > window.start + 32)
        assert not over.any()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A genome of random bases of which some stretches occur twice, on different contigs."""
    folder, draw = tmp_path_factory.mktemp("copied"), np.random.default_rng(0)
    codes = {f"chr{number}": draw.integers(0, 4, 12_000) for number in range(1, 7)}
    for number in range(1, 6):
        here, there = draw.integers(0, 11_000, 2)
        codes[f"chr{number + 1}"][there : there + 700] = codes[f"chr{number}"][here : here + 700]
    lines = [f">{name}\n{''.join(np.array(list('ACGT'))[column])}\n" for name, column in codes.items()]
    (folder / "genome.fa").write_text("".join(lines))
    signal = write_coverage(folder / "signal.bw", {name: draw.random(12_000) for name in codes})
    return {"fasta": folder / "genome.fa", "tracks": {"signal": signal}}


def divided(material: dict[str, Any], output: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> list[Prepared]:
    """Windows and parts of each network as compare would fit them."""
    done: list[Prepared] = []

    def prepared_only(job: Job, folder: Path, *, overwrite: bool) -> Any:
        done.append(prepare(job.method.card, job.config, job.inputs, job.options))
        return SimpleNamespace(path=folder)

    monkeypatch.setattr(tracks, "carry_out", prepared_only)
    jobs = {name: plan(name, material, preset="tiny", options={**OPTIONS, "split": {"kind": kind}}) for name in NAMES}
    tracks.fit_tracks(jobs, output, overwrite=False)
    return done


@pytest.mark.parametrize("kind", ["homology", "chromosome", "auto"])
def test_parts_of_every_network_share_no_base(
    copied: dict[str, Any], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do any two: what one network learns from, the other is not compared on; kin go to one part with each."""
    lead, second = divided(copied, tmp_path, kind, monkeypatch)
    for one in (lead, second):
        assert all(found["examples"] == 0 for found in one.split.proof["interval_overlaps"].values())
    windows = second.dataset.x.intervals.take(second.split.where("train", "valid"))  # type: ignore[union-attr]
    assert not tracks._overlapping(windows, tracks._cores(lead.dataset, "a").take(lead.split.where("test"))).any()
    if kind == "homology":
        assert second.split.kind == "given" and second.split.proof["largest_containment"]["share"] < 0.1
        assert not any("outside it" in warning for warning in second.split.warnings)
    else:
        assert lead.split.parameters["chromosomes"] == second.split.parameters["chromosomes"]


def test_networks_compared_by_homology(copied: dict[str, Any], tmp_path: Path) -> None:
    """The windows are those in regions when the runs are read again."""
    options = {**OPTIONS, "split": {"kind": "homology"}}
    found = compare(NAMES, copied, output=tmp_path / "c", presets="tiny", options=options)
    for name in NAMES:
        proof = json.loads((found.path / name / "provenance.json").read_text())["split"]["proof"]
        assert proof["interval_overlaps"]["train-test"]["examples"] == 0
    again = compare([str(found.path / name) for name in NAMES], output=tmp_path / "again", options=options)
    assert again.table == found.table


def test_by_locus_networks_are_not_compared(copied: dict[str, Any], tmp_path: Path) -> None:
    options = {**OPTIONS, "split": {"kind": "locus", "gap": 100}}
    with pytest.raises(UsageError, match="not compared by locus"):
        compare(NAMES, copied, output=tmp_path / "c", presets="tiny", options=options)


def test_a_genome_too_small_for_what_is_held_out(
    copied: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracks, "_overlapping", lambda cores, held: np.ones(len(cores), bool))
    with pytest.raises(InsufficientDataError, match=r"cannot be held out here(.|\n)*windows would be in the test part"):
        divided(copied, tmp_path, "homology", monkeypatch)


def test_every_track_has_paired_differences(found: Comparison) -> None:
    table = pd.read_csv(found.path / "tracks.tsv", sep="\t")
    assert table["track"].tolist() == ["signal", "again"]
    gap = table["basenji less borzoi"]
    np.testing.assert_allclose(gap, table["basenji value"] - table["borzoi value"], atol=1e-5)
    assert (table["basenji less borzoi low"] <= gap).all() and (gap <= table["basenji less borzoi high"]).all()
    pairs = {(pair["a"], pair["b"]): pair for pair in found.pairs}
    assert len(pairs) == 6 and all(pair["low"] <= pair["value"] <= pair["high"] for pair in found.pairs)
    assert pairs["basenji", "borzoi"]["value"] == pytest.approx(gap.mean(), abs=1e-5)
    assert found.verdict.startswith("Among the methods,") and "mean-coverage" in found.verdict + str(found.pairs)
    assert found.report is not None and "borzoi" in found.report.read_text()


def test_complete_runs_give_the_same(found: Comparison, tmp_path: Path) -> None:
    again = compare([found.path / name for name in NAMES], output=tmp_path / "again", options=OPTIONS)
    assert again.table == found.table and again.pairs == found.pairs and again.verdict == found.verdict


def test_what_cannot_be_compared(found: Comparison, material: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="compared with each other"):
        compare(["basenji", "cnn"], material, output=tmp_path / "c")
    other = {**material, "tracks": {"signal": material["tracks"]["signal"]}}
    one = compare(["basenji"], other, output=tmp_path / "one", presets="tiny", options={**OPTIONS, "rivals": False})
    with pytest.raises(MismatchError, match=r"different input tracks.again"):
        compare([found.path / "basenji", one.path / "basenji"], output=tmp_path / "d")
    moved = material["fasta"].rename(material["fasta"].with_suffix(".gone"))
    try:
        with pytest.raises(InputError, match="not where it was"):
            compare([found.path / name for name in NAMES], output=tmp_path / "e")
    finally:
        moved.rename(material["fasta"])


def test_windows_over_what_is_held_out() -> None:
    """Against every pair tried one by one."""
    draw = np.random.default_rng(2)

    def places(count: int) -> Any:
        start = draw.integers(0, 200, count)
        chrom = np.array(["a", "b"], dtype=object)[draw.integers(0, 2, count)]
        return make_intervals(chrom, start, start + draw.integers(1, 12, count))

    cores, held = places(200), places(8)
    wanted = [
        any(
            cores.chrom[row] == held.chrom[one]
            and cores.start[row] < held.end[one]
            and held.start[one] < cores.end[row]
            for one in range(len(held))
        )
        for row in range(len(cores))
    ]
    np.testing.assert_array_equal(_overlapping(cores, held), wanted)
