from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import NotTrainedError, UsageError
from chiasma.fit.checkpoint import module_arrays
from chiasma.methods.regulation.borzoi.config import mini
from chiasma.methods.regulation.borzoi.model import build
from chiasma.workflow.fitting.starting import begin_with, check_start, starting_file
from chiasma.workflow.method import load_method
from chiasma.workflow.weights.catalogue import list_weights
from chiasma.workflow.weights.convert import convert


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIASMA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.realdata
def test_fine_tuning_begins_with_published_weights(
    data_dir: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = next(one for one in list_weights() if one.name == "mini-borzoi")
    entry.folder.mkdir(parents=True)
    convert(entry, data_dir / "sequence/mini_borzoi/eval/model.h5")
    assert starting_file("mini-borzoi").exists()
    check_start(load_method("borzoi"), "mini-borzoi")
    with pytest.raises(UsageError, match="weights of another method"):
        check_start(load_method("basenji"), "mini-borzoi")
    same, other = build(mini(), 74), build(mini(), 3)
    before = module_arrays(other)
    begin_with(same, "mini-borzoi")
    begin_with(other, "mini-borzoi")
    assert "the head is new" in capsys.readouterr().err
    one, two = module_arrays(same), module_arrays(other)
    published = module_arrays(build(mini()))  # for the names of its head
    heads = [name for name in published if name.startswith("heads.layers.human")]
    assert len(heads) == 2 and one["heads.layers.tracks.weight"].shape == (
        74,
        one["heads.layers.tracks.weight"].shape[1],
    )
    for name in one:
        if name.startswith("heads"):
            np.testing.assert_array_equal(two[name], before[name])
        else:
            np.testing.assert_array_equal(one[name], two[name])
    assert any((two[name] != before[name]).any() for name in two)


def test_weights_that_are_not_there(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(NotTrainedError, match="weights get mini-borzoi"):
        check_start(load_method("borzoi"), "mini-borzoi")
    with pytest.raises(UsageError, match="no trained weights"):
        starting_file(tmp_path / "none")
