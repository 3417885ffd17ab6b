"""Simulate: peaks, and tree sequences with their truth; an example is named by seed and index."""

from __future__ import annotations

import errno
import os

import pytest

from command_line import call, done


def test_peaks_are_addressed_by_seed(tmp_path):
    paths = [tmp_path / f"{name}.fa" for name in "abc"]
    for path, seed in zip(paths, (3, 3, 4)):
        record = done("simulate", "peaks", "-n", 20, "--seed", seed, "-o", path, "--json").json
        assert record == {"output": str(path), "number": 20}
    first, same, other = (path.read_bytes() for path in paths)
    assert first == same != other and first.count(b">") == 20


def test_tree_sequences(tmp_path):
    pytest.importorskip("msprime")
    more, fewer = tmp_path / "more", tmp_path / "fewer"
    for folder, number in ((more, 3), (fewer, 2)):
        done("simulate", "haplotype-cnn", "--preset", "tiny", "-n", number, "-o", folder)
    rows = [folder.joinpath("truth.tsv").read_text().splitlines() for folder in (more, fewer)]
    assert len(rows[0]) == 4 and rows[0][:3] == rows[1]
    assert len(list(more.glob("*.trees"))) == 3 and (more / "simulation.json").exists()


def test_what_is_wrong_is_said(tmp_path):
    answer = call("simulate", "cnn", "-o", tmp_path / "s")
    assert answer.code == 2 and "no simulator" in answer.err
    assert call("simulate", "peaks").code == 2
    assert call("simulate", "peeks", "-o", tmp_path / "s").code == 2
    assert list(tmp_path.iterdir()) == []


def test_populations(tmp_path):
    tskit = pytest.importorskip("tskit")
    partial = ("--set", "final_frequency=0.5", "--set", "sizes=[5000, 500]", "--set", "starts=[0, 100]")
    done("simulate", "sweep", "-n", 2, *partial, "-o", tmp_path / "sweep")
    assert (tmp_path / "sweep/truth.tsv").read_text().splitlines()[0].split("\t") == ["id", "position", "s", "origins"]
    trees = tskit.load(tmp_path / "sweep/sweep-1-1.trees")
    assert trees.num_samples == 50 and 25_000 in trees.sites_position
    done("simulate", "admixture", "-n", 1, "--set", "haplotypes=6", "--set", "s=0.1", "-o", tmp_path / "mixed")
    rows = (tmp_path / "mixed/admixture-1-0.tracts.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["haplotype", "left", "right", "source"] and len(rows) > 6
    done("simulate", "demography:im", "-n", 2, "--set", "N1=7000", "--set", "haplotypes=4", "-o", tmp_path / "im")
    head, *values = (line.split("\t") for line in (tmp_path / "im/truth.tsv").read_text().splitlines())
    assert head == ["id", "N1", "N2", "N_anc", "T_split", "mig"]
    assert {float(row[1]) for row in values} == {7000} and values[0][2] != values[1][2]
    assert tskit.load(tmp_path / "im/im-1-0.trees").num_samples == 8
    for model, setting, words in (
        ("demography:im", "N7=3", "did you mean"),
        ("demography:im", "N1=many", "not a number"),
        ("demography:imm", "N1=3", "unknown demographic model"),
        ("sweep", "strength=3", "strength"),
    ):
        answer = call("simulate", model, "--set", setting, "-o", tmp_path / "none")
        assert answer.code == 2 and words in answer.err
    assert call("simulate", "sweep", "--set", "s=-1", "-o", tmp_path / "none").code == 3


def test_a_cache_is_filled_in_parts(tmp_path):
    pytest.importorskip("msprime")
    counts = []
    for part in ("1/2", "2/2", "2/2"):
        flags = ("--preset", "tiny", "--part", part, "-o", tmp_path / "cache", "--json")
        counts.append(done("simulate", "haplotype-cnn", *flags).json)
    assert [count["run"] for count in counts] == [counts[0]["number"], counts[1]["number"], 0]
    assert len(list((tmp_path / "cache").rglob("*.zarr.zip"))) >= 2
    assert call("simulate", "haplotype-cnn", "--preset", "tiny", "--part", "3/2", "-o", tmp_path / "cache").code == 2
    assert call("simulate", "haplotype-cnn", "--part", "half", "-o", tmp_path / "cache").code == 2
    assert call("simulate", "cnn", "--part", "1/2", "-o", tmp_path / "cache").code == 2


def test_simulations_on_a_stretch_of_a_genome(tmp_path):
    tskit = pytest.importorskip("tskit")
    (tmp_path / "map.txt").write_text("pos\tchr\tcM\n1001\t2\t0\n21001\t2\t0\n31001\t2\t2\n")
    (tmp_path / "mask.bed").write_text("chr2\t1000\t11000\n")
    stretch = ("--region", "2:1001-41000", "--map", tmp_path / "map.txt", "--mask", tmp_path / "mask.bed")
    done("simulate", "demography:const", "-n", 1, "--set", "haplotypes=40", *stretch, "-o", tmp_path / "made")
    trees = tskit.load(tmp_path / "made/const-1-0.trees")
    breaks = [tree.interval.left for tree in trees.trees()][1:]
    assert trees.sequence_length == 40_000 and breaks and min(breaks) >= 20_000
    assert trees.num_sites > 5 and trees.sites_position.max() < 10_000
    done("simulate", "sweep", "-n", 1, *stretch, "-o", tmp_path / "sweep")
    for words, text in (
        (("sweep", "--map", tmp_path / "map.txt"), "--region"),
        (("sweep", "--region", "2:1-9"), "--map or --mask"),
        (("sweep", *stretch, "--set", "length=7"), "length is that of the region"),
        (("sweep", *stretch, "--set", "recombination_rate=0"), "a map gives the rates"),
        (("admixture", *stretch), "no mutations"),
        (("haplotype-cnn", *stretch), "of use with sweep"),
    ):
        answer = call("simulate", *words, "-o", tmp_path / "none")
        assert answer.code == 2 and text in answer.err
    for region, text in (("2:50001-60000", "does not reach"), ("3:1-900", "no such contig")):
        answer = call("simulate", "sweep", *stretch[2:4], "--region", region, "-o", tmp_path / "none")
        assert answer.code == 3 and text in answer.err
    answer = call("simulate", "sweep", "--region", "2:20001-30000", *stretch[4:], "-o", tmp_path / "none")
    assert answer.code == 3 and "hides the whole stretch" in answer.err


@pytest.mark.parametrize("words", [("demography:const",), ("haplotype-cnn", "--preset", "tiny", "--part", "1/1")])
def test_a_full_disk_leaves_no_half_of_a_file(tmp_path, monkeypatch, words):
    """Tree sequences and shards are there whole or not; with room the same command goes on."""
    pytest.importorskip("msprime")
    written, real = [], os.fsync

    def full(handle):
        written.append(handle)
        if len(written) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle)

    command = ("simulate", *words, "-n", 3, "-o", tmp_path / "made")
    with monkeypatch.context() as patch:
        patch.setattr("chiasma.core.files.os.fsync", full)
        answer = call(*command)
    assert answer.code == 4 and "No space left" in answer.err and "free some space" in answer.err, answer.err
    (only,) = (path for path in (tmp_path / "made").rglob("*") if path.is_file())
    assert only.suffix in (".trees", ".zip")
    done(*command)
    assert only.exists() and not any(path.name.startswith(".") for path in (tmp_path / "made").rglob("*"))
