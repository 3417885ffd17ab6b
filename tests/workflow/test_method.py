"""A method as the workflow sees it: configurations merge, presets are named, parameters are counted."""

from __future__ import annotations

import pytest

from chiasma.core.cards import list_cards
from chiasma.core.errors import UsageError
from chiasma.workflow.method import load_method


@pytest.mark.parametrize("name", [card.name for card in list_cards()])
def test_every_method_has_its_presets(name):
    method = load_method(name)
    assert {"default", "tiny"} <= set(method.presets)
    assert method.configure(None, preset="tiny") == method.presets["tiny"]()


def test_nested_values_are_merged_with_the_preset():
    config = load_method("cnn").configure({"training": {"epochs": 3}}, preset="tiny")
    assert (config.training.epochs, config.training.batch_size) == (3, 16)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'cnn'"):
        load_method("cn")
    with pytest.raises(UsageError, match="did you mean 'tiny'"):
        load_method("cnn").configure({}, preset="tyni")
    with pytest.raises(UsageError, match="did you mean 'epochs'"):
        load_method("cnn").configure({"training": {"epoch": 3}})
