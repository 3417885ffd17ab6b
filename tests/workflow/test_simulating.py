"""Simulate: peaks, and tree sequences with their truth; an example is named by seed and index."""

from __future__ import annotations

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
