from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from command_line import call, done

MODELS = """
    import torch

    def gc(x):
        return x[:, 1:3].sum((1, 2))[:, None]

    def at(x):
        return -gc(x)

    def two(x):
        return torch.cat([at(x), gc(x)], 1)

    two.columns = ("at", "gc")

    def fixed(x):
        assert x.shape[2] == 30
        return gc(x)

    fixed.length = 30
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "models.py"
    path.write_text(textwrap.dedent(MODELS))
    return path


@pytest.fixture(scope="module")
def sequences(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("starts") / "starts.fa"
    path.write_text(">a\nATATATATATATATATATAT\n>b\nAATTAATTAATTAATTAATT\n>c\nAAAAAAAAAATTTTTTTTTT\n")
    return path


def read(path: Path) -> list[str]:
    return path.read_text().splitlines()[1::2]


def test_designs_are_written_with_their_figures(models, sequences, tmp_path):
    out = tmp_path / "out.fa"
    answer = done("design", f"{models}:gc", sequences, "-o", out, "--steps", 4, "--starts", 2, "--json")
    assert [row["after"] for row in answer.json["designs"]] == [4.0, 4.0]
    assert all(sum(base in "GC" for base in text) == 4 for text in read(out)) and len(read(out)) == 2
    assert out.read_text().startswith(">a_designed before=0 after=4")
    table = (tmp_path / "out.tsv").read_text().splitlines()
    assert table[0].split("\t")[:5] == ["id", "start", "before", "after", "edits"] and len(table) == 3
    assert json.loads((tmp_path / "out.json").read_text())["n_scored"] == answer.json["n_scored"] > 200


def test_rules_and_the_second_model(models, sequences, tmp_path):
    out = tmp_path / "out.fa"
    words = ["design", f"{models}:gc", sequences, "-o", out, "--steps", 30, "--gc", 0.2, 0.5, "--longest-run", 3]
    answer = done(
        *words, "--forbid", "GGC", "--require", "TGACTCA", "--second", f"{models}:two", "--second-target", "at"
    )
    assert "warning: only the searched model is convinced" in answer.err
    for text in read(out):
        assert sum(base in "GC" for base in text) == 10 and "GGC" not in text and "GCC" not in text
        assert "TGACTCA" in text or "TGAGTCA" in text
    second = json.loads((tmp_path / "out.json").read_text())["second"]
    assert second["median_gain"] == -second["median_searched_gain"] and second["median_gap"] > 0
    agreed = done("design", f"{models}:gc", sequences, "-o", out, "--second", f"{models}:fixed", "--json")
    assert agreed.json["second"]["warning"] == "" and agreed.err == ""


def test_random_starts_are_the_same_for_a_seed(models, tmp_path):
    for name in ("one", "two"):
        done("design", f"{models}:fixed", "-o", tmp_path / f"{name}.fa", "--steps", 2, "--starts", 3, "--aim", "lower")
    assert (tmp_path / "one.fa").read_text() == (tmp_path / "two.fa").read_text()
    assert [len(text) for text in read(tmp_path / "one.fa")] == [30] * 3


def test_a_network_fitted_here_designs(cnn_run, tmp_path):
    rows = done("design", cnn_run, "-o", tmp_path / "x.fa", "--steps", 2, "--starts", 2, "--json").json["designs"]
    assert all(row["after"] > row["before"] for row in rows)


def test_bad_requests_are_named(models, sequences, tmp_path):
    out = ("-o", tmp_path / "x.fa")
    answer = call("design", f"{models}:gc", *out)
    assert answer.code == 2 and "--length" in answer.err
    answer = call("design", f"{models}:two", sequences, "--target", "cg", *out)
    assert answer.code == 2 and "at, gc" in answer.err
    assert call("design", f"{models}:gc", sequences, "--aim", "up", *out).code == 2
    assert call("design", f"{models}:gc", sequences, "--require", "GGCC", "--forbid", "GGC", *out).code == 2
    assert call("design", f"{models}:gc", sequences, "--starts", 0, *out).code == 2
