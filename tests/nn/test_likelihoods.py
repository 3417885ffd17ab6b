"""Likelihoods against scipy's distributions; missing values; the product of experts by its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from chiasma.nn import likelihoods
from chiasma.nn.multiview_autoencoder import MultiviewAutoencoder, Posterior, ViewShape

MEAN = np.array([[0.5, 3.0, 12.0], [1.0, 0.2, 40.0]])
COUNT = np.array([[0.0, 2.0, 9.0], [4.0, 0.0, 55.0]])
R = np.array([0.7, 2.0, 9.0])


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_counts_are_scipys_negative_binomial():
    found = likelihoods.negative_binomial(tensor(COUNT), tensor(MEAN), tensor(np.log(R)))
    expected = -stats.nbinom.logpmf(COUNT, R, R / (R + MEAN))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_further_zeros_are_a_mixture():
    share = np.array([0.1, 0.4, 0.8])
    logit = np.broadcast_to(np.log(share / (1 - share)), COUNT.shape).copy()
    found = likelihoods.zero_inflated(tensor(COUNT), tensor(MEAN), tensor(np.log(R)), tensor(logit))
    counted = stats.nbinom.pmf(COUNT, R, R / (R + MEAN))
    np.testing.assert_allclose(np.exp(-found.numpy()), share * (COUNT == 0) + (1 - share) * counted, rtol=1e-5)


def test_normal_and_bits():
    values, log_variance = COUNT / 10, np.array([0.0, 1.0, -0.5])
    found = likelihoods.gaussian(tensor(values), tensor(MEAN), tensor(log_variance))
    np.testing.assert_allclose(found.numpy(), -stats.norm.logpdf(values, MEAN, np.exp(log_variance / 2)))
    bits = (COUNT > 3).astype(float)
    np.testing.assert_allclose(
        likelihoods.bernoulli(tensor(bits), tensor(MEAN)).numpy(),
        -stats.bernoulli.logpmf(bits, 1 / (1 + np.exp(-MEAN))),
        atol=1e-12,
    )


def test_missing_values_count_for_nothing_and_have_no_gradient():
    value = tensor(COUNT)
    value[0, 1] = float("nan")
    mean = tensor(MEAN).requires_grad_()
    for loss in (
        likelihoods.negative_binomial(value, mean, tensor(np.log(R))),
        likelihoods.gaussian(value, mean, tensor(R)),
        likelihoods.squared_error(value, mean),
        likelihoods.zero_inflated(value, mean, tensor(np.log(R)), mean),
    ):
        assert loss[0, 1] == 0
        (gradient,) = torch.autograd.grad(loss.sum(), mean)
        assert torch.isfinite(gradient).all() and gradient[0, 1] == 0


def network(*, variational: bool = True) -> MultiviewAutoencoder:
    torch.manual_seed(0)
    shapes = [
        ViewShape(5, 4, "elu", "gaussian"),
        ViewShape(3, 3, "linear", "zinb"),
        ViewShape(2, 2, "relu", "bernoulli"),
    ]
    return MultiviewAutoencoder(shapes, factors=2, decoder=6, variational=variational)


def test_product_of_experts_by_its_formula():
    model = network()
    inputs = [torch.randn(4, width) for width in (5, 3, 2)]
    present = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=torch.float32)
    found = model.encode(inputs, present)
    for row in range(4):
        precision, weighted = torch.ones(2), torch.zeros(2)
        for view in range(3):
            if present[row, view]:
                mean, log_variance = model.experts[view](model.encoders[view](inputs[view][row : row + 1]))[0].chunk(2)
                precision = precision + torch.exp(-log_variance)
                weighted = weighted + mean * torch.exp(-log_variance)
        torch.testing.assert_close(found.mean[row], weighted / precision)
        torch.testing.assert_close(found.log_variance[row].exp(), 1 / precision)
    other = [inputs[0], torch.full_like(inputs[1], 1e3), inputs[2]]  # what an absent view says is not heard
    torch.testing.assert_close(model.encode(other, present).mean[1], found.mean[1])


def test_divergence_is_that_of_two_normals():
    posterior = Posterior(torch.tensor([[0.5, -1.0]]), torch.tensor([[0.2, -0.7]]))
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(
        normal(posterior.mean, posterior.log_variance.mul(0.5).exp()), normal(0.0, 1.0)
    ).sum()
    torch.testing.assert_close(posterior.divergence()[0], expected)
    assert Posterior(torch.ones(3, 2), None).divergence().tolist() == [0, 0, 0]


@pytest.mark.parametrize("variational", [True, False])
def test_every_weight_learns(variational):
    model = network(variational=variational)
    inputs = [torch.randn(6, width) for width in (5, 3, 2)]
    targets = [inputs[0], torch.randint(0, 5, (6, 3)).float(), torch.randint(0, 2, (6, 2)).float()]
    sizes = [torch.ones(6, 1), torch.full((6, 1), 8.0), torch.ones(6, 1)]
    posterior = model.encode(inputs, torch.ones(6, 3))
    loss = model.losses(posterior.draw(), targets, sizes)
    assert loss.shape == (6, 3)
    (loss.sum() + posterior.divergence().sum()).backward()
    assert all(weights.grad is not None and weights.grad.abs().sum() > 0 for weights in model.parameters())
    torch.testing.assert_close(model.decode(posterior.mean, sizes)[1].sum(dim=1), torch.full((6,), 8.0))
