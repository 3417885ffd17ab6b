from __future__ import annotations

import math

import pytest
import torch

from chiasma.nn.losses import poisson, poisson_multinomial, position_weights

DRAW = torch.Generator().manual_seed(1)
PREDICTED = torch.rand(2, 5, 3, generator=DRAW) + 0.1
TARGET = torch.poisson(4 * torch.rand(2, 5, 3, generator=DRAW), generator=DRAW)


def slow(predicted: torch.Tensor, target: torch.Tensor, weight: list[float], total_weight: float) -> float:
    """One track of one window at a time, from the two likelihoods."""
    losses = []
    for window in range(2):
        for track in range(3):
            p = [float(predicted[window, bin, track]) * weight[bin] for bin in range(5)]
            y = [float(target[window, bin, track]) * weight[bin] for bin in range(5)]
            counts = sum(p) - sum(y) * math.log(sum(p))
            shape = -sum(each * math.log(share / sum(p)) for each, share in zip(y, p, strict=True))
            losses.append((total_weight * counts + shape) / sum(weight))
    return sum(losses) / len(losses)


def test_poisson_is_the_likelihood_but_for_a_constant() -> None:
    mean = torch.distributions.Poisson(PREDICTED).log_prob(TARGET).neg() - torch.lgamma(TARGET + 1)
    assert float(poisson(PREDICTED, TARGET)) == pytest.approx(float(mean.mean()), rel=1e-5)


@pytest.mark.parametrize("total_weight", [0.2, 1.0])
def test_poisson_multinomial_equals_the_two_likelihoods(total_weight: float) -> None:
    found = float(poisson_multinomial(PREDICTED, TARGET, total_weight=total_weight))
    assert found == pytest.approx(slow(PREDICTED, TARGET, [1.0] * 5, total_weight), rel=1e-5)


def test_weighted_bins() -> None:
    weight = position_weights(5, ratio=8, power=6)
    found = float(poisson_multinomial(PREDICTED, TARGET, weight=weight))
    assert found == pytest.approx(slow(PREDICTED, TARGET, weight.tolist(), 0.2), rel=1e-5)


def test_weights_fall_to_the_ratio_at_the_ends() -> None:
    weight = position_weights(6000, ratio=8, power=6)
    assert float(weight[2999]) == pytest.approx(1.0) and float(weight[0]) == pytest.approx(1 / 8, rel=3e-3)
    torch.testing.assert_close(weight, weight.flip(0))


def test_truth_has_the_least_loss() -> None:
    truth = TARGET + 0.5
    for loss in (poisson, poisson_multinomial):
        best = loss(truth, truth)
        assert all(loss(truth * factor, truth) > best for factor in (0.5, 0.9, 1.1, 2.0))


def test_empty_tracks_and_half_precision_stay_finite() -> None:
    found = poisson_multinomial(torch.full((1, 4, 2), 1e-4).half(), torch.zeros(1, 4, 2).half())
    assert torch.isfinite(found) and found.dtype == torch.float32
