"""Conformal sets as text, and tables in the format of the suffix."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Target
from chiasma.workflow.predicting.predictions import set_texts, write_table


def test_sets_as_text():
    target = Target("multiclass", np.zeros(0, int), ("a", "b", "c"))
    sets = np.array([[True, False, True], [False, False, False]])
    assert set_texts(target, sets).tolist() == ["a|c", ""]
    assert set_texts(target, None) is None
    track = Target("regression", np.zeros((0, 1)), ("y",))
    assert set_texts(track, np.array([[[0.5, 1.25]]])).tolist() == ["0.5..1.25"]


def test_unknown_suffix_and_missing_places(tmp_path):
    columns = {"id": np.array(["a"]), "p_x": np.array([0.5])}
    with pytest.raises(UsageError, match="unknown output format"):
        write_table(tmp_path / "a.xls", columns)
    with pytest.raises(UsageError, match="no place on a genome"):
        write_table(tmp_path / "a.bed", columns)
    assert list(tmp_path.iterdir()) == []


def test_a_table_reads_back(tmp_path):
    columns = {"id": np.array(["a", "b"]), "p_x": np.array([0.25, 0.75])}
    path = write_table(tmp_path / "a.tsv", columns)
    assert path.read_text() == "id\tp_x\na\t0.25\nb\t0.75\n"


def test_a_table_alone_has_no_place_in_a_container(tmp_path):
    with pytest.raises(UsageError, match="no place in a container"):
        write_table(tmp_path / "a.h5ad", {"id": np.array(["a"]), "p_x": np.array([0.5])})
    assert list(tmp_path.iterdir()) == []
