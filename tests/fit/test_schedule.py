from __future__ import annotations

import itertools

import pytest
from hypothesis import given, strategies as st

from chiasma.core.errors import UsageError
from chiasma.fit.config import TrainingConfig
from chiasma.fit.schedule import rate_factor


@given(
    schedule=st.sampled_from(["constant", "cosine", "one-cycle"]),
    warmup=st.integers(0, 30),
    total=st.integers(1, 200),
    data=st.data(),
)
def test_factor_is_a_share_of_the_peak(schedule: str, warmup: int, total: int, data: st.DataObject) -> None:
    config = TrainingConfig.parse({"schedule": schedule, "warmup_steps": warmup})
    step = data.draw(st.integers(0, total - 1))
    assert 0 < rate_factor(step, total=total, config=config) <= 1


def test_warm_up_rises_by_equal_steps_and_then_the_schedule_begins() -> None:
    config = TrainingConfig(schedule="cosine", warmup_steps=4)
    factors = [rate_factor(step, total=24, config=config) for step in range(24)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[14] == pytest.approx(0.5)
    assert all(a > b for a, b in itertools.pairwise(factors[4:]))


def test_one_cycle_is_torchs() -> None:
    import torch

    config = TrainingConfig(schedule="one-cycle", learning_rate=1.0)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    oracle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.0, total_steps=1001, cycle_momentum=False)
    for step in range(0, 1000):
        expected = oracle.get_last_lr()[0]
        assert rate_factor(step, total=1000, config=config) == pytest.approx(expected, abs=4e-3)
        optimiser.step()
        oracle.step()


def test_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="learning_rate"):
        TrainingConfig.parse({"learning_rat": 1})
