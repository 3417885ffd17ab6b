"""Every estimator over several views keeps the multi-view contract."""

from __future__ import annotations

import importlib

import numpy as np
import pandas as pd
import pytest

from chiasma.core.cards import find_card, list_cards
from contracts.multiview import CHECKS

NAMES = [
    card.name
    for card in list_cards()
    if card.contract == "estimator" and card.data == "views" and not card.represents  # these: test_representations
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_multiview_estimator(name, check):
    module = find_card(name).module
    data = importlib.import_module(f"{module}.examples").example(0)
    config = importlib.import_module(f"{module}.config").tiny()
    build = importlib.import_module(f"{module}.model").build
    frames = {
        view: pd.DataFrame(block.values, index=block.samples, columns=block.features)
        for view, block in data.x.blocks.items()
    }
    check(lambda: build(config), frames, np.asarray(data.target.values))
