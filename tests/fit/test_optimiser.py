from __future__ import annotations

import pytest
import torch

from chiasma.core.errors import UsageError
from chiasma.fit.config import TrainingConfig
from chiasma.fit.optimiser import clip_each, make_optimiser
from chiasma.methods.regulation.basenji.config import basenji2, basenji2018
from chiasma.methods.regulation.borzoi.config import default as borzoi


def test_steps_are_taken_as_published() -> None:
    model = torch.nn.Linear(3, 2)
    second = make_optimiser(model, basenji2().training)
    assert isinstance(second, torch.optim.SGD) and {group["momentum"] for group in second.param_groups} == {0.99}
    first = make_optimiser(model, basenji2018().training)
    assert isinstance(first, torch.optim.AdamW) and first.param_groups[0]["betas"] == (0.97, 0.98)
    assert make_optimiser(model, borzoi().training).param_groups[0]["eps"] == 1e-7


def test_each_gradient_is_clipped_by_itself() -> None:
    model = torch.nn.Linear(3, 2)
    model.weight.grad, model.bias.grad = torch.full((2, 3), 10.0), torch.tensor([0.3, 0.4])
    norm = clip_each(model, 2.0)
    assert float(norm) == pytest.approx((600 + 0.25) ** 0.5)
    assert float(model.weight.grad.norm()) == pytest.approx(2.0, rel=1e-6)
    torch.testing.assert_close(model.bias.grad, torch.tensor([0.3, 0.4]))


def test_settings_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="betas"):
        TrainingConfig.parse({"betas": [0.9, 1.0]})
    with pytest.raises(UsageError, match="16-mixed"):
        TrainingConfig.parse({"clip_each": True, "precision": "16-mixed"})
