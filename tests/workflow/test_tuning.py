"""The tuning budget: the same draws for a larger budget, the best on valid kept, cost summed."""

import itertools
import json

import pytest

from chiasma.core.errors import UsageError
from chiasma.workflow.fitted import load_fitted
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.tuning import candidates, changed
from chiasma.workflow.method import load_method


def test_a_larger_budget_begins_with_the_smaller_one():
    method = load_method("cnn")
    config = method.configure(preset="tiny")
    three, five = (candidates(method, config, tries=n, seed=3) for n in (3, 5))
    assert three[0] == config and five[:3] == three and all(one != two for one, two in itertools.pairwise(five))
    assert changed(config, {"training.epochs": 2}).training.epochs == 2


def test_a_method_with_nothing_to_try_says_so():
    method = load_method("diablo")
    with pytest.raises(UsageError, match="no fields to tune"):
        candidates(method, method.configure(preset="tiny"), tries=2, seed=1)


def test_the_best_of_the_tries_is_kept(peaks, tmp_path):
    inputs = {"positives": str(peaks), "negatives": "shuffled"}
    options = {"tries": 2, "explain": False, "rivals": False, "split": {"kind": "chromosome"}}
    fast = {"training": {"epochs": 2}}
    run = fit("cnn", inputs, output=tmp_path / "run", preset="tiny", config=fast, options=options)
    cost = json.loads((run.path / "cost.json").read_text())
    tried = candidates(load_method("cnn"), load_method("cnn").configure(fast, preset="tiny"), tries=2, seed=1)
    assert len(cost["tries"]) == 2
    assert load_fitted(run.path).config == tried[cost["tries"].index(min(cost["tries"]))]
    assert (run.path / "log.jsonl").exists()


def test_epochs_asked_for_are_meant_on_small_data_too():
    method = load_method("cnn")
    assert method.configure().training.min_steps > 0
    assert method.configure({"training": {"epochs": 2}}).training.min_steps == 0
    both = method.configure({"training": {"epochs": 2, "min_steps": 9}})
    assert both.training.min_steps == 9
