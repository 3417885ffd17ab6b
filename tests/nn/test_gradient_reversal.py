"""The reversed gradient, how its factor rises, and that a network answers inside as it does alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn

from chiasma.methods.population.diploshic import config as diploshic_config, model as diploshic
from chiasma.methods.population.partialshic import config as partialshic_config, model as partialshic
from chiasma.methods.population.selection_detector import config as detector_config, model as detector
from chiasma.nn.gradient_reversal import HASTE, DomainAdversarial, reversal_factor, reverse_gradient


@given(st.lists(st.floats(0, 3, width=32), min_size=1, max_size=6))
def test_values_pass_and_gradients_turn_around(factors: list[float]) -> None:
    x = torch.arange(3.0 * len(factors)).reshape(-1, 3).requires_grad_()
    factor = torch.tensor(factors)
    y = reverse_gradient(x, factor)
    assert torch.equal(y, x)
    y.square().sum().backward()
    torch.testing.assert_close(x.grad, -factor[:, None] * 2 * x.detach())


def test_the_factor_rises_as_published() -> None:
    steps = np.linspace(0, 1, 11)
    rising = np.array([reversal_factor(p, most=0.7, rising=True) for p in steps])
    # the same curve as a hyperbolic tangent
    np.testing.assert_allclose(rising, 0.7 * np.tanh(5 * steps), atol=1e-12)
    assert rising[0] == 0 and {reversal_factor(p, most=0.7, rising=False) for p in steps} == {0.7}


def networks() -> list[tuple[nn.Module, tuple[torch.Tensor, ...]]]:
    draw = torch.Generator().manual_seed(1)
    config = detector_config.tiny()
    alleles = torch.randint(0, 2, (5, config.haplotypes, config.sites), generator=draw, dtype=torch.int8) * 2 - 1
    distances = torch.rand(5, config.sites, generator=draw)
    grids = {rows: torch.rand(5, rows, 11, generator=draw) for rows in (12, 89)}
    return [
        (detector.build(config, 2), (alleles, distances)),
        (diploshic.build(diploshic_config.tiny(), 5), (grids[12],)),
        (partialshic.build(partialshic_config.tiny(), 9), (grids[89],)),
    ]


@pytest.mark.parametrize("which", range(3))
def test_a_network_answers_inside_as_it_does_alone(which: int) -> None:
    network, inputs = networks()[which]
    whole = DomainAdversarial(network, units=4).eval()
    answers, none = whole(inputs)
    assert none is None and torch.equal(answers, network.eval()(*inputs))
    assert network.hidden(*inputs).shape == (5, network.hidden_width)  # type: ignore[operator]
    again, logits = whole(inputs, inputs, torch.ones(5))
    assert torch.equal(again, answers) and logits.shape == (10,) and torch.equal(logits[:5], logits[5:])


@pytest.mark.parametrize("factor", [0.0, 0.5])
def test_the_head_learns_and_the_network_unlearns(factor: float) -> None:
    """The head learns faster than the network, which gets the reverse gradient, and none where the factor is 0."""
    network, inputs = networks()[1]
    whole = DomainAdversarial(network, units=4).eval()
    _, logits = whole(inputs, tuple(2 * x for x in inputs), torch.full((5,), factor))
    loss = logits[5:].mean() - logits[:5].mean()
    loss.backward()
    reversed_ = {name: value.grad for name, value in whole.named_parameters() if value.grad is not None}
    whole.zero_grad()
    both = torch.cat([network.hidden(*inputs), network.hidden(*(2 * x for x in inputs))])  # type: ignore[operator]
    plain = whole.head(both)[:, 0]
    (plain[5:].mean() - plain[:5].mean()).backward()
    for name, value in whole.named_parameters():
        if value.grad is None:
            continue
        sign = HASTE if name.startswith("head.") else -factor
        torch.testing.assert_close(reversed_[name], sign * value.grad)
    assert any(name.startswith("head.") and bool(value.abs().sum()) for name, value in reversed_.items())
